"""Pages of what the regions saw, and by which plans they are read."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from local.fill import Filled, fill
from local.migrate import migrate
from local.servers import Servers
from tests.history.conftest import REGIONS, Past, at
from vantage.store import history
from vantage.store.connection import Connection, connect

ROWS, MONITORS = 40_000, 8  # six days
DAY = timedelta(hours=24)
NOW = datetime(2026, 11, 23, 15, 30, tzinfo=UTC)


@pytest.fixture(scope="module")
def days(servers: Servers) -> Iterator[tuple[Connection, Filled]]:
    """A database of its own with some days of realistic history."""
    with psycopg.connect(servers.database_url, autocommit=True) as owner:
        owner.execute("CREATE DATABASE some_days")
        url = psycopg.conninfo.make_conninfo(servers.database_url, dbname="some_days")
        try:
            migrate(url)
            with connect(url) as connection:
                filled = fill(connection, ROWS, monitors=MONITORS, now=NOW)
                connection.execute(
                    """UPDATE check_result SET status = 'down', reason = 'timeout'
                        WHERE region = 'EU' AND monitor_id = 1 AND extract(hour FROM checked_at) = 3"""
                )
                connection.execute("VACUUM ANALYZE")
                yield connection, filled
        finally:
            owner.execute("DROP DATABASE some_days WITH (FORCE)")


class Explained:
    """A connection that shows the plan of what is asked of it, too."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.plans: list[str] = []

    def cursor(self, **options: Any) -> "_Cursor":
        """A cursor that explains before it executes."""
        return _Cursor(self._connection.cursor(**options), self)

    def explain(self, query: str, arguments: Any) -> None:
        """Keep the plan of a query."""
        lines = self._connection.execute(f"EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) {query}", arguments)
        self.plans.append("\n".join(line for (line,) in lines))


class _Cursor:
    def __init__(self, cursor: Any, explained: Explained) -> None:
        self._cursor, self._explained = cursor, explained

    def __enter__(self) -> "_Cursor":
        return self

    def __exit__(self, *_: object) -> None:
        self._cursor.close()

    def execute(self, query: str, arguments: Any) -> Any:
        self._explained.explain(query, arguments)
        return self._cursor.execute(query, arguments)


def partitions(plan: str) -> set[str]:
    """The days that a plan really touched."""
    touched = [line for line in plan.splitlines() if "check_result_2" in line and "never executed" not in line]
    return {line.split("check_result_")[-1][:8] for line in touched}


@pytest.mark.parametrize("regions", [None, ["INDIA"]], ids=["everywhere", "one"])
def test_a_days_history_is_an_index_scan_of_two_days(
    days: tuple[Connection, Filled], regions: list[str] | None
) -> None:
    """By the primary key, backwards, without a sort, in the partitions of the last 24 hours only, of one region too."""
    connection, filled = days
    explained = Explained(connection)
    page = history.results(explained, 1, filled.until - DAY, filled.until, regions=regions)  # type: ignore[arg-type]
    [plan] = explained.plans
    assert len(page.rows) == 100
    assert {row.region for row in page.rows} == set(regions or REGIONS)
    assert "Seq Scan" not in plan
    assert "Sort" not in plan
    assert "Index Scan Backward using check_result_20261123_pkey" in plan
    assert partitions(plan) <= {"20261123", "20261122"}


def test_a_regions_failures_are_an_index_scan_too(days: tuple[Connection, Filled]) -> None:
    """By the index of failures, newest first, whichever monitors they are of (seen red without migration 0011)."""
    connection, filled = days
    explained = Explained(connection)
    since = filled.until - timedelta(days=3)
    page = history.failures(explained, ["EU"], since, filled.until)  # type: ignore[arg-type]  # a look
    [plan] = explained.plans
    assert page.rows
    assert "Seq Scan on check_result" not in plan
    assert "check_result_failures" in plan or "region_checked_at_monitor_id_idx" in plan
    assert partitions(plan) <= {"20261123", "20261122", "20261121", "20261120"}


def test_a_row_with_its_indexes_stays_below_200_bytes(days: tuple[Connection, Filled]) -> None:
    """Heap, primary key, BRIN and failures together, of a day of 69,000 rows, in which the pages that any index has do
    not count (broken to see it fail: an index of region, monitor_id, checked_at more)."""
    connection, _ = days
    connection.execute("CREATE TABLE large_day (LIKE check_result_20261120 INCLUDING ALL)")
    rows = connection.execute(
        """INSERT INTO large_day SELECT r.* FROM check_result_20261120 d, generate_series(1, 10) n,
                  jsonb_populate_record(d, jsonb_build_object('monitor_id', d.monitor_id + 10 * n)) r
            ORDER BY r.checked_at"""
    ).rowcount
    [(size,)] = connection.execute("SELECT pg_total_relation_size('large_day')").fetchall()
    connection.execute("DROP TABLE large_day")
    assert rows > 50_000
    assert size / rows < 200


@pytest.mark.parametrize("limit", [1, 7, 100])
def test_pages_lie_end_to_end(past: Past, limit: int) -> None:
    """Every row once, newest first, also where a page ends amid the regions of one instant (broken to see it fail: the
    cursor without its region)."""
    monitor = past.monitor(0, 10)
    past.ticks(0, 10)
    for minute in range(10):
        for region in REGIONS:
            past.row(monitor, minute, region, "down" if minute % 2 else "up")
    seen, failed = [], []
    cursor: str | None = None
    while True:
        page = history.results(past.connection, monitor, at(0), at(9), cursor=cursor, limit=limit)
        seen += [(row.checked_at, row.region) for row in page.rows]
        if (cursor := page.next_cursor) is None:
            break
    while True:
        page = history.failures(past.connection, REGIONS, at(0), at(60), cursor=cursor, limit=limit)
        failed += [(row.checked_at, row.region) for row in page.rows]
        if (cursor := page.next_cursor) is None:
            break
    order = ("EU", "INDIA", "USA")  # the enum's, backwards
    assert seen == [(at(minute), region) for minute in reversed(range(9)) for region in order]
    assert failed == [(at(minute), region) for minute in (9, 7, 5, 3, 1) for region in order]


def test_what_others_saw_at_the_same_instant_stands_beside_a_failure(past: Past) -> None:
    """By monitor and instant; a region without a row is not in it."""
    monitor = past.monitor(0, 5)
    past.row(monitor, 1, "USA", "down")
    past.row(monitor, 1, "EU", "up")
    page = history.failures(past.connection, ["USA"], at(0), at(5))
    assert history.elsewhere(past.connection, page.rows) == {(monitor, at(1)): {"USA": "down", "EU": "up"}}


def test_one_region_can_be_looked_at_alone(past: Past) -> None:
    """Its rows and no others."""
    monitor = past.monitor(0, 5)
    for region in REGIONS:
        past.row(monitor, 1, region)
    page = history.results(past.connection, monitor, at(0), at(5), regions=["INDIA"])
    assert [row.region for row in page.rows] == ["INDIA"]


@pytest.mark.parametrize("cursor", ["", "x", "1-2", "9" * 30 + "-1-EU"])
def test_a_cursor_of_nowhere_is_said_to_be_one(past: Past, cursor: str) -> None:
    """A sentence, no stack trace."""
    if cursor:
        with pytest.raises(history.CursorError, match="no cursor"):
            history.results(past.connection, 1, at(0), at(1), cursor=cursor)
    else:
        assert history.results(past.connection, 1, at(0), at(1), cursor=cursor).rows == []
