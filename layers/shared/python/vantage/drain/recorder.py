"""Stores results in bulk while probing goes on, and says which entries may be acknowledged."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress

from vantage.check import Result, Status
from vantage.clock import Clock
from vantage.drain.memory import Told
from vantage.errors import ServerUnavailable
from vantage.monitor import Region
from vantage.store import results as store
from vantage.store.connection import UNREACHABLE, AsyncConnection, AsyncDatabase
from vantage.store.details import record_details
from vantage.store.results import DeadLetter

BATCH = 500
_PAUSE_S = 0.5


class Recorder:
    """A queue of results in front of PostgreSQL: flushed at 500 rows or after `flush_s`, sent again while it is down.

    `on_stored` is called with the entry ids of a batch once it is committed, never before.
    """

    def __init__(
        self, database: AsyncDatabase, region: Region, clock: Clock, *, flush_s: float, give_up_ms: float,
        on_stored: Callable[[list[str]], None], told: Told | None = None,
    ) -> None:  # fmt: skip
        self._database, self._region, self._clock = database, region, clock
        self._flush_s, self._give_up_ms, self._on_stored = flush_s, give_up_ms, on_stored
        self._told = told or Told()
        self._waiting: list[Result | DeadLetter] = []
        self._news = asyncio.Event()
        self._full = asyncio.Event()
        self._closed = False
        self.flushes = 0
        self.stored = 0
        self.buried = 0

    @property
    def backlog(self) -> int:
        """How many results wait to be stored."""
        return len(self._waiting)

    def put(self, item: Result | DeadLetter) -> None:
        """Hand over a result, or an entry that nobody can probe."""
        self._waiting.append(item)
        self._news.set()
        if len(self._waiting) >= BATCH:
            self._full.set()

    def close(self) -> None:
        """Store what is left without waiting for more, then end."""
        self._closed = True
        self._news.set()
        self._full.set()

    async def run(self) -> None:
        """Flush until closed; raises ServerUnavailable when PostgreSQL stays away until the run must end."""
        while True:
            await self._news.wait()
            if not self._closed:
                await self._gather()
            batch, self._waiting = self._waiting[:BATCH], self._waiting[BATCH:]
            if batch:
                await self._flush(batch)
            if not self._waiting:
                if self._closed:
                    return
                self._news.clear()
            if len(self._waiting) < BATCH and not self._closed:
                self._full.clear()

    async def _gather(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(self._clock.pace.real_s(self._flush_s)):
                await self._full.wait()

    async def _flush(self, batch: Sequence[Result | DeadLetter]) -> None:
        while True:
            try:
                connection = await self._database.connection()
                await self._store(connection, batch)
                break
            except (ServerUnavailable, *UNREACHABLE) as error:
                # The outcome of a commit whose answer was lost is unknown; the key makes sending it again harmless.
                await self._database.close()
                if self._clock.now_ms() > self._give_up_ms:
                    raise ServerUnavailable(f"Results could not be stored and stay unacknowledged: {error}") from None
                await asyncio.sleep(_PAUSE_S)
        self._on_stored([item.entry_id for item in batch])

    async def _store(self, connection: AsyncConnection, batch: Sequence[Result | DeadLetter]) -> None:
        letters = [item for item in batch if isinstance(item, DeadLetter)]
        rows = [item.result if isinstance(item, DeadLetter) else item for item in batch]
        results = [row for row in rows if row is not None]
        if letters:
            await store.record_dead_letters(connection, self._region, letters)
        await self._store_rows(connection, results)
        await self._tell(connection, results)
        self.flushes += 1

    async def _store_rows(self, connection: AsyncConnection, rows: Sequence[Result]) -> None:
        """Store rows; one that PostgreSQL does not take is found by halves, and costs only itself."""
        try:
            self.stored += await self._record(connection, rows)
        except store.BadRow as error:
            if len(rows) == 1:
                await self._bury(connection, rows[0], error)
                return
            half = len(rows) // 2
            await self._store_rows(connection, rows[:half])
            await self._store_rows(connection, rows[half:])

    async def _record(self, connection: AsyncConnection, rows: Sequence[Result]) -> int:
        try:
            return await store.record(connection, self._region, rows)
        except store.NoPartition:
            await store.ensure_days_of(connection, rows)
            return await store.record(connection, self._region, rows)

    async def _bury(self, connection: AsyncConnection, row: Result, error: Exception) -> None:
        """Its check ended as dead, with what PostgreSQL said of it."""
        reason = f"PostgreSQL does not take its row ({type(error).__name__}: {error})"[:1000].replace("\0", "\ufffd")
        await store.record_dead_letters(connection, self._region, [DeadLetter(row.entry_id, reason, None)])
        with suppress(*store.BadRow):
            dead = Result(row.monitor_id, row.checked_at_ms, self._region, Status.DEAD)
            self.stored += await store.record(connection, self._region, [dead])
        self.buried += 1

    async def _tell(self, connection: AsyncConnection, results: Sequence[Result]) -> None:
        """Write what is new of addresses, certificates and what was said: one more trip where there is any."""
        if not (news := [result for result in results if self._told.is_news(result)]):
            return
        try:
            await record_details(connection, self._region, news)
        except store.BadRow:  # the rows are stored: what cannot be told of one is left out
            for result in news:
                with suppress(*store.BadRow):
                    await record_details(connection, self._region, [result])
        for result in news:
            self._told.note(result)
