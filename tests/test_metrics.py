"""What a worker run writes for CloudWatch, on real servers, read back as CloudWatch would."""

import asyncio
import json
import os
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import quantiles
from typing import Any, LiteralString

import psycopg
import pytest
import redis

from local.environments import Function
from local.host import Context
from local.minutes import event_time
from tests.drains import Probe, World, down
from vantage.check import Check, Phases, Result, Status
from vantage.drain import Station
from vantage.durations import Durations
from vantage.metrics import DEFAULT, DETAILED, MOST_VALUES, thinned
from vantage.settings import Settings
from vantage.store.connection import AsyncDatabase, Database
from vantage.stream.reader import StreamReader
from vantage.wiring.worker import Outpost


@pytest.fixture
def world(database_url: str, redis_url: str, database: "psycopg.Connection[Any]", redis_client: "redis.Redis") -> World:
    """A region without monitors."""
    return World(database_url, redis_url, database, redis_client)


@dataclass
class Emf:
    """The metrics of some log lines, as CloudWatch takes them out."""

    values: dict[str, list[float]]
    units: dict[str, str]
    dimensions: list[dict[str, str]]
    namespaces: set[str]

    @classmethod
    def read(cls, text: str) -> "Emf":
        """From a log."""
        emf = cls(defaultdict(list), {}, [], set())
        for line in map(json.loads, filter(None, text.splitlines())):
            for directive in line.get("_aws", {}).get("CloudWatchMetrics", []):
                emf.namespaces.add(directive["Namespace"])
                emf.dimensions += [{name: line[name] for name in names} for names in directive["Dimensions"]]
                for metric in directive["Metrics"]:
                    assert len(line[metric["Name"]]) <= 100  # the most that CloudWatch takes of a line
                    emf.values[metric["Name"]] += line[metric["Name"]]
                    emf.units[metric["Name"]] = metric["Unit"]
        return emf


async def seen(check: Check) -> Result:
    """A target that answers in as many ms as its monitor's id, with all phases."""
    phases = Phases(1000, 2000, 3000, 4000, 5000)
    total_us = check.monitor_id * 1000
    return Result(check.monitor_id, check.checked_at_ms, "EU", Status.UP, total_us=total_us, phases=phases)


@pytest.fixture
def outpost(world: World) -> Iterator[Outpost]:
    """A worker's environment whose targets all answer but 1 and 2."""
    settings = Settings(metrics_namespace="vantage", detailed_metrics=True)
    probe = Probe(answers={1: down(), 2: down(), **dict.fromkeys(range(3, 151), seen)})
    reader, database = StreamReader(world.redis_url, "g-eu", "c1"), AsyncDatabase(world.database_url)
    station = Station("EU", "local", reader, database, probe, durations=Durations(flush_s=0.05))
    with asyncio.Runner() as runner:
        bench = Database(world.database_url)
        yield Outpost(settings, runner, station, bench)
        bench.close()
        runner.run(reader.close())
        runner.run(database.close())


