"""What all regions saw together of many monitors, hour by hour or day by day: as few rows as can be."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from typing import LiteralString

from vantage.latency import Histogram, merged
from vantage.monitor import Region
from vantage.store.connection import Connection
from vantage.store.figures import Span, covered
from vantage.store.looks import HOUR, LOOKS, SEEN, arguments
from vantage.store.rollups import day_of, hour_of, midnight

Looks = Mapping[str, Mapping[int, int]]
"""How many slots of a monitor had a look, by the number of the bar: `{"60 USA:up EU:up": {0: 1440, 1: 12}}`."""


@dataclass(frozen=True, slots=True)
class Axis:
    """So many bars of an hour or a day each; the last one is the one that ends at `until` or is cut off there."""

    unit: timedelta
    count: int
    until: datetime

    @property
    def first(self) -> datetime:
        """Where the first bar begins."""
        inside = self.until - timedelta(microseconds=1)
        last = hour_of(inside) if self.unit == HOUR else midnight(day_of(inside))
        return last - (self.count - 1) * self.unit

    def begin(self, number: int) -> datetime:
        """When a bar begins."""
        return self.first + number * self.unit


@dataclass(slots=True)
class _Found:
    looks: dict[int, dict[str, dict[int, int]]] = field(default_factory=dict)

    def add(self, monitor_id: int, look: str, bars: Sequence[int], slots: Sequence[int]) -> None:
        counted = self.looks.setdefault(monitor_id, {}).setdefault(look, {})
        for bar, count in zip(bars, slots, strict=True):
            counted[bar] = counted.get(bar, 0) + count


_ROLLED: LiteralString = """
    SELECT r.monitor_id, r.look, array_agg(p.bar), array_agg(r.slots)
      FROM unnest(%(days)s::date[], %(day_bars)s::int[]) p (day, bar) JOIN slot_rollup_day r ON r.day = p.day
     WHERE r.monitor_id = ANY (%(monitors)s) GROUP BY 1, 2
    UNION ALL
    SELECT r.monitor_id, r.look, array_agg(p.bar), array_agg(r.slots)
      FROM unnest(%(hours)s::timestamptz[], %(hour_bars)s::int[]) p (hour, bar)
      JOIN slot_rollup_hour r ON r.hour = p.hour
     WHERE r.monitor_id = ANY (%(monitors)s) GROUP BY 1, 2"""


def looks_by_bar(connection: Connection, monitors: Sequence[int], axis: Axis) -> dict[int, Looks]:
    """What the regions saw of these monitors, by their ids; absent: it had no slot."""
    pieces = covered(connection, axis.first, axis.until, by_hours=axis.unit == HOUR)
    found, ids = _Found(), list(monitors)
    asked = {
        "monitors": ids,
        "days": list(pieces.days),
        "day_bars": [_bar(axis, midnight(day)) for day in pieces.days],
        "hours": list(pieces.hours),
        "hour_bars": [_bar(axis, hour) for hour in pieces.hours],
    }
    with connection.cursor(binary=True) as cursor:
        for row in cursor.execute(_ROLLED, asked):
            found.add(*row)
    for first, until in _by_bars(pieces.rest, axis):
        query = f"WITH {SEEN}, {LOOKS} SELECT monitor_id, look, slots FROM looks"  # noqa: S608  # ours
        for monitor_id, look, slots in connection.execute(query, arguments(first, until, ids)):
            found.add(monitor_id, look, [_bar(axis, first)], [slots])
    return dict(found.looks)


def _bar(axis: Axis, at: datetime) -> int:
    return max(0, (at - axis.first) // axis.unit)


def _by_bars(spans: Sequence[Span], axis: Axis) -> list[Span]:
    """The same spans, none of them across the border of two bars."""
    parts = []
    for first, until in spans:
        borders = [axis.begin(n) for n in range(_bar(axis, first) + 1, _bar(axis, until) + 1)]
        parts += [(a, b) for a, b in pairwise([first, *(at for at in borders if first < at < until), until]) if a < b]
    return parts


def hours_of_latency(
    connection: Connection, monitors: Sequence[int], first: datetime
) -> dict[tuple[int, Region], dict[datetime, Histogram]]:
    """What good checks took, by (monitor, region) and hour, of the hours that are rolled up since an instant."""
    rows = connection.cursor(binary=True).execute(
        """SELECT monitor_id, region::text, hour, total_i, total_n FROM check_rollup_hour
            WHERE monitor_id = ANY (%s) AND hour >= %s AND total_i IS NOT NULL ORDER BY hour""",
        (list(monitors), first),
    )
    found: dict[tuple[int, Region], dict[datetime, Histogram]] = {}
    for monitor_id, region, hour, buckets, counts in rows:
        found.setdefault((monitor_id, region), {})[hour] = merged([(buckets, counts)])
    return found


def first_tick(connection: Connection) -> datetime | None:
    """The oldest minute that the books or the rollups know of; None: nothing was ever scheduled."""
    row = connection.execute(
        """SELECT least((SELECT min(tick) FROM tick_ledger),
                        (SELECT min(day)::timestamp AT TIME ZONE 'UTC' FROM rollup_day))"""
    ).fetchone()
    return row[0] if row else None
