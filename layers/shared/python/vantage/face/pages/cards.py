"""The monitors as the template places them: every word, number and shape is made here, none there."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import groupby

from vantage.face.pages import drawing
from vantage.face.pages.bars import Bar, Lanes
from vantage.face.pages.board import Board, Hours, Seen, reason_of
from vantage.face.pages.drawing import DOWN, ENDS, HELD, SITE_DOWN, SLOW, UNSEEN, UP, Picture
from vantage.face.pages.hour import GOOD, PATIENCE_S
from vantage.face.pages.past import Past
from vantage.face.pages.pictures import Look, picture
from vantage.monitor import Region
from vantage.store.looks import HOUR
from vantage.store.status import LOOKED_BACK, Latest, Watched
from vantage.uptime import Tally, Uptime
from vantage.view.numbers import (
    EITHER_WAY,
    NOTHING,
    bounds,
    capital,
    clock,
    duration,
    latency,
    milliseconds,
    month_day,
    names,
    percent,
    region_name,
    since_words,
    span,
)
from vantage.view.words import CERTIFICATE_ENDS, PHASES, Sight, stopped_in

EVENTS = {SLOW: "Slow from", ENDS: f"{capital(CERTIFICATE_ENDS)}, seen from", DOWN: "Down from",
          SITE_DOWN: "Site down, seen from", UNSEEN: "Not observed from",
          HELD: "In maintenance, seen from"}  # fmt: skip
EVENTS_SHOWN = 12
EVERY = {60: "minute", 3600: "hour", 86_400: "day"}
_COLOURS = {"site_down": SITE_DOWN, "regional": DOWN, "slow": SLOW, "certificate": SLOW, "up": UP, "partly": UP}
_MARKS = {"up": UP, "degraded": SLOW, "down": DOWN}
_STATES = {"up": "up", "degraded": "slow", "down": "down"}


@dataclass(frozen=True, slots=True)
class Figure:
    """A share of a span, between what it lies, and how much of it was observed."""

    name: str
    value: str
    bounds: str
    observed: str


@dataclass(frozen=True, slots=True)
class Row:
    """A monitor in a region: how it is now, its newest check, what was seen of it, how quick it is."""

    region: str
    mark: str
    state: str
    since: str
    last: str
    how: str
    uptime: str
    bounds: str
    observed: str
    of: str
    spark: str
    band: str
    p50: str
    p95: str


@dataclass(frozen=True, slots=True)
class PhaseRow:
    """The newest check of a region, phase by phase; a cell is a text and the letter of its colour."""

    region: str
    at: str
    cells: Sequence[tuple[str, str]]
    total: str
    answer: str = NOTHING


@dataclass(frozen=True, slots=True)
class Head:
    """What every monitor has, however little room there is."""

    slug: str
    name: str
    group: str
    colour: str
    verdict: str
    rest: str
    since: str
    plain: bool
    picture: Picture
    private: bool


@dataclass(frozen=True, slots=True)
class Card:
    """A monitor with all that is known of it; a heartbeat has no phases."""

    head: Head
    url: str | None
    every: str
    eyes: Sequence[drawing.Eye]
    is_down: bool
    figures: Sequence[Figure]
    rows: Sequence[Row]
    phases: Sequence[PhaseRow]
    events: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Line:
    """A monitor among many: one line with a few figures."""

    head: Head
    cells: Sequence[tuple[str, str]]


def head(one: Seen, board: Board, look: Look) -> Head:
    """The part that a card and a line share."""
    kind, words = one.case.kind, one.case.words
    timed = kind in ("site_down", "regional", "slow", "certificate", "no_data")
    return Head(
        slug=one.monitor.slug,
        name=one.monitor.name,
        group=one.monitor.group or "",
        colour=_COLOURS.get(kind, UNSEEN),
        verdict=words.verdict,
        rest=words.rest,
        since=since_words(words.since, board.now, LOOKED_BACK) if timed else "",
        plain=kind == "up" and not words.rest,
        picture=picture(one, look),
        private=not one.monitor.public,
    )


def card(one: Seen, board: Board, look: Look) -> Card:
    """All of a monitor."""
    marks = [mark(sight, one.case.verdict) for sight in one.case.sights]
    return Card(
        head=head(one, board, look),
        url=one.monitor.url,
        every=EVERY.get(one.monitor.interval_s) or duration(one.monitor.interval_s),
        eyes=drawing.eyes(marks),
        is_down=one.case.kind == "site_down",
        figures=[] if isinstance(look, Hours) else figures(look.of(one.monitor.id).uptime),
        rows=_hour_rows(one, marks, board, look) if isinstance(look, Hours) else _bar_rows(one, marks, board, look),
        phases=[] if one.monitor.is_heartbeat else [_phase_row(one, sight, board) for sight in one.case.sights],
        events=_hour_events(one, board, look) if isinstance(look, Hours) else bar_events(one, look),
    )


def line(one: Seen, board: Board, look: Look) -> Line:
    """A monitor in one line."""
    cells = _medians(one, board, look) if isinstance(look, Hours) else _shares(look.of(one.monitor.id).uptime)
    return Line(head(one, board, look), cells)


def line_columns(board: Board, look: Look) -> list[str]:
    """The heads of a line's figures."""
    if isinstance(look, Hours):
        return [f"{region_name(region)}, p50" for region in board.snapshot.regions]
    return ["Availability", "Reachability", "Observed"]


