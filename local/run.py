"""A local run once everything is started: the minutes go by, servers are kept alive, a person watches."""

import asyncio
import math
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

import psycopg

from local.demo_targets import DemoTargets
from local.fleet import YOUNG_S, Fleet
from local.minutes import MINUTE_S, as_time, minutes, now_s
from local.servers import Servers
from local.terminal import Glance, View
from local.told import Told
from vantage.clock import Pace
from vantage.errors import ServerUnavailable
from vantage.store.connection import Connection, Database
from vantage.store.glance import Glancer
from vantage.store.sheet import RunSheet, TickSheet, database_time, latest_ticks, run_sheet, run_ticks

LOOK_EVERY_S = 1.0
LOOKING_TAKES_A = 20  # a twentieth of the time at most, also with thousands of monitors
PATIENCE_S = 60.0
TRIES = 8
TRY_AGAIN_S = 5.0  # together longer than the lease that a killed producer leaves behind
TICKS_LOOKED_AT = 6
Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Summary:
    """What a run of some duration did, and how many seconds it took."""

    sheet: RunSheet
    seconds: float

    def as_dict(self) -> dict[str, object]:
        """The JSON object of `vantage local --duration S --json`."""
        stored = sum(counts.stored for counts in self.sheet.regions.values())
        return {
            "ticks": self.sheet.ticks,
            "sheet": {region: counts.as_dict() for region, counts in self.sheet.regions.items()},
            "checks_per_second": round(stored / self.seconds, 2),
            "late_ms": {"p50": _rounded(self.sheet.late_p50_ms), "p99": _rounded(self.sheet.late_p99_ms)},
        }


def _rounded(ms: float | None) -> float | None:
    return None if ms is None else round(ms, 1)


