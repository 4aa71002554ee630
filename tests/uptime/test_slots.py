"""Slots from the tables: what was in force, where, and what became of it."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from vantage.store.figures import Cover, looks
from vantage.store.looks import as_slots
from vantage.uptime import Sight, Slots, uptime

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
REGIONS = ("USA", "INDIA", "EU")


def at(minutes: float) -> datetime:
    """Minutes after noon."""
    return NOON + timedelta(minutes=minutes)


class Tables:
    """One monitor in empty tables."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self.connection = connection
        row = connection.execute(
            """INSERT INTO monitor (slug, name, type, spec, interval_s, timeout_ms)
               VALUES ('m', 'M', 'http', '{"url": "https://example.com/"}', 60, 10000) RETURNING id"""
        ).fetchone()
        self.monitor_id = int(row[0]) if row else 0
        connection.execute("DELETE FROM monitor_schedule")
        connection.execute("SELECT ensure_result_days(%s, %s)", (at(0).date(), at(0).date()))

    def in_force(self, first: float, until: float, interval_s: int = 60, *, phase_s: int = 0,
                 regions: tuple[str, ...] | None = None, enabled: bool = True) -> None:  # fmt: skip
        """A version of its schedule."""
        self.connection.execute(
            """INSERT INTO monitor_schedule (monitor_id, from_tick, until_tick, interval_s, phase_s, regions, enabled)
               VALUES (%s, %s, %s, %s, %s, %s::text[]::location[], %s)""",
            (self.monitor_id, at(first), at(until), interval_s, phase_s, list(regions) if regions else None, enabled),
        )

    def ticks(self, first: int, until: int, regions: tuple[str, ...] = REGIONS, spread_s: int = 10) -> None:
        """Ledger rows of these minutes."""
        self.connection.execute(
            """INSERT INTO tick_ledger (tick, region, spread_s)
               SELECT t, r::location, %s FROM generate_series(%s, %s, interval '1 minute') t, unnest(%s::text[]) r""",
            (spread_s, at(first), at(until - 1), list(regions)),
        )

    def row(self, minutes: float, region: str, status: str = "up", *, extra: bool = False) -> None:
        """A stored result."""
        self.connection.execute(
            """INSERT INTO check_result (monitor_id, checked_at, recorded_at, region, status, interval_s, reused, cold,
                                         lagging, confirmed, extra)
               VALUES (%s, %s, %s, %s, %s, 60, false, false, false, false, %s)""",
            (self.monitor_id, at(minutes), at(minutes), region, status, extra),
        )

    def slots(self, first: float, until: float) -> list[Slots]:
        """Its slots, counted from its rows."""
        pieces = Cover((), (), [(at(first), at(until))])
        return as_slots((look, count) for _, look, count in looks(self.connection, pieces, [self.monitor_id]))

    def seen(self, first: float, until: float) -> Counter[tuple[int, str, Sight]]:
        """How often (interval, region, sight) comes out."""
        found: Counter[tuple[int, str, Sight]] = Counter()
        for one in self.slots(first, until):
            for region, sight in one.regions.items():
                found[one.interval_s, region, sight] += one.count
        return found


@pytest.fixture
def tables(database: psycopg.Connection) -> Tables:
    """Empty but for a monitor."""
    return Tables(database)


def test_a_region_has_slots_only_in_ticks_with_a_row_of_its_own(tables: Tables) -> None:
    """EU is enabled from minute 3 on: before, it missed nothing."""
    tables.in_force(0, 10)
    tables.ticks(0, 10, ("USA",))
    tables.ticks(3, 10, ("EU",))
    assert tables.seen(0, 10) == {(60, "USA", Sight.UNSEEN): 10, (60, "EU", Sight.UNSEEN): 7}


