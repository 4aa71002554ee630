"""A whole system of one region, faster than life; producer and workers start at their offsets within each minute."""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import psycopg
import redis

from tests.drains import Probe
from vantage.clock import Clock, Pace
from vantage.drain import Drain, Memory, Station
from vantage.durations import Durations
from vantage.errors import VantageError
from vantage.housekeep import Housekeeper
from vantage.judge.aside import JudgeAside
from vantage.produce import Producer
from vantage.store import regions
from vantage.store.connection import AsyncDatabase, Database, connect
from vantage.stream.reader import StreamReader
from vantage.stream.writer import StreamWriter

SCALE = 15
TIMEOUT_S = 240


@contextmanager
def separate_databases(url: str, count: int) -> Iterator[list[str]]:
    """Copies of a migrated database, dropped at the end."""
    names = [f"lived_{uuid.uuid4().hex[:12]}" for _ in range(count)]
    base = url.partition("/vantage")
    template = base[1].strip("/") or "vantage"
    with psycopg.connect(f"{base[0]}/postgres{base[2]}", autocommit=True) as admin:
        for name in names:
            admin.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        try:
            yield [f"{base[0]}/{name}{base[2]}" for name in names]
        finally:
            for name in names:
                admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


@dataclass
class System:
    """One region's system; `faults` are called at the beginning of each minute with its number."""

    database_url: str
    redis_url: str
    produce_at_s: float
    work_at_s: float
    minutes: int
    monitors: int = 30
    faults: dict[int, Callable[["System"], None]] = field(default_factory=dict)
    silent_producer: tuple[int, ...] = ()
    silent_worker: tuple[int, ...] = ()
    errors: list[str] = field(default_factory=list)
    probe: Probe = field(default_factory=Probe)
    interval_s: int | None = None  # None: a mixture
    judging: bool = False

    async def live(self) -> None:
        """Run so many minutes, then let a last run finish what is left, and close the books."""
        self._prepare()
        began_s = time.time()
        self.first_tick_s = int(began_s // 60 + 1) * 60
        self.pace = Pace(SCALE, began_s - (self.first_tick_s - began_s) / (SCALE - 1))
        runs: list[asyncio.Task[None]] = []
        for minute in range(self.minutes):
            tick_s = self.first_tick_s + 60 * minute
            await self._until(tick_s)
            if fault := self.faults.get(minute):
                fault(self)
            if minute not in self.silent_producer:
                runs.append(asyncio.create_task(self._produce(tick_s)))
            if minute not in self.silent_worker:
                runs.append(asyncio.create_task(self._work(minute, tick_s)))
        await asyncio.gather(*runs)
        await self._until(self.first_tick_s + 60 * self.minutes + 1)  # the last tick has begun, so it can be closed
        await asyncio.to_thread(self._close)

    def _prepare(self) -> None:
        with psycopg.connect(self.database_url, autocommit=True) as connection:
            regions.insert_region(connection, "EU", "local", "g-eu")
            connection.execute(
                """INSERT INTO monitor (slug, name, type, spec, interval_s, timeout_ms)
                   SELECT gen_random_uuid(), 'M', 'http', '{}',
                          coalesce(%s, CASE WHEN n %% 10 = 0 THEN 30 ELSE 60 END), 1000
                     FROM generate_series(1, %s) n""",
                (self.interval_s, self.monitors),
            )
            connection.execute("SELECT ensure_result_days(current_date - 1, current_date + 1)")

    def _now_s(self) -> float:
        return self.pace.lived_ms(time.time()) / 1000

    async def _until(self, at_s: float) -> None:
        while (left_s := at_s - self._now_s()) > 0:
            await asyncio.sleep(self.pace.real_s(left_s))

    async def _produce(self, tick_s: int) -> None:
        await self._until(tick_s + self.produce_at_s)
        await asyncio.to_thread(self._produce_now, tick_s)

    def _produce_now(self, tick_s: int) -> None:
        stream = StreamWriter(self.redis_url)
        try:
            with connect(self.database_url) as connection:
                Producer(connection, stream, uuid.uuid4().hex, 10, pace=self.pace).run(tick_s * 1000)
        except VantageError as error:
            self.errors.append(str(error))
        finally:
            stream.close()

    async def _work(self, minute: int, tick_s: int) -> None:
        await self._until(tick_s + self.work_at_s)
        reader = StreamReader(self.redis_url, "g-eu", f"c{minute % 4}")
        database = AsyncDatabase(self.database_url)
        station = Station("EU", "local", reader, database, self.probe, Memory())
        try:
            clock = Clock(await reader.time_s(), self.pace)
            async with self._judging(clock) as flushed:
                run = Drain(
                    replace(station, flushed=flushed), clock, uuid.uuid4().hex, int(self.pace.real_s(TIMEOUT_S) * 1000)
                )
                await run.run()
        except VantageError as error:
            self.errors.append(str(error))
        finally:
            await reader.close()
            await database.close()

    @asynccontextmanager
    async def _judging(self, clock: Clock) -> AsyncIterator[Callable[[], None]]:
        """As the worker's environment has it."""
        if not self.judging:
            yield lambda: None
            return
        bench = Database(self.database_url)
        async with JudgeAside(bench, clock, Durations()) as aside:
            yield aside.call
        self.errors += aside.trouble
        bench.close()

    def _close(self) -> None:
        stream = StreamWriter(self.redis_url)
        with connect(self.database_url) as connection:
            Housekeeper(connection, stream, Durations(), self.pace).run(close_all=True)
        stream.close()

    def sheet(self, *, whole: bool = False) -> list[dict[str, Any]]:
        """The ledger's ticks in order: those that could be worked on to their end, or all."""
        with psycopg.connect(self.database_url, row_factory=psycopg.rows.dict_row) as connection:
            rows = connection.execute(
                """SELECT extract(epoch FROM tick)::bigint AS tick_s, scheduled, stored, expired, skipped, dead, lost
                     FROM tick_ledger ORDER BY tick"""
            ).fetchall()
        return [row for row in rows if whole or row["tick_s"] < self.first_tick_s + 60 * (self.minutes - 1)]


def flush_redis(system: System) -> None:
    """Redis forgets everything."""
    with redis.Redis.from_url(system.redis_url) as client:
        client.flushdb()