@dataclass(slots=True)
class Run:
    """Everything that is running, and for how long (seconds of life; None: until it is stopped)."""

    fleet: Fleet
    servers: Servers
    demo: DemoTargets | None
    database: Database
    screen: View
    pids_changed: Callable[[], None]
    pace: Pace
    duration_s: int | None
    began_at: datetime | None = None
    first_tick: int | None = None
    last_push: int | None = None
    _glancer: Glancer = field(default_factory=Glancer)
    _told: Told = field(default_factory=Told)
    _asking: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def live(self) -> Summary | None:
        """Run until the duration is over and everything pushed is booked; None where there is no such end."""
        beside = [asyncio.create_task(task) for task in (self._keep_alive(), self._show(), self._tell())]
        driving = asyncio.create_task(self._drive())
        try:
            await asyncio.wait([driving, *beside], return_when=asyncio.FIRST_COMPLETED)
            for task in (*beside, driving):
                if task.done():
                    task.result()
            return driving.result()
        finally:
            for task in (driving, *beside):
                task.cancel()
            await asyncio.gather(driving, *beside, return_exceptions=True)
            await self.fleet.stop()

    async def _drive(self) -> Summary | None:
        """Fire each minute's events; when the duration is over, finish."""
        began = now_s(self.pace)
        started_s = time.monotonic()
        self.began_at = await self._ask(database_time, PATIENCE_S)
        end = began + self.duration_s if self.duration_s else math.inf
        async for minute in minutes(self.pace, end):
            push = pushable(minute, began, end, first=self.last_push is None)
            if push is not None and self.last_push is None:
                self.first_tick = minute
                await self.fleet.push_first(push)
                self.fleet.fire(minute, push=None)
            else:
                self.fleet.fire(minute, push=push)
            self.last_push = push if push is not None else self.last_push
        await self._finish()
        sheet = await self._ask(lambda connection: run_sheet(connection, self._run_ticks(connection)), PATIENCE_S)
        return Summary(sheet, time.monotonic() - started_s)

    async def _finish(self) -> None:
        """Push what a killed producer left, probe and book what killed workers left, close the books."""
        minute = int(now_s(self.pace) // MINUTE_S * MINUTE_S)
        if self.last_push is not None and not await self._is_accounted_for():
            for _ in range(TRIES):
                if await self.fleet.push_again(self.last_push):
                    break
                await asyncio.sleep(self.pace.real_s(TRY_AGAIN_S))
            self.fleet.fire_last(minute)
            while self.fleet.is_busy() and not await self._is_accounted_for():
                await asyncio.sleep(0.2)
        await self.fleet.close_books(minute)

    async def _is_accounted_for(self) -> bool:
        ticks = await self._ask(self._run_ticks, PATIENCE_S)
        return all(sheet.is_accounted_for for sheet in ticks) and bool(ticks)

    def _run_ticks(self, connection: Connection) -> list[TickSheet]:
        if self.first_tick is None or self.began_at is None:
            return []
        return run_ticks(connection, as_time(self.first_tick), self.began_at)

    async def _keep_alive(self) -> None:
        """Start servers and demo targets again when they died."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            revived = await asyncio.to_thread(self.servers.revive)
            if self.demo is not None and await asyncio.to_thread(self.demo.revive):
                revived.append("demo")
            if revived:
                self.screen.say(f"{' and '.join(revived)} died and runs again")
                self.pids_changed()

    async def _tell(self) -> None:
        """Run the notifier whenever a judging has something to tell; its minute's run is the safety net."""
        while True:
            with suppress(psycopg.OperationalError):
                async with await psycopg.AsyncConnection.connect(self.database.url, autocommit=True) as connection:
                    await connection.execute("LISTEN vantage_outbox")
                    await self._say_what_was_told()
                    async for _ in connection.notifies():
                        await self.fleet.notify(int(now_s(self.pace) // MINUTE_S * MINUTE_S))
                        await self._say_what_was_told()
            await asyncio.sleep(LOOK_EVERY_S)

    async def _say_what_was_told(self) -> None:
        with suppress(ServerUnavailable):
            for line in await self._ask(self._told.look):
                self.screen.say(line)

    async def _show(self) -> None:
        while True:
            began_s = time.monotonic()
            with suppress(ServerUnavailable):  # the functions report it; the next glance may see again
                self.screen.show(await self._ask(self._glance))
            took_s = time.monotonic() - began_s
            await asyncio.sleep(max(LOOK_EVERY_S, LOOKING_TAKES_A * took_s))

    def _glance(self, connection: Connection) -> Glance:
        return Glance(self._glancer.cells(connection), latest_ticks(connection, TICKS_LOOKED_AT))

    async def _ask(self, question: Callable[[Connection], Answer], patience_s: float = 0.0) -> Answer:
        """Put a question to PostgreSQL, beside the loop; one at a time, for there is one connection.

        Raises ServerUnavailable where it does not answer, also after `patience_s`: it may be starting again.
        """
        deadline_s = time.monotonic() + patience_s
        while True:
            try:
                async with self._asking:
                    return await asyncio.to_thread(lambda: question(self.database.connection()))
            except (ServerUnavailable, psycopg.OperationalError) as error:
                if time.monotonic() >= deadline_s:
                    raise ServerUnavailable(f"PostgreSQL does not answer: {error}") from None
            await asyncio.sleep(LOOK_EVERY_S)


def pushable(minute: int, began_s: float, end_s: float, *, first: bool) -> int | None:
    """The minute of the producer's event in this minute; None for no event. `first`: there was none yet.

    An event pushes the minute after its own, and a run with an end pushes none that ends later: where that one would,
    the event of the minute before pushes this one. Nor does it push the minute that it began in, where much of that
    had passed: what would then be late is not this run's doing.
    """
    if end_s == math.inf or (minute + 2 * MINUTE_S <= end_s and began_s - minute <= YOUNG_S):
        return minute
    if first and minute + MINUTE_S <= end_s and began_s - minute <= YOUNG_S:
        return minute - MINUTE_S
    return None
