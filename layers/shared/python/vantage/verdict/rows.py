"""What was recorded, what was scheduled, and which of it counts."""

from collections.abc import Iterable
from dataclasses import dataclass

from vantage.check import Status
from vantage.monitor import Region

COUNTED = frozenset((Status.UP, Status.DEGRADED, Status.DOWN))
ALIVE = COUNTED | {Status.REFUSED}
"""Statuses that show that the region itself is there: what the guard refuses was read and looked at."""


@dataclass(frozen=True, slots=True)
class Row:
    """A stored result of one monitor in one region; `recorded_ms` is the database's time of storing it."""

    at_ms: int
    status: Status
    interval_s: int
    recorded_ms: int = 0
    extra: bool = False

    @property
    def failed(self) -> bool:
        """Down; slow is not a failure."""
        return self.status is Status.DOWN


@dataclass(frozen=True, slots=True)
class Slot:
    """A scheduled instant of one monitor, the interval in force, and the regions it is for."""

    at_ms: int
    interval_s: int
    regions: tuple[Region, ...]
    extra: bool = False


def counts(status: Status | None, *, in_maintenance: bool, at_fault: bool) -> bool:
    """The one predicate, of states and of uptime: the target was seen, outside maintenance, by a sound region."""
    return status in COUNTED and not in_maintenance and not at_fault


def place_ms(at_ms: int, interval_s: int) -> int:
    """Where an instant's minute (or its interval, if that is shorter) begins.

    Distances are measured between these, so that a change of the spread neither breaks a streak nor mends one.
    """
    return at_ms - at_ms % (min(interval_s, 60) * 1000)


def elapsed_ms(from_ms: int, to_ms: int, interval_s: int) -> int:
    """The distance of two instants of one monitor, whatever the spread did between them."""
    return place_ms(to_ms, interval_s) - place_ms(from_ms, interval_s)


def once(rows: Iterable[Row]) -> list[Row]:
    """Rows of one monitor and region in the order of their instants; of several at one instant the first stored."""
    kept: dict[int, Row] = {}
    for row in sorted(rows, key=lambda row: (row.at_ms, row.recorded_ms)):
        kept.setdefault(row.at_ms, row)
    return list(kept.values())
