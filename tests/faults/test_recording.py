"""Several workers that store the same rows at once, as after a redelivery."""

import asyncio
import random
from typing import Any

import psycopg
import pytest

from tests.drains import World
from vantage.check import Result, Status
from vantage.store import ledger, results
from vantage.store.connection import connect_async

WRITERS, BATCHES, TICKS = 8, 40, 10


@pytest.fixture
def world(database_url: str, redis_url: str, database: "psycopg.Connection[Any]", redis_client: Any) -> World:
    """One region on empty servers."""
    return World(database_url, redis_url, database, redis_client)


def test_writers_of_the_same_rows_never_meet_in_a_deadlock(world: World) -> None:
    """Ledger rows are locked in the ticks' order and results come in the keys' order, whatever the batch's: no
    deadlock, and each row is stored and booked once. Broken once by locking the ledger's rows in any order."""
    world.begin(20)
    first_s = world.tick_s - 60 * TICKS
    world.database.execute("TRUNCATE tick_ledger")
    ledger.open_ticks(world.database, [first_s + 60 * tick for tick in range(TICKS)], 10)
    rows = [
        Result(monitor, (first_s + 60 * tick) * 1000 + monitor, "EU", Status.UP, interval_s=60)
        for tick in range(TICKS)
        for monitor in range(1, 101)
    ]

    async def write(number: int) -> None:
        chance = random.Random(number)  # the same batches each time
        async with await connect_async(world.database_url) as connection:
            for _ in range(BATCHES):
                await results.record(connection, "EU", chance.sample(rows, 60))
            await results.record(connection, "EU", rows)

    async def all_of_them() -> None:
        await asyncio.gather(*(write(number) for number in range(WRITERS)))

    asyncio.run(all_of_them())
    assert world.database.execute("SELECT count(*) FROM check_result").fetchone() == (len(rows),)
    assert world.books()["stored"] == len(rows)
