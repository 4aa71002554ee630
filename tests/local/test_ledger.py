"""`vantage ledger`: the sheet as a person and as a program reads it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
import redis
from click.testing import CliRunner, Result

from local.commands.ledger import ledger
from tests.drains import World
from vantage import wire
from vantage.housekeep import Housekeeper
from vantage.produce import Producer
from vantage.store.ledger import as_time, close_tick, open_ticks
from vantage.stream import STREAM
from vantage.stream.writer import StreamWriter

Ledger = Callable[..., Result]


@pytest.fixture
def world(database_url: str, redis_url: str, database: "psycopg.Connection[Any]", redis_client: "redis.Redis") -> World:
    """One region with four monitors, and three ticks open around now."""
    world = World(database_url, redis_url, database, redis_client)
    world.begin(4)
    return world


@pytest.fixture
def shown(database_url: str, redis_url: str, tmp_path: Path) -> Ledger:
    """Runs `vantage ledger WORDS…` on the test's servers."""

    def run(*words: str, **env: str) -> Result:
        given = {"DATABASE_URL": database_url, "REDIS_URL": redis_url, **env}
        result = CliRunner(mix_stderr=False).invoke(ledger, ["--data-dir", str(tmp_path), *words], env=given)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run


def at(tick_s: int) -> str:
    """A tick as an option names it."""
    return f"{as_time(tick_s):%Y-%m-%dT%H:%M:%SZ}"


def test_what_is_still_open_is_one_figure_beside_what_redis_holds(world: World, shown: Ledger) -> None:
    """Four pushed, one of them read and not acknowledged: 4 open, and Redis's estimate of where they are."""
    world.redis.xgroup_create(STREAM, "g-eu", id="0", mkstream=True)
    world.push(1, 2, 3, 4)
    world.redis.xreadgroup("g-eu", "c1", {STREAM: ">"}, count=1)
    text = shown().stdout
    assert "EU: 4 open; Redis holds about 1 pending, 3 unread" in text
    document = json.loads(shown("--json").stdout)
    assert document["backlog"] == {"EU": {"pending": 1, "unread": 3}}
    [tick] = [tick for tick in document["data"] if tick["regions"]["EU"]["scheduled"]]
    assert tick["state"] == "open"
    assert (tick["regions"]["EU"]["open"], tick["regions"]["EU"]["lost"]) == (4, None)


def test_a_tick_s_sheet_adds_up_when_it_is_closed(world: World, shown: Ledger) -> None:
    """scheduled = stored + expired + skipped + dead + lost, and nothing is open any more."""
    world.push(1, 2, 3)
    world.run()
    world.push(4)
    Housekeeper(world.database, StreamWriter(world.redis_url)).run(close_all=True)
    for tick in json.loads(shown("--json").stdout)["data"]:
        one = json.loads(shown("--json", "--tick", tick["tick"]).stdout)["data"]
        assert one == [tick]
        counts = tick["regions"]["EU"]
        parts = [counts[name] or 0 for name in ("stored", "expired", "skipped", "dead", "lost", "open")]
        assert counts["scheduled"] == sum(parts)
    assert "closed" in shown().stdout


def test_a_minute_without_a_producer_run_is_named_a_gap(world: World, shown: Ledger) -> None:
    """A tick that nobody pushed, behind one that somebody did: a gap, and once closed all that was due is lost."""
    world.database.execute("UPDATE monitor_schedule SET from_tick = '2020-01-01'")
    world.database.execute("TRUNCATE tick_ledger")
    open_ticks(world.database, [world.tick_s - 120, world.tick_s - 60], 10)
    Producer(world.database, StreamWriter(world.redis_url), "me", 10).run(world.tick_s * 1000)
    world.database.execute(
        "UPDATE tick_ledger SET pushed_at = NULL, pushed = 0, owner = NULL WHERE tick = %s",
        (as_time(world.tick_s - 60),),
    )
    [gap] = json.loads(shown("--json", "--tick", at(world.tick_s - 60)).stdout)["data"]
    assert gap["state"] == "gap"
    close_tick(world.database, world.tick_s - 60)
    [gap] = json.loads(shown("--json", "--tick", at(world.tick_s - 60)).stdout)["data"]
    assert gap["state"] == "gap"
    assert {name: gap["regions"]["EU"][name] for name in ("due", "scheduled", "lost")} == {
        "due": 4, "scheduled": 4, "lost": 4
    }  # fmt: skip


def test_a_producer_that_is_silent_is_said(world: World, shown: Ledger) -> None:
    """Until it is back nobody writes gap rows: the command says which minutes will be some."""
    world.database.execute("UPDATE tick_ledger SET tick = tick - interval '7 minutes'")
    assert "Nothing is pushed since" in shown().stdout
    world.database.execute("TRUNCATE tick_ledger")
    assert "No minute was ever pushed" in shown().stdout


@pytest.mark.parametrize("tick", ["yesterday", "25:00", "2026-13-01T00:00:00Z"])
def test_what_is_no_minute_is_told(shown: Ledger, tick: str) -> None:
    """A sentence and exit code 2."""
    done = shown("--tick", tick)
    assert (done.exit_code, done.stdout) == (2, "")
    assert f"--tick {tick!r} is no minute" in done.stderr


def test_a_minute_that_was_never_opened_is_told(world: World, shown: Ledger) -> None:
    """A sentence and exit code 2; 08:41 alone means the last such minute."""
    done = shown("--tick", "2020-01-01T00:00:00Z")
    assert done.exit_code == 2
    assert "Nothing was ever scheduled in 2020-01-01 00:00 UTC" in done.stderr
    assert f"{as_time(world.tick_s):%H:%M}" in shown("--tick", f"{as_time(world.tick_s):%H:%M}").stdout


def test_without_redis_the_sheet_is_shown_all_the_same(world: World, shown: Ledger) -> None:
    """The books are in PostgreSQL; only the estimate is missing."""
    world.redis.xadd(STREAM, {wire.FIELD: b"x"})
    done = shown(REDIS_URL="")
    assert done.exit_code == 0
    assert "Redis holds" not in done.stdout
