"""The worker on a real stream and a real PostgreSQL; only the targets are not there."""

import asyncio
import time
from dataclasses import replace
from typing import Any

import psycopg
import pytest
import redis.asyncio

from tests.drains import Probe, World, down
from vantage import wire
from vantage.check import Check, ProbeDetail, Reason, Result
from vantage.drain import Memory
from vantage.durations import Durations, Polling
from vantage.store import ledger, regions
from vantage.stream import STREAM
from vantage.stream.reader import StreamReader
from vantage.stream.writer import StreamWriter


@pytest.fixture
def world(database_url: str, redis_url: str, database: "psycopg.Connection[Any]", redis_client: "redis.Redis") -> World:
    """One region on empty servers."""
    return World(database_url, redis_url, database, redis_client)


def test_a_stored_result_is_acknowledged(world: World) -> None:
    """Every entry that is due becomes one row, is booked in its tick, and leaves the pending list."""
    world.begin(30)
    world.push(*range(1, 31))
    summary = world.run()
    assert world.rows() == dict.fromkeys(range(1, 31), "up")
    assert world.books() == {"pushed": 30, "stored": 30, "expired": 0, "dead": 0, "open": 0}
    assert (world.pending(), summary.ack_mismatch, summary.ended) == (0, 0, "quiet")


def test_what_is_not_committed_is_not_acknowledged(world: World) -> None:
    """While PostgreSQL refuses the rows nothing is acked, and the next run stores each once.

    Broken once by acknowledging before the insert.
    """
    world.begin(5)
    world.push(*range(1, 6))
    world.database.execute("ALTER TABLE check_result RENAME TO check_result_away")
    try:
        with pytest.raises(psycopg.errors.UndefinedTable):
            world.run()
        assert world.pending() == 5
    finally:
        world.database.execute("ALTER TABLE check_result_away RENAME TO check_result")
    world.run()
    assert (len(world.rows()), world.pending()) == (5, 0)


def test_a_second_delivery_adds_no_row(world: World) -> None:
    """A run killed between commit and ack: its entries are taken up again, and the key refuses the second row."""
    world.begin(5)
    ids = world.push(*range(1, 6))
    world.run()
    world.redis.xgroup_setid(STREAM, "g-eu", "0")
    summary = world.run()
    assert summary.read == len(ids)
    assert world.books()["stored"] == 5


def test_a_dead_consumers_entries_are_claimed(world: World) -> None:
    """What a worker that died held is probed by the next one, once it was idle for longer than a run can last."""
    world.begin(5)
    world.push(*range(1, 6))
    world.redis.xgroup_create(STREAM, "g-eu", id="0")
    world.redis.xreadgroup("g-eu", "dead", {STREAM: ">"})
    assert world.run(timeout_ms=240_000).taken_up == 0  # too young to be claimed
    summary = world.run(timeout_ms=20_000, durations=Durations(claim_margin_s=-20, flush_s=0.05))
    assert summary.taken_up == 5
    assert (len(world.rows()), world.pending()) == (5, 0)


def test_an_environment_takes_up_its_own_at_once(world: World) -> None:
    """A consumer's own pending entries wait for no idle time."""
    world.begin(5)
    world.push(*range(1, 6))
    world.redis.xgroup_create(STREAM, "g-eu", id="0")
    world.redis.xreadgroup("g-eu", "c1", {STREAM: ">"})
    assert world.run(consumer="c1").taken_up == 5
    assert (len(world.rows()), world.pending()) == (5, 0)


@pytest.mark.parametrize(("interval_s", "ago_s", "status"), [
    (60, 80, "up"), (60, 95, "expired"), (10, 8, "up"), (10, 12, "expired"), (600, 290, "up"), (600, 310, "expired"),
])  # fmt: skip
def test_an_entry_expires(world: World, interval_s: int, ago_s: float, status: str) -> None:
    """Too late to probe: after its interval below a minute, else after 90 s to 300 s; a row says so."""
    world.begin(1, interval_s)
    at_s = int(time.time() - ago_s)
    at_ms, tick_s = at_s * 1000, at_s // 60 * 60
    world.database.execute("TRUNCATE tick_ledger")
    ledger.open_ticks(world.database, [tick_s], spread_s=60)
    world.database.execute("UPDATE monitor_schedule SET phase_s = %s", (at_s % interval_s,))
    world.redis.xadd(STREAM, {wire.FIELD: wire.head(("EU",), interval_s) + b'[1000,"http",{}]'}, id=f"{at_ms}-1")
    world.redis.set("pushed:{0}", tick_s + 6000)
    probe = Probe()
    world.run(probe, durations=Durations(flush_s=0.05, take_work_s=1))
    assert world.rows() == {1: status}
    assert len(probe.seen) == (status == "up")


