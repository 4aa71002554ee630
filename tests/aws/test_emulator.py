"""The built x86_64 functions under the real runtime interface emulator, a worker per region, on the real servers."""

import json
import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest
import redis

from local.emulator import Emulator, emulated, is_possible
from local.servers import Servers
from tests.aws.templates import ROOT, TEMPLATE, aws_regions, deployed, of_type
from tests.conftest import require
from tests.sites import Site, serving
from vantage import wire
from vantage.clock import Pace
from vantage.store import regions
from vantage.stream import PUSHED, STREAM, pushed_mark

SCALE = 15
REGIONS = ("USA", "INDIA", "EU")
MONITORS = 20
HOMES = ("producer", "housekeeper", "notifier", "api")


@pytest.fixture
def target() -> Iterator[str]:
    """The URL of a site that is up, on loopback."""
    with serving(Site) as url:
        yield f"{url}/"


@dataclass
class Cloud:
    """Every function of all regions, each in one execution environment; life runs faster than time."""

    functions: Mapping[str, Emulator]
    database: "psycopg.Connection[Any]"
    redis: Any
    pace: Pace
    strangers: "set[str]" = field(default_factory=set)  # who was connected to Redis before any function was

    def invoke(self, name: str, tick_s: int, **more: str) -> Any:
        """Invoke a function with its file of events/, at another time."""
        kind = "worker" if name in REGIONS else name
        event = json.loads((ROOT / "events" / f"{kind}.json").read_text())
        event["time"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(tick_s))
        return self.functions[name].invoke({**event, **more})

    def invoke_workers(self, tick_s: int) -> dict[str, Any]:
        """All regions at once."""
        with ThreadPoolExecutor() as pool:
            runs = {region: pool.submit(self.invoke, region, tick_s) for region in REGIONS}
            return {region: run.result() for region, run in runs.items()}

    def next_minute(self) -> int:
        """Wait for the next whole minute of life."""
        minute = int(self.pace.lived_ms(time.time()) // 60_000 + 1)
        while self.pace.lived_ms(time.time()) < minute * 60_000:
            time.sleep(0.01)
        return minute * 60

    def connections(self) -> tuple[dict[str, list[int]], set[str], int]:
        """Who serves the functions' connections: PostgreSQL's process ids by the name that each gives itself; Redis's
        ids of clients but ours, and how many it ever had."""
        backends = self.database.execute(
            """SELECT application_name, array_agg(pid) FROM pg_stat_activity
                WHERE application_name LIKE 'vantage-%' GROUP BY 1"""
        ).fetchall()
        clients = {client["id"] for client in self.redis.client_list()} - {str(self.redis.client_id())}
        ever = self.redis.info("stats")["total_connections_received"]
        return {str(name): pids for name, pids in backends}, clients - self.strangers, ever

    def sheet(self) -> list[tuple[Any, ...]]:
        """Region; scheduled, ended somewhere and lost in all closed ticks together."""
        return self.database.execute(
            """SELECT region::text, sum(scheduled)::int, sum(stored + expired + skipped + dead)::int, sum(lost)::int
                 FROM tick_ledger WHERE closed_at IS NOT NULL GROUP BY region ORDER BY region"""
        ).fetchall()


def environment(function: str, aws_region: str, of: Path | None = None, /, **more: str) -> dict[str, str]:
    """A deployed function's variables, with what `sam local` would change in them."""
    template = of_type(deployed(aws_region, of or TEMPLATE), "AWS::Lambda::Function")[function]["Environment"][
        "Variables"
    ]
    local = json.loads((ROOT / "events" / "env.json").read_text())["Parameters"]
    return {key: str(value) for key, value in {**template, **local, "AWS_SAM_LOCAL": "true", **more}.items()}


@pytest.fixture
def cloud(
    built: Path, servers: Servers, database: "psycopg.Connection[Any]", redis_client: "redis.Redis", target: str,
    tmp_path: Path,
) -> Iterator[Cloud]:  # fmt: skip
    """Three regions with monitors of a local target."""
    require("x86_64 Linux with Python 3.13", is_possible())
    insert_monitors(database, target)
    pace = Pace(SCALE, time.time())
    shared = {"REDIS_URL": servers.redis_url, "DATABASE_URL": servers.database_url}
    shared["VANTAGE_PACE"] = f"{pace.scale}@{pace.origin_s}"
    with ExitStack() as stack:

        def start(function: str, aws_region: str) -> Emulator:
            env = environment(function, aws_region, **shared, ALLOW_PRIVATE_ADDRESSES="true")
            return stack.enter_context(emulated(built / "x86_64", function, env, tmp_path))

        homes = {name: start(name.capitalize(), "us-east-1") for name in HOMES}
        workers = {region: start("Worker", place) for region, place in zip(REGIONS, aws_regions(), strict=True)}
        cloud = Cloud({**homes, **workers}, database, redis_client, pace)
        _, cloud.strangers, _ = cloud.connections()
        yield cloud


def insert_monitors(database: "psycopg.Connection[Any]", url: str) -> None:
    """Twenty monitors of one URL, in force since an hour, in all regions."""
    for region, place in zip(REGIONS, aws_regions(), strict=True):
        regions.insert_region(database, region, place, f"monitor-runners-{region.lower()}")
    database.execute(
        """INSERT INTO monitor (slug, name, type, spec, interval_s, timeout_ms)
           SELECT gen_random_uuid(), 'M', 'http', jsonb_build_object('url', %s::text), 60, 1000
             FROM generate_series(1, %s)""",
        (url, MONITORS),
    )
    database.execute("UPDATE monitor_schedule SET from_tick = from_tick - interval '1 hour'")


def look_after(cloud: Cloud, tick_s: int, **more: str) -> int:
    """Housekeeper, notifier and API, a call each; how many ticks were closed."""
    closed = cloud.invoke("housekeeper", tick_s, **more)["closed"]
    assert cloud.invoke("notifier", tick_s)["sent"] == 0
    answer = cloud.functions["api"].invoke(json.loads((ROOT / "events" / "api.json").read_text()))
    assert (answer["statusCode"], json.loads(answer["body"])["status"]) == (200, "ok")
    return int(closed)


def test_checks_travel_through_the_built_functions(cloud: Cloud) -> None:
    """Every function is called twice, cold and warm, the workers of three regions at once: the sheet balances, each
    connection to PostgreSQL and Redis is made once and kept, and each run logs one line, in which no URL stands. (Red
    where a function closes what it had, or makes a client per run: tried with the producer's and the notifier's.)"""
    answers, connections = [], []
    # Those at home begin: nothing that is pushed waits, and expires, until they have.
    assert look_after(cloud, tick_s := cloud.next_minute()) == 0
    for _ in ("cold", "warm"):
        tick_s = cloud.next_minute()
        cloud.invoke("producer", tick_s)
        answers.append(cloud.invoke_workers(tick_s))
        connections.append(cloud.connections())
    assert look_after(cloud, tick_s + 60, close="all") >= 2
    connections.append(cloud.connections())
    (backends, clients, ever), *again = connections
    assert again == [(backends, clients, ever)] * 2
    assert backends.keys() == {f"vantage-{name}" for name in HOMES} | {
        f"vantage-{kind}-{region}" for kind in ("worker", "judge") for region in REGIONS
    }
    assert all(len(pids) == 1 for pids in backends.values()), backends
    assert len(clients) == len(REGIONS) + len(HOMES) - 1  # the notifier does without Redis
    rows = cloud.database.execute(
        "SELECT region::text, cold, status::text, count(*)::int FROM check_result GROUP BY 1, 2, 3"
    )
    seen = {(region, cold, status): count for region, cold, status, count in rows}
    expected = {(r, n == 0, "up"): answer[r]["probed"] for n, answer in enumerate(answers) for r in REGIONS}
    assert seen == expected
    assert min(expected.values()) >= MONITORS, answers
    for region, pushed, ended, lost in cloud.sheet():
        assert pushed == ended + lost, region
        assert ended == sum(answer[region]["stored"] for answer in answers)
    words = {"producer": "pushed", "housekeeper": "kept", "notifier": "notified", "api": "answered"}
    for name, word in (words | dict.fromkeys(REGIONS, "drained")).items():
        lines = cloud.functions[name].json_lines()
        assert [line["message"] for line in lines if "_aws" not in line] == [word] * 2
        assert "127.0.0.1" not in json.dumps(lines)


def test_a_run_over_its_time_is_killed_and_the_next_one_heals(
    built: Path, database_url: str, redis_url: str, database: "psycopg.Connection[Any]", target: str, tmp_path: Path
) -> None:
    """Lambda kills a run that hangs, with no signal it could see; what that held is taken up, stored once and acked."""
    require("x86_64 Linux with Python 3.13", is_possible())
    insert_monitors(database, target)
    env = environment(
        "Worker", "eu-central-1", REDIS_URL=redis_url, DATABASE_URL=database_url, ALLOW_PRIVATE_ADDRESSES="true",
        VANTAGE_START_MARGIN_S="1",
    )  # fmt: skip
    with redis.Redis.from_url(redis_url) as client, ExitStack() as stack:
        push_what_is_due_now(client, target)
        worker = stack.enter_context(emulated(built / "x86_64", "Worker", env, tmp_path, timeout_s=8))
        event = json.loads((ROOT / "events" / "worker.json").read_text())
        with psycopg.connect(database_url) as other:
            other.execute("LOCK TABLE check_result IN ACCESS EXCLUSIVE MODE")
            with ThreadPoolExecutor() as pool:
                run = pool.submit(worker.invoke, event)
                wait_until(lambda: client.xpending(STREAM, "monitor-runners-eu")["pending"] == MONITORS)
                os.kill(worker.runtime_pid(), signal.SIGSTOP)
                assert "timed out after 8" in json.dumps(run.result())
            other.rollback()
        healed = worker.invoke(event)
        assert (healed["taken_up"], healed["stored"], healed["ack_mismatch"]) == (MONITORS, MONITORS, 0), healed
        assert client.xpending(STREAM, "monitor-runners-eu")["pending"] == 0


def wait_until(holds: Callable[[], bool], within_s: float = 20) -> None:
    """Wait for a condition; fails where it does not come about."""
    deadline_s = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline_s
        time.sleep(0.02)


def push_what_is_due_now(client: "redis.Redis", url: str, interval_s: int = 60) -> None:
    """An entry for each monitor, and the word that the coming minutes are pushed."""
    now_ms = int(time.time() * 1000)
    value = wire.head(("EU",), interval_s) + json.dumps([1000, "http", {"url": url}]).encode()
    for monitor_id in range(1, MONITORS + 1):
        client.xadd(STREAM, {wire.FIELD: value}, id=f"{now_ms}-{monitor_id}")
    client.xgroup_create(STREAM, "monitor-runners-eu", id="0")
    client.set(PUSHED, pushed_mark(now_ms // 1000 + 600, below_a_minute=False))
