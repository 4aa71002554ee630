"""A process that dies between any two of its commands: both servers see its connections end after the n-th message.

What the servers see is what they see of a kill -9, and it can be done at every instant, one after another.
"""

import asyncio
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from tests.drains import Probe, World
from tests.faults.proxy import Fate, Proxy
from tests.faults.troubles import on
from tests.servers import empty
from vantage import wire
from vantage.durations import Durations
from vantage.housekeep import Housekeeper
from vantage.produce import Producer
from vantage.store import ledger
from vantage.store.connection import connect
from vantage.stream import STREAM
from vantage.stream.writer import StreamWriter

MONITORS = 25
LEASELESS = Durations(lease_s=0, flush_s=0.05)


class Dying:
    """Two wires, to Redis and to PostgreSQL; after so many messages over both of them nothing passes any more."""

    def __init__(self, redis_url: str, database_url: str) -> None:
        sockets = psycopg.conninfo.conninfo_to_dict(database_url)["host"]
        self.wires = [
            Proxy(redis_url.removeprefix("unix://").partition("?")[0], rule=self._rule),
            Proxy(f"{sockets}/.s.PGSQL.5432", rule=self._rule),
        ]
        self.database_name = psycopg.conninfo.conninfo_to_dict(database_url)["dbname"]
        self.dead = asyncio.Event()
        self.left, self.last = -1, Fate.CUT

    def die_after(self, messages: int, last: Fate) -> None:
        """So many pass; the next one is not passed on (CUT), or it is and nobody hears of it (MUTE)."""
        self.left, self.last = messages, last
        self.dead.clear()

    def _rule(self, _message: bytes) -> Fate:
        if self.dead.is_set():
            return Fate.CUT
        self.left -= 1
        if self.left >= 0 or self.left < -1:  # below: it was never asked to die
            return Fate.PASS
        self.dead.set()
        return self.last

    @property
    def urls(self) -> tuple[str, str]:
        """Redis's and PostgreSQL's."""
        redis, postgres = self.wires
        return (
            f"redis://127.0.0.1:{redis.port}",
            f"postgresql://postgres@127.0.0.1:{postgres.port}/{self.database_name}?sslmode=disable&gssencmode=disable",
        )

    def reset(self) -> None:
        """Everything passes again."""
        self.left = -2
        self.dead.clear()