def test_an_extra_that_expires_stays_in_the_books(world: World) -> None:
    """It is no slot of the schedule and was pushed all the same; its row says so, and nothing is lost.

    Red before: the store took it for junk, and each was booked as lost.
    """
    world.begin(1, 3600)
    at_s = int(time.time() - 95)
    tick_s = at_s // 60 * 60
    world.database.execute("TRUNCATE tick_ledger")
    ledger.open_ticks(world.database, [tick_s], spread_s=60)
    world.database.execute("UPDATE monitor_schedule SET phase_s = %s", ((at_s + 1800) % 3600,))
    world.push(1, ago_s=95, value=wire.head(("EU",), 3600, True) + b'[1000,"http",{}]')
    world.run(durations=Durations(flush_s=0.05, take_work_s=1))
    assert world.books() == {"pushed": 1, "stored": 0, "expired": 1, "dead": 0, "open": 0}
    row = world.database.execute("SELECT status::text, interval_s, extra FROM check_result").fetchall()
    assert row == [("expired", 3600, True)]


def test_an_entry_for_other_regions_leaves_no_row(world: World) -> None:
    """It is acknowledged, not probed and not counted."""
    world.begin(2)
    world.push(1, regions_=("USA", "INDIA"))
    world.push(2)
    probe = Probe()
    summary = world.run(probe)
    assert (list(world.rows()), [m for _, m in probe.seen], summary.foreign, world.pending()) == ([2], [2], 1, 0)


@pytest.mark.parametrize("value", [
    b"", b"garbage", b"9;EU;60;;[]", b"1;EU;60;;{not json", b'1;EU;60;;["x","http",{}]', b'1;EU;0;;[1000,"http",{}]',
    b"1;EU;60;;" + b"[" * 100_000, b"\xff\x00\xfe",
])  # fmt: skip
def test_an_entry_that_cannot_be_read_is_buried_with_its_text(world: World, value: bytes) -> None:
    """It ends as a dead letter with its raw text, the rest is unharmed, and it does not come back."""
    world.begin(3)
    [bad] = world.push(1, value=value)
    world.push(2, 3)
    world.run()
    letters = world.database.execute("SELECT entry_id, region::text, raw FROM dead_letter").fetchall()
    assert [letter[:2] for letter in letters] == [(bad, "EU")]
    assert letters[0][2] == value[:4000].decode("utf-8", "replace").replace("\0", "\ufffd")
    assert world.rows()[2] == world.rows()[3] == "up"
    assert world.pending() == 0


def slot_ms(world: World) -> int:
    """Monitor 1's slot in the minute before this one."""
    query = "SELECT offset_ms(phase_s, 60, 10) FROM monitor_schedule WHERE monitor_id = 1"
    row = world.database.execute(query).fetchone()
    assert row
    return world.tick_s * 1000 - 60_000 + int(row[0])


def test_a_dead_entry_that_is_a_slot_is_booked(world: World) -> None:
    """Where a broken entry's id is a slot of a monitor here, it ended as dead; where not, the sheet knows nothing."""
    world.begin(2)
    row = world.database.execute(
        "SELECT offset_ms(phase_s, 60, 10) FROM monitor_schedule WHERE monitor_id = 1"
    ).fetchone()
    assert row
    at_ms = world.tick_s * 1000 - 60_000 + row[0]
    for entry_id in (f"{at_ms}-1", f"{at_ms + 1}-2", f"{at_ms + 2}-77", f"{at_ms + 3}-18446744073709551615"):
        world.redis.xadd(STREAM, {wire.FIELD: b"broken"}, id=entry_id)
    world.redis.set("pushed:{0}", world.tick_s + 600)
    world.run()
    assert world.rows() == {1: "dead"}
    assert world.books()["dead"] == 1
    assert world.database.execute("SELECT count(*) FROM dead_letter").fetchone() == (4,)


