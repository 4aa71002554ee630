"""What tests of the worker share: a region's world on real servers, and a prober that reaches no target."""

import asyncio
import time
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import psycopg

from vantage import wire
from vantage.check import Check, Reason, Result, Status
from vantage.clock import Clock, Pace
from vantage.drain import Drain, Memory, Station, Summary
from vantage.durations import Durations, Polling
from vantage.store import ledger, regions
from vantage.store.connection import AsyncDatabase
from vantage.stream import PUSHED, STREAM
from vantage.stream.reader import StreamReader

Answer = Callable[[Check], Awaitable[Result]]


@dataclass
class Probe:
    """A prober whose targets are `answers` by monitor id; all others are up. Counts what runs at once."""

    region: str = "EU"
    answers: dict[int, Answer] = field(default_factory=dict)
    seen: list[tuple[int, int]] = field(default_factory=list)
    confirmed: list[bool] = field(default_factory=list)
    running: int = 0
    most: int = 0

    def hits(self) -> Counter[tuple[int, int]]:
        """How often each check reached its target."""
        return Counter(self.seen)

    async def probe(self, check: Check, *, confirm: bool = True) -> Result:
        """Answer as the target was told to."""
        self.seen.append((check.checked_at_ms, check.monitor_id))
        self.confirmed.append(confirm)
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            if answer := self.answers.get(check.monitor_id):
                return await answer(check)
            return Result(check.monitor_id, check.checked_at_ms, self.region, Status.UP, total_us=1000)
        finally:
            self.running -= 1


def down(reason: Reason = Reason.STATUS) -> Answer:
    """A target that fails."""

    async def answer(check: Check) -> Result:
        return Result(check.monitor_id, check.checked_at_ms, "EU", Status.DOWN, reason)

    return answer


@dataclass
class World:
    """One region (EU, group g-eu) on an empty database and an empty Redis."""

    database_url: str
    redis_url: str
    database: "psycopg.Connection[Any]"
    redis: Any
    pace: Pace = Pace()
    tick_s: int = 0

    def begin(self, monitors: int, interval_s: int = 60) -> None:
        """Region, monitors, and an open tick for the current minute."""
        regions.insert_region(self.database, "EU", "local", "g-eu")
        self.tick_s = int(time.time() // 60) * 60
        self.database.execute(
            """INSERT INTO monitor (slug, name, type, spec, interval_s, timeout_ms)
               SELECT gen_random_uuid(), 'M', 'http', '{"url": "https://example.com/"}', %s, 1000
                 FROM generate_series(1, %s)""",
            (interval_s, monitors),
        )
        self.database.execute("UPDATE monitor_schedule SET from_tick = from_tick - interval '1 hour'")
        ledger.open_ticks(self.database, [self.tick_s - 60, self.tick_s, self.tick_s + 60], 10)

    def push(self, *monitor_ids: int, ago_s: float = 0, value: bytes | None = None, regions_: tuple[str, ...] = ("EU",),
             interval_s: int = 60) -> list[str]:  # fmt: skip
        """Put entries into the stream that are due `ago_s` before now, and count them as pushed in their tick."""
        at_ms = int((time.time() - ago_s) * 1000)
        body = wire.head(regions_, interval_s) + b'[1000,"http",{"url":"https://example.com/"}]'
        ids = [f"{at_ms}-{monitor_id}" for monitor_id in sorted(monitor_ids)]
        for entry_id in ids:
            self.redis.xadd(STREAM, {wire.FIELD: body if value is None else value}, id=entry_id)
        self.database.execute(
            "UPDATE tick_ledger SET pushed = pushed + %s, pushed_at = now() WHERE tick = date_trunc('minute', %s)",
            (len(ids), ledger.as_time(at_ms / 1000)),
        )
        self.redis.set(PUSHED, self.tick_s + 600)
        return ids

    def run(self, probe: Probe | None = None, **options: Any) -> Summary:
        """One worker run on connections of its own."""
        return asyncio.run(self.drain(probe or Probe(), **options))

    async def drain(
        self, probe: Probe, *, consumer: str = "c1", memory: Memory | None = None, concurrency: int = 50,
        polling: Polling = Polling.THRIFTY, timeout_ms: int = 240_000, durations: Durations = Durations(flush_s=0.05),
        reader: StreamReader | None = None, redis_url: str = "", database_url: str = "",
    ) -> Summary:  # fmt: skip
        """The same within a test's own loop."""
        reader = reader or StreamReader(redis_url or self.redis_url, "g-eu", consumer)
        database = AsyncDatabase(database_url or self.database_url)
        try:
            clock = Clock(await reader.time_s(), self.pace)
            station = Station(
                "EU", "local", reader, database, probe, memory or Memory(), concurrency, polling, durations
            )
            return await Drain(station, clock, uuid.uuid4().hex, timeout_ms).run()
        finally:
            await reader.close()
            await database.close()

    def rows(self) -> dict[int, str]:
        """Status by monitor of all stored rows."""
        return dict(self.database.execute("SELECT monitor_id, status::text FROM check_result").fetchall())

    def books(self) -> dict[str, int]:
        """The sums of the ledger."""
        row = self.database.execute(
            """SELECT sum(pushed), sum(stored), sum(expired), sum(dead), sum(pushed - stored - expired - dead)
                 FROM tick_ledger"""
        ).fetchone()
        return dict(zip(("pushed", "stored", "expired", "dead", "open"), map(int, row or ()), strict=True))

    def pending(self) -> int:
        """How many entries are delivered and not acknowledged."""
        return int(self.redis.xpending(STREAM, "g-eu")["pending"])
