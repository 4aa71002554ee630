"""What lies behind: the hours or days of monitors, and what their checks took; read at most once a minute."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from vantage.face.pages.bars import NO_LANES, Lanes, lanes_of
from vantage.face.pages.drawing import Picture
from vantage.face.pages.hour import PATIENCE_S
from vantage.latency import Histogram
from vantage.monitor import Region
from vantage.store.bars import Axis, first_tick, hours_of_latency, looks_by_bar
from vantage.store.connection import Connection
from vantage.store.looks import HOUR
from vantage.store.rollups import DAY, hour_of

SPANS = {"60min": "60 minutes", "24h": "24 hours", "90d": "90 days"}
HOURS = 24
BARS = {"24h": (HOUR, HOURS), "90d": (DAY, 90)}
Pair = tuple[float, float]
"""p50 and p95 of an hour (ms)."""


@dataclass(frozen=True, slots=True)
class Past:
    """Bars of monitors on one axis, by id; and of some of them the last 24 hours' latencies, by region."""

    axis: Axis
    lanes: Mapping[int, Lanes]
    hours: Mapping[tuple[int, Region], Mapping[datetime, Histogram]] = field(default_factory=dict)
    drawn: dict[tuple[int, tuple[Region, ...]], Picture] = field(default_factory=dict)
    """Each monitor's bars are drawn once."""

    def of(self, monitor_id: int) -> Lanes:
        """A monitor's bars."""
        return self.lanes.get(monitor_id, NO_LANES)

    def pairs(self, monitor_id: int, region: Region) -> list[Pair | None]:
        """p50 and p95 of the last 24 hours that are over, oldest first."""
        known, present = self.hours.get((monitor_id, region), {}), hour_of(self.axis.until)
        return [_pair(known.get(present - (HOURS - k) * HOUR)) for k in range(HOURS)]


def _pair(histogram: Histogram | None) -> Pair | None:
    if histogram is None or (p50 := histogram.quantile_ms(0.5)) is None:
        return None
    return p50, histogram.quantile_ms(0.95) or p50


def fitting_span(connection: Connection, now: datetime) -> str:
    """The span that what is known fills: an hour at first, 90 days from the third day on."""
    first = first_tick(connection)
    if first is None or now - first < timedelta(hours=3):
        return "60min"
    return "24h" if now - first < 2 * DAY else "90d"


def axis_until(now: datetime, span: str) -> Axis:
    """The bars of a span until the last minute whose results must be there."""
    unit, count = BARS[span]
    return Axis(unit, count, (now - timedelta(seconds=PATIENCE_S)).replace(second=0, microsecond=0))


def read_past(connection: Connection, monitors: Sequence[int], timed: Sequence[int], now: datetime,
              span: str) -> Past:  # fmt: skip
    """The bars of these monitors, and the latencies of those that are `timed`."""
    axis = axis_until(now, span)
    looks = looks_by_bar(connection, monitors, axis)
    hours = hours_of_latency(connection, timed, hour_of(axis.until) - HOURS * HOUR)
    return Past(axis, {monitor_id: lanes_of(found) for monitor_id, found in looks.items()}, hours)
