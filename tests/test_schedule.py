"""When a check is due, in Python and in SQL."""

from itertools import pairwise

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vantage import schedule

INTERVALS = [10, 15, 20, 30, 60, 120, 300, 3600, 86400]
monitors = st.sampled_from(INTERVALS).flatmap(lambda i: st.tuples(st.just(i), st.integers(0, i - 1)))


@given(monitors, st.integers(1, 60), st.integers(0, 3_000_000))
def test_a_monitor_has_one_check_per_interval(monitor: tuple[int, int], spread_s: int, minute: int) -> None:
    """Over any whole number of its intervals a monitor has exactly one check in each."""
    interval_s, phase_s = monitor
    span_s = max(interval_s, 60)
    ticks = range(minute * 60, minute * 60 + span_s, 60)
    slots = [at for tick in ticks for at in schedule.slots_ms(phase_s, interval_s, spread_s, tick)]
    assert len(slots) == span_s // interval_s
    assert all(b - a == interval_s * 1000 for a, b in pairwise(slots))


@given(monitors, st.integers(1, 60), st.integers(0, 100_000))
def test_a_check_lies_in_its_tick(monitor: tuple[int, int], spread_s: int, minute: int) -> None:
    """checked_at never leaves the minute it was pushed for, so its ledger row is found from it."""
    interval_s, phase_s = monitor
    for at_ms in schedule.slots_ms(phase_s, interval_s, spread_s, minute * 60):
        assert schedule.tick_of(at_ms) == minute * 60


@given(st.lists(monitors, min_size=30, max_size=30), st.integers(1, 60), st.integers(0, 100_000))
def test_sql_and_python_agree(
    database_session: psycopg.Connection, some: list[tuple[int, int]], spread: int, minute: int
) -> None:
    """The functions of migration 0001 follow the same rules as vantage/schedule.py."""
    rows = database_session.execute(
        """SELECT is_due(p, i, %s), offset_ms(p, i, %s)
             FROM unnest(%s::int[], %s::int[]) WITH ORDINALITY AS u (i, p, n) ORDER BY n""",
        (minute * 60, spread, [i for i, _ in some], [p for _, p in some]),
    ).fetchall()
    assert rows == [(schedule.is_due(p, i, minute * 60), schedule.offset_ms(p, i, spread)) for i, p in some]


def test_phases_are_spread_evenly(database_session: psycopg.Connection) -> None:
    """1,000 monitors of one interval fill its minute within 5 %, whatever their ids."""
    counts = database_session.execute(
        "SELECT count(*) FROM generate_series(1, 60000) id GROUP BY phase_of(id, 60)"
    ).fetchall()
    assert len(counts) == 60
    assert all(950 <= count <= 1050 for (count,) in counts)


@pytest.mark.parametrize(
    ("newest", "incomplete", "young", "gaps", "ticks"),
    [
        (None, (), True, (), (600, 660)),  # the very first run, early in its minute
        (None, (), False, (), (660,)),  # the very first run, late in it
        (600, (), False, (), (660,)),  # every minute
        (540, (), False, (), (600, 660)),  # one producer minute was missed
        (480, (), False, (540,), (600, 660)),  # two were
        (600, (600,), False, (), (600, 660)),  # the last run died
        (660, (480, 660), False, (), (480, 660)),  # down to T - 2
        (660, (420,), False, (), ()),  # and not further
        (900, (), False, (), ()),  # a stale event finds nothing to do
    ],
)
def test_the_plan_of_an_event(newest: int | None, incomplete: tuple[int, ...], young: bool, gaps: tuple[int, ...],
                              ticks: tuple[int, ...]) -> None:  # fmt: skip
    """The event of minute T pushes T + 1, T where it is absent, resumes down to T - 2 and leaves older ones as gaps."""
    assert schedule.plan(600, newest, incomplete, first_tick_is_young=young) == schedule.Plan(gaps, ticks)
