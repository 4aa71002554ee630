"""Each function under a PostgreSQL role and a Redis user of its own, as `make roles` makes them."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
import redis

from local.environments import ROOT, Function
from local.minutes import event_time
from local.scenarios import outcome
from local.servers import Servers
from tests.judge.history import Lived
from tests.judge.test_scenarios import SCENARIOS, judged_purely
from tests.notify.receivers import receiver
from tools.roles import FUNCTIONS, known_passwords, rules
from vantage.clock import Pace
from vantage.judge.tick import Judge
from vantage.store.connection import connect
from vantage.stream import PUSHED, STREAM

SCALE = 15
OLD = datetime.now(UTC).date() - timedelta(days=40)


def make_roles(file: Path, servers: Servers) -> str:
    """Run the tool as the owner; returns what it printed."""
    env = {**os.environ, "DATABASE_URL": servers.database_url, "REDIS_URL": servers.redis_url}
    run = subprocess.run(
        [sys.executable, ROOT / "tools" / "roles.py", file], env=env, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    return run.stdout + run.stderr


@pytest.fixture(scope="module")
def urls(servers: Servers, roles: object, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, str]]:
    """What roles.env says: URLs by WORKER_DATABASE_URL and so on."""
    file = tmp_path_factory.mktemp("roles") / "roles.env"
    printed = make_roles(file, servers)
    assert file.stat().st_mode & 0o777 == 0o600
    assert all(password not in printed for password in known_passwords(file).values())
    passwords = known_passwords(file)
    make_roles(file, servers)
    assert known_passwords(file) == passwords, "a second run keeps them"
    shell = subprocess.run(["bash", "-ac", f". {file} && env"], env={}, capture_output=True, text=True, check=True)
    yield dict(line.split("=", 1) for line in shell.stdout.splitlines() if "_URL=" in line)
    with (
        psycopg.connect(servers.database_url, autocommit=True) as owner,
        redis.Redis.from_url(servers.redis_url) as client,
    ):
        for name in FUNCTIONS:
            owner.execute(f"DROP OWNED BY vantage_{name}; DROP ROLE vantage_{name}")
        for name in rules():
            client.acl_deluser(f"vantage_{name}")


@pytest.fixture(autouse=True)
def emptied(database_url: str, redis_url: str) -> None:
    """An empty database and an empty Redis."""


def settings(urls: Mapping[str, str], function: str) -> dict[str, str]:
    """A function's environment with its own URLs, and no other."""
    own = {name: urls.get(f"{function.upper()}_{name}", "") for name in ("DATABASE_URL", "REDIS_URL")}
    here = {name: value for name, value in os.environ.items() if name not in own}
    return {**here, **own, "REGION": "USA", "REDIS_GROUP": "monitor-runners-usa", "ALLOW_PRIVATE_ADDRESSES": "true"}


def set_up(database: "psycopg.Connection[Any]", url: str) -> None:
    """A monitor of a site that is down, whom to tell, and what a housekeeper finds to do of the days before."""
    database.execute(
        """INSERT INTO channel (name, type, config, events)
           VALUES ('hook', 'webhook', jsonb_build_object('url', %s::text), '{down}')""",
        (f"{url}hook",),
    )
    database.execute(
        """INSERT INTO monitor (slug, name, type, spec, interval_s, timeout_ms, channels)
           VALUES ('shop', 'Shop', 'http', jsonb_build_object('url', %s::text), 10, 1000, '{hook}')""",
        (f"{url}shop",),
    )
    database.execute("UPDATE monitor_schedule SET from_tick = from_tick - interval '1 hour'")
    database.execute("SELECT ensure_result_days(%s, %s)", (OLD, OLD))
    database.execute(  # a job that called once and no more; work that comes again each day
        """INSERT INTO monitor (slug, name, type, spec, interval_s, timeout_ms)
           VALUES ('backup', 'Backup', 'heartbeat', '{"grace": 0}', 3600, 1000)"""
    )
    database.execute(
        "UPDATE heartbeat SET first_at = now() - interval '3 hours', success_at = now() - interval '3 hours'"
    )
    database.execute(
        """INSERT INTO maintenance (name, starts, duration_s, timezone, rrule, slugs, worked_out_until)
           VALUES ('Nightly', now() - interval '10 days', 60, 'UTC', 'FREQ=DAILY', '{backup}', now())"""
    )


