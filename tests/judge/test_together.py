"""Judging by many at once, killed at any instruction: what is stored is what one replay of the stored rows decides."""

import multiprocessing
import random
import signal
import time
from collections.abc import Callable, Iterator
from multiprocessing.context import ForkServerProcess
from typing import Any

import psycopg
import pytest

from tests.judge import together
from tests.judge.history import EVENTS, record
from tests.judge.together import MONITORS, REGIONS, TICKS, rows_stored_in
from vantage.check import Status
from vantage.judge.tick import Judge
from vantage.store import judging as store
from vantage.store.connection import connect
from vantage.store.ledger import as_time
from vantage.verdict.fleet import FleetState, History, Stored, Tick, TickJudgement, Watched, judge
from vantage.verdict.rows import Row, Slot
from vantage.verdict.rules import Rules

FORKS = multiprocessing.get_context("forkserver")  # whoever is killed is there again without its imports
FORKS.set_forkserver_preload(["tests.judge.together"])
US = "(extract(epoch FROM {}) * 1000000)::bigint"
NOTICES = """
    SELECT subject, facts ->> 'kind', facts ->> 'region', ms_of((facts ->> 'at')::timestamptz) FROM outbox
     WHERE NOT facts ? 'quiet'"""


@pytest.fixture(autouse=True)
def tables_as_they_were(database: Any) -> Iterator[None]:
    """The processes' own table goes."""
    yield
    database.execute("DROP TABLE IF EXISTS progress")


