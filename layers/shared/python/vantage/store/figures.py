"""Uptime and latency over any span: whole days and hours from rollups, what is left over from the results themselves.

Every piece is counted in looks and histograms, which add up; `vantage.uptime` and `vantage.latency` decide what they
mean. So a figure is the same whichever pieces it came from.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, LiteralString

from vantage.latency import Histogram, merged
from vantage.monitor import Region
from vantage.store.connection import Connection
from vantage.store.looks import HOUR, LOOKS, SEEN, TIMES, Held, arguments, as_slots
from vantage.store.rollups import DAY, day_of, first_result_day, held_between, hour_of, midnight
from vantage.uptime import Uptime, uptime

Span = tuple[datetime, datetime]
"""From an instant up to and without another."""


@dataclass(frozen=True, slots=True)
class Cover:
    """A span in pieces: days and hours that are rolled up, and what is left over; together they are it, each once."""

    days: Sequence[date]
    hours: Sequence[datetime]
    rest: Sequence[Span]

    @property
    def first(self) -> datetime:
        """Where it begins; rolled-up pieces whose results are gone reach out to their own beginning."""
        return min([*map(midnight, self.days), *self.hours, *(first for first, _ in self.rest)])

    @property
    def until(self) -> datetime:
        """Where it ends."""
        ends = [*(midnight(day) + DAY for day in self.days), *(hour + HOUR for hour in self.hours)]
        return max([*ends, *(until for _, until in self.rest)])


@dataclass(frozen=True, slots=True)
class Latency:
    """How long the good checks of a monitor took in a region."""

    total: Histogram
    first_byte: Histogram


@dataclass(frozen=True, slots=True)
class Phases:
    """What takes its time in a region: the middle one of its hours' medians (µs), null where no hour has any."""

    dns_us: int | None
    connect_us: int | None
    tls_us: int | None
    download_us: int | None


@dataclass(frozen=True, slots=True)
class Rolled:
    """What is rolled up within a span, and from when on results are kept (None: there are none)."""

    days: frozenset[date]
    hours: frozenset[datetime]
    raw_from: datetime | None


@contextmanager
def one_sight(connection: Connection) -> Iterator[None]:
    """All statements of the block see the same instant: an hour is in its rollup or in its results, never in both."""
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        yield


def covered(connection: Connection, first: datetime, until: datetime) -> Cover:
    """The pieces of a span as they are rolled up now."""
    # One hour and one day further on each side: where results are gone, a piece is taken whole.
    around = (midnight(day_of(first)), midnight(day_of(until)) + DAY)
    hours = connection.execute("SELECT hour FROM rollup_hour WHERE hour >= %s AND hour < %s", around)
    known_hours = frozenset(hour for (hour,) in hours.fetchall())
    days = connection.execute(
        "SELECT day FROM rollup_day WHERE day >= %s AND day <= %s", (day_of(first), day_of(until))
    )
    known_days = frozenset(day for (day,) in days.fetchall())
    oldest = first_result_day(connection)
    return cover(first, until, Rolled(known_days, known_hours, midnight(oldest) if oldest else None))


def cover(first: datetime, until: datetime, rolled: Rolled) -> Cover:
    """The fewest pieces that make up a span, whole days where they are rolled up, else whole hours.

    Without results a part of an hour cannot be had: then the whole hour is taken, and without hours the whole day.
    """
    days: list[date] = []
    hours: list[datetime] = []
    rest: list[Span] = []
    at = first
    while at < until:
        day, hour = day_of(at), hour_of(at)
        has_results = rolled.raw_from is not None and hour >= rolled.raw_from
        whole_day = at == midnight(day) and midnight(day) + DAY <= until
        whole_hour = at == hour and hour + HOUR <= until
        if day in rolled.days and (whole_day or not (has_results or hour in rolled.hours)):
            days.append(day)
            at = midnight(day) + DAY
        elif hour in rolled.hours and (whole_hour or not has_results):
            hours.append(hour)
            at = hour + HOUR
        else:
            end = min(hour + HOUR, until)
            if rest and rest[-1][1] == at:
                rest[-1] = (rest[-1][0], end)
            else:
                rest.append((at, end))
            at = end
    return Cover(days, hours, rest)


def uptimes(connection: Connection, pieces: Cover, monitors: Sequence[int] | None = None) -> dict[int, Uptime]:
    """The uptime of some monitors, or (None) of all, by their ids; absent: it had no slot."""
    counts: dict[int, dict[str, int]] = {}
    for monitor_id, look, slots in _looks(connection, pieces, monitors):
        looks = counts.setdefault(monitor_id, {})
        looks[look] = looks.get(look, 0) + slots
    return {monitor_id: uptime(as_slots(looks)) for monitor_id, looks in counts.items()}


