"""Judging beside probing: in a thread with a connection of its own, after each flush, and never at probing's cost.

The rules are half of what a worker would import of Vantage. A first run loads them in a thread, while it waits for its
servers, so that its environment is there sooner.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import psycopg

from vantage.clock import Clock
from vantage.durations import Durations
from vantage.errors import ServerUnavailable
from vantage.store.connection import Database

if TYPE_CHECKING:
    from vantage.judge.tick import Judge, Judged


@dataclass(slots=True)
class JudgeAside:
    """Looks whether a tick is ready each time it is called, one look at a time; trouble is left to the next look.

    `kick` is called where a judging had something to tell. As a context manager it takes a last look at its end; where
    the run beside it failed, it has no time for that, and what it waits for is interrupted.
    """

    database: Database
    clock: Clock
    durations: Durations
    kick: Callable[[], None] = lambda: None
    done: "list[Judged]" = field(default_factory=list)
    trouble: list[str] = field(default_factory=list)
    _wanted: asyncio.Event = field(default_factory=asyncio.Event)
    _task: "asyncio.Task[None] | None" = None

    def call(self) -> None:
        """There may be a tick to judge."""
        self._wanted.set()

    async def __aenter__(self) -> "JudgeAside":
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, failure: type[BaseException] | None, *_: object) -> None:
        if self._task is None:
            return
        if self._wanted.is_set() and failure is None:
            await asyncio.sleep(0)  # let a look that is wanted begin
        self._task.cancel()
        if failure is not None:
            with suppress(psycopg.Error):
                await asyncio.to_thread(self.database.interrupt)
        with suppress(asyncio.CancelledError):
            await self._task
        if failure is None:
            await asyncio.to_thread(self._look)

    async def _run(self) -> None:
        await _to_its_end(_rules)
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            await _to_its_end(self._look)

    def _look(self) -> None:
        try:
            judged = _rules()(self.database.connection(), self.durations).run(self.clock.now_ms())
        except (ServerUnavailable, psycopg.Error) as error:
            self.trouble.append(f"{type(error).__name__}: {error}"[:300])
            self.database.close()
            return
        if judged.ticks:
            self.done.append(judged)
        if judged.notices:
            self.kick()


def _rules() -> "type[Judge]":
    from vantage.judge.tick import Judge  # noqa: PLC0415  # see above

    return Judge


async def _to_its_end(call: Callable[[], object]) -> None:
    """Call in a thread. It cannot be cancelled, and must not be left at work when the environment is frozen."""
    work = asyncio.ensure_future(asyncio.to_thread(call))
    try:
        await asyncio.shield(work)
    except asyncio.CancelledError:
        await work
        raise