def prepare(database: Any) -> int:
    """Regions, monitors, ticks that are pushed completely, and a channel; returns the first tick (epoch s)."""
    first_s = int(time.time() // 60) * 60 - 60 * (TICKS + 10)
    database.execute("DROP TABLE IF EXISTS progress")
    database.execute("CREATE TABLE progress (region text PRIMARY KEY, tick int NOT NULL)")
    for region in REGIONS:
        database.execute("INSERT INTO region (name, aws_region, redis_group) VALUES (%s, '', %s)", (region, region))
        database.execute("INSERT INTO progress VALUES (%s, 0)", (region,))
    database.execute(
        "INSERT INTO channel (name, type, config, events, operator) VALUES ('all', 'webhook', '{}', %s, true)",
        (EVENTS,),
    )
    database.execute(
        """INSERT INTO monitor (slug, name, type, spec, interval_s, timeout_ms, channels)
           SELECT 'm' || n, 'M', 'http', '{}', 60, 1000, '{all}' FROM generate_series(1, %s) n""",
        (len(MONITORS),),
    )
    database.execute("UPDATE monitor_schedule SET from_tick = '2020-01-01', phase_s = 0")
    database.execute(
        """INSERT INTO tick_ledger (tick, region, spread_s, pushed, pushed_at)
           SELECT at_ms((%s + 60 * n) * 1000::bigint), r, 10, %s, now()
             FROM generate_series(0, %s) n, unnest(enum_range(NULL::location)) r""",
        (first_s, len(MONITORS), TICKS - 1),
    )
    return first_s


def replay(database: Any, first_s: int) -> tuple[FleetState, list[TickJudgement]]:
    """The stored rows by the pure rules; instants of storing and judging in microseconds."""
    rows = database.execute(
        f"""SELECT monitor_id, region::text, ms_of(checked_at), status::text, {US.format("recorded_at")}
              FROM check_result"""
    ).fetchall()
    stored = [Stored(m, region, Row(at, Status(status), 60, recorded)) for m, region, at, status, recorded in rows]
    ticks = database.execute(
        f"SELECT extract(epoch FROM tick)::bigint, max({US.format('judged_at')}) FROM tick_ledger GROUP BY 1 ORDER BY 1"
    ).fetchall()
    watched = {monitor: Watched() for monitor in MONITORS}
    slots = {tick: [Slot(tick * 1000, 60, REGIONS)] for tick, _ in ticks}
    return judge(
        [Tick(tick, judged, dict.fromkeys(MONITORS, slots[tick])) for tick, judged in ticks],
        History(stored), watched, Rules(),
    )  # fmt: skip


def decided(judged: list[TickJudgement], pick: Callable[[Any], Any]) -> list[tuple[int, Any]]:
    """What a replay decided, by monitor."""
    return [
        (monitor, one)
        for tick in judged
        for monitor, judgements in tick.monitors.items()
        for judgement in judgements
        for one in pick(judgement)
    ]


def check_against_replay(database: Any, first_s: int) -> dict[str, int]:
    """Everything that is stored is what the replay decides; returns how much there was of each."""
    state, judged = replay(database, first_s)
    faults = {(region, tick) for region, tick in state.faults}
    assert set(database.execute("SELECT region::text, extract(epoch FROM tick)::bigint FROM region_fault")) == faults
    flips = {
        (monitor, flip.region, flip.at_ms, flip.before, str(flip.after), flip.since_ms)
        for monitor, flip in decided(judged, lambda one: one.flips)
    }
    stored_flips = set(
        database.execute(
            """SELECT monitor_id, region::text, ms_of(checked_at), from_state::text, to_state::text, ms_of(since)
                 FROM flip"""
        )
    )
    assert stored_flips == flips
    incidents = {(monitor, one.opened_ms, one.began_ms, one.single) for monitor, one in
                 decided(judged, lambda one: [one.opened] if one.opened else [])}  # fmt: skip
    rows = database.execute(
        "SELECT monitor_id, ms_of(opened_at), ms_of(began_at), single_vantage, ms_of(resolved_at) FROM incident"
    ).fetchall()
    assert {row[:4] for row in rows} == incidents
    resolved = {(monitor, one.opened_ms, one.resolved_ms) for monitor, one in
                decided(judged, lambda one: [one.resolved] if one.resolved else [])}  # fmt: skip
    assert {(m, opened, end) for m, opened, _, _, end in rows if end is not None} == resolved
    notices = [
        (str(monitor), str(one.kind), one.region, one.at_ms)
        for monitor, one in decided(judged, lambda one: one.notices)
    ]
    told = [("operator", str(one.kind), one.region, one.tick_s * 1000) for tick in judged for one in tick.operator]
    assert sorted(map(str, database.execute(NOTICES))) == sorted(map(str, notices + told))
    states = {
        (monitor, region, str(known.state))
        for monitor, one in state.monitors.items()
        for region, known in one.regions.items()
        if known.state
    }
    assert set(database.execute("SELECT monitor_id, region::text, state::text FROM region_state")) == states
    return {"flips": len(flips), "incidents": len(incidents), "resolved": len(resolved), "faults": len(faults),
            "notices": len(notices), "operator": len(told)}  # fmt: skip


def start(do: Callable[..., None], *words: object) -> ForkServerProcess:
    """A process of tests/judge/together.py."""
    process = FORKS.Process(target=do, args=words)
    process.start()
    return process


@pytest.mark.parametrize("seed", [1, 2])
def test_three_workers_and_a_housekeeper_at_once_agree(database: Any, database_url: str, seed: int) -> None:
    """Whoever judges, whoever is killed: each tick is judged once, and everything as a replay has it.

    Broken once by judging without the ledger's locks, once by not deciding again about ticks of which rows came late,
    once by reading in a portion what was recorded after its tick was decided on, once by beginning a tick while
    portions of the one before it were left.
    """
    first_s = prepare(database)
    words = {region: (together.work, database_url, region, seed, first_s) for region in REGIONS}
    running = {region: start(*word) for region, word in words.items()}
    keepers = [start(together.keep, database_url, first_s) for _ in range(2)]
    chance, kills = random.Random(seed), 0
    deadline_s = time.monotonic() + 200
    try:
        while any(process.exitcode != 0 for process in running.values()):
            assert time.monotonic() < deadline_s
            time.sleep(chance.uniform(0.1, 0.3))
            victim = chance.choice(REGIONS)
            if running[victim].is_alive() and kills < 25:
                running[victim].kill()
                running[victim].join()
                kills += 1
            for region, process in running.items():
                if process.exitcode not in (None, 0):
                    assert process.exitcode == -signal.SIGKILL
                    running[region] = start(*words[region])
    finally:
        for process in (*running.values(), *keepers):
            process.kill()
            process.join()
            process.close()
    Judge(database).run((first_s + 60 * (TICKS + 10)) * 1000)
    assert database.execute("SELECT count(*) FROM tick_ledger WHERE judged_at IS NULL").fetchone() == (0,)
    seen = check_against_replay(database, first_s)
    assert kills > 5
    assert min(seen.values()) > 0, seen


def test_a_late_row_of_closed_books_waits_for_the_judging_that_is_under_way(database: Any, database_url: str) -> None:
    """Else it could be stored before `judged_at` and behind what was read, and no judging would ever count it.

    Broken once by recording without the judging's lock, once by not locking books that closed just now.
    """
    first_s = prepare(database)
    late = [Stored(1, "EU", Row(first_s * 1000, Status.DOWN, 60))]
    row = "SELECT late_rows FROM tick_ledger WHERE tick = %s AND region = 'EU'"
    database.execute("UPDATE tick_ledger SET judged_at = now(), closed_at = now() - interval '1 hour' WHERE tick <= %s",
                     (as_time(first_s),))  # fmt: skip
    with connect(database_url) as other:
        other.execute("SET lock_timeout = '50ms'")
        with database.transaction():
            assert store.lock(database, first_s + 60) is not None
            with pytest.raises(psycopg.errors.LockNotAvailable):
                record(other, late)
        database.execute("UPDATE tick_ledger SET closed_at = clock_timestamp() WHERE tick = %s", (as_time(first_s),))
        with database.transaction():
            assert store.lock(database, first_s + 60) is not None
            with pytest.raises(psycopg.errors.LockNotAvailable):
                other.execute(f"{row} FOR UPDATE", (as_time(first_s),))
        record(other, late)
    assert database.execute(row, (as_time(first_s),)).fetchone() == (1,)


def test_a_crowd_that_fails_is_judged_behind_the_ledger_s_locks(database: Any, database_url: str) -> None:
    """Late rows of its tick and older ones are recorded while its monitors are judged; a rest that somebody holds is
    left to them, and what nobody holds is taken up, each monitor once. Broken once by locking a tick while there is a
    rest."""
    first_s = prepare(database)
    for tick in range(3):
        row = Row((first_s + 60 * tick) * 1000, Status.UP if tick < 1 else Status.DOWN, 60)
        record(database, [Stored(monitor, region, row) for monitor in MONITORS for region in REGIONS])
    judge_, now_ms = Judge(database, portion=7), (first_s + 180) * 1000
    database.execute("ALTER TABLE incident ADD CONSTRAINT unlucky CHECK (monitor_id <> 10)")
    with pytest.raises(psycopg.errors.CheckViolation):
        judge_.run(now_ms)
    database.execute("ALTER TABLE incident DROP CONSTRAINT unlucky")
    with connect(database_url) as other, other.transaction():
        taken = store.take_rest(other, 7)
        assert taken is not None
        assert taken.ids == list(range(8, 15))
        record(database, [Stored(8, "EU", Row((first_s + 150) * 1000, Status.UP, 60))])
        assert judge_.run(now_ms).looked_at == len(MONITORS) - 14
        assert database.execute("SELECT count(*) FROM judging_rest").fetchone() == (7,)
        with database.transaction():
            assert store.lock(database, first_s + 180) is None
        raise psycopg.Rollback
    assert judge_.run(now_ms + 6_000_000).looked_at > 7
    assert check_against_replay(database, first_s)["incidents"] == len(MONITORS)


def test_judging_in_one_go_is_judging_tick_by_tick(database: Any) -> None:
    """Everything stored before anything is judged: the same as its replay."""
    first_s = prepare(database)
    for tick in range(TICKS):
        for region in REGIONS:
            record(database, list(rows_stored_in(tick, region, 3, first_s)))
    Judge(database).run((first_s + 60 * (TICKS + 10)) * 1000)
    assert check_against_replay(database, first_s)["incidents"] > 0
    assert as_time(first_s).second == 0
