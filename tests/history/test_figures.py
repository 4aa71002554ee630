"""Uptime of any span: the same from days, hours and results; every worked example; whatever order rows come in."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from local.scenarios import read_items
from local.servers import Servers
from local.uptime_examples import counted, example, scratch
from tests.history.conftest import REGIONS, Past, at
from vantage.monitor import Region
from vantage.store import figures, history, maintenance, rollups
from vantage.store.connection import Connection
from vantage.store.figures import Cover, Rolled, cover
from vantage.store.looks import HOUR
from vantage.store.maintenance import Maintenance, WorkedOut
from vantage.uptime import Uptime
from vantage.verdict.windows import Window

# P22 asks how 29,999 of 30,000 are printed: tests/uptime counts its rows, and its 500 hours would tell nothing more.
EXAMPLES = [one for one in read_items(Path(__file__).parent.parent / "uptime" / "examples.yaml") if one["id"] != "P22"]
MIDNIGHT = datetime(2026, 11, 23, tzinfo=UTC)


@pytest.fixture(scope="module")
def own_schema(servers: Servers) -> Iterator[Connection]:
    """Tables that no other test sees."""
    with scratch(servers.database_url) as connection:
        yield connection


@pytest.mark.parametrize("item", EXAMPLES, ids=[item["id"] for item in EXAMPLES])
def test_an_example_is_counted_so_from_its_rollups(own_schema: Connection, item: dict[str, Any]) -> None:
    """Faults, maintenance and incidents in their own tables; hours rolled up, days from hours."""
    one = example(item)
    own_schema.execute(
        "TRUNCATE rollup_hour, rollup_day, check_rollup_hour, check_rollup_day, slot_rollup_hour, slot_rollup_day"
    )
    counted(own_schema, one)
    first, until = one.instants()[0], one.instants()[-1]
    hours = -(-(until - first) // HOUR)
    from_results = figures.uptimes(own_schema, Cover((), (), [(first, first + hours * HOUR)]))
    for hour in range(hours):
        rollups.roll_hour(own_schema, first + hour * HOUR)
    from_hours = figures.uptimes(own_schema, Cover((), [first + hour * HOUR for hour in range(hours)], ()))
    rollups.roll_day(own_schema, first.date())
    from_days = figures.uptimes(own_schema, Cover([first.date()], [first + h * HOUR for h in range(24, hours)], ()))
    assert from_results == from_hours == from_days
    assert from_days[1].printed() == item["expect"]


def _history(past: Past, random: Random) -> list[tuple[int, float, Region, str]]:
    """Rows of three monitors over three hours and a bit: intervals change, some rows are missing."""
    rows: list[tuple[int, float, Region, str]] = []
    for interval_s in (60, 300, 30):
        monitor = past.monitor(0, 100, interval_s)
        past.in_force(monitor, 100, 190, 60, regions=["USA", "EU"])
        for minute in range(190):
            for step in range(0, 60, 60 if minute >= 100 else min(interval_s, 60)):
                for region in REGIONS:
                    if random.random() < 0.9:
                        status = random.choice(("up", "up", "up", "down", "degraded", "expired"))
                        rows.append((monitor, minute + step / 60, region, status))
    return rows


def _counted(past: Past, first: float, until: float, *, raw: bool) -> dict[int, Uptime]:
    if raw:
        return figures.uptimes(past.connection, Cover((), (), [(at(first), at(until))]))
    return figures.uptimes(past.connection, figures.covered(past.connection, at(first), at(until)))


@pytest.mark.parametrize("seed", range(3))
def test_merging_hours_is_counting_rows_in_whatever_order_they_came(past: Past, seed: int) -> None:
    """Rows stored in two orders, before and after the roll-up; any span (broken to see it fail: hours not rolled up
    anew)."""
    random = Random(seed)
    rows = _history(past, random)
    past.ticks(0, 190)
    random.shuffle(rows)
    for monitor, minutes, region, status in rows[: len(rows) // 2]:
        past.row(monitor, minutes, region, status)
    past.roll_up(at(130))
    for monitor, minutes, region, status in rows[len(rows) // 2 :]:
        past.row(monitor, minutes, region, status)
    past.roll_up(at(200))
    assert past.rows("SELECT count(*) FROM rollup_hour") == [(3,)]
    for first, until in ((0, 190), (0, 60), (7, 181), (59.5, 120.25), (130, 131)):
        assert _counted(past, first, until, raw=False) == _counted(past, first, until, raw=True)


def test_what_is_not_rolled_up_is_counted_from_rows(past: Past) -> None:
    """The open hour shows what came a moment ago."""
    monitor = past.monitor(0, 70)
    past.ticks(0, 60, ("USA",))
    past.ticks(60, 70, ("USA",), closed=False)
    past.roll_up(at(71))
    past.row(monitor, 65, "USA", "down")
    assert _counted(past, 0, 70, raw=False)[monitor].regions["USA"].bad == 60


def test_figures_stay_when_results_are_dropped(past: Past) -> None:
    """Days for ever; a span that begins amid a day without hours and results is shown with the whole day."""
    monitor = past.monitor(0, 24 * 60)
    past.ticks(0, 12 * 60, ("USA",))
    past.row(monitor, 30, "USA", "down")
    past.row(monitor, 31, "USA", "up")
    past.roll_up()
    for (day,) in past.rows(
        "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'check_result'::regclass"
    ):
        if str(day) < "check_result_20261124":  # whichever other tests have made too
            past.connection.execute(f"DROP TABLE {day}")
    rollups.drop_hours_before(past.connection, at(0).date() + timedelta(days=1), 100)
    pieces = figures.covered(past.connection, at(31), at(35))
    assert (pieces.first, pieces.until) == (MIDNIGHT, MIDNIGHT + timedelta(days=1))
    [(_, of)] = figures.uptimes(past.connection, pieces).items()
    assert (of.regions["USA"].good, of.regions["USA"].bad) == (60, 60)
    past.connection.execute("SELECT ensure_result_days('2026-11-21', '2026-11-23')")


def test_an_incident_that_is_opened_later_amends_its_hours(past: Past) -> None:
    """So does maintenance that is changed afterwards: both weigh on slots that are over."""
    monitor = past.monitor(0, 60)
    past.ticks(0, 60)
    past.row(monitor, 5, "EU", "down")
    past.row(monitor, 6, "USA", "up")
    past.roll_up()
    past.connection.execute(
        """INSERT INTO incident (monitor_id, began_at, opened_at, single_vantage, facts)
           VALUES (%s, %s, now(), true, '{}')""",
        (monitor, at(5)),
    )
    assert past.roll_up()[0] == 1
    assert _counted(past, 0, 60, raw=False)[monitor].availability.bad == 60
    past.connection.execute(
        """WITH new AS (INSERT INTO maintenance (name, starts, duration_s, timezone) VALUES ('w', now(), 60, 'UTC')
                        RETURNING id) INSERT INTO maintenance_window SELECT id, %s, %s FROM new""",
        (at(0), at(6)),
    )
    assert past.roll_up()[0] == 1
    assert _counted(past, 0, 60, raw=False)[monitor].availability.bad == 0


def test_work_that_is_announced_for_others_leaves_the_past_as_it_was(past: Past) -> None:
    """Windows that have passed weigh on what they were announced for, whether their hours are rolled up or not.

    Red before: they moved to the new monitors, and an hour that was rolled up said something else than its rows.
    """
    monitor, other = past.monitor(0, 60), past.monitor(0, 60)
    past.ticks(0, 60)
    for minute in (5, 30):
        for region in REGIONS:
            past.row(monitor, minute, region, "down")
            past.row(other, minute, region, "down")
    [(slug,), (other_slug,)] = past.rows("SELECT slug FROM monitor ORDER BY id")
    began, ended = (int(at(minute).timestamp() * 1000) for minute in (0, 10))
    work = Maintenance("Release", at(0).replace(tzinfo=None), 600, slugs=[str(slug)])
    number = maintenance.add(past.connection, work, WorkedOut([Window(began, ended)], None))
    past.roll_up()
    before = _counted(past, 0, 60, raw=True)
    assert (before[monitor].availability.bad, before[other].availability.bad) == (60, 120)
    for slugs in ([str(other_slug)], [str(other_slug), str(slug)]):
        maintenance.change(past.connection, replace(work, id=number, slugs=slugs), WorkedOut([], None))
        assert past.roll_up()[0] == 0
        assert _counted(past, 0, 60, raw=True) == _counted(past, 0, 60, raw=False) == before
        number = maintenance.list_maintenance(past.connection)[0].id


def test_seconds_by_verdict_come_from_incidents_and_advisories(past: Past) -> None:
    """Each second once: of two regions' advisories that overlap, and of one that an incident absorbed; within the span.

    Broken once by leaving in what an incident absorbed.
    """
    monitor, other = past.monitor(0, 60), past.monitor(0, 60)
    for region, opened, closed in (("USA", 5, 15), ("EU", 10, 22), ("INDIA", 50, None)):
        past.connection.execute(
            "INSERT INTO advisory (monitor_id, region, opened_at, told, closed_at) VALUES (%s, %s, %s, true, %s)",
            (monitor, region, at(opened), closed and at(closed)),
        )
    for began, resolved in ((20, 25), (-10, 1)):
        past.connection.execute(
            """INSERT INTO incident (monitor_id, began_at, opened_at, resolved_at, single_vantage, facts)
               VALUES (%s, %s, %s, %s, false, '{}')""",
            (monitor, at(began), at(began), at(resolved)),
        )
    seconds = history.verdict_seconds(past.connection, at(0), at(60))
    assert seconds == {monitor: history.Seconds(down=6 * 60, regional=(15 + 10) * 60)}
    assert other not in seconds


minutes = st.integers(0, 4 * 24 * 60)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(minutes, minutes, st.sets(st.integers(0, 4)), st.sets(st.integers(0, 119)), st.none() | st.integers(0, 4))
def test_pieces_make_up_the_span(start: int, end: int, days: set[int], hours: set[int], raw_from: int | None) -> None:
    """Each instant once, in order, and nothing else where there are results; never less than was asked for."""
    first, until = sorted((MIDNIGHT + timedelta(minutes=start), MIDNIGHT + timedelta(minutes=end)))
    rolled = Rolled(
        frozenset((MIDNIGHT + timedelta(days=day)).date() for day in days),
        frozenset(MIDNIGHT + hour * HOUR for hour in hours),
        None if raw_from is None else MIDNIGHT + timedelta(days=raw_from),
    )
    pieces = cover(first, until, rolled)
    spans = [
        *((rollups.midnight(day), rollups.midnight(day) + timedelta(days=1)) for day in pieces.days),
        *((hour, hour + HOUR) for hour in pieces.hours), *pieces.rest,
    ]  # fmt: skip
    spans.sort()
    assert all(one[1] <= other[0] for one, other in pairwise(spans))
    if first == until:
        return
    assert pieces.first <= first
    assert pieces.until >= until
    assert all(one[1] == other[0] for one, other in pairwise(spans))
    if rolled.raw_from is not None and rolled.raw_from <= MIDNIGHT:
        assert (pieces.first, pieces.until) == (first, until)