def drain(outpost: Outpost, at_s: float) -> None:
    """One run, of the minute that begins then."""
    event = {"time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at_s))}
    outpost.drain(event, Context("r1", "worker", "c1", 240))


def test_a_run_reports_every_metric_of_its_region(
    world: World, outpost: Outpost, capsys: pytest.CaptureFixture[str]
) -> None:
    """All that is promised by default and in detail, in its unit, with the region as the only dimension."""
    world.begin(150)
    world.push(*range(1, 151))
    minute_s = int(time.time())
    world.database.execute(
        """UPDATE tick_ledger SET closed_at = to_timestamp(%s), due = 103,
                  pushed = 100, stored = 90, expired = 4, skipped = 5
            WHERE tick = to_timestamp(%s)""",
        (minute_s - 30, world.tick_s - 60),
    )
    drain(outpost, minute_s)
    emf = Emf.read(capsys.readouterr().out)
    assert emf.namespaces == {"vantage"}
    assert all(names == {"Region": "EU"} for names in emf.dimensions)
    assert emf.units == {name: unit.value for name, unit in {**DEFAULT, **DETAILED}.items()}
    one = {name: values[0] for name, values in emf.values.items() if len(values) == 1}
    assert (one["ChecksStored"], one["ChecksDown"]) == (150, 2)
    assert one["UptimePercent"] == pytest.approx(100 * 148 / 150, abs=0.01)
    assert (one["ChecksUnseen"], one["ChecksLost"], one["SheetDifference"]) == (15, 6, 2)
    assert sorted(emf.values["LatencyMs"]) == list(range(3, 151))
    assert len(emf.values["LatenessMs"]) == 150
    assert one["StreamLag"] == one["AckMismatch"] == one["Dead"] == one["Pending"] == one["Claimed"] == 0
    assert emf.values["TlsMs"] == [3.0] * 148


def test_each_closed_tick_is_reported_by_one_minute_s_run(
    world: World, outpost: Outpost, capsys: pytest.CaptureFixture[str]
) -> None:
    """Runs of successive minutes leave no gap between their books and do not overlap. (Red with a window of 61 s, and
    with one of 59 s: what was closed half a second before and after the border of two runs is told twice, or not.)"""
    world.begin(0)
    minute_s = int(time.time())
    closed = ((world.tick_s - 60, minute_s - 65.5, 76), (world.tick_s, minute_s - 64.5, 74))
    for tick_s, closed_s, lost in (*closed, (world.tick_s + 60, minute_s - 4.5, 14)):
        world.database.execute(
            "UPDATE tick_ledger SET closed_at = to_timestamp(%s), pushed = %s, due = 0 WHERE tick = to_timestamp(%s)",
            (closed_s, lost, tick_s),
        )
    world.redis.set("pushed:{0}", world.tick_s + 600)
    for run_s in (minute_s - 60, minute_s, minute_s + 60):
        drain(outpost, run_s)
    assert Emf.read(capsys.readouterr().out).values["ChecksLost"] == [76, 74, 14]


def close_one(world: World, minute_s: int, lost: int) -> None:
    """A tick whose books were closed half a minute before, with something lost."""
    world.begin(0)
    world.database.execute(
        "UPDATE tick_ledger SET closed_at = to_timestamp(%s), pushed = %s, due = 0 WHERE tick = to_timestamp(%s)",
        (minute_s - 30, lost, world.tick_s - 60),
    )
    world.redis.set("pushed:{0}", world.tick_s + 600)


async def killed_run(world: World, minute_s: int, log: Path, *, told: bool) -> None:
    """A worker's process that is killed before it reads the books or, `told`, before it notes that it told them."""
    env = {"REGION": "EU", "REDIS_GROUP": "g-eu", "METRICS_NAMESPACE": "vantage"}
    env |= {"REDIS_URL": world.redis_url, "DATABASE_URL": world.database_url}
    worker = Function("worker-EU", "functions.worker.app", "eu", {**os.environ, **env}, 240, log)
    with psycopg.connect(world.database_url) as books, psycopg.connect(world.database_url) as region:
        world.database.execute("UPDATE region SET last_seen = NULL")
        books.execute("LOCK TABLE tick_ledger IN ACCESS EXCLUSIVE MODE")
        run = asyncio.create_task(worker.invoke({"time": event_time(minute_s)}))
        try:
            await waits_for(world, books)
            if told:
                await until(world, "SELECT 1 FROM region WHERE last_seen IS NOT NULL")  # else it would wait for that
                region.execute("SELECT FROM region FOR NO KEY UPDATE")
                books.rollback()
                await waits_for(world, region)
        finally:
            await worker.stop()
            # What it had asked for by then must not be done after all when the lock is let go.
            world.database.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'vantage-worker-EU'"
            )
    assert "SIGKILL" in (await run)["error"]


