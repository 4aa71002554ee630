"""Hours and days: recomputed, idempotent, final after the last tick's close, amended by what comes later."""

from datetime import timedelta

from tests.history.conftest import Past, at
from vantage.latency import bucket_of
from vantage.store import rollups
from vantage.store.looks import ending_in, slow_in

HOURS = "SELECT region::text, scheduled, up, down, expired FROM check_rollup_hour ORDER BY 1"
LOOKS = "SELECT look, slots FROM slot_rollup_hour ORDER BY 1"


def test_an_hour_counts_what_was_scheduled_by_how_it_ended(past: Past) -> None:
    """Scheduled slots come from schedule and ledger, also those without a row; an extra check is none of them."""
    monitor = past.monitor(0, 60)
    past.ticks(0, 60, ("USA", "EU"))
    for minute in range(60):
        past.row(monitor, minute, "USA", "down" if minute < 3 else "up")
    past.row(monitor, 7, "EU", "expired")
    past.row(monitor, 8, "EU", "down", extra=True)
    past.roll_up()
    assert past.rows(HOURS) == [("EU", 60, 0, 0, 1), ("USA", 60, 57, 3, 0)]
    assert past.rows(LOOKS) == [
        ("60 USA:down EU:-", 3), ("60 USA:up EU:-", 56), ("60 USA:up EU:expired", 1)
    ]  # fmt: skip


def test_a_rolled_hour_still_tells_slow_from_a_certificate_that_ends_soon(past: Past) -> None:
    """Both are degraded, and only one of them is slow. Red without the word in the look."""
    monitor = past.monitor(0, 60, 1800)
    past.ticks(0, 60, ("USA", "EU"))
    for minute, reason in ((0, "certificate"), (30, "slow")):
        past.row(monitor, minute, "USA", "degraded")
        past.row(monitor, minute, "EU", "degraded")
        past.connection.execute(
            "UPDATE check_result SET reason = %s WHERE checked_at = %s AND region = 'EU'", (reason, at(minute))
        )
    past.roll_up()
    looks = [str(look) for look, _ in past.rows(LOOKS)]
    assert looks == ["1800 USA:degraded EU:degraded", "1800 USA:degraded EU:degraded certificate=EU"]
    assert [(set(slow_in(look)), set(ending_in(look))) for look in looks] == [({"USA", "EU"}, set()), ({"USA"}, {"EU"})]


def test_rolling_up_twice_changes_nothing(past: Past) -> None:
    """Recomputed whole, not added to (broken to see it fail: the deletes before it)."""
    monitor = past.monitor(0, 120, 300, phase_s=130)
    past.ticks(0, 120)
    for minutes in range(0, 120, 5):
        past.row(monitor, minutes + 2 + 10 / 360, "EU", total_us=80_000 + minutes)
    past.roll_up()
    tables = ("check_rollup_hour", "slot_rollup_hour", "check_rollup_day", "slot_rollup_day")
    before = [past.rows(f"SELECT * FROM {table} ORDER BY 1, 2, 3") for table in tables]
    for hour in (at(0), at(60)):
        rollups.roll_hour(past.connection, hour)
    rollups.roll_day(past.connection, at(0).date())
    assert all(before)
    assert [past.rows(f"SELECT * FROM {table} ORDER BY 1, 2, 3") for table in tables] == before


def test_an_hour_waits_for_its_last_tick_to_close(past: Past) -> None:
    """An open tick may still get rows, and after a standstill its gaps come late."""
    past.monitor(0, 60)
    past.ticks(0, 59)
    past.ticks(59, 60, closed=False)
    assert past.roll_up() == (0, 0)
    past.connection.execute("UPDATE tick_ledger SET closed_at = now()")
    assert past.roll_up(at(70)) == (0, 0)  # minute 59 is closed 11 minutes after its start, and not before
    assert past.roll_up(at(71)) == (1, 0)


