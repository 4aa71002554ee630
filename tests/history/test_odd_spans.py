"""Spans in which something changed: each figure worked out by hand, from results and from roll-ups alike."""

from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from tests.history.conftest import REGIONS, Past, at
from vantage.store import figures, monitors, rollups
from vantage.store.connection import connect
from vantage.store.figures import Cover
from vantage.store.monitors import Definition
from vantage.uptime import Tally, Uptime


def seen(
    past: Past, monitor: int, minutes: Sequence[float], status: str = "up", regions: Sequence[str] = REGIONS
) -> None:
    """Rows of these minutes in these regions."""
    for minute in minutes:
        for region in regions:
            past.row(monitor, minute, region, status)


def both(past: Past, monitor: int, first: float, until: float, now: float = 25 * 60) -> Uptime:
    """The figures of a span, which are the same before and after it is rolled up."""
    raw = figures.uptimes(past.connection, Cover((), (), [(at(first), at(until))]))[monitor]
    past.roll_up(at(now))
    rolled = figures.uptimes(past.connection, figures.covered(past.connection, at(first), at(until)))[monitor]
    assert raw == rolled
    return rolled


def test_an_interval_that_changes_weighs_as_long_as_it_was_in_force(past: Past) -> None:
    """30 slots of a minute, one of them down; then 6 of five minutes, two of them down."""
    monitor = past.monitor(0, 30, 60)
    past.in_force(monitor, 30, 60, 300)
    past.ticks(0, 60)
    seen(past, monitor, [minute for minute in range(30) if minute != 7])
    seen(past, monitor, [7, 40, 55], "down")
    seen(past, monitor, [30, 35, 45, 50])
    assert both(past, monitor, 0, 60).availability == Tally(29 * 60 + 4 * 300, 60 + 2 * 300, 0)


def test_a_region_has_missed_nothing_before_it_came_and_after_it_went(past: Past) -> None:
    """EU comes at 20 and INDIA goes at 40; what EU alone saw down at 50, beside USA, is half of two and no quorum."""
    monitor = past.monitor(0, 60)
    past.ticks(0, 20, ("USA", "INDIA"))
    past.ticks(20, 40)
    past.ticks(40, 60, ("USA", "EU"))
    seen(past, monitor, range(60), regions=("USA",))
    seen(past, monitor, range(40), regions=("INDIA",))
    seen(past, monitor, [minute for minute in range(20, 60) if minute != 50], regions=("EU",))
    seen(past, monitor, [50], "down", ("EU",))
    of = both(past, monitor, 0, 60)
    assert of.regions == {"USA": Tally(3600), "INDIA": Tally(2400), "EU": Tally(2340, 60)}
    assert (of.availability, of.reachability) == (Tally(3600), Tally(8340, 60))


def test_a_monitor_s_own_regions_that_change_midway(past: Past) -> None:
    """USA alone until 30, whose word is all there is; then USA and EU, where one of two is none."""
    monitor = past.monitor(60, 61)
    past.in_force(monitor, 0, 30, 60, regions=["USA"])
    past.in_force(monitor, 30, 60, 60, regions=["USA", "EU"])
    past.ticks(0, 60)
    seen(past, monitor, [minute for minute in range(60) if minute not in (10, 40)], regions=("USA",))
    seen(past, monitor, range(30, 60), regions=("EU",))
    seen(past, monitor, [10, 40], "down", ("USA",))
    of = both(past, monitor, 0, 60)
    assert of.regions == {"USA": Tally(3480, 120), "EU": Tally(1800)}
    assert of.availability == Tally(3540, 60)


def test_a_pause_is_neither_up_nor_down_nor_unseen(past: Past) -> None:
    """What was in flight when it began is no slot any more."""
    monitor = past.monitor(0, 10)
    past.in_force(monitor, 50, 60, 60)
    past.ticks(0, 60)
    seen(past, monitor, [*range(10), *range(51, 60)])
    seen(past, monitor, [10], "down")
    assert both(past, monitor, 0, 60).availability == Tally(19 * 60, 0, 60)


def test_a_day_in_which_nothing_was_seen_has_no_figure(past: Past) -> None:
    """Scheduled and lost: coverage 0, bounds from 0 to 100."""
    monitor = past.monitor(-720, 720, 3600)
    past.ticks(-720, 720)
    of = both(past, monitor, -720, 720, 48 * 60)
    assert past.rows("SELECT count(*) FROM rollup_day") == [(1,)]
    assert of.availability == Tally(0, 0, 24 * 3600)
    assert of.availability.printed() == {"uptime": None, "coverage": "0.00", "low": "0.00", "high": "100.00"}


def test_half_a_minute_s_slots_weigh_half_a_minute(past: Past) -> None:
    """Of 120 slots one failed and one is missing; a span that cuts a minute takes the slots within it."""
    monitor = past.monitor(0, 60, 30)
    past.ticks(0, 60, ("USA",))
    seen(past, monitor, [half / 2 for half in range(120) if half not in (11, 100)], regions=("USA",))
    seen(past, monitor, [5.5], "down", ("USA",))
    assert both(past, monitor, 0, 60).regions["USA"] == Tally(118 * 30, 30, 30)
    assert both(past, monitor, 5.25, 6.25).regions["USA"] == Tally(30, 30, 0)


