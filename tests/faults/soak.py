"""`make soak`: minutes of randomly chosen faults on a living system of three regions, by a seed that is printed.

DURATION=600 real seconds, SEED=… to have the same faults again, KILLS=0: so many SIGKILLs at random instants instead.
The identity is looked at whenever books are closed, and so is what is lost: never more than Redis held unacknowledged
when it was made to forget, and what no producer lived to push. A report comes at the end, and exit code 1 when anything
is wrong.
"""

# ruff: noqa: T201  # a person reads it

import asyncio
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psycopg
import redis

from local.environments import Function
from local.fleet import group_of
from local.postgres import database_url
from local.valkey import redis_url
from tests.faults.nursery import nursery
from tests.faults.proxy import Fate
from tests.faults.stage import a_postgres, a_redis, pace_from, wires
from tests.faults.system import ENDS, Plan, Stand, System
from tests.faults.targets import Targets
from tests.faults.troubles import holding, on
from vantage.stream import STREAM

SCALE = 12
REGIONS = ("USA", "INDIA", "EU")
CALM_MINUTES = 9  # at the end: what dead ones held is claimed, and ticks are normal again
WORDS = (b"EXEC", b"EVALSHA", b"XACK", b"XAUTOCLAIM", b"XPENDING", b"SET")


