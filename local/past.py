"""History that is written after the fact: schedules, ledger rows and results of minutes that are gone.

What is written is accounted for as if it had been lived: each slot has a ledger row, and what has no row is lost.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

import psycopg

from vantage.monitor import Region
from vantage.store.connection import Connection
from vantage.store.looks import HOUR
from vantage.store.rollups import DAY, day_of, hour_of, midnight, roll_day, roll_hour

COLUMNS = """monitor_id, checked_at, recorded_at, region, status, reason, interval_s, total_us, dns_us, connect_us,
    tls_us, first_byte_us, download_us, late_ms, http_status, reused, cold, lagging, confirmed, extra"""


class Writes(Protocol):
    """What takes the lines of a COPY in text format."""

    def write(self, buffer: str, /) -> None:
        """Take some of them."""


@dataclass(slots=True)
class Booked:
    """What a minute had in a region: its slots, and how they ended."""

    slots: int = 0
    stored: int = 0
    expired: int = 0


@contextmanager
def days_kept(connection: Connection) -> Iterator[None]:
    """Meanwhile no day's results are dropped: what is older than their retention is to be rolled up first."""
    # A reader, and on a connection of its own: whoever records or rolls up does not wait for it.
    with psycopg.connect(connection.info.dsn, password=connection.info.password or None) as reader:
        reader.execute("LOCK TABLE ONLY check_result IN ACCESS SHARE MODE")
        yield


def extend_schedules(connection: Connection, firsts: Mapping[int, datetime], until: datetime) -> None:
    """Put each monitor's first schedule into force earlier, too: from its tick up to and without `until`."""
    connection.execute(
        """INSERT INTO monitor_schedule (monitor_id, from_tick, until_tick, interval_s, phase_s, regions, enabled)
           SELECT s.monitor_id, f.first, least(%(until)s, s.from_tick), s.interval_s, s.phase_s, s.regions, true
             FROM unnest(%(monitors)s::bigint[], %(firsts)s::timestamptz[]) f (monitor_id, first)
             JOIN (SELECT DISTINCT ON (monitor_id) * FROM monitor_schedule
                    WHERE monitor_id = ANY (%(monitors)s) ORDER BY monitor_id, from_tick) s USING (monitor_id)
            WHERE s.from_tick > f.first""",
        {"until": until, "monitors": list(firsts), "firsts": list(firsts.values())},
    )


@contextmanager
def results_copy(connection: Connection, first: datetime, until: datetime) -> Iterator[Writes]:
    """Where to write lines of results of these minutes (COLUMNS, in COPY's text format)."""
    connection.execute("SELECT ensure_result_days(%s, %s)", (day_of(first), day_of(until)))
    with connection.cursor() as cursor, cursor.copy(f"COPY check_result ({COLUMNS}) FROM STDIN") as copy:
        yield copy


def book(connection: Connection, booked: Mapping[tuple[int, Region], Booked]) -> None:
    """Add what was written to the ledger, by (tick in epoch s, region); minutes that it lacks are closed ones."""
    keys = sorted(booked)
    connection.execute(
        """INSERT INTO tick_ledger AS l (tick, region, spread_s, due, pushed, stored, expired, opened_at, pushed_at,
                                         judged_at, closed_at)
           SELECT t, r, 10, n, n, s, e, t, t, t + interval '75 seconds', t + interval '11 minutes'
             FROM unnest(%s::timestamptz[], %s::text[]::location[], %s::int[], %s::int[], %s::int[])
                  u (t, r, n, s, e)
               ON CONFLICT (tick, region) DO UPDATE
              SET due = l.due + excluded.due, pushed = l.pushed + excluded.pushed, stored = l.stored + excluded.stored,
                  expired = l.expired + excluded.expired""",
        (
            [datetime.fromtimestamp(tick_s, UTC) for tick_s, _ in keys], [region for _, region in keys],
            [booked[key].slots for key in keys], [booked[key].stored for key in keys],
            [booked[key].expired for key in keys],
        ),
    )  # fmt: skip


def roll_past(connection: Connection, first: datetime, until: datetime) -> None:
    """Roll all hours and days up that are over between two instants."""
    connection.execute("ANALYZE check_result, tick_ledger, monitor_schedule")
    hour = hour_of(first)
    while hour + HOUR <= until:
        roll_hour(connection, hour)
        hour += HOUR
    day = day_of(first)
    while midnight(day) + DAY <= until:
        roll_day(connection, day)
        day += timedelta(days=1)
    connection.execute("ANALYZE check_rollup_hour, check_rollup_day, slot_rollup_hour, slot_rollup_day")
