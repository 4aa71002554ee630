"""What is kept of a target beside its figures: written when it changes, and only then."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
import redis

from tests.drains import Probe, World
from vantage.check import Check, ProbeDetail, Reason, Result, Status
from vantage.drain import Memory

ENDS = datetime(2027, 1, 1, tzinfo=UTC)
FINE = ProbeDetail("93.184.216.34", "HTTP/1.1", ENDS, "Example CA", ("example.com", "www.example.com"))


@pytest.fixture
def world(database_url: str, redis_url: str, database: "psycopg.Connection[Any]", redis_client: "redis.Redis") -> World:
    """One region on empty servers."""
    made = World(database_url, redis_url, database, redis_client)
    made.begin(1)
    return made


def seen(detail: ProbeDetail | None, status: Status = Status.UP) -> Callable[[Check], Awaitable[Result]]:
    """A target of which this is seen."""

    async def answer(check: Check) -> Result:
        reason = None if status is Status.UP else Reason.CONNECT
        return Result(check.monitor_id, check.checked_at_ms, "EU", status, reason, detail=detail)

    return answer


def run(world: World, detail: ProbeDetail | None, memory: Memory, status: Status = Status.UP) -> tuple[Any, ...] | None:
    """One check of which this is seen; the row, with the transaction that wrote it last."""
    world.push(1)
    world.run(Probe(answers={1: seen(detail, status)}), memory=memory)
    return world.database.execute(
        """SELECT address, protocol, certificate_expires_at, certificate_issuer, certificate_names, detail, xmin::text
             FROM probe_detail WHERE monitor_id = 1 AND region = 'EU'"""
    ).fetchone()


def test_what_is_seen_of_a_target_is_kept(world: World) -> None:
    """Address, protocol, certificate and the sentence."""
    row = run(world, FINE, Memory())
    assert row is not None
    assert row[:-1] == ("93.184.216.34", "HTTP/1.1", ENDS, "Example CA", ["example.com", "www.example.com"], None)


def test_what_does_not_change_is_not_written_again(world: World) -> None:
    """Also an environment that remembers nothing may write once more. Seen red: with every result as news."""
    memory = Memory()
    assert run(world, FINE, memory) == run(world, FINE, memory)


def test_a_failure_that_stays_the_same_is_written_once(world: World) -> None:
    """And again as soon as it is another one, or the target is up in between."""
    memory, refused = Memory(), ProbeDetail(text="connection refused")
    first = run(world, refused, memory, Status.DOWN)
    assert first == run(world, refused, memory, Status.DOWN) == run(world, refused, memory, Status.DOWN)
    other = run(world, ProbeDetail(text="no answer within 10000 ms"), memory, Status.DOWN)
    assert first is not None
    assert other is not None
    assert other[-2] == "no answer within 10000 ms"
    assert other[-1] != first[-1]


def test_what_a_probe_did_not_see_stays(world: World) -> None:
    """A refused connection shows no certificate, which does not mean that there is none; the sentence stays as well
    when the target is up again."""
    memory = Memory()
    run(world, FINE, memory)
    refused = run(world, ProbeDetail(text="connection refused"), memory, Status.DOWN)
    again = run(world, FINE, memory)
    assert refused is not None
    assert again is not None
    assert refused[:-1] == ("93.184.216.34", "HTTP/1.1", ENDS, "Example CA", ["example.com", "www.example.com"],
                            "connection refused")  # fmt: skip
    assert again[:-1] == refused[:-1]


def test_a_check_without_a_detail_writes_none(world: World) -> None:
    """Expired and dead ones have seen nothing."""
    assert run(world, None, Memory()) is None
