"""A name that leads to a server which has become a replica: it answers, takes no writes, and is left."""

import asyncio
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import psycopg
import pytest

from tests.drains import World
from vantage.check import Result, Status
from vantage.clock import Clock
from vantage.drain.recorder import Recorder
from vantage.errors import ServerUnavailable, StreamRefused
from vantage.store.connection import AsyncDatabase, connect
from vantage.stream.reader import StreamReader
from vantage.stream.writer import StreamWriter


@pytest.fixture
def replica(redis_url: str, redis_client: Any) -> Iterator[str]:
    """A Redis that follows another, which is not there."""
    redis_client.xgroup_create("checks:{0}", "g-eu", id="0", mkstream=True)
    redis_client.execute_command("REPLICAOF", "127.0.0.1", "1")
    yield redis_url
    redis_client.execute_command("REPLICAOF", "NO", "ONE")


def _connections(client: Any) -> set[str]:
    return {one["id"] for one in client.client_list()}


def test_a_producer_does_not_stay_with_a_replica(replica: str, redis_client: Any) -> None:
    """Each of its trips that writes leaves the connection behind; the next run looks up the name again.

    Red without the disconnects: the environment went on with that server as long as it lived.
    """
    with closing(StreamWriter(replica)) as stream:
        for trouble, trip in (
            (ServerUnavailable, lambda: stream.ensure_group("g-usa")),
            (StreamRefused, lambda: stream.push([(b"5-1", b"x")])),
            (ServerUnavailable, lambda: stream.trim(5, 5, ["g-eu"])),
        ):
            stream.time_s()
            before = _connections(redis_client)
            with pytest.raises(trouble, match="read only replica"):
                trip()
            assert len(before - _connections(redis_client)) == 1


def test_a_worker_does_not_stay_with_a_replica(replica: str, redis_client: Any) -> None:
    """Before and after its group is known there; what it may read of a replica is not enough (red without them)."""

    async def begin(reader: StreamReader) -> None:
        await reader.ensure_group()
        await reader.announce("me")

    async def left(group: str) -> int:
        reader = StreamReader(replica, group, "c")
        await reader.time_s()
        before = _connections(redis_client)
        with pytest.raises(ServerUnavailable, match="read only replica"):
            await begin(reader)
        after = _connections(redis_client)
        await reader.close()
        return len(before - after)

    assert [asyncio.run(left("g-usa")), asyncio.run(left("g-eu"))] == [1, 1]


def test_a_database_that_takes_no_writes_is_not_connected_to(database_url: str) -> None:
    """Unless its URL says that any will do (red without `target_session_attrs`)."""
    bare = f"{database_url}{'&' if '?' in database_url else '?'}options=-c%20default_transaction_read_only%3Don"
    with pytest.raises(ServerUnavailable, match="session is read-only"):
        connect(bare)
    with closing(connect(f"{bare}&target_session_attrs=any")) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_rows_that_a_database_takes_no_more_are_sent_to_the_next(
    database_url: str, redis_url: str, database: "psycopg.Connection[Any]", redis_client: Any
) -> None:
    """In the middle of a run; red when the error ended the recorder, with all that it held."""
    world = World(database_url, redis_url, database, redis_client)
    world.begin(1)
    stored: list[str] = []

    async def scenario() -> None:
        kept = AsyncDatabase(database_url)
        await (await kept.connection()).execute("SET default_transaction_read_only = on")
        clock = Clock(world.tick_s)
        recorder = Recorder(
            kept, "EU", clock, flush_s=0.01, give_up_ms=clock.now_ms() + 60_000, on_stored=stored.extend
        )
        recorder.put(Result(1, world.tick_s * 1000, "EU", Status.UP, interval_s=60))
        recorder.close()
        await recorder.run()
        await kept.close()

    asyncio.run(scenario())
    assert (stored, world.rows()) == ([f"{world.tick_s * 1000}-1"], {1: "up"})