def test_poison_is_buried_after_five_deliveries(world: World) -> None:
    """An entry whose probing kills the worker each time is not handed out for ever."""
    world.begin(2)
    [poison, fine] = world.push(1, 2)
    world.redis.xgroup_create(STREAM, "g-eu", id="0")
    world.redis.xreadgroup("g-eu", "c1", {STREAM: ">"})
    for _ in range(4):
        world.redis.xreadgroup("g-eu", "c1", {STREAM: "0"})
    world.redis.xclaim(STREAM, "g-eu", "c1", 0, [fine], retrycount=1)
    probe = Probe()
    assert world.run(probe).dead == 1
    assert [m for _, m in probe.seen] == [2]
    assert world.database.execute("SELECT entry_id FROM dead_letter").fetchall() == [(poison,)]


def test_a_pending_entry_without_its_body_ends_as_expired(world: World) -> None:
    """Trimmed away while it was held: its id says which check it was; only a slot of this region is booked."""
    world.begin(1)
    at_ms = slot_ms(world)
    world.push(1)
    for entry_id in (f"{at_ms}-1", f"{at_ms + 1}-1"):
        world.redis.delete(STREAM)
        world.redis.xadd(STREAM, {wire.FIELD: b"x"}, id=entry_id)
        world.redis.xgroup_create(STREAM, "g-eu", id="0")
        world.redis.xreadgroup("g-eu", "c1", {STREAM: ">"})
        world.redis.xtrim(STREAM, maxlen=0, approximate=False)
        world.run()
        assert (world.rows(), world.pending()) == ({1: "expired"}, 0)


def test_no_check_starts_before_its_instant(world: World) -> None:
    """An entry read ahead waits; one due much later is not even read."""
    world.begin(3)
    world.push(1, ago_s=-1)
    world.push(2, ago_s=-40)
    probe = Probe()
    started: list[float] = []

    async def note(check: Check) -> Result:
        started.append(time.time() * 1000 - check.checked_at_ms)
        return await Probe().probe(check)

    probe.answers = {1: note}
    world.run(probe)
    assert [m for _, m in probe.seen] == [1]
    assert 0 <= started[0] < 1000
    assert world.pending() == 0


def test_a_group_lost_in_the_middle_is_made_again_from_the_beginning(world: World) -> None:
    """FLUSHALL during a run: the group is made anew at 0, so entries added before that are not skipped.

    Broken once by making the group at `$`.
    """
    world.begin(2)
    world.push(1)

    async def flush_and_add(check: Check) -> Result:
        world.redis.flushall()
        world.push(2)
        return await Probe().probe(check)

    probe = Probe(answers={1: flush_and_add})
    summary = world.run(probe)
    assert summary.groups_made == 2
    assert world.rows() == {1: "up", 2: "up"}
    assert summary.ack_mismatch == 1


def test_a_younger_run_takes_over(world: World) -> None:
    """A run stops taking work when another of its region has started, and finishes what it holds."""
    world.begin(3)
    world.push(1)

    async def hand_over(check: Check) -> Result:
        await world.redis_async.set("run:{0}:g-eu", "a younger one")  # type: ignore[attr-defined]
        return await Probe().probe(check)

    async def scenario() -> str:
        world.redis_async = redis.asyncio.Redis.from_url(world.redis_url)  # type: ignore[attr-defined]
        try:
            return (await world.drain(Probe(answers={1: hand_over}), polling=Polling.PUNCTUAL)).ended
        finally:
            await world.redis_async.aclose()  # type: ignore[attr-defined]

    assert asyncio.run(scenario()) == "younger run"
    assert (world.rows(), world.pending()) == ({1: "up"}, 0)


def test_two_runs_at_once_store_each_check_once(world: World) -> None:
    """The hand-over is advice and no lock: two runs side by side are safe."""
    world.begin(200)
    world.push(*range(1, 201))
    probe = Probe()

    async def both() -> None:
        await asyncio.gather(*(world.drain(probe, consumer=f"c{n}", concurrency=10) for n in range(2)))

    asyncio.run(both())
    assert world.books() == {"pushed": 200, "stored": 200, "expired": 0, "dead": 0, "open": 0}
    assert len(probe.seen) == 200
    assert world.pending() == 0


