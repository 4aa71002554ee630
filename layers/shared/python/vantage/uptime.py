"""Uptime that can be believed: what was seen, how much of it was seen at all, and what the rest could have been.

Every scheduled slot weighs the interval in force. Figures are exact (sums of seconds); printing rounds them, and never
in favour of anybody: 1 bad of 30,000 is 99.99, and 100 means that nothing bad was seen.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from vantage.check import Status
from vantage.monitor import Region
from vantage.verdict.rows import counts
from vantage.verdict.votes import quorum


class Sight(StrEnum):
    """What became of a scheduled slot in one region."""

    GOOD = "good"  # up or degraded
    BAD = "bad"  # down
    UNSEEN = "unseen"  # expired, skipped, dead, lost, refused, or seen by a region at fault
    OUT = "out"  # maintenance: it leaves everything


@dataclass(frozen=True, slots=True)
class Slots:
    """`count` scheduled slots of one monitor that look the same: what each of its configured regions saw."""

    interval_s: int
    regions: Mapping[Region, Sight]
    in_incident: bool = False
    count: int = 1

    @property
    def weight_s(self) -> int:
        """The time they stand for."""
        return self.interval_s * self.count


@dataclass(frozen=True, slots=True)
class Tally:
    """Seconds seen good, seen bad, and not seen; tallies of parts add up to the tally of the whole."""

    good: int = 0
    bad: int = 0
    unseen: int = 0

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(self.good + other.good, self.bad + other.bad, self.unseen + other.unseen)

    @property
    def seen(self) -> int:
        """What the uptime is a share of."""
        return self.good + self.bad

    @property
    def scheduled(self) -> int:
        """What the coverage is a share of."""
        return self.good + self.bad + self.unseen

    def printed(self, digits: int = 2) -> dict[str, str | None]:
        """Percent: `uptime` of what was seen, `coverage`, and between what `low` and `high` the truth lies."""
        return {
            "uptime": floored(self.good, self.seen, digits),
            "coverage": floored(self.seen, self.scheduled, digits),
            "low": floored(self.good, self.scheduled, digits),
            "high": raised(self.good + self.unseen, self.scheduled, digits),
        }


@dataclass(frozen=True, slots=True)
class Uptime:
    """The figures of one monitor: per region, of all regions pooled, and of the site as a quorum saw it."""

    regions: Mapping[Region, Tally]
    availability: Tally
    reachability: Tally

    def printed(self, digits: int = 2) -> dict[str, object]:
        """All of it in percent."""
        return {
            "regions": {region: tally.printed(digits) for region, tally in self.regions.items()},
            "availability": self.availability.printed(digits),
            "reachability": self.reachability.printed(digits),
        }


def sight(status: Status | None, *, in_maintenance: bool, at_fault: bool) -> Sight:
    """What a slot is in a region, by its row's status (None: no row)."""
    if in_maintenance:
        return Sight.OUT
    if not counts(status, in_maintenance=in_maintenance, at_fault=at_fault):
        return Sight.UNSEEN
    return Sight.BAD if status is Status.DOWN else Sight.GOOD


def uptime(slots: Iterable[Slots]) -> Uptime:
    """The figures over slots, in any order."""
    regions: dict[Region, Tally] = {}
    available = Tally()
    for one in slots:
        for region, seen in one.regions.items():
            regions[region] = regions.get(region, Tally()) + _weighed(seen, one.weight_s)
        available += _weighed(site_sight(one), one.weight_s)
    return Uptime(regions, available, sum(regions.values(), Tally()))


def site_sight(slots: Slots) -> Sight:
    """What a slot is for the site, however many regions saw it: bad where a quorum of its own rows failed.

    Where one region of several saw it down, that alone is no evidence: bad within an incident, else unseen.
    """
    sights = list(slots.regions.values())
    bad = sights.count(Sight.BAD)
    seen = bad + sights.count(Sight.GOOD)
    if seen == 0:
        return Sight.UNSEEN if Sight.UNSEEN in sights else Sight.OUT
    if bad < quorum(seen):
        return Sight.GOOD
    is_evidence = seen > 1 or len(sights) == 1 or slots.in_incident
    return Sight.BAD if is_evidence else Sight.UNSEEN


def floored(part: int, whole: int, digits: int = 2) -> str | None:
    """A share in percent, rounded down: 100 only when it is all of it; None of nothing."""
    return None if whole == 0 else _decimal(part * 100 * 10**digits // whole, digits)


def raised(part: int, whole: int, digits: int = 2) -> str | None:
    """A share in percent, rounded up, and still below 100 unless it is all of it; None of nothing."""
    if whole == 0:
        return None
    units = -(-part * 100 * 10**digits // whole)
    return _decimal(units if part == whole else min(units, 100 * 10**digits - 1), digits)


def _weighed(seen: Sight, weight_s: int) -> Tally:
    return Tally(
        good=weight_s * (seen is Sight.GOOD),
        bad=weight_s * (seen is Sight.BAD),
        unseen=weight_s * (seen is Sight.UNSEEN),
    )


def _decimal(units: int, digits: int) -> str:
    whole, rest = divmod(units, 10**digits)
    return f"{whole}.{rest:0{digits}d}"
