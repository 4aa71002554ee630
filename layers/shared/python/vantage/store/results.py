"""Tables `check_result` and `dead_letter`: what the regions saw."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg

from vantage.check import Result
from vantage.monitor import Region
from vantage.store.connection import AsyncConnection, Connection

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_RECORD = """
SELECT record_results(%b::text::location, %b::bigint[], %b::timestamptz[], %b::text[]::check_status[],
    %b::text[]::check_reason[], %b::int[], %b::int[], %b::int[], %b::int[], %b::int[], %b::int[], %b::int[], %b::int[],
    %b::smallint[], %b::bool[], %b::bool[], %b::bool[], %b::bool[], %b::bool[])"""

_BURY = """
INSERT INTO dead_letter (entry_id, region, reason, raw)
SELECT e, %s::text::location, r, w FROM unnest(%s::text[], %s::text[], %s::text[]) u (e, r, w)
    ON CONFLICT DO NOTHING"""

NoPartition = psycopg.errors.CheckViolation
"""What a row of a day without a partition raises (23514); make the day and send the batch again."""

BadRow = (psycopg.DataError, psycopg.IntegrityError, psycopg.errors.RaiseException, OverflowError, ValueError)
"""What a row raises that PostgreSQL does not take, whoever sends it and how often; nothing of its batch is stored."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """An entry that nobody can probe: why, its raw text (cut at 4,000 characters), and the row that its check ends as
    where its id is a slot."""

    entry_id: str
    reason: str
    raw: str | None
    result: Result | None = None


def _row(result: Result) -> tuple[Any, ...]:
    phases = result.phases
    return (
        result.monitor_id, _EPOCH + timedelta(milliseconds=result.checked_at_ms), result.status.value,
        result.reason.value if result.reason else None, result.interval_s, result.total_us, phases.dns_us,
        phases.connect_us, phases.tls_us, phases.first_byte_us, phases.download_us, result.late_ms, result.http_status,
        result.reused, result.cold, result.lagging, result.confirmed, result.extra,
    )  # fmt: skip


async def record(connection: AsyncConnection, region: Region, results: Sequence[Result]) -> int:
    """Store a region's results and book them in the ledger, in one round trip; returns how many were new.

    Sorted by key, so that two writers of the same rows never deadlock; a row that is there already stays as it is.
    Raises NoPartition for a day without one, and nothing is stored then.
    """
    if not results:
        return 0
    columns = zip(*sorted(map(_row, results), key=lambda row: row[:2]), strict=True)
    cursor = await connection.execute(_RECORD, (region, *(list(column) for column in columns)))
    row = await cursor.fetchone()
    return int(row[0]) if row else 0


async def record_dead_letters(connection: AsyncConnection, region: Region, letters: Sequence[DeadLetter]) -> None:
    """Keep what could not be read, once per entry and region."""
    await connection.execute(_BURY, _letter_columns(region, letters))


def bury(connection: Connection, region: Region, letters: Sequence[DeadLetter]) -> None:
    """The same for the producer."""
    connection.execute(_BURY, _letter_columns(region, letters))


def _letter_columns(region: Region, letters: Sequence[DeadLetter]) -> tuple[Any, ...]:
    return region, [x.entry_id for x in letters], [x.reason for x in letters], [x.raw for x in letters]


async def ensure_days_of(connection: AsyncConnection, results: Sequence[Result]) -> None:
    """Make the partitions that these results need."""
    days = [(_EPOCH + timedelta(milliseconds=result.checked_at_ms)).date() for result in results]
    await connection.execute("SELECT ensure_result_days(%s, %s)", (min(days), max(days)))


def ensure_days(connection: Connection, first: date, last: date) -> None:
    """Make the partitions of these days where they are missing."""
    connection.execute("SELECT ensure_result_days(%s, %s)", (first, last))


def drop_days_before(connection: Connection, first_kept: date) -> list[str]:
    """Drop the partitions of days before one, oldest first; what somebody reads just now waits for the next run."""
    rows = connection.execute(
        """SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
            WHERE i.inhparent = 'check_result'::regclass
              AND c.relname < 'check_result_' || to_char(%s::date, 'YYYYMMDD')
            ORDER BY 1""",
        (first_kept,),
    ).fetchall()
    dropped = []
    for (name,) in rows:
        try:
            connection.execute("SELECT drop_result_day(%s)", (name,))
        except psycopg.errors.LockNotAvailable:
            break
        dropped.append(name)
    return dropped
