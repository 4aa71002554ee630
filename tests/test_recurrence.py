"""When announced work is: recurrence rules on the clocks of a zone, as spans of UTC."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vantage.recurrence import FREQUENCIES, check_rule, spans

START = datetime.fromisoformat("2026-12-01T22:00")
BERLIN, NEW_YORK, HOUR_S = "Europe/Berlin", "America/New_York", 3600


def begins(start: str, rule: str | None, after: str, until: str, *, zone: str = BERLIN, hours: int = 1) -> list[str]:
    """When the windows begin, in UTC."""
    span = (datetime.fromisoformat(f"{text}T00:00+00:00") for text in (after, until))
    first, last = span
    found = spans(datetime.fromisoformat(start), hours * HOUR_S, zone, rule, after=first, until=last)
    assert all(one.until_ms - one.from_ms == hours * 3_600_000 for one in found.windows)
    return [f"{datetime.fromtimestamp(one.from_ms / 1000, UTC):%m-%d %H:%M}" for one in found.windows]


@pytest.mark.parametrize(("rule", "after", "until", "expected"), [
    ("FREQ=WEEKLY;BYDAY=TU", "2027-03-20", "2027-04-07", ["03-23 21:00", "03-30 20:00", "04-06 20:00"]),
    ("FREQ=WEEKLY;BYDAY=TU", "2027-10-20", "2027-11-03", ["10-26 20:00", "11-02 21:00"]),
    ("RRULE:FREQ=MONTHLY;BYDAY=-1FR", "2027-01-01", "2027-03-01", ["01-29 21:00", "02-26 21:00"]),
    ("freq=daily;interval=2;count=3", "2026-01-01", "2028-01-01", ["12-01 21:00", "12-03 21:00", "12-05 21:00"]),
    ("FREQ=DAILY;COUNT=3", "2026-12-02", "2028-01-01", ["12-02 21:00", "12-03 21:00"]),
    ("FREQ=DAILY;UNTIL=20261202T210000Z", "2026-01-01", "2028-01-01", ["12-01 21:00", "12-02 21:00"]),
    ("FREQ=DAILY;UNTIL=20261202T205959Z", "2026-01-01", "2028-01-01", ["12-01 21:00"]),
    ("FREQ=DAILY;UNTIL=20261202", "2026-01-01", "2028-01-01", ["12-01 21:00", "12-02 21:00"]),
    ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29", "2026-01-01", "2030-01-01", ["02-29 21:00"]),
    (None, "2026-01-01", "2030-01-01", ["12-01 21:00"]),
    (None, "2027-01-01", "2030-01-01", []),
])  # fmt: skip
def test_work_recurs_when_the_clocks_there_say_so(
    rule: str | None, after: str, until: str, expected: list[str]
) -> None:
    """22:00 in Berlin is 21:00 UTC in winter and 20:00 in summer. Red with the offset of the start kept."""
    assert begins("2026-12-01T22:00", rule, after, until) == expected


def test_an_hour_that_the_clocks_skip_or_show_twice_comes_once() -> None:
    """02:30 does not exist on 28 March 2027 in Berlin and comes twice on 31 October: RFC 5545, 3.3.5, takes the offset
    before the gap, and the first of the two."""
    spring = begins("2027-03-27T02:30", "FREQ=DAILY", "2027-03-27", "2027-03-30")
    autumn = begins("2027-10-30T02:30", "FREQ=DAILY", "2027-10-30", "2027-11-02")

    assert spring == ["03-27 01:30", "03-28 01:30", "03-29 00:30"]
    assert autumn == ["10-30 00:30", "10-31 00:30", "11-01 01:30"]
    assert begins("2026-11-01T01:30", None, "2026-01-01", "2027-01-01", zone=NEW_YORK) == ["11-01 05:30"]


def test_a_window_lasts_as_long_as_it_is_told_through_a_change_of_clocks() -> None:
    """Two hours are two hours, and one that is under way is not over."""
    assert begins("2027-03-27T23:00", None, "2027-03-28", "2027-04-01", hours=4) == ["03-27 22:00"]
    assert begins("2026-12-01T22:00", "FREQ=DAILY", "2026-12-02", "2026-12-03", hours=4) == [
        "12-01 21:00",
        "12-02 21:00",
    ]


def test_what_is_known_to_be_all_is_said() -> None:
    """Then nobody has to look for more."""
    now = datetime(2026, 12, 1, tzinfo=UTC)
    rules = [None, "FREQ=DAILY;COUNT=3", "FREQ=DAILY;UNTIL=20261210", "FREQ=DAILY", "FREQ=DAILY;COUNT=300"]

    found = [spans(START, 60, BERLIN, rule, after=now, until=now + timedelta(days=60)).is_all for rule in rules]

    assert found == [True, True, True, False, False]


@pytest.mark.parametrize(("rule", "fault"), [
    ("", "is no recurrence rule"),
    ("every tuesday", "is no recurrence rule"),
    ("FREQ=SECONDLY", "must have a FREQ, one of DAILY"),
    ("BYDAY=TU", "must have a FREQ"),
    ("FREQ=WEEKLY;BYDAY=XX", "is no recurrence rule"),
    ("FREQ=WEEKLY;COLOUR=RED", "is no recurrence rule"),
    ("FREQ=WEEKLY;FREQ=DAILY", "is no recurrence rule"),
    ("FREQ=DAILY;INTERVAL=0", "has INTERVAL other than a number from 1 to 9999"),
    ("FREQ=DAILY;COUNT=2;UNTIL=20261231", "both COUNT and UNTIL"),
    ("FREQ=DAILY;COUNT=-2", "has COUNT other than a number"),
    ("FREQ=DAILY;UNTIL=SOON", "UNTIL that is no instant"),
    ("FREQ=DAILY;UNTIL=20200101", "never happens"),
    ("FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30", "never happens"),
    ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30;COUNT=1", "never happens"),
    ("FREQ=DAILY\nEXDATE:20261201", "is no recurrence rule"),
])  # fmt: skip
def test_what_is_no_rule_is_told(rule: str, fault: str) -> None:
    """Also what never happens, within a second. (20 of them without the 7,600 years.)"""
    with pytest.raises(ValueError, match=fault):
        check_rule(rule, START, BERLIN)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["FREQ", "BYDAY", "COUNT", "UNTIL", "INTERVAL", "BYHOUR", "WKST", "BYSETPOS"]),
            st.sampled_from([*FREQUENCIES, "MO", "2TU", "-1", "0", "5", "25", "20270101", ""]),
        ),
        max_size=4,
    )
)
def test_whatever_a_rule_holds_is_taken_or_told(parts: list[tuple[str, str]]) -> None:
    """Nothing but ValueError with a sentence comes out."""
    rule = ";".join(f"{key}={value}" for key, value in [("FREQ", "WEEKLY"), *parts])
    with suppress(ValueError):
        check_rule(rule, START, BERLIN)
