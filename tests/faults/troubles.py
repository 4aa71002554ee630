"""The faults, each as what is done to a living system; the numbers are those of docs/faults.md."""

import asyncio
import math
import os
import signal
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from itertools import count
from typing import Any

import psycopg
import redis
from psycopg.rows import dict_row

from local.environments import ROOT
from tests.faults.proxy import Fate
from tests.faults.system import Plan, System
from vantage.stream import STREAM

SKEWED = "tests.faults.skewed"
INVOCATIONS = 100
AT = 1  # the minute that most trouble comes in


def holding(release: asyncio.Event, sites: Callable[[int], bool] = lambda _site: True) -> Any:
    """Sites that accept a request and keep it until they are released."""

    async def behaviour(site: int, _region: str, _writer: asyncio.StreamWriter) -> bool:
        if sites(site):
            await release.wait()
        return True

    return behaviour


def on(*commands: bytes, fate: Fate, times: int = 1 << 30) -> Callable[[bytes], Fate]:
    """A wire's rule: this fate for the first so many messages that hold one of these words."""
    left = [times]

    def rule(message: bytes) -> Fate:
        if left[0] and any(command in message for command in commands):
            left[0] -= 1
            return fate
        return Fate.PASS

    return rule


async def hits_of(system: System, minute: int, count: int) -> None:
    """Wait until so many requests of a minute's checks have reached their sites."""
    await system.until(lambda: len(system.hits(minute)) >= count)


# Workers


async def worker_killed_after_reading(system: System) -> None:
    """1: SIGKILL while every site is still being asked; whoever comes after it has another name and must claim."""
    release = asyncio.Event()
    await system.at(AT - 1, 40)
    system.behave(holding(release))
    await hits_of(system, AT, system.plan.sites)
    assert system.send(system.workers["EU"], signal.SIGKILL)
    release.set()
    system.behave(None)


