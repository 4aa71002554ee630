"""Monitors and results of a Prisma schema, as its migrations make it."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner, Result

from local.commands.import_ import import_
from local.commands.uptime import uptime
from local.past import days_kept
from local.prisma import GONE
from local.servers import Servers
from tests.history.conftest import beside
from vantage.store import results
from vantage.store.connection import connect

SCHEMA = """
    CREATE TYPE "Status" AS ENUM ('UP', 'DOWN', 'UNKNOWN');
    CREATE TYPE "Location" AS ENUM ('USA', 'INDIA', 'EU');
    CREATE TABLE "Monitor" ("id" TEXT PRIMARY KEY, "url" TEXT NOT NULL);
    CREATE TABLE "CheckResult" ("id" TEXT PRIMARY KEY, "monitorId" TEXT NOT NULL REFERENCES "Monitor", "status" "Status"
        NOT NULL, "location" "Location" NOT NULL, "responseTimeMs" DOUBLE PRECISION NOT NULL,
        "checkedAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP)"""
START = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=30)


@pytest.fixture
def source(servers: Servers) -> Iterator[str]:
    """Two monitors, ten hours of a check every five minutes from USA and EU, an hour down; and what cannot be taken."""
    with psycopg.connect(servers.database_url, autocommit=True) as owner:
        owner.execute("CREATE DATABASE prisma")
        url = beside(servers.database_url, "prisma")
        with psycopg.connect(url, autocommit=True) as theirs:
            theirs.execute(SCHEMA)
            theirs.execute(
                """INSERT INTO "Monitor" VALUES ('ckx1', 'https://shop.example.com/health'), ('ckx2', 'ftp://old')"""
            )
            with theirs.cursor() as cursor:
                cursor.executemany(
                    'INSERT INTO "CheckResult" VALUES (%s, %s, %s, %s, %s, %s)',
                    [
                        (f"r{n}{place}", "ckx1", "DOWN" if 24 <= n < 36 else "UP", place, 120.5,
                         (START + timedelta(seconds=300 * n + 17)).replace(tzinfo=None))
                        for n in range(120) for place in ("USA", "EU")
                    ],
                )  # fmt: skip
            theirs.execute(
                """INSERT INTO "CheckResult" SELECT 'x' || id, "monitorId", 'UNKNOWN', location, 1, "checkedAt"
                     FROM "CheckResult" WHERE id = 'r1EU'"""
            )
        yield f"{url}{'&' if '?' in url else '?'}schema=public&connection_limit=5"
        owner.execute("DROP DATABASE prisma WITH (FORCE)")


@pytest.fixture
def run(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs a command here."""
    monkeypatch.setenv("DATABASE_URL", database_url)

    def of(command: Any, *arguments: str) -> Result:
        return CliRunner().invoke(command, list(arguments))

    return of


def test_results_count_in_the_slots_that_they_lie_in(source: str, run: Any) -> None:
    """The usual distance becomes the interval; India, where nothing was, is unseen; what is not taken over is said."""
    done = json.loads(run(import_, "prisma", source, "--json").output)
    assert (done["monitors"], done["results"]) == (1, 240)
    assert done["skipped"] == {"a monitor whose url is not http(s)": 1, "a result with status UNKNOWN": 1}
    first, end = START - timedelta(hours=1), START + timedelta(hours=10)
    shown = json.loads(
        run(uptime, "shop-example-com-health", "--from", first.isoformat(), "--to", end.isoformat(), "--json").output
    )
    assert shown["regions"]["USA"]["uptime"] == 90.0
    assert shown["regions"]["EU"]["bad_s"] == 3600
    assert shown["regions"]["INDIA"]["uptime"] is None
    assert shown["regions"]["INDIA"]["coverage"] == 0.0
    assert shown["regions"]["EU"]["latency_ms"]["p50"] == pytest.approx(120.5, rel=0.02)


def test_taking_over_again_adds_nothing(source: str, run: Any, database: Any) -> None:
    """Known by its URL, and every slot taken (broken to see it fail: until_s of the first version left out)."""
    run(import_, "prisma", source)
    counts = """SELECT (SELECT count(*) FROM check_result), (SELECT count(*) FROM monitor),
                       (SELECT sum(pushed) FROM tick_ledger)"""
    before = database.execute(counts).fetchone()
    again = json.loads(run(import_, "prisma", source, "--json").output)
    assert again["results"] == 0
    assert database.execute(counts).fetchone() == before


def test_days_whose_rows_are_gone_stay_counted_as_they_are(
    source: str, run: Any, database: psycopg.Connection, database_url: str
) -> None:
    """Taken over, counted, dropped after its retention, taken over again: said, and the same uptime (broken to see it
    fail: _countable_from always 0). What came later is still taken, and meanwhile no day is dropped."""
    ago, today = timedelta(days=40), datetime.now(UTC).date()
    theirs_url = source.partition("schema=")[0].rstrip("&?")
    with psycopg.connect(theirs_url, autocommit=True) as theirs:
        theirs.execute('UPDATE "CheckResult" SET "checkedAt" = "checkedAt" - %s', (ago,))
    first, end = START - ago - timedelta(hours=1), START - ago + timedelta(hours=10)
    window = ("--from", first.isoformat(), "--to", end.isoformat(), "--json")
    run(import_, "prisma", source)
    before = json.loads(run(uptime, "shop-example-com-health", *window).output)["regions"]
    assert before["EU"]["uptime"] == 90.0
    with connect(database_url) as keeper:
        results.ensure_days(keeper, today - timedelta(days=2), today)
        with days_kept(database):
            assert results.drop_days_before(keeper, today - timedelta(days=35)) == []
        assert results.drop_days_before(keeper, today - timedelta(days=35))
    again = json.loads(run(import_, "prisma", source, "--json").output)
    assert (again["results"], again["skipped"][GONE]) == (0, 241)
    assert json.loads(run(uptime, "shop-example-com-health", *window).output)["regions"] == before
    with psycopg.connect(theirs_url, autocommit=True) as theirs:
        theirs.execute("""INSERT INTO "Monitor" VALUES ('ckx3', 'https://new.example.com/')""")
        theirs.execute(
            """INSERT INTO "CheckResult" SELECT id || at, 'ckx3', 'UP', location, 1, at
                 FROM "CheckResult", unnest(ARRAY["checkedAt", now() - interval '1 hour']) at WHERE id = 'r1EU'"""
        )
    later = json.loads(run(import_, "prisma", source, "--json").output)
    assert (later["results"], later["skipped"][GONE]) == (1, 241)
    assert json.loads(run(uptime, "shop-example-com-health", *window).output)["regions"] == before


def test_the_sheet_of_what_was_taken_over_adds_up(source: str, run: Any, database: Any) -> None:
    """Each slot is stored or lost."""
    run(import_, "prisma", source)
    rows = database.execute(
        "SELECT region::text, sum(scheduled), sum(stored), sum(lost) FROM tick_ledger GROUP BY 1 ORDER BY 1"
    ).fetchall()
    slots = rows[0][1]
    assert slots >= 120
    assert [(region, stored) for region, _, stored, _ in rows] == [("EU", 120), ("INDIA", 0), ("USA", 120)]
    assert all(scheduled == slots == stored + lost for _, scheduled, stored, lost in rows)


def test_a_database_without_such_tables_is_said_to_be_one(run: Any, database_url: str) -> None:
    """A sentence that names what was looked for, and never the URL."""
    refused = run(import_, "prisma", beside(database_url, "postgres"))
    assert refused.exit_code == 2
    assert "no table like monitor with columns like id, url" in refused.output
    assert "postgresql://" not in refused.output
