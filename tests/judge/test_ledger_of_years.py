"""The ledger grows for ever; what is read of it each minute does not."""

import asyncio
import time
from datetime import UTC, datetime
from typing import Any

import pytest

from vantage.store import books, judging
from vantage.store.connection import connect_async

READ = "SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_xact_user_tables WHERE relname = 'tick_ledger'"


@pytest.fixture
def week(database: Any) -> Any:
    """A week of three regions, 30,000 rows; the last minutes' are open."""
    database.execute("INSERT INTO region (name, aws_region, redis_group) VALUES ('EU', '', 'g')")
    database.execute(
        """INSERT INTO tick_ledger (tick, region, spread_s, pushed_at, judged_at, due, closed_at)
           SELECT t, r, 10, t, t + interval '90 s', 0,
                  CASE WHEN t < now() - interval '11 minutes' THEN t + interval '11 minutes' END
             FROM generate_series(now() - interval '10000 minutes', now(), interval '1 minute') t,
                  unnest(enum_range(NULL::location)) r"""
    )
    database.execute("ANALYZE tick_ledger")
    return database


def test_locking_a_tick_reads_the_open_books_and_no_others(week: Any) -> None:
    """The few that are open, unjudged, late or closed just now.

    Red with clock_timestamp() within the statement: each read all of it, 1.6 million rows of a year in 0.3 s.
    """
    with week.transaction():
        rows = judging.lock(week, int(time.time()) + 60)
        [(read,)] = week.execute(READ).fetchall()
    assert rows is None  # all of them are judged
    assert read < 200


def test_telling_closed_books_reads_those_of_the_last_hours(week: Any, database_url: str) -> None:
    """Three hours of ticks are told, whoever told last and when; red without a bound that is known beforehand."""

    async def scenario() -> tuple[int, int]:
        connection = await connect_async(database_url)
        async with connection.transaction():
            told = await books.untold(connection, "EU", datetime.now(UTC))
            [(read,)] = await (await connection.execute(READ)).fetchall()
        await connection.close()
        return told.ticks, read

    ticks, read = asyncio.run(scenario())
    assert ticks == pytest.approx(180, abs=2)
    assert read < 2000