def test_a_window_that_begins_amid_an_hour_without_results_is_that_whole_hour(past: Past) -> None:
    """Its rows are gone, its roll-up is there: 12:40 becomes 12:00, and the frame says so."""
    monitor = past.monitor(0, 180)
    past.ticks(0, 180, ("USA",))
    seen(past, monitor, range(180), regions=("USA",))
    past.connection.execute("UPDATE check_result SET status = 'down' WHERE checked_at = %s", (at(5),))
    past.roll_up()
    for (day,) in past.rows(
        "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'check_result'::regclass"
    ):
        if str(day) < "check_result_20261124":
            past.connection.execute("SELECT drop_result_day(%s)", (day,))
    pieces = figures.covered(past.connection, at(40), at(150), by_hours=True)
    [of] = figures.uptimes(past.connection, pieces).values()
    past.connection.execute("SELECT ensure_result_days('2026-11-21', '2026-11-23')")
    assert (pieces.first, pieces.until) == (at(0), at(180))
    assert of.availability == Tally(179 * 60, 60)


@pytest.mark.parametrize("zone", ["Asia/Kolkata", "America/New_York"])
def test_whatever_the_server_s_clocks_show_days_and_hours_are_utc(database_url: str, zone: str) -> None:
    """Half an hour beside UTC; and the night in which New York's clocks are put back, at 06:00 UTC on 1 November 2026.

    Red before connections were set to UTC: in Python 05:00 and an hour was 07:00, and the hour after was counted twice.
    """
    options = f"{'&' if '?' in database_url else '?'}options=-c%20timezone%3D{zone}"
    with closing(connect(database_url + options)) as connection:
        _count_the_night(Past(connection))


def _count_the_night(past: Past) -> None:
    first = -22 * 24 * 60 - 12 * 60
    past.connection.execute("SELECT ensure_result_days('2026-10-31', '2026-11-03')")
    monitor = past.monitor(first, first + 24 * 60, 3600)
    assert at(first) == datetime(2026, 11, 1, tzinfo=UTC)
    past.ticks(first, first + 24 * 60, ("USA",))
    seen(past, monitor, [first + hour * 60 for hour in range(23)], regions=("USA",))
    seen(past, monitor, [first + 23 * 60], "down", ("USA",))
    of = both(past, monitor, first, first + 24 * 60, first + 48 * 60)
    assert of.availability == Tally(23 * 3600, 3600)
    assert past.rows("SELECT count(*) FROM rollup_hour") == [(24,)]
    assert past.rows("SELECT day::text FROM rollup_day") == [("2026-11-01",)]


def test_a_row_that_comes_after_its_day_was_rolled_up_counts(past: Past) -> None:
    """Unseen until it comes, then bad, in hour and day."""
    monitor = past.monitor(-720, 720, 3600)
    past.ticks(-720, 720, ("USA",))
    seen(past, monitor, range(-720, 660, 60), regions=("USA",))
    assert both(past, monitor, -720, 720, 24 * 60).availability == Tally(23 * 3600, 0, 3600)
    seen(past, monitor, [660], "down", ("USA",))
    assert past.roll_up(at(24 * 60)) == (1, 1)
    assert both(past, monitor, -720, 720, 24 * 60).availability == Tally(23 * 3600, 3600)


def test_a_monitor_that_is_made_again_goes_on_with_its_history(past: Past) -> None:
    """Same slug, same id; between its end and its return it has no slots, and its slug is nobody else's."""
    wanted = Definition("shop", "Shop", "http", {"url": "https://example.com/"}, 60, 10_000)
    monitors.save(past.connection, [wanted])
    [(monitor,)] = past.rows("SELECT id FROM monitor")
    assert isinstance(monitor, int)
    past.connection.execute("UPDATE monitor_schedule SET from_tick = %s", (at(0),))
    monitors.delete(past.connection, ["shop"])
    past.connection.execute("UPDATE monitor_schedule SET until_tick = %s WHERE enabled", (at(20),))
    past.connection.execute("UPDATE monitor_schedule SET from_tick = %s WHERE NOT enabled", (at(20),))
    monitors.save(past.connection, [wanted])
    past.connection.execute("UPDATE monitor_schedule SET until_tick = %s WHERE NOT enabled", (at(50),))
    past.connection.execute("UPDATE monitor_schedule SET from_tick = %s WHERE until_tick = 'infinity'", (at(50),))
    assert past.rows("SELECT id, deleted_at FROM monitor") == [(monitor, None)]
    past.ticks(0, 60, ("USA",))
    offset = past.rows(f"SELECT offset_ms(phase_of({monitor}, 60), 60, 10) / 60000.0")[0][0]
    seen(past, monitor, [minute + float(str(offset)) for minute in (*range(20), *range(50, 60))], regions=("USA",))
    assert both(past, monitor, 0, 60).availability == Tally(30 * 60)


def test_maintenance_across_an_hour_is_out_of_both_hours(past: Past) -> None:
    """From 12:50 to 13:10, half-open; what failed within it is nothing, what failed as it ended is bad."""
    monitor = past.monitor(0, 120)
    past.ticks(0, 120, ("USA",))
    seen(past, monitor, [minute for minute in range(120) if not 50 <= minute <= 70], regions=("USA",))
    seen(past, monitor, range(50, 71), "down", ("USA",))
    past.connection.execute(
        """WITH new AS (INSERT INTO maintenance (name, starts, duration_s, timezone) VALUES ('w', now(), 1200, 'UTC')
                        RETURNING id) INSERT INTO maintenance_window SELECT id, %s, %s FROM new""",
        (at(50), at(70)),
    )
    assert both(past, monitor, 0, 120).availability == Tally(99 * 60, 60)
    assert rollups.hour_of(at(119)) - at(0) == timedelta(hours=1)
