"""The sheet, as it is read from the ledger."""

from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from vantage.store.sheet import Counts, database_time, latest_ticks, run_sheet, run_ticks

TICK = datetime.now(UTC).replace(second=0, microsecond=0)


def book(database: psycopg.Connection, tick: datetime, region: str, **columns: object) -> None:
    """Write a ledger row."""
    row = {"tick": tick, "region": region, "spread_s": 10, **columns}
    values = ", ".join(f"%({name})s" for name in row)
    database.execute(f"INSERT INTO tick_ledger ({', '.join(row)}) VALUES ({values})", row)


@pytest.fixture
def began(database: psycopg.Connection) -> datetime:
    """A run's beginning, after a tick of an earlier one."""
    book(database, TICK - timedelta(minutes=5), "USA", pushed=7, stored=3, pushed_at=TICK)
    return database_time(database)


def test_a_tick_is_accounted_for_when_nothing_of_it_is_missing(database: psycopg.Connection) -> None:
    """Pushed completely, and each check ended somewhere; red when `complete` was left out."""
    book(database, TICK, "USA", pushed=4, skipped=1, stored=2, expired=1, dead=1, pushed_at=TICK)
    book(database, TICK, "EU", pushed=2, stored=1, pushed_at=TICK)
    (sheet,) = latest_ticks(database, 3)
    assert list(sheet.regions) == ["USA", "EU"]
    assert sheet.regions["USA"] == Counts(scheduled=5, stored=2, expired=1, skipped=1, dead=1)
    assert (sheet.regions["USA"].lost, sheet.regions["EU"].lost) == (0, 1)
    assert not sheet.is_accounted_for
    database.execute("UPDATE tick_ledger SET stored = pushed WHERE region = 'EU'")
    assert latest_ticks(database, 3)[0].is_accounted_for
    database.execute("UPDATE tick_ledger SET pushed_at = NULL WHERE region = 'EU'")
    assert not latest_ticks(database, 3)[0].is_accounted_for


def test_a_run_has_its_own_ticks_only(database: psycopg.Connection, began: datetime) -> None:
    """Neither those of an earlier run nor the gap that lies between; but one that an earlier run left half pushed."""
    book(database, TICK - timedelta(minutes=1), "USA", due=9)  # a gap row, opened now
    book(database, TICK, "USA", pushed=4, stored=4, pushed_at=began)
    database.execute("UPDATE tick_ledger SET opened_at = opened_at - interval '1 hour' WHERE tick = %s", [TICK])
    book(database, TICK + timedelta(minutes=1), "USA", pushed=5, stored=4, pushed_at=began)
    ticks = run_ticks(database, TICK, began)
    assert [sheet.tick for sheet in ticks] == [TICK + timedelta(minutes=1), TICK]
    sheet = run_sheet(database, ticks)
    assert (sheet.ticks, sheet.regions) == (2, {"USA": Counts(scheduled=9, stored=8)})


def test_lateness_is_of_what_was_probed(database: psycopg.Connection, began: datetime) -> None:
    """An expired check started never; without results there is no lateness."""
    book(database, TICK, "USA", pushed=4, pushed_at=began)
    ticks = run_ticks(database, TICK, began)
    empty = run_sheet(database, ticks)
    assert (empty.late_p50_ms, empty.late_p99_ms) == (None, None)
    for monitor, (status, late_ms) in enumerate([("up", 10), ("down", 20), ("up", 30), ("expired", 90_000)]):
        database.execute(
            """INSERT INTO check_result (monitor_id, checked_at, recorded_at, region, status, interval_s, late_ms,
                                         reused, cold, lagging, confirmed, extra)
               VALUES (%s, %s, now(), 'USA', %s, 60, %s, false, false, false, false, false)""",
            [monitor, TICK, status, late_ms],
        )
    assert run_sheet(database, ticks).late_p50_ms == 20


def test_counts_add_up() -> None:
    """Column by column."""
    total = Counts(3, 1, 1, 0, 0) + Counts(5, 5, 0, 0, 0)
    assert total.as_dict() == {"scheduled": 8, "stored": 6, "expired": 1, "skipped": 0, "dead": 0, "lost": 1}
