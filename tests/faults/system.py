"""A whole system of real processes, faster than life, to which something is done while it lives."""

import asyncio
import json
import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import psycopg
import redis

from local.environments import ROOT, Environment, Function, Reply, Starter
from local.fleet import group_of
from local.minutes import event_time
from local.server import Server
from tests.faults.proxy import Proxy
from tests.faults.targets import Behaviour, Hit, Targets
from vantage.clock import Pace
from vantage.durations import Durations
from vantage.housekeep import Housekeeper
from vantage.store import regions
from vantage.store.connection import connect
from vantage.stream.writer import StreamWriter

PRODUCE_AT_S = 3
WORK_AT_S = 1
ENDS = ("stored", "expired", "skipped", "dead", "lost")
TAIL_MINUTES = 1
EARLY_S = 1  # a request this close before the next check's instant is that check's: two clocks, and life is fast
API_EVENT = json.loads((ROOT / "events" / "api.json").read_text())
Answer = TypeVar("Answer")


@dataclass(kw_only=True)
class Plan:
    """What a system is and what is done to it; minutes are counted from 0, durations are seconds of life."""

    trouble: "Callable[[System], Coroutine[Any, Any, None]]"
    expect: "Callable[[System], None]" = lambda _system: None
    regions: tuple[str, ...] = ("EU",)
    minutes: int = 8
    sites: int = 12
    intervals: tuple[int, ...] = (60,)
    timeout_ms: int = 2000  # in real time, as all that sites do
    settings: dict[str, str] = field(default_factory=dict)
    modules: dict[str, str] = field(default_factory=dict)
    worker_timeout_s: int = 240
    new_names: bool = True  # as on Lambda: who comes after a killed environment is another consumer
    no_producer: tuple[int, ...] = ()
    no_worker: Callable[[str, int], bool] = lambda _region, _minute: False
    producers: int = 1  # events of the same minute, sent at once
    housekeeper: bool = False
    others: tuple[str, ...] = ()  # functions beside these, such as the notifier
    days: bool = True  # whether the partitions are there
    attempts: int = 1  # how often a check may reach its site at one delivery, beside its confirmation
    redeliveries: int = 0  # how often an entry may have been given to a worker once more
    lost: bool = False  # whether Redis forgot something


@dataclass
class Stand:
    """What one system stands on, for its trouble to take away."""

    redis: Server
    wires: dict[str, Proxy] = field(default_factory=dict)
    postgres: Server | None = None