async def waits_for(world: World, holder: "psycopg.Connection[Any]") -> None:
    """Until the worker, or who judges beside it, waits for a lock that this connection holds."""
    waiting = "application_name ~ '^vantage-(worker|judge)-EU' AND %s = ANY (pg_blocking_pids(pid))"
    await until(world, f"SELECT 1 FROM pg_stat_activity WHERE {waiting}", holder.info.backend_pid)


async def until(world: World, statement: LiteralString, *values: int) -> None:
    """Until a statement finds a row."""
    async with asyncio.timeout(30):
        while world.database.execute(statement, values).fetchone() is None:
            await asyncio.sleep(0.02)


def test_books_that_a_killed_run_did_not_tell_are_told_by_the_next(
    world: World, outpost: Outpost, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """SIGKILL before a run reads the books, and SIGKILL after it told them and before it noted that: they are told by
    the next run, in the second case again, and by none after that. (Red where a run tells only what was closed in the
    minute before its own, and where it notes before it tells.)"""
    minute_s = int(time.time())
    close_one(world, minute_s, 7)
    asyncio.run(killed_run(world, minute_s, tmp_path / "untold", told=False))
    assert "ChecksLost" not in (tmp_path / "untold").read_text()
    asyncio.run(killed_run(world, minute_s + 60, tmp_path / "told", told=True))
    assert Emf.read((tmp_path / "told").read_text()).values["ChecksLost"] == [7]
    for run_s in (minute_s + 120, minute_s + 180):
        drain(outpost, run_s)
    assert Emf.read(capsys.readouterr().out).values["ChecksLost"] == [7]


def test_a_region_that_was_away_tells_what_was_closed_meanwhile_as_far_as_it_is_news(
    world: World, outpost: Outpost, capsys: pytest.CaptureFixture[str]
) -> None:
    """An hour later it is told; four hours later it is history."""
    minute_s = int(time.time())
    close_one(world, minute_s, 7)
    drain(outpost, minute_s - 60)
    drain(outpost, minute_s + 3600)
    world.database.execute("UPDATE region SET books_told_until = to_timestamp(%s)", (minute_s - 60,))
    drain(outpost, minute_s + 4 * 3600)
    assert Emf.read(capsys.readouterr().out).values["ChecksLost"] == [7]


def test_a_run_that_saw_nothing_claims_nothing(
    world: World, outpost: Outpost, capsys: pytest.CaptureFixture[str]
) -> None:
    """No uptime and no latency of nothing; the counts are 0, which is no silence."""
    world.begin(0)
    world.redis.set("pushed:{0}", world.tick_s + 600)
    drain(outpost, time.time())
    emf = Emf.read(capsys.readouterr().out)
    assert emf.values["ChecksStored"] == [0]
    assert emf.values["RunMs"]
    assert not emf.values.keys() & {"UptimePercent", "LatencyMs", "LatenessMs", "ChecksLost", "ChecksUnseen"}


def test_by_default_there_are_ten_metrics_and_without_a_namespace_none(
    world: World, outpost: Outpost, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ten are what CloudWatch gives for nothing; details are asked for; a run at home writes none."""
    assert len(DEFAULT) == 10
    assert len({**DEFAULT, **DETAILED}) <= 25
    world.begin(3)
    world.push(1, 2, 3)
    drain(replace(outpost, settings=Settings(metrics_namespace="vantage")), time.time())
    assert Emf.read(capsys.readouterr().out).values.keys() <= DEFAULT.keys()
    drain(replace(outpost, settings=Settings()), time.time())
    assert "_aws" not in capsys.readouterr().out


def test_many_values_are_thinned_without_moving_a_percentile() -> None:
    """A hundred thousand values become a thousand with the same extremes and percentiles."""
    values = [(i * 7919 % 100_003) ** 1.5 for i in range(100_003)]
    few = thinned(values)
    assert len(few) == MOST_VALUES
    assert (min(few), max(few)) == (min(values), max(values))
    for wanted, got in zip(quantiles(values, n=100), quantiles(few, n=100), strict=True):
        assert got == pytest.approx(wanted, rel=0.01, abs=max(values) / 1000)
