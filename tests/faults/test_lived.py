"""Every fault on a living system, with real servers, processes and signals; then the books are read."""

import asyncio
import os
import socket
from collections.abc import Iterator
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path
from typing import TypeGuard

import pytest
import redis as redis_client

from local.environments import Starter
from local.postgres import database_url
from local.servers import Servers
from local.valkey import redis_url
from tests.conftest import require
from tests.faults.nursery import nursery
from tests.faults.proxy import Proxy
from tests.faults.stage import PGBOUNCER, REDIS, a_pgbouncer, a_postgres, a_redis, pace_from, users, wires
from tests.faults.system import Stand, System
from tests.faults.targets import Targets
from tests.faults.troubles import NAMED, PLANS, WIRED
from tests.lived import separate_databases
from tests.servers import empty

FASTEST, SLOWEST = 15, 8  # seconds of life in one second
OWN_POSTGRES = {
    "postgres-down-and-killed": ("synchronous_commit=on",),
    "postgres-without-connections": ("max_connections=12",),
}
POOLED, ON_REDIS = "behind-a-pooler", "on-debians-redis"


def scale() -> float:
    """Slower on a machine that does much else: each wait for a CPU counts so many times in a life."""
    return min(max(30 * (os.cpu_count() or 1) / max(os.getloadavg()[0], 0.1), SLOWEST), FASTEST)


def ready_within_s() -> float:
    """Time enough to start all processes, on a machine that is as busy as this one is."""
    return min(max(16.0, 2.5 * os.getloadavg()[0] / (os.cpu_count() or 1)), 20.0)


@pytest.fixture(scope="module")
def systems(
    servers: Servers, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[dict[str, System]]:
    """All that this run's tests ask for, lived side by side."""
    asked = {item.callspec.params["name"] for item in request.session.items if _is_ours(item)}
    empty(servers.database_url)
    home = tmp_path_factory.mktemp("faults")
    home.chmod(0o711)
    home.parent.chmod(0o711)
    names = [name for name in PLANS if name in asked and name not in OWN_POSTGRES]
    with ExitStack() as stack:
        databases = dict(
            zip(names, stack.enter_context(separate_databases(servers.database_url, len(names))), strict=True)
        )
        stands = {
            name: Stand(stack.enter_context(a_redis(home / name, REDIS if name == ON_REDIS else None)))
            for name in PLANS
            if name in asked
        }
        for name, options in OWN_POSTGRES.items():
            if name not in asked:
                continue
            stands[name].postgres = own = stack.enter_context(a_postgres(home / f"{name}-postgres", *options))
            databases[name] = database_url(own)
        if POOLED in asked and PGBOUNCER:
            databases[POOLED] = stack.enter_context(a_pgbouncer(databases[POOLED]))
        if stand := stands.get("redis-fails-over"):
            replica = stack.enter_context(a_redis(home / "replica"))
            stand.wires["replica"] = Proxy(redis_url(replica).removeprefix("unix://"))
        yield asyncio.run(_live(stands, databases, home, stack.enter_context(nursery()).start))


def _is_ours(item: pytest.Item) -> TypeGuard[pytest.Function]:
    return isinstance(item, pytest.Function) and item.module.__name__ == __name__ and "name" in item.callspec.params


async def _live(stands: dict[str, Stand], databases: dict[str, str], home: Path, start: Starter) -> dict[str, System]:
    targets = Targets()
    await targets.start()
    async with AsyncExitStack() as stack:
        stack.push_async_callback(targets.close)
        pace, first_tick_s = pace_from(scale(), ready_within_s())
        systems = {}
        for name, stand in stands.items():
            replica = stand.wires.pop("replica", None)
            url, plan = redis_url(stand.redis), PLANS[name]
            ways = await stack.enter_async_context(wires(stand, WIRED.get(name, ())))
            if name in NAMED:
                ways = users(url, ("producer", "housekeeper", "worker", *plan.others))
            systems[name] = system = System(
                name,
                plan,
                pace,
                first_tick_s,
                databases[name],
                ways.get("all", url),
                targets,
                home,
                stand,
                start,
                dict(ways),
            )
            stack.push_async_callback(system.stop)
            if replica:
                system.noted["replica"] = replica.upstream
                await asyncio.to_thread(_replicate, url, str(replica.upstream))
        await asyncio.gather(*(system.prepare() for system in systems.values()))
        assert next(iter(systems.values())).now_s() < first_tick_s, "this machine takes longer to start than expected"
        failed = await asyncio.gather(*(system.live() for system in systems.values()), return_exceptions=True)
        for system, error in zip(systems.values(), failed, strict=True):
            system.noted["error"] = error
    return systems


def _replicate(master: str, replica: str) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with redis_client.Redis.from_url(master) as client:
        client.config_set("repl-diskless-sync-delay", 0)
        client.config_set("port", port)
    with redis_client.Redis.from_url(f"unix://{replica}") as client:
        client.execute_command("REPLICAOF", "127.0.0.1", str(port))


@pytest.mark.parametrize("name", PLANS)
def test_nothing_is_lost(systems: dict[str, System], name: str) -> None:
    """Per tick and region scheduled = stored + expired + skipped + dead + lost, no row twice or for no slot, no down of
    a site that answered, no more hits than deliveries, and normal ticks afterwards."""
    require("redis-server", name != ON_REDIS or REDIS is not None)
    require("pgbouncer", name != POOLED or PGBOUNCER is not None)
    system = systems[name]
    if system.noted["error"]:
        raise system.noted["error"]
    system.assert_holds()