def leave_an_hour(database: "psycopg.Connection[Any]") -> None:
    """An hour that is over and not rolled up yet; before the producer runs it would make gaps of what came since."""
    database.execute(
        """INSERT INTO tick_ledger (tick, region, spread_s, pushed_at, judged_at, closed_at, due)
           SELECT date_trunc('hour', now()) - interval '2 hours', 'USA', 1, now(), now(), now(), 0"""
    )


async def one_minute(
    functions: Mapping[str, Function], pace: Pace, tick_s: int, database: "psycopg.Connection[Any]"
) -> dict[str, Any]:
    """A tick's way: pushed, probed, closed, told; each function's reply."""
    event = {"time": event_time(tick_s)}
    replies = {}
    while pace.lived_ms(time.time()) < tick_s * 1000:
        await asyncio.sleep(0.02)
    for name, more in (("producer", {}), ("worker", {}), ("housekeeper", {"close": "all"}), ("notifier", {})):
        if name == "housekeeper":
            leave_an_hour(database)
        replies[name] = await functions[name].invoke({**event, **more})
    for function in functions.values():
        await function.stop()
    return replies


def test_a_check_travels_its_whole_way_with_each_function_under_its_own_role(
    urls: Mapping[str, str], database: "psycopg.Connection[Any]", tmp_path: Path
) -> None:
    """Pushed, probed, stored, acknowledged, judged, told, closed, rolled up, and an old day dropped: nobody is refused
    what its work needs (broken once by leaving out `mark` for the worker, XTRIM for the housekeeper)."""
    began_s = time.time()
    tick_s = int(began_s // 60 + 1) * 60
    pace = Pace(SCALE, began_s - (tick_s - began_s) / (SCALE - 1))
    functions = {
        name: Function(
            name, f"functions.{name}.app", name,
            {**settings(urls, name), "VANTAGE_PACE": f"{pace.scale}@{pace.origin_s}", "VANTAGE_TAKE_WORK_S": "60",
             "REFERENCE_URLS": "https://a.example.com/ https://b.example.com/"},
            240, tmp_path / f"{name}.log", pace,
        )
        for name in ("producer", "worker", "housekeeper", "notifier")
    }  # fmt: skip
    with receiver() as hook:
        hook.behave = lambda asked: (503 if asked.path == "/shop" else 204, {})
        database.execute(
            "INSERT INTO region (name, aws_region, redis_group) VALUES ('USA', 'us-east-1', 'monitor-runners-usa')"
        )
        set_up(database, f"{hook.url}/")
        replies = asyncio.run(one_minute(functions, pace, tick_s, database))
        told = [one.json for one in hook.received if one.path == "/hook"]
    assert all("error" not in reply for reply in replies.values()), replies
    done = {name: reply["result"] for name, reply in replies.items()}
    assert done["worker"]["stored"] >= 6
    assert done["worker"]["ack_mismatch"] == 0
    assert f"check_result_{OLD:%Y%m%d}" in done["housekeeper"]["days_dropped"]  # and those of other tests
    assert done["housekeeper"]["hours_rolled"] >= 1
    assert done["housekeeper"]["closed"] >= 1
    assert done["housekeeper"]["heartbeats"] >= 1
    assert [one["type"] for one in told] == ["incident.opened"]
    kept = database.execute(
        "SELECT (SELECT count(*) FROM monitor WHERE reference), (SELECT count(*) > 1 FROM maintenance_window)"
    ).fetchall()
    assert kept == [(2, True)]
    stored = database.execute(
        "SELECT count(*) FROM check_result c JOIN monitor m ON m.id = c.monitor_id WHERE m.slug = 'shop'"
    ).fetchall()
    assert stored == [(done["worker"]["stored"],)]


@pytest.mark.parametrize("scenario", ["E11", "F06", "V19", "V20"])
@pytest.mark.parametrize("function", ["worker", "housekeeper"])
def test_both_that_judge_may_write_whatever_judging_decides(
    urls: Mapping[str, str], database: "psycopg.Connection[Any]", function: str, scenario: str
) -> None:
    """Incidents, advisories, flapping, maintenance, the operator's news: as where the owner judges."""
    [one] = [each for each in SCENARIOS if each.id == scenario]
    with connect(urls[f"{function.upper()}_DATABASE_URL"]) as connection:
        lived = Lived(database, one, [Judge(connection, rules=one.rules)])
        lived.live()
        wanted = outcome(one, judged_purely(one))
        assert lived.outcome() == {key: wanted[key] for key in ("incidents", "advisories", "notices", "operator")}


NOT_THEIR_BUSINESS = {
    "producer": [
        "SELECT config FROM channel", "SELECT FROM outbox", "INSERT INTO check_result DEFAULT VALUES",
        "UPDATE tick_ledger SET stored = 0", "UPDATE monitor SET enabled = false", "UPDATE region SET enabled = false",
        "SELECT ensure_result_days('2020-01-01', '2020-01-01')",
    ],
    "worker": [
        "SELECT config FROM channel", "SELECT facts FROM outbox", "DELETE FROM check_result",
        "UPDATE check_result SET status = 'up'", "UPDATE tick_ledger SET pushed = 0",
        "UPDATE tick_ledger SET closed_at = now()", "UPDATE region SET enabled = false", "CREATE TABLE x ()",
        "INSERT INTO monitor_schedule DEFAULT VALUES", "SELECT drop_result_day('check_result_20200101')",
    ],
    "housekeeper": [
        "SELECT config FROM channel", "INSERT INTO check_result DEFAULT VALUES", "DELETE FROM check_result",
        "UPDATE tick_ledger SET stored = 0", "DELETE FROM tick_ledger", "DELETE FROM incident",
        "DROP TABLE check_result",
    ],
    "notifier": [
        "UPDATE channel SET config = '{}'", "DELETE FROM outbox", "UPDATE incident SET resolved_at = now()",
        "INSERT INTO check_result DEFAULT VALUES", "UPDATE tick_ledger SET stored = 0", "SELECT FROM dead_letter",
    ],
    "api": [
        "INSERT INTO check_result DEFAULT VALUES", "DELETE FROM check_result", "UPDATE tick_ledger SET stored = 0",
        "UPDATE incident SET resolved_at = now()", "DELETE FROM monitor", "INSERT INTO verdict DEFAULT VALUES",
        "SELECT drop_result_day('check_result_20200101')",
    ],
}  # fmt: skip


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_role_is_refused_what_is_not_its_business(urls: Mapping[str, str], function: str) -> None:
    """By PostgreSQL itself, whatever the code would ask."""
    with connect(urls[f"{function.upper()}_DATABASE_URL"]) as connection:
        for statement in NOT_THEIR_BUSINESS[function]:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)


