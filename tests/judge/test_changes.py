"""A monitor is changed while it is down: what was seen before still counts, and who is asked no more has no say."""

from collections.abc import Sequence
from typing import Any

import pytest

from tests.judge import history
from tests.judge.history import REGIONS
from vantage.check import Status
from vantage.judge.tick import Judged
from vantage.store.ledger import as_time
from vantage.verdict.fleet import Stored
from vantage.verdict.rows import Row


def see(database: Any, tick_s: int, letter: str, *, interval_s: int = 60, of: Sequence[str] = REGIONS) -> Judged:
    """A tick in which these regions see the monitor so, and the others store nothing; judged."""
    return history.see(database, tick_s, dict.fromkeys(of, letter), interval_s=interval_s)


def change(database: Any, tick_s: int, what: str) -> None:
    """A new version of its schedule, from a tick on."""
    database.execute("UPDATE monitor_schedule SET until_tick = %s WHERE until_tick = 'infinity'", (as_time(tick_s),))
    database.execute(
        f"""INSERT INTO monitor_schedule (monitor_id, from_tick, interval_s, phase_s, regions, enabled)
            SELECT 1, %s, {what}, true""".encode(),
        (as_time(tick_s),),
    )


def incidents(database: Any, first_s: int) -> list[tuple[int | None, ...]]:
    """Began, opened and resolved, in seconds since the first tick."""
    rows = database.execute(
        """SELECT extract(epoch FROM began_at)::int, extract(epoch FROM opened_at)::int,
                  extract(epoch FROM resolved_at)::int FROM incident ORDER BY opened_at"""
    ).fetchall()
    return [tuple(None if at is None else at - first_s for at in row) for row in rows]


@pytest.mark.parametrize(("interval_s", "then_s"), [(60, 300), (300, 60)])
def test_a_change_of_interval_breaks_no_streak(database: Any, first_s: int, interval_s: int, then_s: int) -> None:
    """The first failure at one interval, the second at the other: down at the second."""
    change(database, first_s, f"{interval_s}, 0, NULL")
    see(database, first_s, "U", interval_s=interval_s)
    see(database, first_s + interval_s, "D", interval_s=interval_s)
    change(database, first_s + interval_s + 60, f"{then_s}, 0, NULL")
    second_s = interval_s + 60 if then_s == 60 else 300
    see(database, first_s + second_s, "D", interval_s=then_s)
    assert incidents(database, first_s) == [(interval_s, second_s, None)]


def test_regions_that_are_taken_away_keep_no_incident_open(database: Any, first_s: int) -> None:
    """Down from three regions, then only one is asked: three successes there resolve it, as of a monitor of one region.

    Broken once by judging with the regions of the tick and not with those of the schedule in force.
    """
    for tick, letter in enumerate("UDD"):
        see(database, first_s + 60 * tick, letter)
    change(database, first_s + 180, "60, 0, '{EU}'")
    for tick in range(3, 6):
        see(database, first_s + 60 * tick, "U", of=["EU"])
    assert incidents(database, first_s) == [(60, 120, 300)]


def test_a_region_that_falls_silent_while_an_incident_is_open_resolves_nothing(database: Any, first_s: int) -> None:
    """It writes no row any more, and the tick is judged all the same; the two that are left are a quorum of two.

    Broken once by looking only at monitors with rows.
    """
    for tick, letter in enumerate("UDD"):
        see(database, first_s + 60 * tick, letter)
    for tick in range(3, 6):
        see(database, first_s + 60 * tick, "U", of=[])
    assert incidents(database, first_s) == [(60, 120, None)]
    assert database.execute("SELECT verdict FROM verdict ORDER BY checked_at DESC LIMIT 1").fetchone() == ("no_data",)
    for tick in range(6, 8):
        see(database, first_s + 60 * tick, "U", of=["USA", "EU"])
    assert incidents(database, first_s) == [(60, 120, 420)]


def test_a_region_that_is_silent_for_hours_has_nobody_s_rows_read_again(database: Any, first_s: int) -> None:
    """Of a monitor that is looked at in each tick, each region's last judged row and what came since, and nothing that
    lies more than a quarter of an hour behind.

    Red (476 rows, 478) where everything since the silent region's last row was read.
    """
    began_s, hours = first_s - 6 * 3600, range(3, 240)
    database.execute("SELECT ensure_result_days(%s, %s)", (as_time(began_s).date(), as_time(first_s).date()))
    for tick, letter in enumerate("UDD"):
        see(database, began_s + 60 * tick, letter)
    missed = [Row((began_s + 60 * tick) * 1000, Status.DOWN, 60) for tick in hours]
    history.record(database, [Stored(1, region, row) for region in ("USA", "INDIA") for row in missed])
    now_s = began_s + 60 * hours.stop
    read = [see(database, now_s + 60 * tick, "D", of=["USA", "INDIA"]).rows_read for tick in range(2)]
    assert read == [2 * (15 + 1), 2 * 2]
    assert incidents(database, began_s) == [(60, 120, None)]


def test_what_was_deleted_while_it_was_down_comes_back_with_nothing_held(database: Any, first_s: int) -> None:
    """Its first check is up, and so is it: no incident, and nobody is told of one.

    Red when the state of old was held: what was up opened an incident that had begun before it was deleted.
    """
    for tick, letter in enumerate("UDD"):
        see(database, first_s + 60 * tick, letter)
    database.execute("UPDATE monitor SET deleted_at = now()")
    see(database, first_s + 180, "U", of=())
    assert database.execute("SELECT count(*) FROM region_state").fetchone() == (0,)
    database.execute("UPDATE monitor SET deleted_at = NULL")
    for tick in (10, 11, 12):
        see(database, first_s + 60 * tick, "U")
    spans = database.execute("SELECT opened_at < %s, resolved_at IS NULL FROM incident", (as_time(first_s + 180),))
    assert spans.fetchall() == [(True, False)]
    assert database.execute("SELECT DISTINCT state::text FROM region_state").fetchall() == [("up",)]