async def worker_killed_before_acks(system: System) -> None:
    """2 and 3: half of a batch is committed, the other half is still being probed, nothing is acknowledged: SIGKILL.

    A minute later than other troubles: a first run that a busy machine starts late reads the next minute, too, and has
    no time left for it.
    """
    first, second, wire = asyncio.Event(), asyncio.Event(), system.stand.wires["worker"]

    async def in_halves(site: int, _region: str, _writer: asyncio.StreamWriter) -> bool:
        await (first if site % 2 else second).wait()
        return True

    await system.at(AT, 40)
    system.behave(in_halves)
    await hits_of(system, AT + 1, system.plan.sites)
    wire.rule = on(b"XACK", fate=Fate.HOLD)
    first.set()
    at_s = system.first_tick_s + 60 * (AT + 1)
    half = "SELECT 1 FROM check_result WHERE checked_at >= to_timestamp(%s) HAVING count(*) >= %s"
    await system.until(lambda: system.ask(half, at_s, system.plan.sites // 2))
    assert system.send(system.workers["EU"], signal.SIGKILL)
    second.set()
    system.behave(None)
    wire.rule = on(fate=Fate.PASS)


async def worker_frozen_and_thawed(system: System) -> None:
    """14: an environment is frozen for 70 s in the middle of its work; meanwhile both servers end its sessions. Later
    one is frozen for good, and killed when its time is over."""
    worker = system.workers["EU"]
    await system.at(AT, 1.5)
    await hits_of(system, AT, 1)
    assert system.send(worker, signal.SIGSTOP)
    frozen = system.alive(worker)
    await system.sql(
        """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE datname = current_database() AND application_name LIKE '%%worker%%'"""  # others live on this server
    )
    await system.redis(lambda client: client.client_kill_filter(_type="normal", skipme=True))
    await system.at(AT + 1, 12)
    for environment in frozen:
        assert environment.process is not None
        environment.process.send_signal(signal.SIGCONT)


async def worker_frozen_for_good(system: System) -> None:
    """4: an environment makes no progress any more and is killed, without a signal, when its time is over."""
    await system.at(AT, 1.5)
    await hits_of(system, AT, 1)
    assert system.send(system.workers["EU"], signal.SIGSTOP)


async def dripping_sites(system: System) -> None:
    """4: half of the sites send a byte now and then; a run that has little time left starts no check of them."""

    async def drip(site: int, _region: str, writer: asyncio.StreamWriter) -> bool:
        if site % 2:
            return True
        for _ in range(100):
            writer.write(b"H")
            await writer.drain()
            await asyncio.sleep(0.3)
        return False

    await system.at(AT - 1, 40)
    system.behave(drip)
    await system.at(AT + 2, 40)
    system.behave(None)


async def everything_hangs(system: System) -> None:
    """24: all sites but the last few accept and stay silent, for three minutes."""
    release = asyncio.Event()
    healthy = system.plan.sites * 3 // 4
    await system.at(AT - 1, 40)
    system.behave(holding(release, lambda site: site <= healthy))
    await system.at(AT + 3, 57)  # when no attempt is under way: none is answered in its last moment
    release.set()
    system.behave(None)


async def wrong_clocks(_system: System) -> None:
    """21: every worker's wall clock is wrong by ten minutes, one way here and the other there, from the beginning."""


async def handed_over(_system: System) -> None:
    """Overlapping runs: punctual workers, each of which goes on until the next minute's run has started."""


async def runs_overlap(system: System) -> None:
    """Two runs of a region at once in every minute."""
    for minute in range(system.plan.minutes):
        await system.at(minute, 1)
        system.fire("worker EU", system.workers["EU"], minute)


async def a_site_kills_its_worker(system: System) -> None:
    """16: for two minutes the probing of one site ends the whole process each time; then its monitor is paused."""
    worker = system.workers["EU"]

    async def deadly(site: int, _region: str, _writer: asyncio.StreamWriter) -> bool:
        if site == 5:
            system.send(worker, signal.SIGKILL)
        return site != 5

    await system.at(AT - 1, 40)
    system.behave(deadly)
    await system.at(AT + 1, 40)
    system.behave(None)
    system.noted["killed"] = len(worker.dead())


# Redis


async def redis_restarted_empty(system: System) -> None:
    """5: SHUTDOWN NOSAVE while a worker holds a minute's checks, and back with nothing."""
    release = asyncio.Event()
    await system.at(AT - 1, 40)
    system.behave(holding(release))
    await hits_of(system, AT, system.plan.sites)
    await asyncio.to_thread(_restart, system)
    release.set()
    system.behave(None)


def _restart(system: System) -> None:
    os.kill(system.stand.redis.pid, signal.SIGKILL)
    system.stand.redis.end_stop()
    system.stand.redis.start()


async def redis_flushed(system: System) -> None:
    """6: FLUSHALL between the producer's run and the workers'."""
    await system.at(AT, 40)
    await system.redis(lambda client: client.flushall())


async def redis_paused(system: System) -> None:
    """8: Redis answers nobody for 30 s, twice: while workers read, and while the producer pushes."""
    for minute, second in ((AT, 1.5), (AT + 2, 2.5)):
        await system.at(minute, second)
        os.kill(system.stand.redis.pid, signal.SIGSTOP)
        before = sum(wire.messages for wire in system.stand.wires.values())
        await system.at(minute, second + 30)
        system.noted.setdefault("asked", []).append(sum(w.messages for w in system.stand.wires.values()) - before)
        os.kill(system.stand.redis.pid, signal.SIGCONT)


async def redis_out_of_memory(system: System) -> None:
    """9: for a minute no command that needs memory is taken; what is in the stream is still worked on."""
    await system.at(AT, 30)
    await system.redis(lambda client: client.config_set("maxmemory", 1))
    await system.at(AT + 1, 30)
    await system.redis(lambda client: client.config_set("maxmemory", 0))


async def replies_lost(system: System) -> None:
    """What was done is not known to be done: the reply to a page's EXEC, to a read and to an ack are lost."""
    for minute, name, words in (
        (AT, "producer", b"EXEC"), (AT + 1, "worker", b"EVALSHA"), (AT + 2, "worker", b"XACK"),
    ):  # fmt: skip
        await system.at(minute, -10)
        system.stand.wires[name].rule = on(words, fate=Fate.MUTE, times=1)


async def poison(system: System) -> None:
    """16: entries that nobody can read, of every kind, behind each minute's own."""
    kinds = ("", "{}", "9;EU;60;;[]", "1;EU;60;;[1,2", '1;EU;-5;;[9,"http",{}]', '1;EU;60;;[9,"gopher",{}]')
    junk = [*map(str.encode, kinds), b"\xff\x00", b"1;EU;60;;" + b"[" * (1 << 20)]
    for minute in (AT, AT + 1):
        await system.at(minute, 45)
        await system.redis(lambda client: _add(client, junk))
    system.noted["junk"] = 2 * (len(junk) + 1)


def _add(client: "redis.Redis", values: list[bytes]) -> None:
    info: Any = client.xinfo_stream(STREAM)
    at, _, last = info["last-generated-id"].decode().partition("-")
    for number, value in enumerate(values, 1):
        client.xadd(STREAM, {"c": value}, id=f"{at}-{int(last) + number}")
    client.xadd(STREAM, {"other": "x"}, id=f"{at}-18446744073709551615")


async def redis_fails_over(system: System) -> None:
    """7: the replica is cut off, writes go on, the master dies, and the replica without those writes takes over."""
    wire, replica = system.stand.wires["all"], system.noted["replica"]
    await system.at(AT, 2)
    await asyncio.to_thread(_admin, replica, "REPLICAOF", "127.0.0.1", "1")
    await system.at(AT, 45)
    os.kill(system.stand.redis.pid, signal.SIGKILL)
    await asyncio.to_thread(_admin, replica, "REPLICAOF", "NO", "ONE")
    wire.upstream = replica
    system.redis_url = f"unix://{replica}"


def _admin(path: str, *words: str) -> None:
    with redis.Redis.from_url(f"unix://{path}") as client:
        client.execute_command(*words)


# PostgreSQL


async def postgres_down_and_killed(system: System) -> None:
    """11, 12, 14: PostgreSQL is stopped before the rows come; later it is killed while they are committed; later still
    it has no connection left for anybody."""
    postgres = system.stand.postgres
    assert postgres is not None
    await system.at(AT - 1, 50)
    os.kill(postgres.pid, signal.SIGINT)
    await asyncio.to_thread(postgres.end_stop)
    await system.at(AT, 45)
    await asyncio.to_thread(postgres.start)
    await system.at(AT + 2, 0)
    await hits_of(system, AT + 2, system.plan.sites // 2)
    os.kill(postgres.pid, signal.SIGKILL)
    await asyncio.to_thread(postgres.end_stop)
    await asyncio.to_thread(postgres.start)


async def postgres_without_connections(system: System) -> None:
    """14: every connection is taken by somebody else, and ours are ended."""
    await system.at(AT - 1, 50)
    held = await asyncio.to_thread(_take_all, system)
    await system.at(AT, 50)
    for connection in held:
        await asyncio.to_thread(connection.close)


def _take_all(system: System) -> list[Any]:
    held = [psycopg.connect(system.database_url, autocommit=True)]
    held[0].execute(
        """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE pid <> pg_backend_pid() AND client_port IS NOT NULL"""
    )
    with suppress(psycopg.OperationalError):
        while True:
            held.append(psycopg.connect(system.database_url))
    return held


async def postgres_slow(system: System) -> None:
    """13: somebody locks the results for longer than a run may last."""
    await system.at(AT - 1, 50)
    lock = await asyncio.to_thread(_lock_results, system)
    await system.at(AT + 4, 20)
    await asyncio.to_thread(lock.close)


def _lock_results(system: System) -> Any:
    connection = psycopg.connect(system.database_url)
    connection.execute("LOCK TABLE check_result IN EXCLUSIVE MODE")
    return connection


# The producer


async def producer_absent(_system: System) -> None:
    """20: no event for five minutes."""


async def producers_at_once(system: System) -> None:
    """18: every event comes twice at once, and a third time later."""
    for minute in range(system.plan.minutes):
        await system.at(minute, 20)
        system.fire("producer", system.producer, minute)


async def producer_killed(system: System) -> None:
    """19: SIGKILL before a page has reached Redis, and later when it is there and not yet in the books; before each
    retry other monitors are due than before."""
    wire = system.stand.wires["producer"]
    for minute, fate in ((AT, Fate.HOLD), (AT + 2, Fate.DEAF)):
        held = asyncio.Event()
        await system.at(minute, -10)
        wire.rule = _telling(on(b"EXEC", fate=fate, times=1), held)
        await held.wait()
        if fate is Fate.DEAF:  # the page is on its way: once it is there, nobody is left to book it
            await system.until(partial(_is_pushed, system, minute + 1))
        assert system.send(system.producer, signal.SIGKILL)
        await system.sql("UPDATE monitor SET enabled = NOT enabled WHERE id IN (1, 2)")
        await system.sql("UPDATE monitor SET interval_s = 300 WHERE id = 3")


def _telling(rule: Callable[[bytes], Fate], told: asyncio.Event) -> Callable[[bytes], Fate]:
    def telling(message: bytes) -> Fate:
        if (fate := rule(message)) is not Fate.PASS:
            told.set()
        return fate

    return telling


def _is_pushed(system: System, minute: int) -> bool:
    with redis.Redis.from_url(system.redis_url) as client:
        info: Any = client.xinfo_stream(STREAM)
    return int(info["last-generated-id"].partition(b"-")[0]) >= (system.first_tick_s + 60 * minute) * 1000


# Regions


async def region_away(_system: System) -> None:
    """22: a region's worker is not started for long, and then again."""


async def slow_region(system: System) -> None:
    """23: from one region everything takes a quarter of its timeout, and every fifth request is lost; then for
    two minutes nothing comes through at all."""
    asked = count()

    async def slow(_site: int, region: str, _writer: asyncio.StreamWriter) -> bool:
        if region == "INDIA":
            await (_for_ever() if next(asked) % 5 == 4 else asyncio.sleep(0.25))
        return True

    async def deaf(_site: int, region: str, _writer: asyncio.StreamWriter) -> bool:
        if region == "INDIA":
            await _for_ever()
        return True

    for minute, behaviour in ((AT, slow), (AT + 2, deaf), (AT + 4, None)):
        await system.at(minute, -4)  # when no attempt is under way
        system.behave(behaviour)


async def _for_ever() -> None:
    await asyncio.Event().wait()


async def no_partition(_system: System) -> None:
    """15: today's partition is not there when the first rows come."""


# What it stands on


async def connections_counted(system: System) -> None:
    """Every function is invoked again and again; meanwhile the connections of each are counted, by both servers."""
    functions = {
        "producer": system.producer, "housekeeper": system.housekeeper, **system.others,
        **{f"worker {region}": worker for region, worker in system.workers.items()},
    }  # fmt: skip
    system.noted["connections"] = []
    for burst in range(math.ceil(INVOCATIONS / len(functions)) if len(system.workers) > 1 else 8):
        await system.at(0, 15 * burst)
        for kind, function in functions.items():
            system.fire(kind, function, burst // 4)
        await system.at(0, 15 * burst + 5)
        postgres = await asyncio.to_thread(_connected_to_postgres, system)
        clients: list[dict[str, str]] = await system.redis(lambda client: client.client_list(_type="normal"))
        redis = Counter(client["user"] for client in clients if client["user"] != "default")
        system.noted["connections"].append((postgres, redis))


def _connected_to_postgres(system: System) -> Counter[str]:
    """How many connections each function has by the name it gives: to PostgreSQL, or to the pooler before it."""
    if system.plan.settings.get("DATABASE_POOLER"):
        with psycopg.connect(system.database_url, dbname="pgbouncer", autocommit=True, row_factory=dict_row) as console:
            names = [row["application_name"] for row in console.execute("SHOW CLIENTS").fetchall()]
    else:
        names = [name for (name,) in system.ask(
            "SELECT application_name FROM pg_stat_activity WHERE datname = current_database()"
        )]  # fmt: skip
    ours = [name.split("-")[1] for name in names if name.startswith("vantage-")]
    return Counter("worker" if name == "judge" else name for name in ours)


async def on_redis(_system: System) -> None:
    """The stream is on Redis itself, as Debian has it, and not on Valkey."""


# What must be seen of each beside what holds of all


def half_expired(system: System) -> None:
    """What was committed stays, the rest came back too late; nothing was tried again that had its row."""
    assert (system.tick(AT + 1)["stored"], system.tick(AT + 1)["expired"]) == (6, 6)


def all_expired(system: System) -> None:
    """What the dead one held was claimed and booked as too late to probe."""
    assert system.tick(AT)["expired"] == 12


def nobody_is_killed(system: System) -> None:
    """No run was over its time: what is left to do is left to the next one."""
    assert [error for error in system.errors("worker EU") if "killed" in error] == []


def healthy_ones_are_up(system: System) -> None:
    """Those that hang are down, and no other is; nobody waited too long for a place."""
    first_healthy = system.plan.sites * 3 // 4 + 1
    assert {row["site"] for row in system.rows if row["status"] == "down"} == set(range(1, first_healthy))
    assert {row["status"] for row in system.rows if row["site"] >= first_healthy} == {"up"}


def clocks_do_not_matter(system: System) -> None:
    """Everything is stored, nothing is early, nothing lasted less than no time."""
    assert all(row["stored"] == row["scheduled"] for row in system.sheet)
    assert all(row["late_ms"] >= 0 and row["total_us"] >= 0 for row in system.rows)


def ten_in_a_row(system: System) -> None:
    """Each run went on until the next one started, and none let a check of 30 s expire."""
    ended = [summary["ended"] for summary in system.summaries("worker EU")]
    assert ended.count("younger run") >= 10, ended
    assert all(row["stored"] >= 0.95 * row["scheduled"] for row in system.sheet)


def lost_is_exact(system: System) -> None:
    """What the worker held was stored and its ack found nothing; what nobody had read is lost, and no more."""
    sums = {name: sum(s[name] for s in system.summaries("worker EU")) for name in ("ack_mismatch", "groups_made")}
    assert (system.tick(AT)["stored"], system.tick(AT)["lost"], system.tick(AT + 1)["lost"]) == (12, 0, 12)
    assert sums["ack_mismatch"] == 12
    assert sum(row["lost"] for row in system.sheet) == 12


def one_tick_is_lost(system: System) -> None:
    """That which was in the stream, and nothing else."""
    assert [row["lost"] for row in system.sheet if row["lost"]] == [12]
    assert system.tick(AT + 1)["lost"] == 12


def only_the_unreplicated_is_lost(system: System) -> None:
    """The tick that was pushed while the replica was cut off, if anything."""
    assert {row["minute"] for row in system.sheet if row["lost"]} <= {AT + 1}


def few_questions_are_asked(system: System) -> None:
    """Nobody asks on and on while Redis is silent."""
    assert max(system.noted["asked"]) <= 10


def full_redis_is_emptied(system: System) -> None:
    """The producer says that its page was refused, and the workers work on."""
    assert any("Redis took nothing of a page" in error for error in system.errors("producer"))
    assert system.errors("worker EU") == []


def said_as_no_answer(system: System) -> None:
    """A lost reply is a server that does not answer, in words; its run's work is done by the next one."""
    assert [error for error in system.errors("producer") if "Redis does not answer" not in error] == []
    assert len(system.errors("producer")) == 1


def junk_is_buried(system: System) -> None:
    """Each once with its text, none of it in the sheet."""
    [(letters,)] = system.ask("SELECT count(*) FROM dead_letter")
    assert letters == system.noted["junk"]
    assert sum(row["dead"] for row in system.sheet) == 0


def gaps_are_lost(system: System) -> None:
    """A row for each minute without a run, with all that was due in it; one minute ahead was pushed, none behind."""
    for minute in (3, 4, 5, 6):
        tick = system.tick(minute)
        assert (tick["complete"], tick["due"], tick["scheduled"], tick["lost"]) == (False, 12, 12, 12), tick
    assert sum(row["lost"] for row in system.sheet) == 48
    assert max(len(summary["ticks"]) for summary in system.summaries("producer")) == 2


def events_twice_are_no_failure(system: System) -> None:
    """Each tick is one run's, and everything is stored once."""
    assert system.errors("producer") == []
    assert all(row["stored"] == row["scheduled"] for row in system.sheet)


def the_retry_is_exact(system: System) -> None:
    """The killed runs' ticks are whole: due when they were opened, whatever was changed since."""
    for minute in (AT + 1, AT + 3):
        tick = system.tick(minute)
        assert tick["due"] == tick["pushed"] == tick["scheduled"], tick


def only_that_region_is_late(system: System) -> None:
    """Others are whole; what was pushed before it was seen to be away expires, the rest was never pushed to it."""
    for row in system.sheet:
        assert row["region"] == "INDIA" or row["stored"] == row["scheduled"], row
    late = [row["minute"] for row in system.sheet if row["expired"]]
    skipped = [row["minute"] for row in system.sheet if row["skipped"]]
    assert 0 < len(late) <= 4, late
    assert len(skipped) >= 3, skipped


def only_that_region_is_at_fault(system: System) -> None:
    """The others' checks are stored; the two dead minutes of that region are set aside, and nobody is woken."""
    assert all(row["region"] == "INDIA" or row["stored"] == row["scheduled"] for row in system.sheet)
    query = "SELECT region::text, (extract(epoch FROM tick)::bigint - %s) / 60 FROM region_fault ORDER BY 2"
    faults = system.ask(query, system.first_tick_s)
    assert {region for region, _ in faults} == {"INDIA"}, faults
    assert {minute for _, minute in faults} >= {AT + 2, AT + 3}, faults
    assert system.ask("SELECT (SELECT count(*) FROM incident), (SELECT count(*) FROM advisory)") == [(0, 0)]
    assert system.ask("SELECT DISTINCT state::text FROM region_state") == [("up",)]


def connections_are_few(system: System) -> None:
    """No function ever has more than docs/operations.md says of its environments, on either server; and each that is
    said to have any has been seen with one."""
    environments = {kind: len(function.environments) for kind, function in system.others.items()} | {
        "producer": len(system.producer.environments), "housekeeper": len(system.housekeeper.environments),
        "worker": sum(len(worker.environments) for worker in system.workers.values()),
    }  # fmt: skip
    for at, server in enumerate(("PostgreSQL", "Redis")):
        documented = connections_documented(server)
        most: Counter[str] = Counter()
        for seen in (counts[at] for counts in system.noted["connections"]):
            most |= seen
        assert most <= Counter({kind: count * documented[kind] for kind, count in environments.items()}), (
            server, most, environments,
        )  # fmt: skip
        assert {kind for kind in environments if documented[kind]} == set(most), (server, most)


def connections_documented(server: str) -> dict[str, int]:
    """What the table of docs/operations.md says that one environment of each function has at the most."""
    _, _, table = (ROOT / "docs" / "operations.md").read_text().partition("| one environment of |")
    head, _, *rows = table.partition("\n\n")[0].splitlines()
    column = [cell.strip() for cell in head.split("|")].index(server) + 1
    cells = [[cell.strip() for cell in row.split("|")[1:-1]] for row in rows]
    return {row[0]: int(row[column]) for row in cells}


def a_hundred_invocations(system: System) -> None:
    """So many there were, of every function, and the connections stayed few."""
    assert len(system.replies) >= INVOCATIONS
    connections_are_few(system)


def few_behind_a_pooler(system: System) -> None:
    """Every run ends well, and the pooler has no more to keep apart than PostgreSQL would."""
    no_error(system)
    connections_are_few(system)


def no_error(system: System) -> None:
    """Every run ended well, and everything is stored."""
    assert [reply for _, _, reply in system.replies if "error" in reply] == []
    assert all(row["stored"] == row["scheduled"] for row in system.sheet)


def _claimed_soon(**settings: str) -> dict[str, str]:
    """With a timeout of 120 s what a dead one held is claimed after 135."""
    return {"VANTAGE_TAKE_WORK_S": "60", **settings}


PLANS: dict[str, Plan] = {
    "worker-killed-after-reading": Plan(
        trouble=worker_killed_after_reading, expect=all_expired, redeliveries=1,
        worker_timeout_s=120, settings=_claimed_soon(),
    ),
    "worker-killed-before-acks": Plan(
        trouble=worker_killed_before_acks, expect=half_expired, redeliveries=1,
        worker_timeout_s=120, settings=_claimed_soon(),
    ),
    "worker-frozen-and-thawed": Plan(trouble=worker_frozen_and_thawed, redeliveries=1, minutes=5),
    "worker-frozen-for-good": Plan(
        trouble=worker_frozen_for_good, redeliveries=1, worker_timeout_s=120, settings=_claimed_soon()
    ),
    "dripping-sites": Plan(trouble=dripping_sites, expect=nobody_is_killed, timeout_ms=1000),
    "everything-hangs": Plan(
        trouble=everything_hangs, expect=healthy_ones_are_up, sites=40, timeout_ms=1000, minutes=7, attempts=3,
        settings={"CONCURRENCY": "28"},
    ),
    "wrong-clocks": Plan(
        trouble=wrong_clocks, expect=clocks_do_not_matter, regions=("USA", "EU"), minutes=4,
        modules={"worker": SKEWED}, settings={"SKEW_S": "600"},
    ),
    "handed-over": Plan(
        trouble=handed_over, expect=ten_in_a_row, minutes=11, intervals=(60, 30), settings={"POLLING": "punctual"}
    ),
    "runs-overlap": Plan(trouble=runs_overlap, minutes=5, intervals=(60, 20)),
    "a-site-kills-its-worker": Plan(
        trouble=a_site_kills_its_worker, minutes=9, redeliveries=3, worker_timeout_s=120, settings=_claimed_soon()
    ),
    "redis-restarted-empty": Plan(
        trouble=redis_restarted_empty, expect=lost_is_exact, lost=True, redeliveries=1, minutes=6
    ),
    "redis-flushed": Plan(trouble=redis_flushed, expect=one_tick_is_lost, lost=True, minutes=6),
    "redis-paused": Plan(trouble=redis_paused, expect=few_questions_are_asked, redeliveries=2),
    "redis-out-of-memory": Plan(trouble=redis_out_of_memory, expect=full_redis_is_emptied, minutes=6),
    "redis-fails-over": Plan(
        trouble=redis_fails_over, expect=only_the_unreplicated_is_lost, lost=True, redeliveries=2
    ),
    "replies-lost": Plan(trouble=replies_lost, expect=said_as_no_answer, redeliveries=1, minutes=7),
    "poison": Plan(trouble=poison, expect=junk_is_buried, minutes=6),
    "postgres-down-and-killed": Plan(trouble=postgres_down_and_killed, redeliveries=2),
    "postgres-without-connections": Plan(trouble=postgres_without_connections, redeliveries=1, minutes=6),
    "postgres-slow": Plan(
        trouble=postgres_slow, expect=nobody_is_killed, redeliveries=2, minutes=9,
        settings={"VANTAGE_START_MARGIN_S": "40"},
    ),
    "producer-absent": Plan(
        trouble=producer_absent, expect=gaps_are_lost, no_producer=(2, 3, 4, 5, 6), minutes=10, lost=True
    ),
    "producers-at-once": Plan(trouble=producers_at_once, expect=events_twice_are_no_failure, producers=2, minutes=5),
    "producer-killed": Plan(trouble=producer_killed, expect=the_retry_is_exact, minutes=7),
    "region-away": Plan(
        trouble=region_away, expect=only_that_region_is_late, regions=("USA", "INDIA", "EU"), minutes=11,
        housekeeper=True, no_worker=lambda region, minute: region == "INDIA" and 1 <= minute < 7,
        settings={"VANTAGE_AWAY_AFTER_S": "120"},
    ),
    "slow-region": Plan(
        trouble=slow_region, expect=only_that_region_is_at_fault, regions=("USA", "INDIA", "EU"), minutes=7,
        timeout_ms=1000, housekeeper=True,
    ),
    "connections-counted": Plan(
        trouble=connections_counted, expect=a_hundred_invocations, regions=("USA", "INDIA", "EU"), minutes=5,
        housekeeper=True, others=("notifier", "api"),
    ),
    "behind-a-pooler": Plan(
        trouble=connections_counted, expect=few_behind_a_pooler, minutes=5, housekeeper=True,
        others=("notifier", "api"), settings={"DATABASE_POOLER": "transaction"},
    ),
    "on-debians-redis": Plan(trouble=on_redis, expect=no_error, minutes=4, intervals=(60, 30), housekeeper=True),
    "no-partition": Plan(trouble=no_partition, minutes=4, days=False),
}  # fmt: skip
WIRED = {  # the systems that reach Redis by wires of ours, and for which of their functions
    "worker-killed-before-acks": ("worker",),
    "redis-fails-over": ("all",),
    "redis-paused": ("worker", "producer"),
    "replies-lost": ("worker", "producer"),
    "producer-killed": ("producer",),
}
NAMED = ("connections-counted", "behind-a-pooler")  # whose functions have Redis users of their own, to be counted by
