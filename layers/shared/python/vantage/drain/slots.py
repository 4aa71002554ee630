"""How many probes run at once, and for whom a place is kept."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager


class Slots:
    """At most `count` probes at once; a quarter is kept for monitors whose last result was not a timeout, so that
    hanging targets cannot take every place."""

    def __init__(self, count: int) -> None:
        self._all = asyncio.Semaphore(count)
        self._suspects = asyncio.Semaphore(count - count // 4)
        self.parked = 0  # suspects that wait for a place

    @asynccontextmanager
    async def place(self, *, suspect: bool) -> AsyncIterator[None]:
        """Hold one place; waits until there is one."""
        async with AsyncExitStack() as stack:
            if suspect:
                self.parked += 1
                try:
                    await stack.enter_async_context(self._suspects)
                finally:
                    self.parked -= 1
            await stack.enter_async_context(self._all)
            yield