def test_a_late_row_amends_its_hour_and_its_day(past: Past) -> None:
    """Whatever changes the books is seen by the next run (broken to see it fail: `recorded` left out)."""
    monitor = past.monitor(0, 60)
    past.ticks(0, 60, ("USA",))
    assert past.roll_up() == (1, 1)
    assert past.roll_up() == (0, 0)
    past.row(monitor, 30, "USA", "down")
    assert past.roll_up() == (1, 1)
    assert past.rows(HOURS) == [("USA", 60, 0, 1, 0)]
    assert past.rows("SELECT look, slots FROM slot_rollup_day ORDER BY 1") == [("60 USA:-", 59), ("60 USA:down", 1)]


def test_a_gap_that_is_found_later_amends_its_hour(past: Past) -> None:
    """Minutes that nobody opened become ledger rows when the producer is back."""
    past.monitor(0, 60)
    past.ticks(0, 20, ("USA",))
    past.roll_up()
    past.ticks(20, 60, ("USA",))
    assert past.roll_up() == (1, 1)
    assert past.rows(HOURS) == [("USA", 60, 0, 0, 0)]


def test_a_region_found_at_fault_amends_its_hour(past: Past) -> None:
    """Its rows are set aside, good ones too."""
    monitor = past.monitor(0, 3)
    past.ticks(0, 3, ("USA",))
    past.row(monitor, 1, "USA", "up")
    past.roll_up()
    past.connection.execute("INSERT INTO region_fault (tick, region) VALUES (%s, 'USA')", (at(1),))
    assert past.roll_up() == (1, 1)
    assert past.rows(LOOKS) == [("60 USA:-", 2), ("60 USA:up!", 1)]


def test_a_run_does_a_bounded_part_and_the_next_goes_on(past: Past) -> None:
    """Oldest first; a day waits for its last hour."""
    past.monitor(-600, 600)
    past.ticks(-600, 600, ("USA",))
    done = [past.roll_up(most=8) for _ in range(4)]
    assert done == [(8, 0), (8, 0), (4, 1), (0, 0)]


def test_what_a_standstill_left_is_rolled_up_however_old(past: Past) -> None:
    """The search begins where the last roll-up ended."""
    past.monitor(0, 120)
    past.ticks(0, 60, ("USA",))
    past.roll_up()
    past.ticks(60, 120, ("USA",))
    assert past.roll_up(at(10 * 24 * 60)) == (1, 1)


def test_histograms_hold_good_rows_of_warm_runs(past: Past) -> None:
    """Failures say nothing of speed, and a cold run's connections are ours."""
    monitor = past.monitor(0, 60)
    past.ticks(0, 60, ("EU",))
    for minute, total_us in enumerate((100_000, 100_000, 200_000)):
        past.row(monitor, minute, "EU", total_us=total_us, dns_us=1000 * (minute + 1))
    past.row(monitor, 4, "EU", "down", total_us=10_000_000)
    past.row(monitor, 5, "EU", total_us=900_000, cold=True)
    past.roll_up()
    [(total_i, total_n, first_byte_n, dns_us)] = past.rows(
        "SELECT total_i, total_n, first_byte_n, dns_us FROM check_rollup_hour"
    )
    assert (total_i, total_n, first_byte_n) == ([bucket_of(100_000), bucket_of(200_000)], [2, 1], [2, 1])
    assert dns_us == 2000


def test_hours_go_when_their_day_is_rolled_up(past: Past) -> None:
    """Days stay for ever; an hour that no day holds yet stays too."""
    past.monitor(0, 60 * 24)
    past.ticks(0, 60 * 13, ("USA",))
    past.roll_up(at(60 * 13 + 11))
    kept_from = at(0).date() + timedelta(days=2)
    assert rollups.drop_hours_before(past.connection, kept_from, 100) == 12
    assert past.rows("SELECT count(*), sum(scheduled) FROM check_rollup_hour") == [(1, 60)]
    assert past.rows("SELECT scheduled FROM check_rollup_day") == [(720,)]
    assert rollups.drop_hours_before(past.connection, kept_from, 100) == 0
