"""A monitor's lanes as the template places them: the last hour check by check, or hours and days as bars."""

from collections.abc import Mapping, Sequence

from vantage.face.pages import bar_shapes, drawing
from vantage.face.pages.bars import Bar, Lanes, in_order
from vantage.face.pages.board import Hours, Seen
from vantage.face.pages.drawing import DOWN, ENDS, HELD, SITE_DOWN, SLOW, UNSEEN, UP, Picture
from vantage.face.pages.past import Past
from vantage.monitor import Region
from vantage.store.looks import HOUR
from vantage.view.numbers import counted, region_name

_ENDING = "with a certificate that ends soon"
_CODES = {UP: "up", ENDS: _ENDING, SLOW: "slow", DOWN: "down", SITE_DOWN: "down as everywhere", UNSEEN: "not observed",
          HELD: "in maintenance"}  # fmt: skip
_GAP = 0.005  # of a bar: less than this is not told


Look = Hours | Past
"""What a page shows of the time that lies behind."""


def picture(one: Seen, look: Look) -> Picture:
    """A monitor's lanes."""
    return _hour(one, look) if isinstance(look, Hours) else _bars(one, look)


def _hour(one: Seen, hours: Hours) -> Picture:
    hour = hours.hours[one.monitor.id]
    shapes = drawing.lanes(list(hour.codes.values()), hour.slots)
    return Picture("lanes", drawing.MINUTES, len(one.regions), tuple(shapes), _hour_label(hour.codes))


def _hour_label(codes: Mapping[Region, str]) -> str:
    """The lanes as a sentence, which says as little as there is to say."""
    if all(set(lane) <= {UP, " "} for lane in codes.values()):
        return "All up"
    told = {region: [f"{lane.count(code)} {word}" for code, word in _CODES.items() if code in lane]
            for region, lane in codes.items()}  # fmt: skip
    return "; ".join(f"{region_name(region)} {', '.join(counts) or 'no check yet'}" for region, counts in told.items())


def _bars(one: Seen, past: Past) -> Picture:
    key = (one.monitor.id, tuple(one.regions))
    if key not in past.drawn:
        past.drawn[key] = _draw(one, past)
    return past.drawn[key]


def _draw(one: Seen, past: Past) -> Picture:
    lanes, count = past.of(one.monitor.id), past.axis.count
    ordered = in_order(one.regions, lanes)
    shapes = bar_shapes.shapes(ordered, lanes.known, lanes.stems, count)
    return Picture("days", count, len(one.regions), tuple(shapes), _bars_label(one.regions, lanes, past))


def _bars_label(regions: Sequence[Region], lanes: Lanes, past: Past) -> str:
    unit = "hour" if past.axis.unit == HOUR else "day"
    known = len(lanes.known)
    if not known:
        return "No check yet"
    span = f"{counted(known)} {unit}{'s' if known > 1 else ''}"
    words = {region: _lane_words(lanes.regions.get(region, {})) for region in regions}
    told = "; ".join(f"{region_name(region)} {said}" for region, said in words.items() if said)
    return told or f"All up, {span}"


def _lane_words(bars: Mapping[int, Bar]) -> str:
    down = sum(bar.down > 0 for bar in bars.values())
    slow = sum(bar.slow > 0 for bar in bars.values())
    ends = sum(bar.ends > 0 for bar in bars.values())
    gaps = sum(bar.share(bar.unseen) > _GAP for bar in bars.values())
    told = ((down, "down"), (slow, "slow"), (ends, _ENDING), (gaps, "with gaps"))
    return ", ".join(f"{count} {word}" for count, word in told if count)
