"""First one region alone, then one more at a time: the deployed handlers in processes of their own, on real servers,
with the template's settings, 15 times faster than life."""

import asyncio
import json
import os
import shutil
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest
import redis

from local.environments import Function, Reply
from local.migrate import migrate
from local.minutes import as_time, event_time
from local.places import regions
from local.servers import Servers
from tests.aws.alarms import Minute, is_alarming
from tests.aws.brazil import Grown, grown
from tests.aws.templates import aws_regions, deployed, of_type
from tests.aws.test_emulator import environment
from tests.lived import separate_databases
from tests.servers import empty
from tests.sites import Site, serving
from tools.dashboards import prices
from vantage.clock import Pace

SCALE = 15
STEP = 2  # minutes that a region is alone with those before it
MONITORS = 50
INTERVAL_S = 300  # a fifth of them is due in each minute, and none expires while a busy machine starts a process
HOME = aws_regions()[0]
NEXT_RELEASE = Path(__file__).parent / "next_release.sql"
AT_HOME = ("producer", "housekeeper", "notifier")
ENDS = ("stored", "expired", "skipped", "dead", "lost")


@dataclass
class Growth:
    """A system to which a region is added every STEP minutes; before the fourth, the database is migrated while the
    functions of the first three work: by the page's migration, and by one that a next release could bring."""

    database_url: str
    redis_url: str
    project: Grown
    target: str
    logs: Path
    errors: list[tuple[str, Reply]] = field(default_factory=list)

    @property
    def places(self) -> list[str]:
        """The AWS regions in the order of their coming."""
        return [*aws_regions(), self.project.aws_region]

    @property
    def minutes(self) -> int:
        """How many are lived."""
        return STEP * len(self.places) + 3

    async def live(self) -> None:
        """Live them, and close the books."""
        self._insert_monitors()
        began_s = time.time()
        self.first_tick_s = int(began_s // 60 + 1) * 60
        self.pace = Pace(SCALE, began_s - (self.first_tick_s - began_s) / (SCALE - 1))
        homes = [self._function(kind, HOME) for kind in AT_HOME]
        workers = [self._function("worker", place) for place in self.places]
        runs: list[asyncio.Task[None]] = []
        for minute in range(self.minutes):
            tick_s = self.first_tick_s + 60 * minute
            await self._until(tick_s)
            there = min(minute // STEP + 1, len(workers))
            if minute == STEP * 3:
                await asyncio.to_thread(migrate, self.database_url, self.project.migrations)
                self.migrated_at = as_time(tick_s + 60)
            runs += [asyncio.create_task(self._run(function, tick_s)) for function in [*homes, *workers[:there]]]
        await asyncio.gather(*runs)
        end_s = self.first_tick_s + 60 * self.minutes
        await self._until(end_s + 1)
        await self._run(homes[1], end_s, close="all")
        await asyncio.gather(*(function.stop() for function in [*homes, *workers]))

    def _insert_monitors(self) -> None:
        with psycopg.connect(self.database_url, autocommit=True) as connection:
            connection.execute(
                """INSERT INTO monitor (slug, name, type, spec, interval_s, timeout_ms)
                   SELECT gen_random_uuid(), 'M', 'http', jsonb_build_object('url', %s::text), %s, 1000
                     FROM generate_series(1, %s)""",
                (self.target, INTERVAL_S, MONITORS),
            )

    def _function(self, kind: str, aws_region: str) -> Function:
        """As it would be deployed there."""
        settings = environment(
            kind.capitalize(), aws_region, self.project.template, AWS_REGION=aws_region,
            DATABASE_URL=self.database_url, REDIS_URL=self.redis_url, ALLOW_PRIVATE_ADDRESSES="true",
            VANTAGE_PACE=f"{self.pace.scale}@{self.pace.origin_s}",
        )  # fmt: skip
        name = kind if kind in AT_HOME else f"{kind}-{settings['REGION']}"
        log, timeout_s = self.logs / f"{aws_region}-{kind}.log", 240 if kind == "worker" else 120
        return Function(
            name, f"functions.{kind}.app", name.lower(), {**os.environ, **settings}, timeout_s, log, self.pace
        )

    async def _run(self, function: Function, tick_s: int, **more: str) -> None:
        reply = await function.invoke({"time": event_time(tick_s), **more})
        if "error" in reply:
            self.errors.append((function.name, reply))

    async def _until(self, at_s: float) -> None:
        while (left_s := at_s - self.pace.lived_ms(time.time()) / 1000) > 0:
            await asyncio.sleep(self.pace.real_s(left_s))

    def sheet(self) -> list[dict[str, Any]]:
        """The books of every tick that could be worked on to its end, in each region that had a row in it."""
        with psycopg.connect(self.database_url, row_factory=psycopg.rows.dict_row) as connection:
            return connection.execute(
                """SELECT extract(epoch FROM tick)::bigint AS tick_s, region::text, aws_region, scheduled, due, stored,
                          expired, skipped, dead, lost
                     FROM tick_ledger JOIN region ON region.name = tick_ledger.region
                    WHERE tick < to_timestamp(%s) ORDER BY tick, region""",
                (self.first_tick_s + 60 * (self.minutes - 1),),
            ).fetchall()

    def figures(self, aws_region: str) -> list[Minute]:
        """What CloudWatch would have of each minute since a region came: its worker's; its books, from the ledger (what
        a worker tells of them goes by PostgreSQL's clock, which no test makes faster); and Lambda's of all its
        functions, which were started each minute and did not fail."""
        seen: list[dict[str, list[float]]] = [defaultdict(list) for _ in range(self.minutes + 1)]
        for line in (self.logs / f"{aws_region}-worker.log").read_text().splitlines():
            if '"_aws"' not in line:
                continue
            emf = json.loads(line)
            minute = self._minute(self.pace.lived_ms(emf["_aws"]["Timestamp"] / 1000) / 1000)
            for metric in emf["_aws"]["CloudWatchMetrics"][0]["Metrics"]:
                seen[min(minute, self.minutes)][metric["Name"]] += emf[metric["Name"]]
        for row in self.sheet():
            if row["aws_region"] == aws_region and (minute := self._minute(row["tick_s"]) + 3) < self.minutes:
                unseen = row["expired"] + row["skipped"] + row["dead"]
                books = {"ChecksLost": row["lost"], "ChecksUnseen": unseen + row["lost"]}
                books["SheetDifference"] = row["scheduled"] - row["due"]
                seen[minute] |= {name: [value] for name, value in books.items()}
        came = min(STEP * self.places.index(aws_region), self.minutes)
        lambdas: Minute = {
            "Invocations": [1],
            "Errors": [0],
            "Throttles": [0],
            "ApproximateNumberOfMessagesVisible": [0],
        }
        return [{**lambdas, **minute} for minute in seen[came:-1]]

    def _minute(self, at_s: float) -> int:
        return int(at_s - self.first_tick_s) // 60


@pytest.fixture(scope="module")
def growth(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Growth]:
    """A system after all four have come, with databases of its own."""
    empty(servers.database_url)  # what its copy begins with
    project = grown(tmp_path_factory.mktemp("project"))
    shutil.copy(NEXT_RELEASE, project.migrations / "9999_next_release.sql")
    mark = "&" if "?" in servers.redis_url else "?"
    redis_url = f"{servers.redis_url}{mark}db=15"
    with serving(Site) as site, separate_databases(servers.database_url, 1) as [database_url]:
        with redis.Redis.from_url(redis_url) as client:
            client.flushdb()
        growth = Growth(database_url, redis_url, project, f"{site}/", tmp_path_factory.mktemp("logs"))
        asyncio.run(growth.live())
        yield growth


def test_each_step_leaves_a_balanced_sheet(growth: Growth) -> None:
    """Nothing is lost, expired, withheld or dead, in no tick and region; a region has books from its coming on, and no
    earlier. (Red with a worker that makes no row for its region.)"""
    assert growth.errors == []
    sheet = growth.sheet()
    assert all(row["scheduled"] == row["due"] == sum(row[end] for end in ENDS) for row in sheet), sheet
    assert all(row["stored"] == row["scheduled"] for row in sheet), sheet
    for number, place in enumerate(growth.places):
        ticks = [row["tick_s"] for row in sheet if row["aws_region"] == place]
        assert ticks == list(range(ticks[0], sheet[-1]["tick_s"] + 60, 60))
        assert ticks[0] >= growth.first_tick_s + 60 * STEP * number
        assert sum(row["stored"] for row in sheet if row["aws_region"] == place) > 0


def test_no_step_makes_an_alarm_ring(growth: Growth) -> None:
    """Of no region, in no minute since it came: neither its own nor that of those who were there before."""
    for place in growth.places:
        minutes = growth.figures(place)
        alarms = of_type(deployed(place, growth.project.template), "AWS::CloudWatch::Alarm")
        assert len(alarms) >= 8
        assert any(minute.get("ChecksLost") for minute in minutes) == (place != growth.places[-1])
        for name, alarm in alarms.items():
            ringing = [n for n in range(1, len(minutes) + 1) if is_alarming(alarm, minutes[:n])]
            assert ringing == [], (place, name, minutes)


def test_the_fourth_region_is_deployed_as_the_others_are(growth: Growth) -> None:
    """By what docs/operations.md says: a worker with its own name and group, a dashboard and a line in the overview."""
    place = growth.project.aws_region
    there = of_type(deployed(place, growth.project.template), "AWS::Lambda::Function")
    variables = there["Worker"]["Environment"]["Variables"]
    assert there.keys() == {"Worker"}
    assert (variables["REGION"], variables["REDIS_GROUP"]) == ("BRAZIL", "monitor-runners-brazil")
    dashboards = of_type(deployed(HOME, growth.project.template), "AWS::CloudWatch::Dashboard")
    assert f'"region": "{place}"' in dashboards["OverviewDashboard"]["DashboardBody"]
    assert "BRAZIL" in {row["region"] for row in growth.sheet()}
    assert regions(growth.project.folder)["BRAZIL"] == place  # for a local run, the bill and the command line
    assert len(prices(growth.project.folder).split(",")) == len(growth.places)


def test_the_old_functions_work_on_the_schema_of_a_next_release(growth: Growth) -> None:
    """Those of all regions, with connections and prepared statements from before it: they store by the old
    `record_results`, fail at nothing, and their rows have what the new columns have by default. (Red without the old
    function.)"""
    assert growth.errors == []
    with psycopg.connect(growth.database_url) as connection:
        rows = connection.execute(
            """SELECT region::text, count(*) FROM check_result
                WHERE checked_at > %s AND of_next_release = 'not given' GROUP BY 1""",
            (growth.migrated_at,),
        ).fetchall()
    assert {region for region, count in rows if count >= MONITORS // 5} >= {"USA", "INDIA", "EU"}
