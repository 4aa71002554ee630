"""The whole way on one machine: the producer, three workers and nginx targets; how many checks a second, and how late.

Reported, no gate. First all that a minute has is due at once, which shows the most that is stored a second; then a
minute has 80 % of that, spread evenly, which shows how late checks start.
"""

import asyncio
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.report import Row, measured, not_compared
from bench.stage import Stage, stage, tool
from bench.targets import nginx_targets
from local.fleet import REGIONS, Fleet, deploy
from local.minutes import event_time
from vantage.clock import Pace
from vantage.errors import VantageError
from vantage.store.ledger import as_time
from vantage.stream import STREAM

BURST = 10_000  # checks of each region that are due at once
LOAD = 0.8
_TICK_S = 60
_LEAD_S = 15  # what comes sooner is not pushed in time
_READY_S = 5  # workers are there so long before the minute


@dataclass(frozen=True, slots=True)
class Sample:
    """How far a tick was at an instant: checks stored, and the workers' CPU seconds."""

    at_s: float
    stored: int
    cpu_s: float


def rows(quick: bool) -> list[Row]:
    """What is stored a second and core, what a check costs a worker, and (not quick) how late checks start."""
    name, unit = "end to end: checks stored, 3 workers", "checks/s/core"
    if (nginx := tool("nginx")) is None:
        return [not_compared(name, None, unit, "nginx is not installed (nginx-light)")]
    with stage() as set_, nginx_targets(nginx) as url:
        per_s, cpu_ms = asyncio.run(_most(set_, url, BURST // 8 if quick else BURST))
        found = [measured(name, per_s / _cores(), unit)]
        if sys.platform == "linux":
            found.append(measured("end to end: CPU of a worker per check", cpu_ms, "ms"))
        return found if quick else [*found, *asyncio.run(_late(set_, url, per_s * LOAD))]


async def _most(set_: Stage, url: str, checks: int) -> tuple[float, float]:
    """Checks stored per second while more are due than three workers can do, and the CPU milliseconds of each."""
    set_.add_monitors(1, checks * 5, url, "300")
    tick_s = int(time.time() // _TICK_S) * _TICK_S
    only_this = {"VANTAGE_FIRST_TICK_WITHIN_S": str(_TICK_S), "VANTAGE_AHEAD_S": "0"}
    async with _fleet(set_, only_this) as fleet:
        await fleet.push_first(tick_s)
        samples = await _drained(set_, fleet, tick_s)
    busy = [sample for sample in samples if 0.1 <= sample.stored / samples[-1].stored <= 0.9]
    seconds, stored = busy[-1].at_s - busy[0].at_s, busy[-1].stored - busy[0].stored
    return stored / seconds, (busy[-1].cpu_s - busy[0].cpu_s) / stored * 1000


async def _late(set_: Stage, url: str, per_s: float) -> Iterator[Row]:
    """How late checks start in a minute that has so many each second, all regions together."""
    set_.clear()
    monitors = int(per_s / len(REGIONS) * _TICK_S)
    set_.add_monitors(1, monitors, url, "60")
    tick_s = int((time.time() + _LEAD_S) // _TICK_S + 1) * _TICK_S
    only_next = {"VANTAGE_FIRST_TICK_WITHIN_S": str(-_TICK_S), "SPREAD_SECONDS": str(_TICK_S)}
    async with _fleet(set_, only_next) as fleet:
        await fleet.push_first(tick_s - _TICK_S)
        await asyncio.sleep(tick_s - _READY_S - time.time())
        await _drained(set_, fleet, tick_s)
    found = set_.database.execute(
        """SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY late_ms),
                  percentile_cont(0.99) WITHIN GROUP (ORDER BY late_ms),
                  100.0 * count(late_ms) / (SELECT sum(pushed) FROM tick_ledger)
             FROM check_result WHERE checked_at >= %s""",
        (as_time(tick_s),),
    ).fetchone()
    assert found is not None
    assert set_.redis.xlen(STREAM) == monitors, "another tick was pushed as well"
    load = f"{per_s:,.0f} checks/s, {found[2]:.4g} % of them probed"
    return (
        Row(f"end to end: lateness at 80 %, {name}", float(value), "ms", load)
        for name, value in zip(("p50", "p99"), found, strict=False)
    )


@asynccontextmanager
async def _fleet(set_: Stage, settings: dict[str, str]) -> AsyncIterator[Fleet]:
    """The functions as a local run has them, workers with Lambda's number of file descriptors."""
    with tempfile.TemporaryDirectory() as logs:
        fleet = deploy(set_.settings(**settings), Path(logs), _say, lambda: None, Pace())
        fleet.producer.settings = {**fleet.producer.settings, **settings}
        try:
            yield fleet
        finally:
            await fleet.stop()


async def _drained(set_: Stage, fleet: Fleet, tick_s: int) -> list[Sample]:
    """Run the workers until each check of a tick is accounted for, or they have ended; returns how it went."""
    runs = [asyncio.create_task(worker.invoke({"time": event_time(tick_s)})) for worker in fleet.workers.values()]
    samples: list[Sample] = []
    left = 1
    while left and not all(run.done() for run in runs):
        await asyncio.sleep(0.2)
        stored, left = _books(set_, tick_s)
        pids = [pid for worker in fleet.workers.values() for pid in worker.pids().values()]
        samples.append(Sample(time.monotonic(), stored, sum(map(_cpu_s, pids))))
    await fleet.stop()
    for reply in await asyncio.gather(*runs):
        if left and "error" in reply:
            _say(f"bench: a worker ended before its time: {reply['error']}")
    if not samples[-1].stored:
        raise VantageError("No check was stored; the bench has nothing to measure.")
    return samples


def _books(set_: Stage, tick_s: int) -> tuple[int, int]:
    """Checks of a tick that are stored, and those that are in no book yet."""
    if set_.database.execute("SELECT FROM check_result WHERE status NOT IN ('up', 'expired') LIMIT 1").fetchone():
        raise VantageError("A target of the bench was not up; what is measured here would be something else.")
    row = set_.database.execute(
        "SELECT sum(stored), sum(pushed - stored - expired - dead) FROM tick_ledger WHERE tick = %s", (as_time(tick_s),)
    ).fetchone()
    assert row is not None
    return int(row[0]), int(row[1])


def _cpu_s(pid: int) -> float:
    """A process's CPU seconds; 0 where there is no /proc to ask."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