def mark(sight: Sight, verdict: str) -> str:
    """How a region sees a monitor, as a letter: U, S, R (down here), D (down everywhere) or N."""
    if not sight.votes or sight.state is None:
        return UNSEEN
    return SITE_DOWN if verdict == "site_down" and sight.is_down else _MARKS[sight.state]


def figures(total: Uptime) -> list[Figure]:
    """Availability and reachability."""
    return [_figure("Availability", total.availability), _figure("Reachability", total.reachability)]


def _figure(name: str, tally: Tally) -> Figure:
    said = tally.printed()
    observed = f"{percent(tally.seen, tally.scheduled)} observed" if tally.seen else "nothing observed"
    return Figure(name, percent(tally.good, tally.seen), bounds(said["low"], said["high"]), observed)


def _shares(total: Uptime) -> list[tuple[str, str]]:
    """A line has no room to say that a range makes no difference."""
    both = [(one.value, "" if one.bounds == EITHER_WAY else one.bounds) for one in figures(total)]
    reach = total.reachability
    return [*both, (percent(reach.seen, reach.scheduled), "")]


# ------------------------------------------------------------------------------------------------ by region


def _bar_rows(one: Seen, marks: Sequence[str], board: Board, past: Past) -> list[Row]:
    total = past.of(one.monitor.id).uptime
    series = [past.pairs(one.monitor.id, sight.region) for sight in one.case.sights]
    rows = []
    for sight, letter, pairs, (line_, band) in zip(one.case.sights, marks, series, drawing.bands(series), strict=True):
        figure = _figure("", total.regions.get(sight.region, Tally()))
        tally = total.regions.get(sight.region, Tally())
        p50, p95 = (_middle([pair[k] for pair in pairs if pair]) for k in (0, 1))
        rows.append(
            _row(one, sight, letter, board)(
                uptime=figure.value, bounds=figure.bounds, observed=percent(tally.seen, tally.scheduled), of="",
                spark=line_, band=band, p50=milliseconds(p50), p95=milliseconds(p95),
            )
        )  # fmt: skip
    return rows


