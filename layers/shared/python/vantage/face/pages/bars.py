"""Hours or days of a monitor as bars: how much of each was slow, down here, down everywhere, not observed, …"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from vantage.monitor import Region
from vantage.store.bars import Looks
from vantage.store.looks import as_slots, ending_in, slow_in
from vantage.uptime import Sight, Slots, Uptime, site_sight, uptime


@dataclass(frozen=True, slots=True)
class Bar:
    """What became of a region's checks in a bar, in seconds that they stand for; `ends`: up, and its certificate ends
    soon; `site` is the part of `down` in which the site was down for all."""

    scheduled: int = 0
    slow: int = 0
    ends: int = 0
    down: int = 0
    site: int = 0
    unseen: int = 0
    held: int = 0

    def share(self, part: int) -> float:
        """Of what was scheduled."""
        return part / self.scheduled if self.scheduled else 0.0


@dataclass(frozen=True, slots=True)
class Lanes:
    """A monitor's bars: those that are not plainly up, by region and number. `known` has the number of each bar in
    which something was scheduled, `stems` for how long (s) the site was down in a bar, by verdict and not by region."""

    regions: Mapping[Region, Mapping[int, Bar]]
    known: frozenset[int]
    stems: Mapping[int, int]
    uptime: Uptime
    alone: Mapping[Region, tuple[int, int]] = field(default_factory=dict)
    """By region: for how long (s) it alone saw it down, of what (s) it and another one saw."""

    @property
    def first(self) -> int | None:
        """The first bar with a check in it."""
        return min(self.known, default=None)


NO_LANES = Lanes({}, frozenset(), {}, uptime([]))


def lanes_of(looks: Looks) -> Lanes:
    """Lay out what was seen."""
    slots = {look: _one(look) for look in looks}
    known = frozenset(bar for bars in looks.values() for bar in bars)
    touched = {bar for look, bars in looks.items() if not _is_plain(slots[look], look) for bar in bars}
    regions: dict[Region, dict[int, Bar]] = {region: {} for one in slots.values() for region in one.regions}
    stems: dict[int, int] = {}
    for look, bars in looks.items():
        one, is_down = slots[look], site_sight(slots[look]) is Sight.BAD
        for bar, count in bars.items():
            if bar not in touched:
                continue
            seconds = count * one.interval_s
            if is_down:
                stems[bar] = stems.get(bar, 0) + seconds
            for region, sight in one.regions.items():
                before = regions[region].get(bar, Bar())
                regions[region][bar] = _with(
                    before, sight, seconds, is_slow=region in slow_in(look), is_ending=region in ending_in(look),
                    is_down=is_down,
                )  # fmt: skip
    plain = {region: {bar: one for bar, one in bars.items() if _says(one)} for region, bars in regions.items()}
    total = uptime(replace(slots[look], count=sum(bars.values())) for look, bars in looks.items())
    return Lanes(plain, known, stems, total, _alone(looks, slots))


def _alone(looks: Looks, slots: Mapping[str, Slots]) -> dict[Region, tuple[int, int]]:
    found: dict[Region, tuple[int, int]] = {}
    for look, bars in looks.items():
        seen = {region: sight for region, sight in slots[look].regions.items() if sight in (Sight.GOOD, Sight.BAD)}
        bad = [region for region, sight in seen.items() if sight is Sight.BAD]
        seconds = sum(bars.values()) * slots[look].interval_s
        for region in seen if len(seen) > 1 else ():
            alone, both = found.get(region, (0, 0))
            found[region] = (alone + seconds * (bad == [region]), both + seconds)
    return found


def _one(look: str) -> Slots:
    [one] = as_slots([(look, 1)])
    return one


def _is_plain(one: Slots, look: str) -> bool:
    return all(sight is Sight.GOOD for sight in one.regions.values()) and not slow_in(look) | ending_in(look)


def _says(bar: Bar) -> bool:
    return bool(bar.slow or bar.ends or bar.down or bar.unseen or bar.held)


def _with(bar: Bar, sight: Sight, seconds: int, *, is_slow: bool, is_ending: bool, is_down: bool) -> Bar:
    return Bar(
        bar.scheduled + seconds,
        bar.slow + seconds * is_slow,
        bar.ends + seconds * is_ending,
        bar.down + seconds * (sight is Sight.BAD),
        bar.site + seconds * (sight is Sight.BAD and is_down),
        bar.unseen + seconds * (sight is Sight.UNSEEN),
        bar.held + seconds * (sight is Sight.OUT),
    )


def in_order(regions: Iterable[Region], lanes: Lanes) -> list[Mapping[int, Bar]]:
    """A lane for each of these regions."""
    return [lanes.regions.get(region, {}) for region in regions]
