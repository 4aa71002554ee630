"""One worker, 400 places, 1,024 file descriptors, and many more monitors that hang than there are places."""

import asyncio
import json
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
HEALTHY = 500
LEFT_S = 30  # until what was not probed expires


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

    async def drain(self, name_server: str | None = None) -> dict[str, Any]:
        """What a cold environment does with it."""
        where = {
            "database_url": self.world.database_url,
            "redis_url": self.world.redis_url,
            "name_servers": [name_server] if name_server else None,
            "durations": {"expiry_least_s": self.expiry_s, "patience_s": 0.25, "flush_s": 0.2},
        }
        command = [sys.executable, "-m", "tests.probe.crowd", json.dumps(where)]
        process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE, cwd=ROOT)
        out, _ = await process.communicate()
        assert process.returncode == 0
        summary: dict[str, Any] = json.loads(out)
        return summary


def crowd(world: World, urls: list[str], left_s: float) -> Crowd:
    """A tick with a monitor per URL, the first ones first; what is not probed `left_s` from now expires."""
    world.begin(len(urls))
    database, tick_s = world.database, world.tick_s - 60
    database.execute("UPDATE tick_ledger SET spread_s = 1")
    slots = database.execute(
        """SELECT %s::bigint * 1000 + offset_ms(phase_s, 60, 1) AS at_ms, monitor_id
             FROM monitor_schedule ORDER BY 1, 2""",
        (tick_s,),
    ).fetchall()
    with world.redis.pipeline() as pipeline:
        for (at_ms, monitor), url in zip(slots, urls, strict=True):
            value = wire.head(("EU",), 60) + json.dumps([1000, "http", {"url": url}]).encode()
            pipeline.xadd(STREAM, {wire.FIELD: value}, id=f"{at_ms}-{monitor}")
        pipeline.set(PUSHED, tick_s + 900)
        pipeline.execute()
    database.execute(
        "UPDATE tick_ledger SET pushed = %s, pushed_at = now() WHERE tick = %s", (len(urls), ledger.as_time(tick_s))
    )
    return Crowd(world, slots, time.time() - tick_s + left_s)


@contextmanager
def silent_ports(count: int, connections: int) -> Iterator[list[str]]:
    """Ports that take that many connections each (the kernel does) and say nothing; their URLs."""
    with ExitStack() as stack:
        listeners = [socket.create_server((zoo.HOST, 0), backlog=connections) for _ in range(count)]
        for listener in listeners:
            stack.enter_context(listener)
        yield [f"http://{zoo.HOST}:{listener.getsockname()[1]}/" for listener in listeners]


def test_ten_thousand_hanging_monitors_cost_the_healthy_ones_nothing(world: World) -> None:
    """Hanging ones first, healthy ones last, nothing known of anybody: every healthy one is up within its interval,
    the others are down or expired, none is lost. Seen red: with patience without end.
    """
    hanging = 10_000

    async def scenario() -> tuple[Crowd, dict[str, Any]]:
        with silent_ports(5, 4096) as silence:
            async with zoo.target(zoo.says(zoo.OK, close=False)) as target:
                here = crowd(world, silence * (hanging // 5) + [target.url] * HEALTHY, LEFT_S)
                return here, await here.drain()

    here, summary = asyncio.run(scenario())
    assert summary["faults"] == []
    assert here.statuses(hanging, hanging + HEALTHY) == {"up": HEALTHY}
    others = here.statuses(0, hanging)
    assert others.keys() == {"down", "expired"}
    assert others["down"] > 0
    assert world.books()["open"] == 0
    assert world.pending() == 0


def test_two_thousand_names_that_nobody_answers_for_cost_the_others_nothing(world: World) -> None:
    """The same with names in place of connections."""
    dead = 2_000

    async def scenario() -> tuple[Crowd, dict[str, Any]]:
        zone: Zone = {f"dead{n}.test": silent for n in range(dead)} | {
            f"fine{n}.test": holds("127.0.0.1") for n in range(HEALTHY)
        }
        async with zoo.target(zoo.says(zoo.OK, close=False)) as target, name_server(zone) as server:
            urls = [f"http://dead{n}.test/" for n in range(dead)]
            urls += [f"http://fine{n}.test:{target.port}/" for n in range(HEALTHY)]
            here = crowd(world, urls, 10)
            return here, await here.drain(server)

    here, summary = asyncio.run(scenario())
    assert summary["faults"] == []
    assert here.statuses(dead, dead + HEALTHY) == {"up": HEALTHY}
    assert here.statuses(0, dead).keys() <= {"down", "expired"}
    assert (world.books()["open"], world.pending()) == (0, 0)