def _middle(values: Sequence[float]) -> float | None:
    return sorted(values)[(len(values) - 1) // 2] if values else None


def _hour_rows(one: Seen, marks: Sequence[str], board: Board, hours: Hours) -> list[Row]:
    slots = [slot.minute for slot in hours.hours[one.monitor.id].slots]
    lines = drawing.sparks([_by_slot(one, sight, hours) for sight in one.case.sights], slots)
    rows = []
    for sight, letter, spark in zip(one.case.sights, marks, lines, strict=True):
        values = _successes(one, sight, hours)
        observed, due = hours.hours[one.monitor.id].observed[sight.region]
        rows.append(
            _row(one, sight, letter, board)(
                uptime="", bounds="", observed=percent(observed, due),
                of=f"{observed:,} of {due:,}" if due else "none due yet", spark=spark, band="",
                p50=latency(drawing.median(values)), p95=latency(drawing.nearest_rank(values, 0.95)),
            )
        )  # fmt: skip
    return rows


def _row(one: Seen, sight: Sight, letter: str, board: Board) -> "partial[Row]":
    """What both kinds of rows say."""
    latest = board.latest(one, sight.region)
    last, how = _newest(one.monitor, latest)
    return partial(
        Row, region=region_name(sight.region), mark=letter, state=_state(sight), since=_since(sight, latest, board),
        last=last, how=how,
    )  # fmt: skip


def _state(sight: Sight) -> str:
    if sight.state is None:
        return "not confirmed" if sight.failed_last else "no result yet"
    if sight.is_ending:
        return "up"
    return _STATES[sight.state] if sight.votes else "no data"


def _since(sight: Sight, latest: Latest | None, board: Board) -> str:
    if sight.state is None:
        return ""
    if not sight.votes:
        return f"since {clock(latest.checked_at, board.now)}" if latest else ""
    return f"since {_clock_or_day(sight.since, board.now)}" if sight.since else ""


def _clock_or_day(at: datetime, now: datetime) -> str:
    return clock(at, now) if at.astimezone(UTC).date() == now.astimezone(UTC).date() else month_day(at)


def _newest(monitor: Watched, latest: Latest | None) -> tuple[str, str]:
    """What the newest check took, or why it failed; and the phase that took most of it, or how long that took."""
    if latest is None:
        return NOTHING, ""
    if latest.status in ("down", "refused"):
        took = f"after {latency(latest.total_us)}" if latest.total_us is not None else ""
        return capital(reason_of(monitor, latest)), took
    if latest.status == "degraded" and latest.reason == "certificate":
        return latency(latest.total_us), CERTIFICATE_ENDS
    spent = {name: getattr(latest.phases, name) or 0 for name in PHASES}
    name = max(spent, key=lambda phase: spent[phase])
    return latency(latest.total_us), f"{PHASES[name]} {latency(spent[name])}" if spent[name] else ""


def _medians(one: Seen, board: Board, hours: Hours) -> list[tuple[str, str]]:
    sights = {sight.region: sight for sight in one.case.sights}
    return [
        (latency(drawing.median(_successes(one, sights[region], hours)) if region in sights else None), "")
        for region in board.snapshot.regions
    ]


def _successes(one: Seen, sight: Sight, hours: Hours) -> list[int]:
    """What the successful checks of the last hour took (µs), sorted."""
    rows, start_s = hours.rows(one, sight.region), hours.axis.start_s
    return sorted(
        total
        for at_s, status, total in zip(rows.at_s, rows.statuses, rows.total_us, strict=True)
        if at_s >= start_s and total is not None and status in GOOD
    )


def _by_slot(one: Seen, sight: Sight, hours: Hours) -> list[int | None]:
    """What a successful check of each slot took (µs); None where none succeeded."""
    rows, start_s = hours.rows(one, sight.region), hours.axis.start_s
    taken = {
        (at_s - start_s) // 60: total
        for at_s, status, total in zip(rows.at_s, rows.statuses, rows.total_us, strict=True)
        if status in GOOD
    }
    return [taken.get(slot.minute) for slot in hours.hours[one.monitor.id].slots]


# ------------------------------------------------------------------------------------------------ phases


def _phase_row(one: Seen, sight: Sight, board: Board) -> PhaseRow:
    latest, name = board.latest(one, sight.region), region_name(sight.region)
    if latest is None:
        return PhaseRow(name, NOTHING, [(NOTHING, UNSEEN)] * len(PHASES), NOTHING)
    at = f"{latest.checked_at.astimezone(UTC):%H:%M:%S}"
    answer = reason_of(one.monitor, latest) or (str(latest.http_status) if latest.http_status else NOTHING)
    return PhaseRow(name, at, phase_cells(latest, one.monitor.secure), latency(latest.total_us), capital(answer))


def phase_cells(latest: Latest, secure: bool) -> list[tuple[str, str]]:
    """What each phase took, what a kept connection did not need, and where a check without an answer stopped."""
    spent = {name: getattr(latest.phases, name) for name in PHASES}
    longest = max((us for us in spent.values() if us is not None), default=None)
    stopped = None
    if latest.status == "down" and latest.http_status is None:
        stopped = stopped_in(latest.phases, latest.reason, secure=secure, reused=latest.reused)
    cells, reached = [], True
    for name, us in spent.items():
        if us is not None:
            cells.append((latency(us), "I" if us == longest else ""))
        elif name == stopped:
            cells.append(("not passed", DOWN))
            reached = False
        elif latest.reused and name in ("dns_us", "connect_us", "tls_us"):
            cells.append(("kept", UNSEEN))
        else:
            cells.append((NOTHING if reached else "not reached", UNSEEN))
    return cells


# ------------------------------------------------------------------------------------------------ events in words


def _hour_events(one: Seen, board: Board, hours: Hours) -> list[tuple[str, str]]:
    """The last hour in words, the newest first: from when to when, what was not up, and from where."""
    found: dict[tuple[int, int, str], list[Region]] = {}
    for region, lane in hours.hours[one.monitor.id].codes.items():
        first = 0
        for code, group in groupby(lane):
            last = first + len(list(group)) - 1
            if code in EVENTS:
                found.setdefault((first, last, code), []).append(region)
            first = last + 1
    newest = sorted(found.items(), key=lambda event: -event[0][0])[:EVENTS_SHOWN]
    return [
        (_when(one, first, last, board.now, hours), f"{EVENTS[code]} {names(regions)}")
        for (first, last, code), regions in newest
    ]


def _when(one: Seen, first: int, last: int, now: datetime, hours: Hours) -> str:
    slots = hours.hours[one.monitor.id].slots
    begin = hours.axis.time(max(0, slots[first].minute))
    end = hours.axis.time(slots[last].minute + slots[last].width)
    lasts = (now - end).total_seconds() < PATIENCE_S - 60
    return f"{clock(begin, now)} to {'now' if lasts else clock(end, now)}"


def bar_events(one: Seen, past: Past, shown: int | None = EVENTS_SHOWN) -> list[tuple[str, str]]:
    """Hours or days in words, the newest first: for how long it was not up, and from where."""
    lanes = past.of(one.monitor.id)
    told = [(bar, _bar_words(one.regions, lanes, bar)) for bar in sorted(lanes.known, reverse=True)]
    return [(_bar_name(past, bar), words) for bar, words in told if words][:shown]


def _bar_name(past: Past, bar: int) -> str:
    begin = past.axis.begin(bar)
    return f"{begin:%H:%M} to {begin + timedelta(hours=1):%H:%M}" if past.axis.unit == HOUR else month_day(begin)


def _bar_words(regions: Sequence[Region], lanes: Lanes, bar: int) -> str:
    here = {region: lanes.regions.get(region, {}).get(bar, Bar()) for region in regions}
    parts = []
    if bar in lanes.stems:
        seen = [region for region, one in here.items() if one.site]
        parts.append(f"site down {span(lanes.stems[bar])}, seen from {_from(seen, regions)}")
    parts += _alike("down", {region: one.down - one.site for region, one in here.items()}, here, regions)
    parts += _alike("slow", {region: one.slow for region, one in here.items()}, here, regions)
    parts += _alike(f"{CERTIFICATE_ENDS},", {region: one.ends for region, one in here.items()}, here, regions)
    parts += _alike("maintenance", {region: one.held for region, one in here.items()}, here, regions)
    parts += _alike("not observed", {region: one.unseen for region, one in here.items()}, here, regions)
    return capital("; ".join(parts))


def _alike(word: str, seconds: dict[Region, int], here: dict[Region, Bar], regions: Sequence[Region]) -> list[str]:
    """Regions in which it lasted equally long are told together; what is too little to be drawn is left out."""
    told: dict[int, list[Region]] = {}
    for region, lasted in seconds.items():
        if lasted and (word != "not observed" or here[region].share(lasted) > 0.005):
            told.setdefault(lasted, []).append(region)
    return [f"{word} {span(lasted)} from {_from(found, regions)}" for lasted, found in told.items()]


def _from(some: Sequence[Region], regions: Sequence[Region]) -> str:
    if len(some) == len(regions) > 1:
        return "all regions"
    return names(some) + (" only" if len(some) == 1 < len(regions) else "")