def latencies(connection: Connection, pieces: Cover, monitor_id: int) -> dict[Region, Latency]:
    """The histograms of a monitor in each region."""
    parts: dict[Region, list[Sequence[Sequence[int]]]] = {}
    for region, *part in _histograms(connection, pieces, monitor_id):
        parts.setdefault(region, []).append([column or () for column in part])
    return {
        region: Latency(merged((i, n) for i, n, _, _ in of_region), merged((i, n) for _, _, i, n in of_region))
        for region, of_region in parts.items()
    }


def phases(connection: Connection, pieces: Cover, monitor_id: int) -> dict[Region, Phases]:
    """What usually takes its time, from the hours that are kept of a span."""
    rows = connection.execute(
        """SELECT region::text,
                  percentile_disc(0.5) WITHIN GROUP (ORDER BY dns_us),
                  percentile_disc(0.5) WITHIN GROUP (ORDER BY connect_us),
                  percentile_disc(0.5) WITHIN GROUP (ORDER BY tls_us),
                  percentile_disc(0.5) WITHIN GROUP (ORDER BY download_us)
             FROM generate_series(%s, %s, interval '1 hour') h JOIN check_rollup_hour r ON r.hour = h
            WHERE r.monitor_id = %s GROUP BY region ORDER BY region""",
        (hour_of(pieces.first), pieces.until, monitor_id),
    )
    return {region: Phases(*medians) for region, *medians in rows}


# Single monitors are looked up piece by piece, all of them are read in one go.
_ROLLED_LOOKS: LiteralString = """
    SELECT r.monitor_id, r.look, sum(r.slots)::integer AS slots FROM unnest(%(days)s::date[]) p (day)
      JOIN slot_rollup_day r ON r.day = p.day
     WHERE %(monitors)s::bigint[] IS NULL OR r.monitor_id = ANY (%(monitors)s) GROUP BY 1, 2
    UNION ALL
    SELECT r.monitor_id, r.look, sum(r.slots)::integer FROM unnest(%(hours)s::timestamptz[]) p (hour)
      JOIN slot_rollup_hour r ON r.hour = p.hour
     WHERE %(monitors)s::bigint[] IS NULL OR r.monitor_id = ANY (%(monitors)s) GROUP BY 1, 2"""


def _looks(connection: Connection, pieces: Cover, monitors: Sequence[int] | None) -> Iterator[tuple[int, str, int]]:
    asked = {"days": list(pieces.days), "hours": list(pieces.hours), "monitors": monitors and list(monitors)}
    if pieces.days or pieces.hours:
        yield from connection.execute(_ROLLED_LOOKS, asked).fetchall()
    for first, until in pieces.rest:
        held: list[Held] = held_between(connection, first, until)
        query = f"WITH {SEEN}, {LOOKS} SELECT monitor_id, look, slots FROM looks"  # noqa: S608  # ours
        yield from connection.execute(query, arguments(first, until, held, monitors)).fetchall()


_ROLLED_TIMES: LiteralString = """
    SELECT r.region::text, r.total_i, r.total_n, r.first_byte_i, r.first_byte_n FROM unnest(%(days)s::date[]) p (day)
      JOIN check_rollup_day r ON r.day = p.day AND r.monitor_id = %(monitor)s
    UNION ALL
    SELECT r.region::text, r.total_i, r.total_n, r.first_byte_i, r.first_byte_n
      FROM unnest(%(hours)s::timestamptz[]) p (hour)
      JOIN check_rollup_hour r ON r.hour = p.hour AND r.monitor_id = %(monitor)s"""
_RAW_TIMES: LiteralString = f"""
    WITH {TIMES} SELECT t.region::text, t.i, t.n, f.i, f.n
      FROM total t LEFT JOIN first_byte f USING (monitor_id, region)"""  # noqa: S608  # ours


def _histograms(connection: Connection, pieces: Cover, monitor_id: int) -> Iterator[tuple[Any, ...]]:
    if pieces.days or pieces.hours:
        asked = {"days": list(pieces.days), "hours": list(pieces.hours), "monitor": monitor_id}
        with connection.cursor(binary=True) as cursor:
            yield from cursor.execute(_ROLLED_TIMES, asked).fetchall()
    for first, until in pieces.rest:
        yield from connection.execute(_RAW_TIMES, arguments(first, until, monitors=[monitor_id])).fetchall()
