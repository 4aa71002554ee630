"""Maintenance windows: half-open spans of UTC, whatever clock they were given on."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True)
class Window:
    """From an instant (epoch ms) up to and without another."""

    from_ms: int
    until_ms: int

    def holds(self, at_ms: int) -> bool:
        """Whether an instant lies in it."""
        return self.from_ms <= at_ms < self.until_ms


def any_holds(windows: Iterable[Window], at_ms: int) -> bool:
    """Whether an instant lies in one of them."""
    return any(window.holds(at_ms) for window in windows)


def window_at(local_start: datetime, duration_s: int, zone: str) -> Window:
    """From when the clocks of an IANA zone show `local_start` (naive), for `duration_s` real seconds.

    An hour that the clocks show twice means the first; one they skip is taken as if they had not (RFC 5545, 3.3.5).
    """
    start = local_start.replace(tzinfo=ZoneInfo(zone), fold=0).astimezone(UTC)
    from_ms = int(start.timestamp() * 1000)
    return Window(from_ms, from_ms + duration_s * 1000)
