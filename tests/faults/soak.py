"""`make soak`: minutes of randomly chosen faults on a living system of three regions, by a seed that is printed.

DURATION=600 real seconds, SEED=… to have the same faults again, KILLS=0: so many SIGKILLs at random instants instead.
The identity is looked at whenever books are closed; a report comes at the end, and exit code 1 when anything is wrong.
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
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psycopg

from local.environments import Function
from local.postgres import database_url
from local.valkey import redis_url
from tests.faults.nursery import nursery
from tests.faults.proxy import Fate
from tests.faults.stage import a_postgres, a_redis, pace_from, wires
from tests.faults.system import ENDS, Plan, Stand, System
from tests.faults.targets import Targets
from tests.faults.troubles import holding, on

SCALE = 12
REGIONS = ("USA", "INDIA", "EU")
CALM_MINUTES = 9  # at the end: what dead ones held is claimed, and ticks are normal again
FORGETFUL = ("redis forgets", "redis is restarted empty")
WORDS = (b"EXEC", b"EVALSHA", b"XACK", b"XAUTOCLAIM", b"XPENDING", b"SET")


class Soak:
    """The faults of one soak: each is one short coroutine on a living system."""

    def __init__(self, chance: random.Random, until_s: float, kills: int) -> None:
        self.chance, self.until_s, self.kills = chance, until_s, kills
        self.done: Counter[str] = Counter()
        self.forgot_s: list[float] = []
        self.closes = 0
        self.wrong = ""

    async def trouble(self, system: System) -> None:
        """One fault after another until its time is over; the last minutes are calm."""
        await system.at(1)
        watching = asyncio.create_task(self._watch(system))
        try:
            await (self._kill(system) if self.kills else self._try_all(system))
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
            if name in FORGETFUL:
                self.forgot_s.append(system.now_s())
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
        await system.redis(lambda client: client.flushall())

    async def _restart_redis(self, system: System) -> None:
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
        seen: set[int] = set()
        query = f"""SELECT extract(epoch FROM tick)::bigint, region::text, scheduled, {" + ".join(ENDS)}, lost,
                           pushed_at IS NULL
                      FROM tick_ledger WHERE closed_at IS NOT NULL"""
        while True:
            await asyncio.sleep(1)
            try:
                rows = await system.sql(query)
            except psycopg.Error:
                continue  # one of the faults
            for tick_s, region, scheduled, ends, lost, is_gap in rows:
                self.closes += tick_s not in seen
                seen.add(tick_s)
                assert scheduled == ends, (tick_s, region, scheduled, ends)
                assert lost == 0 or is_gap or self.may_be_lost(tick_s), (tick_s, region, lost)

    def may_be_lost(self, tick_s: int) -> bool:
        """Redis forgot something while the tick was in the stream."""
        return any(tick_s - 120 <= forgot_s <= tick_s + 400 for forgot_s in self.forgot_s)


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
    print(f"minutes that no producer lived to push, all lost: {len(gaps)}")
    print(
        f"books looked at as they closed: {soak.closes} ticks; requests at the sites: {len(system.targets.log['soak'])}"
    )
    try:
        system.assert_holds()
        unexplained = [
            row
            for row in system.sheet
            if row["lost"] > 0 and row["complete"] and not soak.may_be_lost(row["minute"] * 60 + system.first_tick_s)
        ]
        assert not soak.wrong, f"as books closed: {soak.wrong}"
        assert unexplained == [], f"lost without Redis having forgotten anything: {unexplained}"
    except AssertionError as error:
        print(f"WRONG: {str(error)[:3000]}")
        return 1
    print("Nothing is lost that Redis did not forget, no row is there twice, no site that answered was called down.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