def test_what_was_in_force_then_decides(tables: Tables) -> None:
    """A change of interval and of regions midway, a pause, and minutes that no producer opened."""
    tables.in_force(0, 5)
    tables.in_force(5, 15, 300, regions=("USA",))
    tables.in_force(15, 20, 60, enabled=False)
    tables.in_force(20, 25, 30, regions=("EU",))
    tables.ticks(0, 3)
    tables.ticks(5, 25)
    assert tables.seen(0, 30) == {
        (60, "USA", Sight.UNSEEN): 3, (60, "INDIA", Sight.UNSEEN): 3, (60, "EU", Sight.UNSEEN): 3,
        (300, "USA", Sight.UNSEEN): 2, (30, "EU", Sight.UNSEEN): 10,
    }  # fmt: skip


def test_rows_are_found_at_their_slot_whatever_the_spread(tables: Tables) -> None:
    """Phase 30 of 60 is 5 s behind the minute at a spread of 10, and 30 s at 60."""
    tables.in_force(0, 4, phase_s=30)
    tables.ticks(0, 2, ("USA",), spread_s=10)
    tables.ticks(2, 4, ("USA",), spread_s=60)
    for minutes, status in ((5 / 60, "up"), (1 + 5 / 60, "down"), (2.5, "degraded"), (3.5, "expired")):
        tables.row(minutes, "USA", status)
    assert tables.seen(0, 4) == {
        (60, "USA", Sight.GOOD): 2,
        (60, "USA", Sight.BAD): 1,
        (60, "USA", Sight.UNSEEN): 1,
    }


def test_an_extra_check_stays_out_of_uptime(tables: Tables) -> None:
    """What was looked at besides the schedule weighs nothing, also where it fell on a slot's own instant."""
    tables.in_force(0, 10, 300)
    tables.ticks(0, 10, ("USA",))
    tables.row(0, "USA", "down")
    for minutes in (1, 2, 5):
        tables.row(minutes, "USA", "down", extra=True)
    assert tables.seen(0, 10) == {(300, "USA", Sight.BAD): 1, (300, "USA", Sight.UNSEEN): 1}


def test_maintenance_faults_and_incidents_weigh_on_slots(tables: Tables) -> None:
    """Each is half-open; a fault is one region's, maintenance and incidents are the monitor's."""
    tables.in_force(0, 6)
    tables.ticks(0, 6, ("USA", "EU"))
    for minutes in range(6):
        tables.row(minutes, "USA", "down")
    tables.connection.execute(
        """WITH work AS (INSERT INTO maintenance (name, starts, duration_s, timezone) VALUES ('W', %s, 60, 'UTC')
                         RETURNING id)
           INSERT INTO maintenance_window (maintenance_id, from_at, until_at) SELECT id, %s, %s FROM work""",
        (at(0), at(0), at(1)),
    )
    tables.connection.execute(
        """INSERT INTO incident (monitor_id, began_at, opened_at, resolved_at, single_vantage, facts)
           VALUES (%s, %s, %s, %s, false, '{}')""",
        (tables.monitor_id, at(2), at(2), at(4)),
    )
    for region, minute in (*(("EU", minute) for minute in range(6)), ("USA", 5)):
        tables.connection.execute("INSERT INTO region_fault (tick, region) VALUES (%s, %s)", (at(minute), region))
    counted = uptime(tables.slots(0, 6))
    assert counted.regions["USA"].bad == 4 * 60
    assert counted.regions["USA"].unseen == 60
    assert counted.availability.bad == 2 * 60  # what USA alone saw down counts within the incident only
    assert counted.availability.scheduled == 5 * 60


def test_the_edges_of_a_range_are_half_open(tables: Tables) -> None:
    """A slot at its beginning is in, one at its end is not, also within a minute."""
    tables.in_force(0, 5, 30)
    tables.ticks(0, 5, ("USA",))
    assert tables.seen(1.5, 3).total() == 3
    assert tables.seen(1.51, 3.01).total() == 3


def test_a_monitor_without_a_schedule_has_no_slots(tables: Tables) -> None:
    """No slots, no figures: null everywhere."""
    tables.ticks(0, 5)
    assert uptime(tables.slots(0, 5)).printed() == {
        "regions": {},
        "availability": dict.fromkeys(("uptime", "coverage", "low", "high")),
        "reachability": dict.fromkeys(("uptime", "coverage", "low", "high")),
    }