def test_hanging_targets_do_not_take_every_place(world: World) -> None:
    """A quarter of the places is kept for monitors whose last result was not a timeout, and no more run than allowed.

    Broken once by one semaphore for all.
    """
    world.begin(40)
    release = asyncio.Event()
    healthy: list[int] = []

    async def hang(check: Check) -> Result:
        await asyncio.wait_for(release.wait(), 5)
        return await down(Reason.TIMEOUT)(check)

    async def answer(check: Check) -> Result:
        healthy.append(check.monitor_id)
        if len(healthy) == 10:
            release.set()
        return await Probe().probe(check)

    probe = Probe(answers={n: hang if n <= 30 else answer for n in range(1, 41)})
    world.push(*range(1, 41))
    world.run(probe, concurrency=8, memory=Memory(hung=set(range(1, 31))))
    assert len(healthy) == 10
    assert probe.most <= 8
    assert world.books()["open"] == 0


def test_a_failure_that_is_known_is_not_confirmed_again(world: World) -> None:
    """Confirmation costs a second attempt: it is asked for unless the monitor's last result here was down."""
    world.begin(1)
    memory, probe = Memory(), Probe(answers={1: down()})
    for _ in range(2):
        world.push(1)
        world.run(probe, memory=memory)
    assert probe.confirmed == [True, False]


def test_a_fault_of_our_own_is_never_booked_as_the_site_being_down(world: World) -> None:
    """A prober that breaks leaves its entry pending and costs the others nothing."""
    world.begin(3)
    world.push(1, 2, 3)

    async def broken(_: Check) -> Result:
        raise OSError("too many open files")

    summary = world.run(Probe(answers={2: broken}))
    assert world.rows() == {1: "up", 3: "up"}
    assert world.pending() == 1
    assert summary.faults == ["OSError: too many open files"]


def test_a_disabled_region_drains_and_never_makes_its_group(world: World) -> None:
    """Its worker finishes what is in its group; where there is none it makes none."""
    world.begin(2)
    regions.set_enabled(world.database, "EU", False)
    assert world.run().ended == "disabled"
    world.push(1)
    assert world.run().ended == "disabled"
    assert not world.redis.xinfo_groups(STREAM)
    world.redis.xgroup_create(STREAM, "g-eu", id="0")
    world.run()
    assert world.rows() == {1: "up"}


@pytest.mark.parametrize("enabled", [True, False])
def test_a_group_lost_in_the_middle_is_made_again_only_where_its_region_is_enabled(world: World, enabled: bool) -> None:
    """`regions disable --force` while a worker is at work: it stores what it holds and leaves the group away.

    Broken once by making the group wherever it was missing.
    """
    world.begin(2)
    world.push(1, 2)

    async def drop(check: Check) -> Result:
        if len(probe.seen) == 1:
            regions.set_enabled(world.database, "EU", enabled)
            assert StreamWriter(world.redis_url).drop_drained_group("g-eu", force=True)
        return await Probe().probe(check)

    probe = Probe()
    probe.answers = {1: drop}
    summary = world.run(probe)
    assert world.rows() == {1: "up", 2: "up"}
    assert (len(world.redis.xinfo_groups(STREAM)), summary.ended) == ((1, "quiet") if enabled else (0, "disabled"))


REFUSE = """
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF new.monitor_id = 1 AND new.status = 'up' THEN RAISE EXCEPTION 'not this one'; END IF;
    RETURN new;
END $$;
CREATE TRIGGER refuse BEFORE INSERT ON check_result FOR EACH ROW EXECUTE FUNCTION refuse()"""


@pytest.mark.parametrize(
    ("interval_s", "trigger", "said"), [(1 << 40, "", "out of range"), (300, REFUSE, "not this one")]
)
def test_a_row_that_postgres_does_not_take_costs_only_itself(
    world: World, interval_s: int, trigger: str, said: str
) -> None:
    """One row of a batch has an interval of thirty thousand years, or is refused by a trigger: the others are stored
    and acknowledged at once, and its own check ended as dead, with what PostgreSQL said of it.

    Broken once by letting that out of the flush: the whole batch stayed pending, run after run.
    """
    world.begin(20)
    body = wire.head(("EU",), interval_s) + b'[1000,"http",{"url":"https://example.com/"}]'
    world.redis.xadd(STREAM, {wire.FIELD: body}, id=f"{slot_ms(world)}-1")
    world.push(*range(2, 21))
    world.database.execute(trigger)
    try:
        summary = world.run()
    finally:
        world.database.execute("DROP FUNCTION IF EXISTS refuse CASCADE")
    assert world.rows() == {1: "dead", **dict.fromkeys(range(2, 21), "up")}
    assert (world.pending(), summary.dead, world.books()["dead"]) == (0, 1, 1)
    [(entry_id, reason)] = world.database.execute("SELECT entry_id, reason FROM dead_letter").fetchall()
    assert entry_id == f"{slot_ms(world)}-1"
    assert said in reason


