"""Storing 500 results from 80 ms away, in round trips; and four writers of the same rows at once, in deadlocks."""

import asyncio
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

import psycopg

from bench.report import REPEATS, Row, alternating, at_most, compared, measured
from bench.stage import Stage, stage
from vantage.check import Result, Status
from vantage.clock import Clock
from vantage.drain.recorder import BATCH, Recorder
from vantage.store import ledger, results
from vantage.store.connection import AsyncDatabase

RTT_MS = 80
TRIPS, DEADLOCKS = at_most(1.3), at_most(0)
WRITERS, FLUSHES, TICKS = 4, 150, 3
_WARM_UP = 8  # psycopg prepares a statement at its sixth use, with a trip of its own


def rows(quick: bool) -> list[Row]:
    """One row for the trips, one for the deadlocks."""
    with stage() as set_, asyncio.Runner() as runner:
        set_.add_monitors(1, BATCH, "'https://example.com/'", "60")
        with _distant_flushes(set_, runner) as flushes:
            for _ in range(_WARM_UP):
                runner.run(flushes.flush_ms())
            value, trip_ms, ratio = alternating(
                lambda: runner.run(flushes.flush_ms()), lambda: runner.run(flushes.trip_ms()), REPEATS
            )
        per_writer = FLUSHES // 5 if quick else FLUSHES
        deadlocks = runner.run(_write_side_by_side(set_, per_writer))
    name = f"flush: {WRITERS} writers of the same rows at once"
    return [
        compared(
            f"flush: {BATCH} results, {RTT_MS} ms away", value, "ms", f"a round trip: {trip_ms:.1f} ms", ratio, TRIPS
        ),
        measured(name, deadlocks, f"deadlocks in {WRITERS * per_writer} flushes", DEADLOCKS),
    ]


@contextmanager
def _distant_flushes(set_: Stage, runner: asyncio.Runner) -> Iterator["_Flushes"]:
    with set_.distant(RTT_MS) as (database_url, _):
        flushes = _Flushes(set_, AsyncDatabase(database_url))
        try:
            yield flushes
        finally:
            runner.run(flushes.database.close())


class _Flushes:
    """The worker's recorder on one kept connection."""

    def __init__(self, set_: Stage, database: AsyncDatabase) -> None:
        self.database = database
        self._clock = Clock(time.time())
        self._tick_s = _open_ticks(set_, 1)
        self._at_ms = count(self._tick_s * 1000)

    async def flush_ms(self) -> float:
        """How long it takes until a batch that is full is stored."""
        stored: list[str] = []
        recorder = Recorder(
            self.database, "EU", self._clock, flush_s=1, give_up_ms=self._clock.now_ms() + 1000, on_stored=stored.extend
        )
        at_ms = next(self._at_ms)
        for monitor_id in range(1, BATCH + 1):
            recorder.put(_result(monitor_id, at_ms))
        recorder.close()
        began_s = time.perf_counter()
        await recorder.run()
        took_s = time.perf_counter() - began_s
        assert len(stored) == recorder.stored == BATCH
        return took_s * 1000

    async def trip_ms(self) -> float:
        """How long a round trip takes that asks for nothing."""
        connection = await self.database.connection()
        began_s = time.perf_counter()
        await connection.execute("SELECT 1")
        return (time.perf_counter() - began_s) * 1000


async def _write_side_by_side(set_: Stage, flushes: int) -> int:
    """How many deadlocks writers of the same rows meet, each with the rows of several ticks in an order of its own."""
    tick_s = _open_ticks(set_, TICKS)
    set_.database.execute("TRUNCATE check_result")
    set_.database.execute("UPDATE tick_ledger SET stored = 0")
    deadlocks = await asyncio.gather(*(_write(set_, number, tick_s, flushes) for number in range(WRITERS)))
    counted = set_.database.execute(
        "SELECT (SELECT sum(stored) FROM tick_ledger), count(*) FROM check_result"
    ).fetchone()
    assert counted is not None
    assert counted[0] == counted[1] == flushes * BATCH, "the books differ from the rows"
    return sum(deadlocks)


async def _write(set_: Stage, number: int, tick_s: int, flushes: int) -> int:
    database, shuffled, deadlocks = AsyncDatabase(set_.database_url), random.Random(number), 0
    connection = await database.connection()
    for flush in range(flushes):
        batch = [_result(n, (tick_s + n % TICKS * 60) * 1000 + flush) for n in range(1, BATCH + 1)]
        shuffled.shuffle(batch)
        try:
            await results.record(connection, "EU", batch)
        except psycopg.errors.DeadlockDetected:
            deadlocks += 1
    await database.close()
    return deadlocks


def _open_ticks(set_: Stage, how_many: int) -> int:
    """Open so many ticks from the current minute on; returns the first, epoch s."""
    first_s = int(time.time() // 60) * 60
    set_.database.execute("TRUNCATE tick_ledger")
    ledger.open_ticks(set_.database, [first_s + 60 * number for number in range(how_many)], 10)
    return first_s


def _result(monitor_id: int, at_ms: int) -> Result:
    return Result(
        monitor_id, at_ms, "EU", Status.UP, interval_s=60, total_us=45_000, late_ms=3, http_status=200, reused=True
    )
