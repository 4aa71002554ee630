"""Numbers as they are printed."""

from datetime import UTC, datetime, timedelta

import pytest

from vantage.view.numbers import (
    NOTHING,
    clock,
    counted,
    duration,
    joined,
    latency,
    names,
    percent,
    percent_of_some,
    region_name,
    since_words,
    span,
)

NOW = datetime(2026, 11, 24, 7, 4, tzinfo=UTC)


def plain(text: str) -> str:
    """With ordinary spaces."""
    return text.replace("\u00a0", " ")


@pytest.mark.parametrize(
    ("part", "whole", "printed"),
    [
        (30_000, 30_000, "100%"),
        (29_999, 30_000, "99.99%"),  # 99.9967: rounding would print 100
        (999_999, 1_000_000, "99.99%"),
        (1, 3, "33.33%"),
        (2, 3, "66.66%"),
        (1, 100_000, "0.00%"),
        (0, 5, "0.00%"),
        (0, 0, NOTHING),  # nothing observed is neither 0 % nor 100 %
    ],
)
def test_percent_is_floored_and_100_is_exact(part: int, whole: int, printed: str) -> None:
    """Two digits; a dash where nothing was seen."""
    assert percent(part, whole) == printed


def test_a_little_is_not_printed_as_nothing() -> None:
    """Five minutes of 90 days are not 0.00%. Red with the plain floor."""
    assert [percent_of_some(part, 100_000) for part in (0, 9, 10, 100_000)] == ["0.00%", "under 0.01%", "0.01%", "100%"]


@pytest.mark.parametrize(
    ("us", "printed"),
    [
        (None, NOTHING), (0, "0.0 ms"), (1_449, "1.4 ms"), (9_949, "9.9 ms"), (9_950, "10 ms"), (141_600, "142 ms"),
        (999_499, "999 ms"), (999_500, "1.00 s"), (1_240_000, "1.24 s"), (30_000_000, "30.00 s"),
    ],
)  # fmt: skip
def test_latency_is_milliseconds_below_a_second(us: int | None, printed: str) -> None:
    """And seconds from there on; no `1000 ms` at the border."""
    assert plain(latency(us)) == printed


def test_a_number_and_its_unit_are_not_parted() -> None:
    """No line ends between them."""
    assert [latency(142_000), latency(2_000_000), span(3900)] == [
        "142\u00a0ms",
        "2.00\u00a0s",
        "1\u00a0h 5\u00a0min",
    ]


@pytest.mark.parametrize(
    ("seconds", "printed"),
    [
        (-3, "0 s"), (0.9, "0 s"), (59, "59 s"), (60, "1 min"), (1619, "26 min"), (3600, "1 h"), (11_100, "3 h 5 min"),
        (86_399, "23 h 59 min"), (86_400, "1 d"), (187_200, "2 d 4 h"),
    ],
)  # fmt: skip
def test_a_span_has_its_two_largest_units(seconds: float, printed: str) -> None:
    """Floored: what has not passed is not told."""
    assert plain(span(seconds)) == printed


@pytest.mark.parametrize(("seconds", "printed"), [(10, "10 s"), (60, "1 min"), (300, "5 min"), (86_400, "1 d")])
def test_an_interval_is_printed_as_it_was_written(seconds: int, printed: str) -> None:
    """A configured duration."""
    assert plain(duration(seconds)) == printed


def test_a_clock_time_has_its_day_when_it_is_not_today() -> None:
    """In UTC, whatever the zone it came in."""
    assert clock(NOW - timedelta(minutes=26), NOW) == "06:38"
    assert plain(clock(NOW - timedelta(hours=9), NOW)) == "23 Nov, 22:04"


def test_regions_are_called_as_people_call_them() -> None:
    """The enum's INDIA is India in a sentence."""
    assert [region_name(region) for region in ("USA", "INDIA", "EU", "SOUTH_AFRICA")] == [
        "USA", "India", "EU", "South Africa",
    ]  # fmt: skip
    assert names(["USA", "INDIA", "EU"]) == "USA, India and EU"
    assert names(["INDIA", "EU"], "or") == "India or EU"
    assert joined([]) == ""


def test_small_numbers_are_words() -> None:
    """Up to twelve."""
    assert [counted(n) for n in (1, 12, 13, 1234)] == ["one", "twelve", "13", "1,234"]


def test_since_when_and_for_how_long() -> None:
    """And where it began before all that was looked at, for how long at least."""
    day = timedelta(hours=24)
    assert plain(since_words(NOW - timedelta(minutes=26), NOW, day)) == "Since 06:38 UTC, 26 min"
    assert plain(since_words(None, NOW, day)) == "For more than 1 d"
