"""Old days go as a whole, and whoever writes does not notice."""

import time
from datetime import UTC, datetime, timedelta

import psycopg

from bench.writer import Writer
from tests.local.conftest import wait_until
from vantage.store import results
from vantage.store.connection import connect

OLD_DAYS = 10
ROWS_A_DAY = 20_000


def test_days_are_dropped_beside_writers_and_behind_readers(database_url: str, database: psycopg.Connection) -> None:
    """A day in less than 100 ms; a reader of the whole table puts it off and keeps no writer waiting for long (broken
    to see it fail: lock_timeout 5 s)."""
    today = datetime.now(UTC).date()
    oldest = today - timedelta(days=40)
    database.execute("SELECT ensure_result_days(%s, %s)", (oldest, oldest + timedelta(days=OLD_DAYS - 1)))
    database.execute(
        """INSERT INTO check_result (monitor_id, checked_at, recorded_at, region, status, interval_s, reused, cold,
                                     lagging, confirmed, extra)
           SELECT n, d, d, 'EU', 'up', 60, false, false, false, false, false
             FROM generate_series(%s::timestamptz, %s::timestamptz, interval '1 day') d, generate_series(1, %s) n""",
        (oldest, oldest + timedelta(days=OLD_DAYS - 1), ROWS_A_DAY),
    )
    database.execute("INSERT INTO tick_ledger (tick, region, spread_s) VALUES (date_trunc('minute', now()), 'EU', 10)")
    writer = Writer(database_url)
    writer.start()
    wait_until(lambda: writer.written > 10 or writer.error)
    first_kept = oldest + timedelta(days=OLD_DAYS)
    with connect(database_url) as keeper, connect(database_url) as reader:
        with reader.transaction():
            reader.execute("SELECT count(*) FROM check_result")
            assert results.drop_days_before(keeper, first_kept) == []
        took_s = []
        for day in range(OLD_DAYS):
            began_s = time.monotonic()
            dropped = results.drop_days_before(keeper, oldest + timedelta(days=day + 1))
            took_s.append(time.monotonic() - began_s)
            wait_until(lambda dropped=dropped: dropped or results.drop_days_before(keeper, first_kept))  # type: ignore[misc]
    writer.stop()
    assert writer.error is None
    assert writer.longest_s < 2
    assert sorted(took_s)[OLD_DAYS // 2] < 0.1
    [(stored, booked, left)] = database.execute(
        """SELECT (SELECT count(*) FROM check_result WHERE monitor_id >= 10000000), (SELECT stored FROM tick_ledger),
                  (SELECT count(*) FROM check_result WHERE checked_at < %s)""",
        (first_kept,),
    ).fetchall()
    assert (stored, booked, left) == (writer.written, writer.written, 0)
