"""The state of one monitor in one region, and the verdict of several."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vantage.check import Status
from vantage.verdict.region import RegionState, fold
from vantage.verdict.rows import Row
from vantage.verdict.rules import Rules
from vantage.verdict.votes import Standing, Verdict, quorum, verdict

unhurried = settings(deadline=None)  # the machine may be busy
RULES = Rules()
LETTERS = {"U": Status.UP, "D": Status.DOWN, "G": Status.DEGRADED, "X": Status.EXPIRED, "R": Status.REFUSED}


def rows(letters: str, interval_s: int = 60, offset_ms: int = 0) -> list[Row]:
    """One row a letter, a dot for none."""
    return [
        Row(slot * interval_s * 1000 + offset_ms, LETTERS[letter], interval_s)
        for slot, letter in enumerate(letters)
        if letter != "."
    ]


@pytest.mark.parametrize(
    ("seen", "state", "since_slot"),
    [
        ("", None, None),
        ("U", Status.UP, 0),  # a new monitor is up at its first success
        ("G", Status.DEGRADED, 0),
        ("D", None, None),  # and down only when it is confirmed
        ("DD", Status.DOWN, 0),
        ("UDUD", Status.UP, 0),
        ("UDD", Status.DOWN, 1),
        ("UDDU", Status.DOWN, 1),
        ("UDDUU", Status.UP, 3),
        ("UDDGG", Status.DEGRADED, 3),  # slow is recovered
        ("UDDUG", Status.UP, 3),  # and degraded only when it is slow twice
        ("UGUG", Status.UP, 0),
        ("UGGU", Status.DEGRADED, 1),
        ("UGGUU", Status.UP, 3),
        ("UGGDD", Status.DOWN, 3),
        ("UD.D", Status.DOWN, 1),  # one missing check does not break a streak
        ("UD..D", Status.UP, 0),  # two do
        ("UDXD", Status.DOWN, 1),
        ("UDRRD", Status.UP, 0),
        ("UDDX", Status.DOWN, 1),
    ],
)
def test_a_state_is_the_fold_of_what_was_seen(seen: str, state: Status | None, since_slot: int | None) -> None:
    """Down after two failures in a row, up after two successes; `since` is the first row of the run that said so."""
    folded = fold(rows(seen), RULES)
    assert (folded.state, folded.since_ms) == (state, None if since_slot is None else since_slot * 60_000)


@unhurried
@given(st.lists(st.sampled_from("UDGXR."), max_size=40), st.randoms())
def test_neither_order_nor_repetition_moves_a_state(letters: list[str], random: Random) -> None:
    """The state is a function of the set of rows (broken to see it fail: `once` without its sort)."""
    seen = rows("".join(letters))
    shuffled = seen + random.choices(seen, k=len(seen)) if seen else []
    random.shuffle(shuffled)
    assert fold(shuffled, RULES) == fold(seen, RULES)


@unhurried
@given(st.lists(st.sampled_from("UDGX."), max_size=40), st.integers(0, 40))
def test_a_fold_goes_on_where_it_stopped(letters: list[str], cut: int) -> None:
    """Folding in two steps equals folding in one, and rows that were folded already move nothing."""
    seen = rows("".join(letters))
    assert fold(seen, RULES, fold(seen[:cut], RULES)) == fold(seen, RULES)


def test_a_region_votes_until_it_has_missed_two_checks() -> None:
    """It votes one slot behind its newest row, and not two behind; unknown never votes."""
    state = fold(rows("UU"), RULES)
    assert [state.votes_at(slot * 60_000, 60, RULES) for slot in (1, 2, 3, 4)] == [True, True, False, False]
    assert not RegionState().votes_at(0, 60, RULES)
    assert not fold(rows("D"), RULES).votes_at(0, 60, RULES)


def test_a_change_of_interval_neither_breaks_a_streak_nor_silences_a_region() -> None:
    """From 300 s to 60 s and back the longer interval measures the gap (broken to see it fail: the row's own does)."""
    slower = [Row(0, Status.UP, 300), Row(300_000, Status.DOWN, 300)]
    quicker = [*slower, Row(660_000, Status.DOWN, 60)]
    assert fold(slower, RULES).votes_at(600_000, 60, RULES)
    assert fold(quicker, RULES).state is Status.DOWN
    slower_again = [Row(0, Status.UP, 60), Row(60_000, Status.DOWN, 60), Row(360_000, Status.DOWN, 300)]
    assert fold(slower_again, RULES).state is Status.DOWN


def test_a_change_of_the_spread_is_no_gap() -> None:
    """Instants that move within their minute are apart as their minutes are (broken to see it fail: no `place_ms`)."""
    moved = [Row(0, Status.UP, 60), Row(60_000, Status.DOWN, 60), Row(180_000 + 40_000, Status.DOWN, 60)]
    state = fold(moved, RULES)
    assert state.state is Status.DOWN
    assert not state.votes_at(300_000, 60, RULES)


@pytest.mark.parametrize(("voters", "needed"), [(1, 1), (2, 2), (3, 2), (4, 3), (5, 3)])
def test_a_quorum_is_a_majority(voters: int, needed: int) -> None:
    """Half of them is not one."""
    assert quorum(voters) == needed


@unhurried
@given(
    st.dictionaries(st.sampled_from(("USA", "INDIA", "EU")), st.sampled_from((Status.UP, Status.DOWN))),
    st.builds(Standing, *[st.booleans()] * 5),
)
def test_the_order_of_verdicts(cast: dict[str, Status], standing: Standing) -> None:
    """Paused outweighs maintenance, this a lack of votes, this an incident, this an advisory."""
    said = verdict(cast, standing)
    expected = (
        Verdict.PAUSED if standing.paused
        else Verdict.MAINTENANCE if standing.maintenance
        else (Verdict.VANTAGE_FAULT if standing.fault else Verdict.NO_DATA) if not cast
        else Verdict.SITE_DOWN if standing.incident
        else Verdict.REGIONAL if standing.advisory
        else Verdict.UP
    )  # fmt: skip
    assert said is expected
