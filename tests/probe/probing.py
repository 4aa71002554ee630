"""How the tests ask the prober."""

import contextlib
import tracemalloc
from collections.abc import AsyncIterator, Iterator
from typing import Any

from vantage.check import Check, Result
from vantage.monitor import MonitorType
from vantage.probe import Prober

TIMEOUT_MS = 400
MEMORY_MOST = 2 << 20  # of one check and, in the same process, its target; 64 KiB are read of a body, 100 of headers


def check(url: str, *, timeout_ms: int = TIMEOUT_MS, monitor_id: int = 1, **spec: Any) -> Check:
    """A check of an http monitor."""
    return Check(monitor_id, 1_764_000_000_000, 60, timeout_ms, MonitorType.HTTP, {"url": url, **spec})


@contextlib.asynccontextmanager
async def prober(**options: Any) -> AsyncIterator[Prober]:
    """A prober that may reach loopback and waits for nothing before it confirms."""
    made = Prober("USA", **{"allow_private": True, "confirm_after_s": 0, **options})
    try:
        yield made
    finally:
        await made.aclose()


async def probe(url: str, *, confirm: bool = False, options: dict[str, Any] | None = None, **spec: Any) -> Result:
    """What a new prober sees of a URL."""
    async with prober(**options or {}) as made:
        return await made.probe(check(url, **spec), confirm=confirm)


def text(result: Result) -> str:
    """What the result says to a person."""
    return (result.detail.text if result.detail else None) or ""


@contextlib.contextmanager
def little_memory() -> Iterator[None]:
    """Whatever the target does meanwhile, Python's objects never take more than MEMORY_MOST."""
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < MEMORY_MOST
    finally:
        tracemalloc.stop()
