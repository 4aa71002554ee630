"""`sam local invoke` of every function, with the files of events/, in containers without a daemon, on real servers."""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any

import psycopg
import pytest
import redis

from local.emulator import is_possible
from local.migrate import migrate
from local.servers import Servers, embedded
from tests.aws.conftest import build
from tests.aws.podman import Forbidden, Podman, is_installed, podman
from tests.aws.templates import ROOT
from tests.aws.test_emulator import MONITORS, REGIONS, insert_monitors, push_what_is_due_now
from tests.conftest import require
from tests.faults.proxy import Proxy
from vantage.stream import STREAM

PRIVATE = "http://10.1.2.3/"


@dataclass
class Local:
    """What `sam local invoke` needs, and the servers that containers reach under host.docker.internal."""

    built: Path
    podman: Podman

    def invoke(self, function: str, event: dict[str, Any], aws_region: str = "us-east-1") -> Any:
        """The function's answer; fails with what sam printed."""
        template = self.built / "x86_64" / "template.yaml"
        command = [f"{Path(sys.executable).parent}/sam", "local", "invoke", function, "--event", "-"]
        command += f"--template {template} --region {aws_region} --env-vars events/env.json --skip-pull-image".split()
        command += (
            f"--parameter-overrides Architecture=x86_64 --layer-cache-basedir {self.podman.folder / 'layers'}".split()
        )
        command += ["--add-host", f"host.docker.internal:{self.podman.host}"]
        # sam asks AWS whose account this is, and does without an answer: nobody answers at once.
        nobody = {"AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_MAX_ATTEMPTS": "1", "SAM_CLI_TELEMETRY": "0"}
        keys = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x"}
        run = subprocess.run(
            command, cwd=ROOT, env={**self.podman.env, **nobody, **keys}, input=json.dumps(event),
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert run.returncode == 0, run.stderr
        answers = [line for line in run.stdout.splitlines() if line.startswith("{")]
        return json.loads(answers[-1]) if answers else pytest.fail(run.stdout + run.stderr)


@pytest.fixture(scope="module")
def built() -> Path:
    """For this machine."""
    return build("x86_64")


@pytest.fixture(scope="module")
def servers() -> Iterator[Servers]:
    """PostgreSQL and Valkey of this module's own, since events/env.json says how they are signed in to."""
    with embedded(fast=True) as running:
        migrate(running.database_url)
        with psycopg.connect(running.database_url, autocommit=True) as admin:
            admin.execute("CREATE ROLE vantage LOGIN SUPERUSER")
        yield running


@pytest.fixture(scope="module")
def local(built: Path, servers: Servers) -> Iterator[Local]:
    """The built functions, containers, and a way from them to the servers."""
    require("x86_64 Linux with Python 3.13", is_possible())
    require("podman, runc, iptables and busybox", is_installed())
    try:
        with podman() as running, doors(servers, running.host):
            yield Local(built, running)
    except Forbidden as why:
        pytest.skip(f"needs a machine on which podman may start containers; here: {why}")


@contextmanager
def doors(servers: Servers, address: str) -> Iterator[None]:
    """Let containers in at the ports that events/env.json names, on the address of their own network alone."""
    sockets = servers.database_url.partition("host=")[2]
    wires = [
        Proxy(servers.redis_url.removeprefix("unix://").partition("?")[0], address=address, port=6379),
        Proxy(f"{sockets}/.s.PGSQL.5432", address=address, port=5432),
    ]
    loop = asyncio.new_event_loop()
    thread = Thread(target=loop.run_forever)
    thread.start()
    try:
        for wire in wires:
            asyncio.run_coroutine_threadsafe(wire.start(), loop).result()
        yield
    finally:
        for wire in wires:
            asyncio.run_coroutine_threadsafe(wire.close(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def event(name: str) -> dict[str, Any]:
    """A file of events/, of this minute: an old one is of no use to the producer."""
    given: dict[str, Any] = json.loads((ROOT / "events" / f"{name}.json").read_text())
    now = time.strftime("%Y-%m-%dT%H:%M:00Z", time.gmtime())
    return {**given, "time": now} if "time" in given else given


@pytest.fixture(scope="module")
def answers(local: Local, servers: Servers) -> dict[str, Any]:
    """What each event was answered with: the worker's first, and then the others side by side."""
    with psycopg.connect(servers.database_url, autocommit=True) as database:
        insert_monitors(database, PRIVATE)
    with redis.Redis.from_url(servers.redis_url) as client:
        push_what_is_due_now(client, PRIVATE, interval_s=300)  # a container takes its time
        first = {"worker": local.invoke("Worker", event("worker"), "eu-central-1")}
        first["unacknowledged"] = client.xpending(STREAM, "monitor-runners-eu")["pending"]
        client.delete(STREAM)
    others = {
        "producer": "Producer",
        "housekeeper": "Housekeeper",
        "notifier": "Notifier",
        "check": "Worker",
        "api": "Api",
    }
    with ThreadPoolExecutor(2) as pool:  # more at once are so slow to start that they give up on their servers
        runs = {name: pool.submit(local.invoke, function, event(name)) for name, function in others.items()}
        return first | {name: run.result() for name, run in runs.items()}


def test_every_event_is_answered(answers: dict[str, Any]) -> None:
    """There is a file for each kind of invocation, and no function ends with an error. (Red with env.json's servers on
    127.0.0.1, which in a container is the container.)"""
    assert answers.keys() >= {path.stem for path in (ROOT / "events").glob("*.json")} - {"env"}
    assert [each for each in answers.values() if isinstance(each, dict) and "errorMessage" in each] == []


def test_a_worker_in_a_container_stores_and_acknowledges(answers: dict[str, Any], servers: Servers) -> None:
    """It reaches both servers; a private address is refused there as on Lambda, and that is stored, too."""
    worker = answers["worker"]
    assert (worker["stored"], worker["ack_mismatch"], answers["unacknowledged"]) == (MONITORS, 0, 0)
    with psycopg.connect(servers.database_url) as database:
        rows = database.execute("SELECT region::text, status::text, count(*)::int FROM check_result GROUP BY 1, 2")
        assert rows.fetchall() == [("EU", "refused", MONITORS)]


def test_a_producer_in_a_container_pushes_for_every_region(answers: dict[str, Any], servers: Servers) -> None:
    """The next minute's checks are in the stream, and the ledger has them."""
    [*_, last] = answers["producer"]["ticks"].values()
    assert {region: counts["pushed"] for region, counts in last.items()} == dict.fromkeys(REGIONS, MONITORS)
    with redis.Redis.from_url(servers.redis_url) as client:
        assert client.xlen(STREAM) == MONITORS * len(answers["producer"]["ticks"])


def test_the_others_answer_too(answers: dict[str, Any]) -> None:
    """Nothing is old enough to be closed, nobody is to be told; a check says what it saw, and stores nothing."""
    assert (answers["housekeeper"]["closed"], answers["notifier"]["sent"]) == (0, 0)
    assert answers["check"]["status"] in ("up", "down")  # as this machine reaches www.example.com
    assert answers["api"]["statusCode"] in (200, 503)  # /healthz, of a system that has judged nothing yet
