"""Three regions' workers and a housekeeper that record and judge at once, each a process that may be killed."""

import random
import time
from collections.abc import Iterator

import psycopg

from tests.judge.history import record
from vantage.check import Status
from vantage.judge.tick import Judge
from vantage.store.connection import connect
from vantage.verdict.fleet import Stored
from vantage.verdict.rows import Row

REGIONS = ("USA", "INDIA", "EU")
MONITORS = range(1, 31)
TICKS = 40
BATCH = 7
PORTION = 4  # so that what is killed leaves a rest, and another takes it up


def status_of(monitor: int, tick: int, region: str, seed: int) -> Status | None:
    """What a region sees of a monitor in the n-th tick; None: nothing. Outages, faults of a region, lost ones."""
    if region == "INDIA" and (10 <= tick < 14 or 25 <= tick < 27) and monitor % 2:
        return Status.DOWN
    if region == "EU" and 18 <= tick < 30 and monitor == 7:
        return Status.DOWN
    outage = random.Random(f"{seed}-{monitor}")
    begin, length = outage.randrange(TICKS), outage.randrange(1, 8)
    if monitor % 3 == 0 and begin <= tick < begin + length:
        return Status.DOWN
    noise = random.Random(f"{seed}-{monitor}-{tick}-{region}").random()
    if monitor in (4, 8) and tick % 4 < 2:
        return Status.DOWN
    for limit, status in ((0.01, None), (0.03, Status.DOWN), (0.05, Status.DEGRADED), (0.06, Status.REFUSED)):
        if noise < limit:
            return status
    return Status.UP


def lateness(monitor: int, tick: int, region: str, seed: int) -> int:
    """How many ticks late the row is stored; for three minutes a region's connection is cut, and then all comes."""
    if region == "INDIA" and 25 <= tick < 28:
        return 28 - tick
    noise = random.Random(f"late-{seed}-{monitor}-{tick}-{region}").random()
    return 0 if noise > 0.06 else 1 + int(noise * 1000) % 4


def rows_stored_in(tick: int, region: str, seed: int, first_s: int) -> Iterator[Stored]:
    """The rows that a region stores while the n-th tick is under way."""
    for back in range(5):
        for monitor in MONITORS:
            if lateness(monitor, tick - back, region, seed) == back and tick >= back:
                status = status_of(monitor, tick - back, region, seed)
                if status is not None:
                    yield Stored(monitor, region, Row((first_s + 60 * (tick - back)) * 1000, status, 60))


def work(url: str, region: str, seed: int, first_s: int) -> None:
    """Store the region's rows tick by tick in small batches, and judge after each; goes on where it was killed."""
    with connect(url) as connection:
        for tick in range(_resume_at(connection, region, first_s), TICKS + 5):
            rows = [
                one
                for one in rows_stored_in(tick, region, seed, first_s)
                if one.row.at_ms < (first_s + 60 * TICKS) * 1000
            ]
            for start in range(0, len(rows), BATCH):
                record(connection, rows[start : start + BATCH])
                Judge(connection, portion=PORTION).run((first_s + 60 * tick + 60) * 1000)
            _wait_for_others(connection, region, tick, first_s)


def keep(url: str, first_s: int) -> None:
    """Judge again and again, as the safety net does."""
    with connect(url) as connection:
        while True:
            at = connection.execute("SELECT min(tick) FROM progress").fetchone()
            Judge(connection, portion=PORTION).run((first_s + 60 * (at[0] if at else 0) + 60) * 1000)
            time.sleep(0.01)


def _resume_at(connection: "psycopg.Connection[tuple[int]]", region: str, first_s: int) -> int:
    row = connection.execute("SELECT tick FROM progress WHERE region = %s", (region,)).fetchone()
    return row[0] if row else 0


def _wait_for_others(connection: "psycopg.Connection[tuple[int]]", region: str, tick: int, first_s: int) -> None:
    """Regions live at the same time, give or take a tick."""
    connection.execute("UPDATE progress SET tick = %s WHERE region = %s", (tick + 1, region))
    while True:
        row = connection.execute("SELECT min(tick) FROM progress").fetchone()
        if row and row[0] >= tick:
            return
        time.sleep(0.005)
