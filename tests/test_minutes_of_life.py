"""Whole minutes of the system, 15 times faster than life, wherever within their minute its runs begin."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import psycopg
import pytest
import redis

from local.servers import Servers
from tests.drains import Probe, down
from tests.lived import System, flush_redis, separate_databases
from tests.servers import empty
from vantage.store.figures import Cover, looks

OFFSETS = tuple(product((1, 30, 58), repeat=2))
TROUBLES = tuple(product(("flushed", "no producer", "away"), (5, 45)))


@pytest.fixture(scope="module")
def systems(servers: Servers) -> Iterator[dict[object, System]]:
    """Sixteen systems lived side by side, each with a PostgreSQL and a Redis database of its own."""
    empty(servers.database_url)
    with redis.Redis.from_url(servers.redis_url) as client:
        client.flushall()
    with separate_databases(servers.database_url, len(OFFSETS) + len(TROUBLES) + 1) as databases:
        mark = "&" if "?" in servers.redis_url else "?"
        redis_urls = [f"{servers.redis_url}{mark}db={n}" for n in range(len(databases))]
        urls = list(zip(databases, redis_urls, strict=True))

        def system(produce_at_s: int, work_at_s: int, minutes: int, **trouble: Any) -> System:
            database_url, redis_url = urls.pop()
            return System(database_url, redis_url, produce_at_s, work_at_s, minutes, **trouble)

        lived: dict[object, System] = {(p, w): system(p, w, 7) for p, w in OFFSETS}
        for kind, at_s in TROUBLES:
            lived[kind, at_s] = system(at_s, 61 - at_s, 9, **_trouble(kind))
        lived["sooner"] = system(30, 1, 6, **_down_every_five_minutes())
        asyncio.run(_live(list(lived.values())))
        yield lived


def _trouble(kind: str) -> dict[str, Any]:
    if kind == "flushed":
        return {"faults": {2: flush_redis}}
    return {"silent_producer": (2,)} if kind == "no producer" else {"silent_worker": (2, 3, 4)}


def _down_every_five_minutes() -> dict[str, Any]:
    """One monitor that is down, with an interval of five minutes, due in the third minute."""

    def place(system: System) -> None:
        with psycopg.connect(system.database_url) as connection:
            connection.execute("UPDATE monitor_schedule SET phase_s = %s", ((system.first_tick_s + 120) % 300 + 5,))

    probe = Probe(answers={1: down()})
    return {"monitors": 1, "interval_s": 300, "judging": True, "probe": probe, "faults": {0: place}}


async def _live(systems: list[System]) -> None:
    await asyncio.gather(*(system.live() for system in systems))


@pytest.mark.parametrize("offsets", OFFSETS, ids=str)
def test_runs_may_start_anywhere_within_their_minute(systems: dict[object, System], offsets: tuple[int, int]) -> None:
    """EventBridge Scheduler is precise to a minute: whatever the offsets of producer and worker, all is stored.

    Broken once by a thrifty run that does not wait for the coming tick, and once by one that leaves before a tick with
    30 s intervals: some of them expired at (1, 40).
    """
    system = systems[offsets]
    ticks = system.sheet()
    assert all(tick["lost"] == tick["dead"] == 0 for tick in ticks), ticks
    assert all(tick["stored"] >= 0.95 * tick["scheduled"] > 0 for tick in ticks[2:]), ticks
    assert system.errors == []


@pytest.mark.parametrize("trouble", TROUBLES, ids=str)
def test_trouble_is_followed_by_normal_ticks(systems: dict[object, System], trouble: tuple[str, int]) -> None:
    """A missed producer minute, Redis flushed, a region away for three minutes: the sheet balances in every tick and
    says what was not seen, no check is stored twice, and within four ticks all is whole again.

    Broken once by the rule of the first draft (a monitor waits for its previous entry): nothing was pushed again.
    """
    system = systems[trouble]
    ticks = system.sheet()
    ends = ("stored", "expired", "skipped", "dead", "lost")
    assert all(tick["scheduled"] == sum(tick[end] for end in ends) for tick in ticks), ticks
    assert trouble[0] == "flushed" or all(tick["lost"] == 0 for tick in ticks), ticks
    assert all(tick["stored"] >= 0.95 * tick["scheduled"] > 0 for tick in ticks[-2:]), ticks
    with psycopg.connect(system.database_url) as connection:
        rows = connection.execute("SELECT count(*) FROM check_result").fetchone()
    booked = sum(tick["stored"] + tick["expired"] + tick["dead"] for tick in system.sheet(whole=True))
    assert rows == (booked,)


def test_a_change_is_confirmed_sooner_than_by_its_interval(systems: dict[object, System]) -> None:
    """Down every five minutes: three failures, which one region alone takes, are there within four minutes and not
    after ten. The extra checks are in the books, not in what was due, and not in the uptime.

    Broken once by a producer that does not look for them, once by judging that forgets to say so.
    """
    system = systems["sooner"]
    assert system.errors == []
    with psycopg.connect(system.database_url) as connection:
        incidents = connection.execute("SELECT ms_of(began_at), ms_of(opened_at) FROM incident").fetchall()
        checks = connection.execute("SELECT ms_of(checked_at), extra FROM check_result ORDER BY 1").fetchall()
        due = connection.execute("SELECT sum(due) FROM tick_ledger").fetchone()
        uptime = list(looks(connection, Cover((), (), [span(system)]), [1]))
        left = connection.execute("SELECT count(*) FROM sooner").fetchone()
    assert [opened - began <= 240_000 for began, opened in incidents] == [True]
    assert [extra for _, extra in checks][:3] == [False, True, True]
    assert len({at % 60_000 for at, _ in checks}) == 1
    assert due == (1,)
    assert sum(slots for _, _, slots in uptime) == 1
    assert left == (0,)
    sheet = system.sheet(whole=True)
    assert sum(tick["scheduled"] for tick in sheet) == sum(tick["stored"] for tick in sheet) == len(checks)


def span(system: System) -> tuple[datetime, datetime]:
    """All that it lived."""
    first = datetime.fromtimestamp(system.first_tick_s, UTC)
    return first, first + timedelta(minutes=system.minutes)