NOT_THEIR_COMMANDS = {
    "producer": ["XACK {0} g 1-1", "XREADGROUP GROUP g c STREAMS {0} >", "SET run:{{0}}:g x", "XTRIM {0} MAXLEN 0"],
    "worker": ["XADD {0} * c x", "DEL {0}", "SET {1} x", "XTRIM {0} MAXLEN 0", "XGROUP DESTROY {0} g"],
    "housekeeper": ["XADD {0} * c x", "XREADGROUP GROUP g c STREAMS {0} >", "SET {1} x", "XACK {0} g 1-1"],
    "api": ["XADD {0} * c x", "SET {1} x", "XRANGE {0} - +", "DEL {0}"],
}
NOBODYS = ["FLUSHALL", "CONFIG GET *", "KEYS *", "ACL LIST", "GET something-else", "CLIENT LIST", "SHUTDOWN NOSAVE"]


@pytest.mark.parametrize("function", sorted(NOT_THEIR_COMMANDS))
def test_a_user_is_refused_what_is_not_its_business(urls: Mapping[str, str], function: str) -> None:
    """By Redis itself: commands and keys."""
    with redis.Redis.from_url(urls[f"{function.upper()}_REDIS_URL"]) as client:
        for command in NOT_THEIR_COMMANDS[function] + NOBODYS:
            with pytest.raises(redis.exceptions.NoPermissionError):
                client.execute_command(*command.format(STREAM, PUSHED).split())