@contextmanager
def on_a_thread(dying: Dying) -> Iterator[asyncio.AbstractEventLoop]:
    """Run its wires on a loop of their own, beside a program that blocks."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    for proxy in dying.wires:
        asyncio.run_coroutine_threadsafe(proxy.start(), loop).result()
    try:
        yield loop
    finally:
        for proxy in dying.wires:
            asyncio.run_coroutine_threadsafe(proxy.close(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@pytest.fixture
def world(database_url: str, redis_url: str, database: "psycopg.Connection[Any]", redis_client: Any) -> World:
    """One region on empty servers."""
    return World(database_url, redis_url, database, redis_client)


def produce(redis_url: str, database_url: str, minute: int, owner: str) -> bool:
    """One producer run with small pages; returns whether it ended well."""
    stream = StreamWriter(redis_url)
    try:
        with connect(database_url) as connection:
            Producer(connection, stream, owner, 10, LEASELESS, page_size=10).run(minute * 1000)
    except Exception:  # noqa: BLE001  # whatever it is, it died
        return False
    finally:
        stream.close()
    return True


def begin(world: World) -> int:
    """Empty servers, a region, monitors; returns the current minute."""
    empty(world.database_url)
    world.redis.flushall()
    world.begin(MONITORS)
    world.database.execute("TRUNCATE tick_ledger")
    return int(time.time() // 60) * 60


def begin_again(world: World) -> int:
    """What was pushed and stored is forgotten; regions and monitors stay, which costs a tenth of an empty database."""
    world.database.execute("DELETE FROM check_result; DELETE FROM tick_ledger; DELETE FROM mark")
    world.redis.flushall()
    return int(time.time() // 60) * 60


@pytest.mark.parametrize("last", [Fate.CUT, Fate.MUTE], ids=lambda fate: fate.name.lower())
def test_a_producer_may_die_at_any_message(world: World, last: Fate) -> None:
    """Whatever it did until then, the next run makes the tick whole: each check once in the stream and in the books.

    Broken once by booking a page of which Redis refused a part as if it were pushed now, and once by a lease for ever.
    """
    dying = Dying(world.redis_url, world.database_url)
    ended_well, messages = False, 0
    begin(world)
    with on_a_thread(dying):
        for messages in range(200):
            minute = begin_again(world)
            dying.die_after(messages, last)
            ended_well = produce(*dying.urls, minute, "dying")
            dying.reset()
            assert produce(world.redis_url, world.database_url, minute, "next")
            ids = [entry.decode() for entry, _ in world.redis.xrange(STREAM)]
            ticks = [int(entry.partition("-")[0]) // 60_000 * 60 for entry in ids]
            assert len(set(ids)) == len(ids)
            rows = world.database.execute(
                "SELECT extract(epoch FROM tick)::bigint, pushed, skipped, pushed_at IS NOT NULL FROM tick_ledger"
            ).fetchall()
            assert [(tick, ticks.count(tick), 0, True) for tick in sorted(set(ticks))] == sorted(rows), messages
            assert all(ticks.count(tick) == MONITORS for tick in set(ticks)), messages
            if ended_well:
                break
        assert ended_well
        assert messages > 15


def test_what_a_dead_producer_pushed_is_booked_though_its_region_is_away_now(world: World) -> None:
    """The next run would withhold all of it, and so meets no refusal: it counts what is there before it goes on.

    Broken once by going on from the cursor without counting: all of it was booked as skipped.
    """
    minute = begin(world)
    dying = Dying(world.redis_url, world.database_url)
    with on_a_thread(dying):
        dying.wires[0].rule = on(b"EXEC", fate=Fate.MUTE, times=1)
        assert not produce(*dying.urls, minute, "dying")
    there = world.redis.xlen(STREAM)
    assert there == 10
    world.database.execute("UPDATE region SET last_seen = now() - interval '1 hour'")
    assert produce(world.redis_url, world.database_url, minute, "next")
    row = world.database.execute("SELECT pushed, skipped FROM tick_ledger ORDER BY tick LIMIT 1").fetchone()
    assert row == (there, MONITORS - there)


def test_what_redis_refuses_is_not_booked_as_pushed(world: World) -> None:
    """A late entry of another run came before this page: Redis refuses all that lies behind it, and the books say so.

    Broken once by booking the page as it was meant.
    """

    class Beaten(StreamWriter):
        def push(self, page: Sequence[tuple[bytes, bytes]], completes: bytes | None = None) -> int:
            super().push(page[-1:])
            return super().push(page, completes)

    minute, stream = begin(world), Beaten(world.redis_url)
    with connect(world.database_url) as connection:
        Producer(connection, stream, "beaten", 10, LEASELESS).run(minute * 1000)
    stream.close()
    rows = world.database.execute("SELECT pushed, skipped FROM tick_ledger").fetchall()
    assert set(rows) == {(1, MONITORS - 1)}


@pytest.mark.parametrize("last", [Fate.CUT, Fate.MUTE], ids=lambda fate: fate.name.lower())
def test_a_worker_may_die_at_any_message(world: World, last: Fate) -> None:
    """Whatever it did until then, the next run leaves one row for each check, nothing pending, and no check was tried
    more than twice."""
    asyncio.run(_die_at_every_message(world, last))


async def _die_at_every_message(world: World, last: Fate) -> None:
    dying = Dying(world.redis_url, world.database_url)
    for proxy in dying.wires:
        await proxy.start()
    ended_well, messages = False, 0
    begin(world)
    try:
        for messages in range(200):
            world.tick_s = begin_again(world)
            ledger.open_ticks(world.database, [world.tick_s - 60, world.tick_s, world.tick_s + 60], 10)
            world.push(*range(1, 11))
            probe = Probe()
            dying.die_after(messages, last)
            redis_url, database_url = dying.urls
            run = asyncio.create_task(world.drain(probe, redis_url=redis_url, database_url=database_url))
            died = asyncio.create_task(dying.dead.wait())
            await asyncio.wait([run, died], return_when=asyncio.FIRST_COMPLETED)
            ended_well = run.done() and not run.cancelled() and run.exception() is None
            run.cancel()
            died.cancel()
            await asyncio.gather(run, died, return_exceptions=True)
            dying.reset()
            await world.drain(probe)
            assert world.rows() == dict.fromkeys(range(1, 11), "up"), messages
            assert world.books() == {"pushed": 10, "stored": 10, "expired": 0, "dead": 0, "open": 0}, messages
            assert world.pending() == 0, messages
            assert max(probe.hits().values()) <= 2, messages
            if ended_well:
                break
        assert ended_well
        assert messages > 8
    finally:
        for proxy in dying.wires:
            await proxy.close()


def test_poison_of_every_kind_leaves_the_others_alone(world: World) -> None:
    """A monitor that was deleted, one that never was, an id of the future, a body of a megabyte: all others are up."""
    world.begin(4)
    world.push(1, 2, 3)
    world.database.execute("UPDATE monitor SET deleted_at = now() WHERE id = 2")
    at_ms = int(time.time() * 1000)
    big = wire.head(("EU",), 60) + b'[1000,"http",{"url":"http://example.com/' + b"x" * (1 << 20) + b'"}]'
    for number, value in ((77_777, big), (1 << 62, b'1;EU;60;;[1000,"http",{}]')):
        world.redis.xadd(STREAM, {wire.FIELD: value}, id=f"{at_ms}-{number}")
    world.run()
    assert {monitor: status for monitor, status in world.rows().items() if monitor <= 4} == {1: "up", 2: "up", 3: "up"}
    assert world.pending() == 0
    Housekeeper(world.database, StreamWriter(world.redis_url)).run(close_all=True)