class Soak:
    """The faults of one soak: each is one short coroutine on a living system."""

    def __init__(self, chance: random.Random, until_s: float, kills: int) -> None:
        self.chance, self.until_s, self.kills = chance, until_s, kills
        self.done: Counter[str] = Counter()
        self.forgotten: Counter[tuple[int, str]] = Counter()  # by tick (epoch s) and region
        self.seen: set[tuple[int, str]] = set()  # of closed books
        self.held_to_nothing = 0
        self.wrong = ""

    async def trouble(self, system: System) -> None:
        """One fault after another until its time is over; the last minutes are calm, and watched as well."""
        await system.at(1)
        watching = asyncio.create_task(self._watch(system))
        try:
            await (self._kill(system) if self.kills else self._try_all(system))
            await system.at(system.plan.minutes)
        finally:
            watching.cancel()
            [seen] = await asyncio.gather(watching, return_exceptions=True)
            self.wrong = str(seen) if isinstance(seen, AssertionError) else ""

    async def _try_all(self, system: System) -> None:
        faults = {
            "a worker is killed": self._kill_one, "the producer is killed": self._kill_producer,
            "a worker is frozen": self._freeze, "redis pauses": self._pause_redis,
            "redis forgets": self._flush, "redis is restarted empty": self._restart_redis,
            "postgres is restarted": self._restart_postgres, "postgres is killed": self._kill_postgres,
            "results are locked": self._lock, "sessions are ended": self._end_sessions,
            "a reply is lost": self._lose_reply, "a connection is cut": self._cut, "sites hang": self._hang,
            "events come twice": self._twice,
        }  # fmt: skip
        while time.time() < self.until_s:
            await asyncio.sleep(self.chance.uniform(0.2, 4))
            name = self.chance.choice(list(faults))
            self.done[name] += 1
            print(f"{system.now_s() - system.first_tick_s:7.0f} s  {name}", flush=True)
            await faults[name](system)

    def _worker(self, system: System) -> Function:
        return system.workers[self.chance.choice(REGIONS)]

    async def _kill_one(self, system: System) -> None:
        system.send(self._worker(system), signal.SIGKILL)

    async def _kill_producer(self, system: System) -> None:
        system.send(system.producer, signal.SIGKILL)

    async def _freeze(self, system: System) -> None:
        worker = self._worker(system)
        system.send(worker, signal.SIGSTOP)
        await asyncio.sleep(self.chance.uniform(0.5, 6))
        system.send(worker, signal.SIGCONT)

    async def _pause_redis(self, system: System) -> None:
        os.kill(system.stand.redis.pid, signal.SIGSTOP)
        await asyncio.sleep(self.chance.uniform(0.1, 3))
        os.kill(system.stand.redis.pid, signal.SIGCONT)

    async def _flush(self, system: System) -> None:
        def forget(client: "redis.Redis") -> None:
            self.forgotten.update(unacknowledged(client, system.plan.regions, and_flush=True))

        await system.redis(forget)

    async def _restart_redis(self, system: System) -> None:
        def stand_still(client: "redis.Redis") -> None:
            client.client_pause(60_000, all=False)  # nothing is written any more
            self.forgotten.update(unacknowledged(client, system.plan.regions))

        await system.redis(stand_still)
        await asyncio.to_thread(self._restart, system.stand.redis, signal.SIGKILL)

    async def _restart_postgres(self, system: System) -> None:
        await asyncio.to_thread(self._restart, system.stand.postgres, signal.SIGINT)

    async def _kill_postgres(self, system: System) -> None:
        await asyncio.to_thread(self._restart, system.stand.postgres, signal.SIGKILL)

    def _restart(self, server: Any, number: signal.Signals) -> None:
        os.kill(server.pid, number)
        server.end_stop()
        time.sleep(self.chance.uniform(0, 2))
        server.start()

    async def _lock(self, system: System) -> None:
        seconds = self.chance.uniform(0.2, 5)
        await system.sql(f"DO $$ BEGIN LOCK TABLE check_result IN EXCLUSIVE MODE; PERFORM pg_sleep({seconds}); END $$")

    async def _end_sessions(self, system: System) -> None:
        await system.sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'vantage-%%'"
        )
        await system.redis(lambda client: client.client_kill_filter(_type="normal", skipme=True))

    async def _lose_reply(self, system: System) -> None:
        self._wire(system).rule = on(self.chance.choice(WORDS), fate=Fate.MUTE, times=1)

    async def _cut(self, system: System) -> None:
        self._wire(system).rule = on(self.chance.choice(WORDS), fate=Fate.CUT, times=1)

    def _wire(self, system: System) -> Any:
        return system.stand.wires[self.chance.choice(("producer", "worker"))]

    async def _hang(self, system: System) -> None:
        release = asyncio.Event()
        odd = self.chance.randrange(2)
        system.behave(holding(release, lambda site: site % 2 == odd))
        await asyncio.sleep(self.chance.uniform(0.5, 8))
        release.set()
        system.behave(None)

    async def _twice(self, system: System) -> None:
        minute = int((system.now_s() - system.first_tick_s) // 60)
        system.fire("producer", system.producer, minute)
        for region, worker in system.workers.items():
            system.fire(f"worker {region}", worker, minute)

    async def _kill(self, system: System) -> None:
        """A run is started, and after a moment it is killed, wherever it is."""
        functions = {"producer": system.producer, **{f"worker {r}": w for r, w in system.workers.items()}}
        while self.done["killed"] < self.kills and time.time() < self.until_s:
            kind = self.chance.choice(list(functions))
            minute = int((system.now_s() - system.first_tick_s) // 60)
            if not any(environment.busy for environment in functions[kind].environments):
                system.fire(kind, functions[kind], minute)
            await asyncio.sleep(self.chance.uniform(0, 0.15))
            self.done["killed"] += system.send(functions[kind], signal.SIGKILL)

    async def _watch(self, system: System) -> None:
        """Look at each tick's books as they are closed."""
        ends = ", ".join(ENDS)
        query = f"""SELECT extract(epoch FROM tick)::bigint AS tick_s, region::text, scheduled, pushed, {ends}
                      FROM tick_ledger WHERE closed_at IS NOT NULL"""
        while True:
            await asyncio.sleep(1)
            try:
                rows = await asyncio.to_thread(system.ask_rows, query)
            except psycopg.Error:
                continue  # one of the faults
            self.look_at([row for row in rows if (row["tick_s"], row["region"]) not in self.seen])

    def look_at(self, closed: Iterable[dict[str, Any]]) -> None:
        """Whether these books add up, and nothing is lost that was not forgotten by Redis or never pushed."""
        for row in closed:
            key = (row["tick_s"], row["region"])
            self.seen.add(key)
            may_be_lost = self.forgotten[key] + row["scheduled"] - row["pushed"] - row["skipped"]
            self.held_to_nothing += may_be_lost == 0
            assert row["scheduled"] == sum(row[end] for end in ENDS), row
            assert 0 <= row["lost"] <= may_be_lost, (row, may_be_lost)


def unacknowledged(
    client: "redis.Redis", regions: Iterable[str], *, and_flush: bool = False
) -> Counter[tuple[int, str]]:
    """How many entries of each tick (epoch s) each region has still to acknowledge, in one instant; and then none."""
    names = {region: group_of(region) for region in regions}
    with client.pipeline(transaction=True) as asked:
        asked.xrange(STREAM)
        asked.xinfo_groups(STREAM)
        for name in names.values():
            asked.xpending_range(STREAM, name, "-", "+", 1 << 20)
        if and_flush:
            asked.flushall()
        entries, groups, *pending = asked.execute(raise_on_error=False)
    if isinstance(groups, redis.ResponseError):  # there is no stream
        return Counter()
    read = {group["name"].decode(): _instant(group["last-delivered-id"]) for group in groups}
    held: Counter[tuple[int, str]] = Counter()
    for (region, name), given in zip(names.items(), pending, strict=False):
        ids = [each["message_id"] for each in given] if name in read else []
        ids += [entry for entry, _ in entries if _instant(entry) > read.get(name, (0, 0))]
        held.update((_instant(entry)[0] // 60_000 * 60, region) for entry in ids)
    return held


def _instant(entry_id: bytes) -> tuple[int, int]:
    ms, _, sequence = entry_id.partition(b"-")
    return int(ms), int(sequence)


def main() -> int:
    """Live, then report; returns the exit code."""
    duration_s, kills = float(os.environ.get("DURATION", "600")), int(os.environ.get("KILLS", "0"))
    seed = int(os.environ.get("SEED") or random.SystemRandom().randrange(1 << 32))
    print(f"seed {seed}, {duration_s:.0f} s" + (f", {kills} kills" if kills else ""), flush=True)
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="vantage-soak-", dir="/tmp")))
        home.chmod(0o711)
        stand = Stand(stack.enter_context(a_redis(home / "redis")))
        stand.postgres = stack.enter_context(a_postgres(home / "postgres", "synchronous_commit=on"))
        start = stack.enter_context(nursery()).start
        soak = Soak(random.Random(seed), time.time() + duration_s, kills)
        system = asyncio.run(_live(soak, stand, home, start, int(duration_s * SCALE / 60) + CALM_MINUTES))
    return report(soak, system)


async def _live(soak: Soak, stand: Stand, home: Path, start: Any, minutes: int) -> System:
    targets = Targets()
    await targets.start()
    pace, first_tick_s = pace_from(SCALE, 3)
    assert stand.postgres is not None
    plan = Plan(
        trouble=soak.trouble, regions=REGIONS, minutes=minutes, sites=20, intervals=(60, 60, 60, 30), lost=True,
        housekeeper=True, new_names=not soak.kills, redeliveries=1 << 30,
    )  # fmt: skip
    async with wires(stand, ("producer", "worker")) as ways:
        system = System(
            "soak", plan, pace, first_tick_s, database_url(stand.postgres), redis_url(stand.redis), targets, home,
            stand, start, dict(ways),
        )  # fmt: skip
        try:
            await system.prepare()
            await system.live()
        finally:
            await system.stop()
            await targets.close()
    return system


def report(soak: Soak, system: System) -> int:
    """What was done, where the checks ended, and what is wrong."""
    print("\nfaults:", ", ".join(f"{count} x {name}" for name, count in soak.done.most_common()))
    for region in system.plan.regions:
        rows = [row for row in system.sheet if row["region"] == region]
        sums = {name: sum(row[name] for row in rows) for name in ("scheduled", *ENDS)}
        print(f"{region}: {len(rows)} ticks,", ", ".join(f"{name} {count}" for name, count in sums.items()))
    gaps = {row["minute"] for row in system.sheet if not row["complete"]}
    print(f"minutes that no producer lived to push completely: {len(gaps)}")
    print(f"requests at the sites: {len(system.targets.log['soak'])}; books looked at as they closed: {len(soak.seen)}")
    print(f"of these {soak.held_to_nothing} may have lost nothing; Redis forgot {soak.forgotten.total()} entries")
    try:
        assert not soak.wrong, f"as books closed: {soak.wrong}"
        system.assert_holds()
        soak.look_at({**row, "tick_s": row["minute"] * 60 + system.first_tick_s} for row in system.sheet)
    except AssertionError as error:
        print(f"WRONG: {str(error)[:3000]}")
        return 1
    print("Nothing is lost that Redis did not forget, no row is there twice, no site that answered was called down.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