@dataclass
class System:
    """One lived system: its parts, what they replied, and what the books say in the end."""

    name: str
    plan: Plan
    pace: Pace
    first_tick_s: int
    database_url: str
    redis_url: str
    targets: Targets
    home: Path
    stand: Stand
    start: Starter
    redis_for: dict[str, str] = field(default_factory=dict)  # kind or region: another way to the same server
    database_for: dict[str, str] = field(default_factory=dict)
    replies: list[tuple[str, int, Reply]] = field(default_factory=list)
    noted: dict[str, Any] = field(default_factory=dict)
    _runs: "set[asyncio.Task[None]]" = field(default_factory=set)

    def __post_init__(self) -> None:
        """Name the functions; no process is started yet."""
        self.producer = self._function("producer", "producer", 120)
        self.housekeeper = self._function("housekeeper", "housekeeper", 120)
        self.workers = {
            region: self._function("worker", region, self.plan.worker_timeout_s, {
                "REGION": region, "REDIS_GROUP": group_of(region), "AWS_REGION": "local",
            })
            for region in self.plan.regions
        }  # fmt: skip
        self.others = {kind: self._function(kind, kind, 120) for kind in self.plan.others}

    def _function(self, kind: str, name: str, timeout_s: float, own: Mapping[str, str] | None = None) -> Function:
        settings = {
            "PATH": os.environ["PATH"],
            "DATABASE_URL": self.database_for.get(kind, self.database_url),
            "REDIS_URL": self.redis_for.get(name, self.redis_for.get(kind, self.redis_url)),
            "ALLOW_PRIVATE_ADDRESSES": "true",
            "VANTAGE_PACE": f"{self.pace.scale}@{self.pace.origin_s}",
            **(own or {}),
            **self.plan.settings,
        }
        module = self.plan.modules.get(name, self.plan.modules.get(kind, f"functions.{kind}.app"))
        log = self.home / f"{self.name}-{name}.log"
        return Function(name, module, name.lower(), settings, timeout_s, log, self.pace, start=self.start)

    # What a plan's trouble uses

    def now_s(self) -> float:
        """The instant of life, epoch s."""
        return self.pace.lived_ms(time.time()) / 1000

    async def at(self, minute: int, second: float = 0) -> None:
        """Wait for an instant of life."""
        while (left_s := self.first_tick_s + 60 * minute + second - self.now_s()) > 0:
            await asyncio.sleep(self.pace.real_s(left_s))

    async def until(self, condition: Callable[[], object], within_s: float = 120) -> None:
        """Wait until something holds; fails after so many seconds of life."""
        end_s = self.now_s() + within_s
        while not await asyncio.to_thread(condition):
            assert self.now_s() < end_s, f"{self.name}: not within {within_s} s of life"
            await asyncio.sleep(0.01)

    def hits(self, minute: int) -> list[Hit]:
        """The requests that reached sites from the beginning of a minute on."""
        from_s = self.first_tick_s + 60 * minute
        return [hit for hit in self.targets.log[self.name] if self.pace.lived_ms(hit.at_s) / 1000 >= from_s]

    def behave(self, behaviour: Behaviour | None) -> None:
        """How the sites answer from now on; None: at once."""
        self.targets.behaviours.pop(self.name, None)
        if behaviour:
            self.targets.behaviours[self.name] = behaviour

    def alive(self, function: Function) -> list[Environment]:
        """Its living environments."""
        return [environment for environment in function.environments if environment.is_alive()]

    def send(self, function: Function, number: signal.Signals) -> int:
        """Send a signal to every living process of a function; returns how many there were."""
        living = self.alive(function)
        for environment in living:
            assert environment.process is not None
            environment.process.send_signal(number)
        return len(living)

    async def sql(self, query: str, *arguments: object) -> list[Any]:
        """Ask PostgreSQL, beside the loop."""
        return await asyncio.to_thread(self.ask, query, *arguments)

    def ask(self, query: str, *arguments: object) -> list[Any]:
        """The same in a thread of one's own; no rows for what returns none."""
        with psycopg.connect(self.database_url, autocommit=True) as connection:
            cursor = connection.execute(query, arguments)
            return cursor.fetchall() if cursor.description else []

    def ask_rows(self, query: str) -> list[dict[str, Any]]:
        """The same by the names of columns."""
        with psycopg.connect(self.database_url, row_factory=psycopg.rows.dict_row) as connection:
            return connection.execute(query).fetchall()

    async def redis(self, job: "Callable[[redis.Redis], Answer]") -> Answer:
        """Do something with Redis, beside the loop."""

        def ask() -> Answer:
            with redis.Redis.from_url(self.redis_url) as client:
                return job(client)

        return await asyncio.to_thread(ask)

    def fire(self, kind: str, function: Function, minute: int, second: float = 0) -> None:
        """Send a minute's event to a function when so much of the minute has passed."""

        async def later() -> None:
            await self.at(minute, second)
            await self._invoke(kind, function, minute)

        task = asyncio.create_task(later())
        self._runs.add(task)
        task.add_done_callback(self._runs.discard)

    async def _invoke(self, kind: str, function: Function, minute: int) -> None:
        event = API_EVENT if kind == "api" else {"time": event_time(self.first_tick_s + 60 * minute)}
        reply = await function.invoke(event)
        self.replies.append((kind, minute, reply))
        if self.plan.new_names and reply.get("type") in ("Died", "Timeout"):
            for environment in function.dead():
                environment.busy = True  # nobody comes after it under its name

    # Its life

    async def prepare(self) -> None:
        """Regions and monitors; every process is there and has imported its handler when life begins."""
        await asyncio.to_thread(self._prepare)
        functions = [self.producer, *self.workers.values(), *([self.housekeeper] if self.plan.housekeeper else [])]
        for function in (*functions, *self.others.values()):
            await function.invoke(API_EVENT if function.name == "api" else {"time": "not yet"})

    def _prepare(self) -> None:
        with psycopg.connect(self.database_url, autocommit=True) as connection:
            for region in self.plan.regions:
                regions.insert_region(connection, region, "local", group_of(region))
            connection.execute(
                """INSERT INTO monitor (slug, name, type, spec, interval_s, timeout_ms)
                   SELECT 's' || n, 'M', 'http', jsonb_build_object('url', %s::text || n),
                          (%s::int[])[1 + n %% cardinality(%s::int[])], %s
                     FROM generate_series(1, %s) n""",
                (self.targets.url(self.name), *[list(self.plan.intervals)] * 2, self.plan.timeout_ms, self.plan.sites),
            )
            if not self.plan.days:
                for (table,) in connection.execute("SELECT inhrelid::regclass::text FROM pg_inherits").fetchall():
                    connection.execute(f"DROP TABLE IF EXISTS {table}")

    async def live(self) -> None:
        """Its minutes, with what is done to it; then runs that finish what is left, and the books are closed."""
        trouble = asyncio.create_task(self.plan.trouble(self), name=self.name)
        try:
            for minute in range(self.plan.minutes + TAIL_MINUTES):
                await self.at(minute)
                self._fire_all(minute)
            await trouble
            await self.at(self.plan.minutes + TAIL_MINUTES)
            while self._runs:
                await asyncio.wait(self._runs)
            await asyncio.to_thread(self._close_books)
        finally:
            trouble.cancel()
            await self.stop()

    async def stop(self) -> None:
        """End every process."""
        for function in (self.producer, self.housekeeper, *self.workers.values(), *self.others.values()):
            await function.stop()
        await asyncio.gather(*self._runs, return_exceptions=True)

    def _fire_all(self, minute: int) -> None:
        if minute < self.plan.minutes and minute not in self.plan.no_producer:
            for _ in range(self.plan.producers):
                self.fire("producer", self.producer, minute, PRODUCE_AT_S)
        for region, worker in self.workers.items():
            if not self.plan.no_worker(region, minute):
                self.fire(f"worker {region}", worker, minute, WORK_AT_S)
        if self.plan.housekeeper:
            self.fire("housekeeper", self.housekeeper, minute, PRODUCE_AT_S)

    def _close_books(self) -> None:
        stream = StreamWriter(self.redis_url)
        with connect(self.database_url) as connection:
            Housekeeper(connection, stream, Durations(), self.pace).run(close_all=True)
        stream.close()
        with psycopg.connect(self.database_url, row_factory=psycopg.rows.dict_row) as connection:
            self.sheet = connection.execute(
                """SELECT (extract(epoch FROM tick)::bigint - %s) / 60 AS minute, region::text, scheduled, due, pushed,
                          stored, expired, skipped, dead, lost, pushed_at IS NOT NULL AS complete
                     FROM tick_ledger ORDER BY tick, region""",
                (self.first_tick_s,),
            ).fetchall()
            self.rows = connection.execute(
                """SELECT monitor_id AS site, region::text, status::text, reason::text, confirmed, late_ms, total_us,
                          extract(epoch FROM checked_at)::float AS at_s, interval_s,
                          slot_interval(monitor_id, checked_at, region) IS NOT NULL AS is_slot
                     FROM check_result"""
            ).fetchall()
            self.opened = {row["site"] for row in connection.execute("SELECT monitor_id AS site FROM incident")}

    # What must hold of it

    def assert_holds(self) -> None:
        """The promises that no fault may break."""
        assert self.sheet, self.say("nothing was scheduled")
        for row in self.sheet:
            assert row["scheduled"] == sum(row[end] for end in ENDS), self.say(row)
            assert row["lost"] == 0 or (self.plan.lost and row["lost"] > 0), self.say(row)
        booked = self._assert_booked()
        checks = {(row["site"], row["region"], row["at_s"]) for row in self.rows}
        assert len(checks) == len(self.rows) == booked, self.say(f"{len(self.rows)} rows, {booked} booked")
        assert all(row["is_slot"] for row in self.rows), self.say("a row of a check that was never scheduled")
        false = self.false_downs()
        assert false == [], self.say([(row, self._answers(row)) for row in false])
        assert self.opened <= {row["site"] for row in self.rows if row["status"] == "down"}, self.say(self.opened)
        self._assert_hits()
        self._assert_normal()
        try:
            self.plan.expect(self)
        except AssertionError as error:
            raise AssertionError(self.say(error)) from None

    def _assert_booked(self) -> int:
        """Each tick's books say as many rows as there are of it in each region; `lost` follows from them, so the sum
        alone would always be right. Returns how many."""
        there = Counter(((row["at_s"] - self.first_tick_s) // 60, row["region"]) for row in self.rows)
        booked = Counter({
            (row["minute"], row["region"]): row["stored"] + row["expired"] + row["dead"] for row in self.sheet
        })  # fmt: skip
        assert booked == there, self.say(f"booked and not there {booked - there}, the reverse {there - booked}")
        return booked.total()

    def false_downs(self) -> list[dict[str, Any]]:
        """Rows that say down (or refused) of a site whose own log has an answer to that region at that time."""
        bad = [row for row in self.rows if row["status"] in ("down", "refused")]
        return [row for row in bad if row["status"] == "refused" or self._answers(row)]

    def _answers(self, row: dict[str, Any]) -> list[Hit]:
        """The requests of a check that its site answered well within the check's time, by the site's own clock."""
        began_s, until_s = row["at_s"], row["at_s"] + row["interval_s"] - EARLY_S
        return [
            hit
            for hit in self.targets.log[self.name]
            if (hit.site, hit.region) == (row["site"], row["region"])
            and hit.answered_s is not None and hit.answered_s - hit.at_s < 0.75 * self.plan.timeout_ms / 1000
            and began_s <= self.pace.lived_ms(hit.at_s) / 1000 < until_s
            and not self._is_of_another(hit)
        ]  # fmt: skip

    def _is_of_another(self, hit: Hit) -> bool:
        """Whether it belongs to a check that was probed just then, late, and is up."""
        lived_s, lasting_s = self.pace.lived_ms(hit.at_s) / 1000, 3 * self.plan.timeout_ms / 1000 * self.pace.scale
        return any(
            (row["site"], row["region"], row["status"]) == (hit.site, hit.region, "up")
            and -EARLY_S <= lived_s - row["at_s"] - row["late_ms"] / 1000 <= lasting_s
            for row in self.rows
        )

    def _assert_hits(self) -> None:
        """Each probed row has its hit, and no check was tried more often than its entry was delivered."""
        hits = Counter((hit.site, hit.region) for hit in self.targets.log[self.name])
        probed = Counter((row["site"], row["region"]) for row in self.rows if row["status"] not in ("expired", "dead"))
        scheduled = Counter((row["site"], row["region"]) for row in self.rows)
        again = Counter(
            (row["site"], row["region"]) for row in self.rows if row["confirmed"] or row["status"] == "down"
        )
        for key, count in probed.items():
            assert hits[key] >= count, self.say(f"{key}: {count} rows, {hits[key]} hits")
            most = self.plan.attempts * scheduled[key] + again[key] + self.plan.redeliveries
            assert hits[key] <= most, self.say(f"{key}: {hits[key]} hits, at most {most}")

    def _assert_normal(self) -> None:
        last = [row for row in self.sheet if row["minute"] in (self.plan.minutes - 2, self.plan.minutes - 1)]
        assert len(last) == 2 * len(self.plan.regions), self.say(last)
        for row in last:
            assert row["complete"], self.say(row)
            assert row["stored"] >= 0.95 * row["scheduled"] > 0, self.say(row)

    def tick(self, minute: int, region: str = "EU") -> dict[str, Any]:
        """The books of one tick."""
        [row] = [row for row in self.sheet if (row["minute"], row["region"]) == (minute, region)]
        return row

    def summaries(self, kind: str) -> list[dict[str, Any]]:
        """What the runs of a function replied, those that ended well."""
        return [reply["result"] for of, _, reply in self.replies if of == kind and "result" in reply]

    def errors(self, kind: str) -> list[str]:
        """What the others said."""
        return [f"{minute}: {reply['error']}" for of, minute, reply in self.replies if of == kind and "error" in reply]

    def say(self, what: object) -> str:
        """What went wrong, with all that is known of this life."""
        lines = [str(what), *map(str, getattr(self, "sheet", [])), *(str(reply) for reply in self.replies)]
        return "\n".join([self.name, *lines])
