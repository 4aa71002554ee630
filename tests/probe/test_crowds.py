"""One worker, 400 places, 1,024 file descriptors, and many more monitors that hang than there are places."""

import asyncio
import json
import os
import resource
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
import redis

from tests.drains import World
from tests.probe import zoo
from tests.probe.names import Zone, holds, name_server, silent
from vantage import wire
from vantage.store import ledger
from vantage.stream import PUSHED, STREAM

ROOT = Path(__file__).parents[2]
CROWD = 10_000 if os.environ.get("VANTAGE_REQUIRE_ALL") else 4_000  # in CI as many as are promised
NAMELESS = CROWD // 5
HEALTHY = 500
INTERVAL_S = 60  # in which every healthy one must be reached: then all that is left expires


@pytest.fixture
def world(database_url: str, redis_url: str, database: "psycopg.Connection[Any]", redis_client: "redis.Redis") -> World:
    """One region on empty servers."""
    return World(database_url, redis_url, database, redis_client)


@pytest.fixture(autouse=True)
def _many_files() -> Iterator[None]:
    """The targets' own limit: they are no Lambda."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@dataclass
class Crowd:
    """The monitors of a tick in the order of their slots, and when what is left of them expires."""

    world: World
    slots: list[tuple[int, int]]  # (ms of the instant, monitor)
    expiry_s: float

    def statuses(self, first: int, last: int) -> Counter[str]:
        """How the checks of the first to the last of them ended."""
        rows = self.world.rows()
        return Counter(rows.get(monitor, "missing") for _, monitor in self.slots[first:last])

    async def drain(self, name_server: str | None = None) -> list[str]:
        """Let a cold environment probe until the healthy ones are stored, break it off, and let another one, for which
        everything is too late, close the books; the faults of both."""
        process = await self._begin(self.expiry_s, name_server)
        ended = asyncio.create_task(process.communicate())
        while not ended.done() and self._up() < HEALTHY:
            await asyncio.wait({ended}, timeout=0.5)
        if not ended.done():
            process.terminate()
        first, _ = await ended
        last, _ = await (await self._begin(1, name_server)).communicate()
        faults: list[str] = json.loads(first)["faults"] + json.loads(last)["faults"]
        return faults

    def _up(self) -> int:
        row = self.world.database.execute("SELECT count(*) FROM check_result WHERE status = 'up'").fetchone()
        return int(row[0]) if row else 0

    async def _begin(self, expiry_s: float, name_server: str | None) -> asyncio.subprocess.Process:
        where = {
            "database_url": self.world.database_url,
            "redis_url": self.world.redis_url,
            "name_servers": [name_server] if name_server else None,
            "durations": {"expiry_least_s": expiry_s, "expiry_most_s": expiry_s, "patience_s": 0.5, "flush_s": 0.2},
        }
        command = [sys.executable, "-m", "tests.probe.crowd", json.dumps(where)]
        return await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE, cwd=ROOT)


def crowd(world: World, urls: list[str]) -> Crowd:
    """A tick with a monitor per URL, the first ones first; what is not probed INTERVAL_S from now expires."""
    world.begin(len(urls))
    database, tick_s = world.database, world.tick_s - 60
    database.execute("UPDATE tick_ledger SET spread_s = 1")
    slots = database.execute(
        """SELECT %s::bigint * 1000 + offset_ms(phase_s, 60, 1) AS at_ms, monitor_id
             FROM monitor_schedule ORDER BY 1, 2""",
        (tick_s,),
    ).fetchall()
    with world.redis.pipeline() as pipeline:
        for n, ((at_ms, monitor), url) in enumerate(zip(slots, urls, strict=True)):
            timeout_ms = 1000 if len(urls) - n > HEALTHY else 10_000  # the healthy ones answer late on a busy machine
            value = wire.head(("EU",), 60) + json.dumps([timeout_ms, "http", {"url": url}]).encode()
            pipeline.xadd(STREAM, {wire.FIELD: value}, id=f"{at_ms}-{monitor}")
        pipeline.set(PUSHED, tick_s + 900)
        pipeline.execute()
    database.execute(
        "UPDATE tick_ledger SET pushed = %s, pushed_at = now() WHERE tick = %s", (len(urls), ledger.as_time(tick_s))
    )
    return Crowd(world, slots, time.time() - tick_s + INTERVAL_S)


@contextmanager
def silent_ports(count: int, connections: int) -> Iterator[list[str]]:
    """Ports that take that many connections each (the kernel does) and say nothing; their URLs."""
    with ExitStack() as stack:
        listeners = [socket.create_server((zoo.HOST, 0), backlog=connections) for _ in range(count)]
        for listener in listeners:
            stack.enter_context(listener)
        yield [f"http://{zoo.HOST}:{listener.getsockname()[1]}/" for listener in listeners]


def test_thousands_of_hanging_monitors_cost_the_healthy_ones_nothing(world: World) -> None:
    """Hanging ones first, healthy ones last, nothing known of anybody: every healthy one is up within its interval,
    the others are down or expired, none is lost. Seen red: with patience without end.

    The run is broken off when that is seen; the next one books the rest, which is faster than waiting for it.
    """

    async def scenario() -> tuple[Crowd, list[str]]:
        with silent_ports(5, 4096) as silence:
            async with zoo.target(zoo.says(zoo.OK, close=False)) as target:
                here = crowd(world, silence * (CROWD // 5) + [target.url] * HEALTHY)
                return here, await here.drain()

    here, faults = asyncio.run(scenario())
    assert faults == []
    assert here.statuses(CROWD, CROWD + HEALTHY) == {"up": HEALTHY}
    others = here.statuses(0, CROWD)
    assert others.keys() == {"down", "expired"}
    assert others["down"] > 0
    assert world.books()["open"] == 0
    assert world.pending() == 0


def test_names_that_nobody_answers_for_cost_the_others_nothing(world: World) -> None:
    """The same with names in place of connections, a fifth as many."""

    async def scenario() -> tuple[Crowd, list[str]]:
        zone: Zone = {f"dead{n}.test": silent for n in range(NAMELESS)} | {
            f"fine{n}.test": holds("127.0.0.1") for n in range(HEALTHY)
        }
        async with zoo.target(zoo.says(zoo.OK, close=False)) as target, name_server(zone) as server:
            urls = [f"http://dead{n}.test/" for n in range(NAMELESS)]
            urls += [f"http://fine{n}.test:{target.port}/" for n in range(HEALTHY)]
            here = crowd(world, urls)
            return here, await here.drain(server)

    here, faults = asyncio.run(scenario())
    assert faults == []
    assert here.statuses(NAMELESS, NAMELESS + HEALTHY) == {"up": HEALTHY}
    assert here.statuses(0, NAMELESS).keys() <= {"down", "expired"}
    assert (world.books()["open"], world.pending()) == (0, 0)
