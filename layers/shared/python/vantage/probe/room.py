"""Memory for large bodies: a few at once, so that many together never take more than a worker has."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from vantage.probe.faults import NoRoom
from vantage.probe.trace import Trace

AT_ONCE = 48  # of 1 MiB each
WAIT_MOST_S = 2.0  # in each of two attempts: a run has five seconds more than both deadlines


class Room:
    """Places for bodies that turn out to be large; who finds none waits, and that is not the target's time."""

    def __init__(self, at_once: int = AT_ONCE, wait_most_s: float = WAIT_MOST_S) -> None:
        self._places = asyncio.Semaphore(at_once)
        self._wait_most_s = wait_most_s

    @property
    def is_full(self) -> bool:
        """Whether the next one has to wait."""
        return self._places.locked()

    @asynccontextmanager
    async def place(self, trace: Trace) -> AsyncIterator[None]:
        """Hold a place while the body is read; raises NoRoom."""
        try:
            with trace.paused():
                async with asyncio.timeout(self._wait_most_s):
                    await self._places.acquire()
        except TimeoutError:
            raise NoRoom(
                "too many large bodies are being read at once, and this one had to be left; it says nothing of the site"
            ) from None
        try:
            yield
        finally:
            self._places.release()
