"""How many probes run at once, and who gets a place first."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

Waiter = asyncio.Future[None]


class Slots:
    """At most `count` probes at once, so given out that targets that hang cannot take every place.

    A suspect is a monitor that hung when it was last asked. A quarter of the places is never given to suspects and a
    quarter is theirs first; the others go to suspects only while nobody else waits. Who is no suspect and hangs all
    the same gives its place up (see `outlasts`): so it is also where nothing is known yet of anybody.
    """

    def __init__(self, count: int) -> None:
        self._free, self._kept = count, count // 4
        self._suspects_most = count - self._kept
        self._suspects = 0  # that have a place
        self._waiting: dict[bool, deque[Waiter]] = {True: deque(), False: deque()}
        self._lingering: dict[Waiter, None] = {}  # since when they came: the first stayed the longest
        self._leaving = 0

    @property
    def parked(self) -> int:
        """How many suspects wait for a place."""
        return len(self._waiting[True])

    @asynccontextmanager
    async def place(self, *, suspect: bool) -> AsyncIterator[None]:
        """Hold one place; waits until there is one."""
        waiter = asyncio.get_running_loop().create_future()
        self._waiting[suspect].append(waiter)
        self._admit()
        try:
            await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled():
                self._leave(suspect)
            else:
                self._waiting[suspect].remove(waiter)
            raise
        try:
            yield
        finally:
            self._leave(suspect)

    async def outlasts(self, probe: "asyncio.Task[object]", patience_s: float) -> bool:
        """Wait for a probe; True: it has lasted longer than `patience_s`, and others need its place."""
        done, _ = await asyncio.wait({probe}, timeout=patience_s)
        if done:
            return False
        asked_to_leave = asyncio.get_running_loop().create_future()
        self._lingering[asked_to_leave] = None
        self._make_room()
        try:
            await asyncio.wait({probe, asked_to_leave}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._lingering.pop(asked_to_leave, None)
            self._leaving -= asked_to_leave.done()
        return not probe.done()

    def _leave(self, suspect: bool) -> None:
        self._free += 1
        self._suspects -= suspect
        self._admit()

    def _admit(self) -> None:
        while self._free and (suspect := self._next()) is not None:
            self._waiting[suspect].popleft().set_result(None)
            self._free -= 1
            self._suspects += suspect
        self._make_room()

    def _next(self) -> bool | None:
        """Whose turn it is: a suspect's, another's, or nobody's."""
        if self._waiting[True] and self._suspects < self._kept:
            return True
        if self._waiting[False]:
            return False
        return True if self._waiting[True] and self._suspects < self._suspects_most else None

    def _make_room(self) -> None:
        """Ask as many to leave as wait; who stayed the longest goes first."""
        while self._lingering and self._leaving < len(self._waiting[False]):
            leaver = next(iter(self._lingering))
            del self._lingering[leaver]
            leaver.set_result(None)
            self._leaving += 1