def test_a_detail_that_postgres_does_not_take_costs_only_itself(world: World) -> None:
    """What a site said holds what no text may: its row is stored all the same, and what the others said is kept."""
    world.begin(3)
    world.push(1, 2, 3)

    async def say(check: Check) -> Result:
        text = "nothing\0ness" if check.monitor_id == 2 else "words"
        return replace(await Probe().probe(check), detail=ProbeDetail(text=text))

    world.run(Probe(answers=dict.fromkeys((1, 2, 3), say)))
    assert world.rows() == dict.fromkeys((1, 2, 3), "up")
    assert world.pending() == 0
    assert world.database.execute("SELECT monitor_id FROM probe_detail ORDER BY 1").fetchall() == [(1,), (3,)]


def test_only_the_first_faults_of_a_run_are_kept_in_words(world: World) -> None:
    """A prober that breaks for everything fills no log line: twenty in words, the others counted."""
    world.begin(30)
    world.push(*range(1, 31))

    async def broken(check: Check) -> Result:
        raise OSError(f"too many open files ({check.monitor_id})")

    summary = world.run(Probe(answers=dict.fromkeys(range(1, 31), broken)))
    assert (len(summary.faults), summary.more_faults) == (20, 10)


def test_a_missing_day_is_made(world: World) -> None:
    """A result of a day without a partition is stored all the same."""
    world.begin(1)
    day = time.strftime("check_result_%Y%m%d", time.gmtime())
    world.database.execute(f"DROP TABLE {day}")
    world.push(1)
    world.run()
    assert world.rows() == {1: "up"}


def test_a_thrifty_run_waits_for_the_coming_tick(world: World) -> None:
    """With nothing unread it stays until the tick of the minute 15 s from now is pushed, or as long as it may wait."""
    world.begin(1)
    world.push(1)
    world.redis.delete("pushed:{0}")
    began = time.monotonic()
    assert world.run(durations=Durations(wait_for_tick_s=2, flush_s=0.05)).ended == "quiet"
    assert time.monotonic() - began >= 2


def test_a_run_that_has_read_a_short_interval_stays(world: World) -> None:
    """An entry with an interval under a minute makes a thrifty run punctual: the next slot is seconds away."""
    world.begin(1, interval_s=10)
    world.push(1, interval_s=10)
    assert world.run(durations=Durations(take_work_s=2, flush_s=0.05)).ended == "time"


def test_redis_lost_and_found(world: World) -> None:
    """Redis's connections are cut in the middle of a run: the run goes on, takes up what it held, and balances."""
    world.begin(20)
    world.push(*range(1, 21))

    async def cut(check: Check) -> Result:
        world.redis.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        return await Probe().probe(check)

    world.run(Probe(answers={7: cut}))
    assert world.books()["open"] == 0
    assert world.pending() == 0


def test_postgres_connections_cut_in_the_middle(world: World) -> None:
    """The server ends the worker's session: the flush is sent again on a new connection, nothing is lost or doubled."""
    world.begin(20)
    world.push(*range(1, 21))

    async def cut(check: Check) -> Result:
        world.database.execute(
            """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                WHERE pid <> pg_backend_pid() AND datname = current_database()"""
        )
        return await Probe().probe(check)

    world.run(Probe(answers={7: cut}))
    assert world.books() == {"pushed": 20, "stored": 20, "expired": 0, "dead": 0, "open": 0}


def test_the_reader_is_one_consumer(redis_url: str) -> None:
    """Nothing is connected by making a reader; a group that is not there is made once."""

    async def scenario() -> list[bool]:
        reader = StreamReader(redis_url, "g", "c")
        made = [await reader.ensure_group(), await reader.ensure_group()]
        await reader.close()
        return made

    assert asyncio.run(scenario()) == [True, False]
