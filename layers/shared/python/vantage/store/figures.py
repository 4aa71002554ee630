"""Uptime and latency over any span: whole days and hours from rollups, what is left over from the results themselves.

Every piece is counted in looks and histograms, which add up; `vantage.uptime` and `vantage.latency` decide what they
mean. So a figure is the same whichever pieces it came from.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from itertools import groupby
from operator import itemgetter
from typing import Any, LiteralString

from vantage.latency import Histogram, merged
from vantage.monitor import Region
from vantage.store.connection import Connection
from vantage.store.looks import HOUR, LOOKS, SEEN, TIMES, arguments, as_slots
from vantage.store.rollups import DAY, FIRST_RESULT_DAY, day_of, hour_of, midnight
from vantage.uptime import Sight, Uptime, uptime

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


NO_TIMES = Latency(Histogram(), Histogram())
NO_PHASES = Phases(None, None, None, None)


@dataclass(frozen=True, slots=True)
class Alone:
    """How often a monitor failed in a region and nowhere else, of the slots that this one and another one saw."""

    monitor_id: int
    region: Region
    alone: int
    slots: int


@dataclass(frozen=True, slots=True)
class Rolled:
    """What is rolled up within a span, and from when on results are kept (None: there are none)."""

    days: frozenset[date]
    hours: frozenset[datetime]
    raw_from: datetime | None


@contextmanager
def one_sight(connection: Connection) -> Iterator[None]:
    """All statements of the block see the same instant: an hour is in its rollup or in its results, never in both."""
    connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
    try:
        yield
    finally:
        connection.execute("ROLLBACK")


# Of days that are whole and rolled up, the hours need not be known.
_ROLLED: LiteralString = f"""
    SELECT (SELECT array_agg(day) FROM rollup_day WHERE day BETWEEN %(first)s AND %(last)s),
           (SELECT array_agg(h.hour)
              FROM generate_series(%(first)s::timestamp, %(last)s::timestamp, interval '1 day') d (day)
              JOIN rollup_hour h ON h.hour >= d.day AT TIME ZONE 'UTC'
               AND h.hour < (d.day + interval '1 day') AT TIME ZONE 'UTC'
             WHERE %(by_hours)s OR d.day IN (%(first)s, %(last)s)
                OR NOT EXISTS (SELECT FROM rollup_day r WHERE r.day = d.day::date)),
           ({FIRST_RESULT_DAY})"""  # noqa: S608  # ours


def covered(connection: Connection, first: datetime, until: datetime, *, by_hours: bool = False) -> Cover:
    """The pieces of a span as they are rolled up now; `by_hours` takes days only where their hours are gone."""
    asked = {"first": day_of(first), "last": day_of(until), "by_hours": by_hours}
    with connection.cursor(binary=True) as cursor:
        [(its_days, its_hours, oldest)] = cursor.execute(_ROLLED, asked).fetchall()
    days, hours = frozenset(its_days or ()), frozenset(its_hours or ())
    if by_hours:
        days -= {day_of(hour) for hour in hours}
    return cover(first, until, Rolled(days, hours, midnight(oldest) if oldest else None))


def cover(first: datetime, until: datetime, rolled: Rolled) -> Cover:
    """The fewest pieces that make up a span, whole days where they are rolled up, else whole hours.

    Without results a part of an hour cannot be had: then the whole hour is taken, and without its hours the whole day.
    """
    days: list[date] = []
    hours: list[datetime] = []
    rest: list[Span] = []
    day = day_of(first)
    while midnight(day) < until:
        begin, end = max(first, midnight(day)), min(until, midnight(day) + DAY)
        if day in rolled.days and end - begin == DAY:
            days.append(day)
        else:
            its_hours, its_rest = _by_hours_of(begin, end, rolled)
            if day in rolled.days and any(not _has_results(at, rolled) for at, _ in its_rest):
                days.append(day)
            else:
                hours += its_hours
                rest += its_rest
        day += timedelta(days=1)
    return Cover(days, hours, _joined(rest))


def _by_hours_of(first: datetime, until: datetime, rolled: Rolled) -> tuple[list[datetime], list[Span]]:
    hours, rest = [], []
    for begin, end in _by_hours([(first, until)]):
        hour = hour_of(begin)
        if hour in rolled.hours and (end - begin == HOUR or not _has_results(hour, rolled)):
            hours.append(hour)
        else:
            rest.append((begin, end))
    return hours, rest


def _has_results(at: datetime, rolled: Rolled) -> bool:
    return rolled.raw_from is not None and at >= rolled.raw_from


def _joined(spans: Sequence[Span]) -> list[Span]:
    joined: list[Span] = []
    for first, until in spans:
        if joined and joined[-1][1] == first:
            joined[-1] = (joined[-1][0], until)
        else:
            joined.append((first, until))
    return joined


def uptimes(connection: Connection, pieces: Cover, monitors: Sequence[int] | None = None) -> dict[int, Uptime]:
    """The uptime of some monitors, or (None) of all, by their ids; absent: it had no slot."""
    counts: dict[int, dict[str, int]] = {}
    for monitor_id, look, slots in looks(connection, pieces, monitors):
        its = counts.setdefault(monitor_id, {})
        its[look] = its.get(look, 0) + slots
    return {monitor_id: uptime(as_slots(its)) for monitor_id, its in counts.items()}


def series(
    connection: Connection, pieces: Cover, unit: timedelta, monitors: Sequence[int] | None = None
) -> dict[int, dict[datetime, Uptime]]:
    """The uptime of each monitor by hours or days (by when they began); absent: it had no slot then."""
    counts: dict[int, dict[datetime, list[tuple[str, int]]]] = {}
    for at, monitor_id, look, slots in _looks_by_time(connection, pieces, monitors):
        counts.setdefault(monitor_id, {}).setdefault(_unit_of(at, unit), []).append((look, slots))
    return {
        monitor_id: {at: uptime(as_slots(its)) for at, its in sorted(by_time.items())}
        for monitor_id, by_time in counts.items()
    }


def latencies(
    connection: Connection, pieces: Cover, monitor_id: int, unit: timedelta = DAY
) -> tuple[dict[Region, Latency], dict[Region, dict[datetime, Histogram]]]:
    """The histograms of a monitor in each region; and those of the total times by hours or days."""
    parts: dict[Region, list[tuple[datetime, Sequence[Sequence[int]]]]] = {}
    for at, region, *part in _histograms(connection, pieces, monitor_id):
        parts.setdefault(region, []).append((_unit_of(at, unit), [column or () for column in part]))
    whole = {
        region: Latency(
            merged((i, n) for _, (i, n, _, _) in of_region), merged((i, n) for _, (_, _, i, n) in of_region)
        )
        for region, of_region in parts.items()
    }
    return whole, {region: _by_time(of_region) for region, of_region in parts.items()}


def failing_alone(connection: Connection, pieces: Cover) -> list[Alone]:
    """What failed from one region while others saw it up, most often first: of slots that others saw, too."""
    found: dict[tuple[int, Region], Alone] = {}
    for monitor_id, look, slots in looks(connection, pieces, None):
        [one] = as_slots([(look, slots)])
        bad = [region for region, sight in one.regions.items() if sight is Sight.BAD]
        good = sum(sight is Sight.GOOD for sight in one.regions.values())
        for region, sight in one.regions.items():
            if sight in (Sight.GOOD, Sight.BAD) and good + len(bad) > 1:
                before = found.get((monitor_id, region), Alone(monitor_id, region, 0, 0))
                alone = slots if bad == [region] else 0
                found[monitor_id, region] = replace(before, slots=before.slots + slots, alone=before.alone + alone)
    return sorted(
        (one for one in found.values() if one.alone), key=lambda one: (-one.alone, one.monitor_id, one.region)
    )


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


def looks(connection: Connection, pieces: Cover, monitors: Sequence[int] | None) -> Iterator[tuple[int, str, int]]:
    """(monitor, look, slots): how many slots of a span have which look, in parts that add up."""
    asked = {"days": list(pieces.days), "hours": list(pieces.hours), "monitors": monitors and list(monitors)}
    if pieces.days or pieces.hours:
        yield from connection.execute(_ROLLED_LOOKS, asked).fetchall()
    for first, until in pieces.rest:
        query = f"WITH {SEEN}, {LOOKS} SELECT monitor_id, look, slots FROM looks"  # noqa: S608  # ours
        yield from connection.execute(query, arguments(first, until, monitors)).fetchall()


_LOOKS_BY_TIME: LiteralString = """
    SELECT p.day::timestamp AT TIME ZONE 'UTC', r.monitor_id, r.look, r.slots
      FROM unnest(%(days)s::date[]) p (day) JOIN slot_rollup_day r ON r.day = p.day
     WHERE %(monitors)s::bigint[] IS NULL OR r.monitor_id = ANY (%(monitors)s)
    UNION ALL
    SELECT p.hour, r.monitor_id, r.look, r.slots
      FROM unnest(%(hours)s::timestamptz[]) p (hour) JOIN slot_rollup_hour r ON r.hour = p.hour
     WHERE %(monitors)s::bigint[] IS NULL OR r.monitor_id = ANY (%(monitors)s)"""


def _looks_by_time(
    connection: Connection, pieces: Cover, monitors: Sequence[int] | None
) -> Iterator[tuple[datetime, int, str, int]]:
    asked = {"days": list(pieces.days), "hours": list(pieces.hours), "monitors": monitors and list(monitors)}
    yield from connection.execute(_LOOKS_BY_TIME, asked).fetchall()
    for span in _by_hours(pieces.rest):
        for monitor_id, look, slots in looks(connection, Cover((), (), [span]), monitors):
            yield span[0], monitor_id, look, slots


_ROLLED_TIMES: LiteralString = """
    SELECT p.day::timestamp AT TIME ZONE 'UTC', r.region::text, r.total_i, r.total_n, r.first_byte_i, r.first_byte_n
      FROM unnest(%(days)s::date[]) p (day)
      JOIN check_rollup_day r ON r.day = p.day AND r.monitor_id = %(monitor)s
    UNION ALL
    SELECT p.hour, r.region::text, r.total_i, r.total_n, r.first_byte_i, r.first_byte_n
      FROM unnest(%(hours)s::timestamptz[]) p (hour)
      JOIN check_rollup_hour r ON r.hour = p.hour AND r.monitor_id = %(monitor)s"""
_RAW_TIMES: LiteralString = f"""
    WITH {TIMES} SELECT %(first)s::timestamptz, t.region::text, t.i, t.n, f.i, f.n
      FROM total t LEFT JOIN first_byte f USING (monitor_id, region)"""  # noqa: S608  # ours


def _histograms(connection: Connection, pieces: Cover, monitor_id: int) -> Iterator[tuple[Any, ...]]:
    if pieces.days or pieces.hours:
        asked = {"days": list(pieces.days), "hours": list(pieces.hours), "monitor": monitor_id}
        with connection.cursor(binary=True) as cursor:
            yield from cursor.execute(_ROLLED_TIMES, asked).fetchall()
    for first, until in _by_hours(pieces.rest):
        yield from connection.execute(_RAW_TIMES, arguments(first, until, [monitor_id])).fetchall()


def _by_time(parts: Sequence[tuple[datetime, Sequence[Sequence[int]]]]) -> dict[datetime, Histogram]:
    return {
        at: merged((i, n) for _, (i, n, _, _) in same)
        for at, same in groupby(sorted(parts, key=itemgetter(0)), key=itemgetter(0))
    }


def _by_hours(spans: Sequence[Span]) -> Iterator[Span]:
    for first, until in spans:
        at = first
        while at < until:
            end = min(hour_of(at) + HOUR, until)
            yield at, end
            at = end


def _unit_of(at: datetime, unit: timedelta) -> datetime:
    return hour_of(at) if unit == HOUR else midnight(day_of(at))
