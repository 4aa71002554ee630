"""The housekeeper on a real PostgreSQL and a real stream."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from tests.drains import World
from vantage import wire
from vantage.durations import Durations
from vantage.housekeep import Housekeeper, Kept
from vantage.store import ledger, regions
from vantage.stream import STREAM
from vantage.stream.writer import StreamWriter


@pytest.fixture
def world(database_url: str, redis_url: str, database: "psycopg.Connection[Any]", redis_client: Any) -> World:
    """One region on empty servers."""
    return World(database_url, redis_url, database, redis_client)


def keep(world: World, *, close_all: bool = False) -> Kept:
    """One housekeeper run."""
    return Housekeeper(world.database, StreamWriter(world.redis_url)).run(close_all=close_all)


def lost(world: World, tick_s: int) -> Any:
    """What a tick's row says of scheduled, due and lost."""
    return world.database.execute(
        "SELECT scheduled, due, lost FROM tick_ledger WHERE tick = %s", (ledger.as_time(tick_s),)
    ).fetchone()


def test_a_tick_is_closed_eleven_minutes_after_its_start(world: World) -> None:
    """Then, and not before, what is missing is lost; a gap is closed with all that was due in it."""
    world.begin(4)
    now_s = int(time.time() // 60) * 60
    world.database.execute("TRUNCATE tick_ledger")
    world.database.execute("UPDATE monitor_schedule SET from_tick = '2020-01-01'")
    ledger.open_ticks(world.database, [now_s - 780, now_s - 720, now_s - 600], 10)
    world.database.execute(
        "UPDATE tick_ledger SET pushed = 4, stored = 3, pushed_at = now() WHERE tick = %s",
        (ledger.as_time(now_s - 720),),
    )
    assert keep(world).closed == 2
    assert lost(world, now_s - 780) == (4, 4, 4)  # nobody pushed it: a gap
    assert lost(world, now_s - 720) == (4, 4, 1)
    assert lost(world, now_s - 600) == (0, None, None)


def test_a_row_after_the_close_lowers_lost(world: World) -> None:
    """The books are amended in the statement that stores the row."""
    world.begin(1)
    world.push(1)
    keep(world, close_all=True)
    assert world.database.execute("SELECT sum(lost) FROM tick_ledger WHERE pushed_at IS NOT NULL").fetchone() == (1,)
    world.run()
    assert world.database.execute("SELECT sum(lost) FROM tick_ledger WHERE pushed_at IS NOT NULL").fetchone() == (0,)


def test_days_are_made_a_week_ahead_and_dropped_after_retention(world: World) -> None:
    """Partitions for the coming week exist, those older than 30 days are gone, and nothing else is touched."""
    world.begin(1)
    today = datetime.now(UTC).date()
    for ago in (29, 31, 32):
        world.database.execute("SELECT ensure_result_days(%s, %s)", (today - timedelta(ago), today - timedelta(ago)))
    kept = keep(world)
    assert kept.days_dropped == [f"check_result_{today - timedelta(ago):%Y%m%d}" for ago in (32, 31)]
    days = {name for (name,) in world.database.execute("SELECT relname FROM pg_class WHERE relkind = 'r'")}
    assert f"check_result_{today - timedelta(29):%Y%m%d}" in days
    assert {f"check_result_{today + timedelta(ahead):%Y%m%d}" for ahead in range(8)} <= days


def test_the_trim_spares_what_any_group_or_open_tick_needs(world: World) -> None:
    """Entries of closed ticks that every group has done with go; a pending one and those behind it stay; after ten
    minutes everything goes."""
    world.begin(1)
    now_ms = int(time.time()) * 1000
    ages_s = (700, 500, 400, 300, 200)
    for age_s in ages_s:
        world.redis.xadd(STREAM, {wire.FIELD: b"x"}, id=f"{now_ms - age_s * 1000}-1")
    world.redis.xgroup_create(STREAM, "g-eu", id="0")
    world.redis.xreadgroup("g-eu", "c1", {STREAM: ">"}, count=4)
    world.redis.xack(STREAM, "g-eu", *(f"{now_ms - age * 1000}-1" for age in (700, 500)))
    world.database.execute("UPDATE tick_ledger SET closed_at = now()")
    keep(world)
    left = [int(entry.partition(b"-")[0]) for entry, _ in world.redis.xrange(STREAM)]
    assert left == [now_ms - age * 1000 for age in (400, 300, 200)]
    ledger_s = now_ms // 1000 - 350
    world.database.execute("TRUNCATE tick_ledger")
    ledger.open_ticks(world.database, [ledger_s // 60 * 60], 10)
    world.redis.xack(STREAM, "g-eu", *(f"{now_ms - age * 1000}-1" for age in (400, 300)))
    keep(world)
    assert world.redis.xlen(STREAM) >= 2  # the first open tick begins before the entry of 300 s ago


def test_a_trim_that_would_cut_an_open_tick_is_refused_and_said(world: World) -> None:
    """What no region has read stays for as long as its tick's books are open, however old; then it goes.

    Broken once by the floor of ten minutes alone: books close after eleven, and what was cut before was lost.
    """
    world.begin(1)
    now_ms = int(time.time()) * 1000
    for age_s in (1000, 700, 500):
        world.redis.xadd(STREAM, {wire.FIELD: b"x"}, id=f"{now_ms - age_s * 1000}-1")
    world.redis.xgroup_create(STREAM, "g-eu", id="0")
    world.database.execute("TRUNCATE tick_ledger")
    ledger.open_ticks(world.database, [now_ms // 1000 - 705], 10)
    stream = StreamWriter(world.redis_url)
    late = Durations(close_after_s=3600)  # a housekeeper that is far behind with closing
    kept = Housekeeper(world.database, stream, late).run()
    assert (kept.closed, kept.trimmed, kept.trim_refused) == (0, 1, True)
    kept = Housekeeper(world.database, stream).run()
    assert (kept.closed, kept.trimmed, kept.trim_refused) == (1, 1, False)
    assert [entry for entry, _ in world.redis.xrange(STREAM)] == [b"%d-1" % (now_ms - 500_000)]


def test_a_missing_group_stops_the_trim_until_the_floor(world: World) -> None:
    """An enabled region whose group is not there has read nothing: only what is ten minutes old goes."""
    world.begin(1)
    world.database.execute("UPDATE tick_ledger SET closed_at = now()")
    now_ms = int(time.time()) * 1000
    for age_s in (700, 500):
        world.redis.xadd(STREAM, {wire.FIELD: b"x"}, id=f"{now_ms - age_s * 1000}-1")
    assert keep(world).trimmed == 1


def test_a_consumer_that_holds_something_is_never_removed(world: World) -> None:
    """Removing it would drop what it holds from the group: only idle and empty ones go."""
    world.begin(2)
    world.push(1, 2)
    world.redis.xgroup_create(STREAM, "g-eu", id="0")
    world.redis.xreadgroup("g-eu", "holder", {STREAM: ">"}, count=1)
    world.redis.xreadgroup("g-eu", "done", {STREAM: ">"}, count=1)
    [held] = world.redis.xpending_range(STREAM, "g-eu", "-", "+", 10, "done")
    world.redis.xack(STREAM, "g-eu", held["message_id"])
    time_out = StreamWriter(world.redis_url)
    deadline = time.monotonic() + 10
    removed: list[str] = []
    while not removed and time.monotonic() < deadline:
        removed = time_out.remove_idle_consumers("g-eu", 0)
    assert removed == ["done"]


def test_a_disabled_regions_group_goes_when_it_is_drained(world: World) -> None:
    """Not while something is unread or pending there."""
    world.begin(1)
    world.push(1)
    world.redis.xgroup_create(STREAM, "g-eu", id="0")
    regions.set_enabled(world.database, "EU", False)
    assert keep(world).groups_dropped == []
    world.redis.xreadgroup("g-eu", "c", {STREAM: ">"})
    assert keep(world).groups_dropped == []
    world.run(consumer="c")
    assert keep(world).groups_dropped == ["g-eu"]
