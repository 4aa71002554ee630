"""What the terminal shows is what was stored last."""

from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from vantage.store.glance import Glancer

NOW = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=10)


@pytest.fixture
def monitor(database: psycopg.Connection) -> int:
    """A monitor that two regions look at."""
    database.execute("INSERT INTO region VALUES ('USA', 'us-east-1', 'u'), ('EU', 'eu-central-1', 'e')")
    query = """INSERT INTO monitor (slug, name, type, spec, interval_s, timeout_ms)
               VALUES ('shop', 'Shop', 'http', '{}', 60, 5000) RETURNING id"""
    return int(database.execute(query).fetchall()[0][0])


def store(database: psycopg.Connection, monitor: int, minute: int, status: str, region: str = "USA") -> None:
    """A result of some minute."""
    database.execute(
        """INSERT INTO check_result (monitor_id, checked_at, recorded_at, region, status, interval_s, total_us,
                                     reused, cold, lagging, confirmed, extra)
           VALUES (%s, %s, now(), %s, %s, 60, 1500, false, false, false, false, false)""",
        [monitor, NOW + timedelta(minutes=minute), region, status],
    )


def test_a_cell_is_the_latest_result_and_since_when_it_is_so(database: psycopg.Connection, monitor: int) -> None:
    """An expired check is no result, and does not interrupt one; a region without results has an empty cell."""
    for minute, status in enumerate(["down", "up", "expired", "up", "expired"]):
        store(database, monitor, minute, status)
    usa, eu = Glancer().cells(database)
    assert (usa.region, usa.status, usa.latency_ms, usa.since) == ("USA", "up", 1.5, NOW + timedelta(minutes=1))
    assert (eu.region, eu.status, eu.since) == ("EU", None, None)


def test_a_change_is_seen_by_the_next_glance(database: psycopg.Connection, monitor: int) -> None:
    """With the instant of the check that saw it; red when a known cell kept its `since` whatever its status."""
    glancer = Glancer()
    store(database, monitor, 0, "up")
    store(database, monitor, 1, "up")
    assert glancer.cells(database)[0].since == NOW
    store(database, monitor, 2, "down")
    assert glancer.cells(database)[0].since == NOW + timedelta(minutes=2)
    store(database, monitor, 3, "down")
    assert glancer.cells(database)[0].since == NOW + timedelta(minutes=2)


def test_what_is_paused_or_deleted_is_not_shown(database: psycopg.Connection, monitor: int) -> None:
    """Nor a region that is disabled."""
    database.execute("UPDATE region SET enabled = false WHERE name = 'EU'")
    assert [cell.region for cell in Glancer().cells(database)] == ["USA"]
    database.execute("UPDATE monitor SET enabled = false WHERE id = %s", [monitor])
    assert Glancer().cells(database) == []
