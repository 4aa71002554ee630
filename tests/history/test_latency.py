"""Histograms: percentiles of merged parts, each off by 2 % at most."""

import math

import psycopg
from hypothesis import given, settings
from hypothesis import strategies as st

from vantage.latency import Histogram, bucket_of, merged, middle_us

times_us = st.lists(st.integers(100, 60_000_000), min_size=1, max_size=200)
unhurried = settings(deadline=None)


def histogram(values: list[int]) -> Histogram:
    """Of times in us."""
    return merged(([bucket_of(value)], [1]) for value in values)


@unhurried
@given(times_us, st.sampled_from((0.5, 0.95, 0.99, 1.0)))
def test_a_percentile_is_off_by_two_percent_at_most(values: list[int], share: float) -> None:
    """Of times from 0.1 ms to a minute (broken to see it fail: buckets rounded down)."""
    exact = sorted(values)[math.ceil(share * len(values)) - 1] / 1000
    found = histogram(values).quantile_ms(share)
    assert found is not None
    assert abs(found - exact) <= 0.0201 * exact


@unhurried
@given(times_us, times_us)
def test_merging_parts_is_counting_the_whole(some: list[int], others: list[int]) -> None:
    """In any order."""
    parts = [(one.counts.keys(), one.counts.values()) for one in (histogram(some), histogram(others))]
    assert merged(parts) == merged(reversed(parts)) == histogram(some + others)


def test_of_nothing_there_is_no_percentile() -> None:
    """Null, and not zero."""
    assert Histogram().quantile_ms(0.5) is None


def test_sql_and_python_take_the_same_bucket(database_session: "psycopg.Connection") -> None:
    """Over the whole range, and at the ends of buckets within a microsecond."""
    values = [1, 99, 100, 101, 60_000_000, 2_147_483_647]
    values += [round(middle_us(bucket)) for bucket in range(340)]
    [(found,)] = database_session.execute("SELECT array_agg(latency_bucket(v)) FROM unnest(%s::int[]) v", [values])
    assert found == [bucket_of(value) for value in values]
