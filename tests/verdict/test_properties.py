"""What holds for every history, whatever was seen and whenever it came."""

import pickle
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from local.scenarios import Scenario, outcome, replayed, stored, ticks, watched
from vantage.verdict.fleet import FleetState, History, Stored, judge
from vantage.verdict.rules import Rules

REGIONS = ("USA", "INDIA", "EU")
FLEET = 11
few = settings(max_examples=50, deadline=None)


def lines(letters: str, length: int) -> st.SearchStrategy[str]:
    """What one region saw; the first letters are likelier."""
    return st.text(letters, min_size=length, max_size=length)


def by_slot(slots: st.SearchStrategy[int], values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Something said of a few slots in a few regions."""
    return st.dictionaries(st.sampled_from(REGIONS), st.dictionaries(slots, values, max_size=4))


@st.composite
def histories(draw: st.DrawFn, letters: str = "UUUDDDG.XR") -> Scenario:
    """Up to 30 slots of one monitor in three regions, with faults, windows and rows that come late."""
    length = draw(st.integers(1, 30))
    slots = st.integers(0, length - 1)
    window = draw(st.lists(st.tuples(slots, st.integers(1, 5)), max_size=1))
    return Scenario(
        id="history",
        results={region: draw(lines(letters, length)) for region in REGIONS},
        interval_s=draw(st.sampled_from((30, 60, 300))),
        rules=Rules(),
        recorded=draw(by_slot(slots, st.integers(1, 500))),
        references=draw(by_slot(slots, st.sampled_from(("FF", "FO", "F")))),
        maintenance=[(begin, begin + span) for begin, span in window],
    )


def judged_rows(one: Scenario, rows: Sequence[Stored]) -> dict[str, Any]:
    """What comes out when the rows are kept in this order."""
    return outcome(one, judge(list(ticks(one)), History(rows), watched(one), one.rules)[1])


@few
@given(histories(), st.randoms(use_true_random=False))
def test_neither_order_nor_repetition_changes_a_verdict(one: Scenario, random: Random) -> None:
    """Rows come in any order and more than once, the later ones saying something else (broken to see it fail: `once`
    sorting by instant only)."""
    rows = list(stored(one))
    repeats = [
        replace(again, row=replace(again.row, status=random.choice(rows).row.status, recorded_ms=10**12))
        for again in random.choices(rows, k=len(rows) // 2)
    ]
    shuffled = [*repeats, *rows]
    random.shuffle(shuffled)
    assert judged_rows(one, shuffled) == replayed(one)


@few
@given(histories(), st.sets(st.integers(1, 30)))
def test_one_run_or_many_judge_the_same(one: Scenario, cuts: set[int]) -> None:
    """Judging may stop after any tick and go on elsewhere with nothing but its state."""
    history, monitors, all_ticks = History(stored(one)), watched(one), list(ticks(one))
    edges = sorted({0, len(all_ticks), *(cut for cut in cuts if cut < len(all_ticks))})
    state, judged = FleetState(), []
    for begin, end in pairwise(edges):
        state, some = judge(all_ticks[begin:end], history, monitors, one.rules, pickle.loads(pickle.dumps(state)))
        judged += some
    assert outcome(one, judged) == replayed(one)


@few
@given(histories(), st.integers(1, 20))
def test_silence_opens_nothing_and_resolves_nothing(one: Scenario, silent: int) -> None:
    """Whatever was before, a silence from everywhere opens no incident, resolves none, and ends in no data (broken to
    see it fail: `votes_at` True whenever the state is known)."""
    begins = len(one.slots)
    before = replace(one, recorded={}, maintenance=())
    after = replace(before, results={region: line + "." * silent for region, line in one.results.items()})
    known, then = replayed(before), replayed(after)
    assert then["incidents"] == known["incidents"]
    assert [told for told in then["notices"] if "site" in told] == [told for told in known["notices"] if "site" in told]
    assert set(then["verdict"][begins + 1 :]) <= {"N"}


@few
@given(histories(letters="UUGXR."))
def test_without_a_failure_nothing_is_down(one: Scenario) -> None:
    """Silence, refusals, expiries and lateness are never down."""
    came_out = replayed(one)
    assert set(came_out["verdict"]) <= set("UGFNM")
    assert not came_out["incidents"]
    assert not came_out["advisories"]
    assert not came_out["notices"]


@st.composite
def mass_failures(draw: st.DrawFn) -> list[Stored]:
    """Twelve monitors; in each tick a third of them or more, or none, fails from two regions each; EU sees them up."""
    length = draw(st.integers(2, 12))
    one = Scenario("mass", dict.fromkeys(REGIONS, "U" * length), 60, Rules(), fleet=FLEET)
    share: st.SearchStrategy[set[int]] = st.sets(st.integers(0, FLEET), min_size=4) | st.just(set())
    failing = {(region, slot): draw(share) for region in ("USA", "INDIA") for slot in range(length)}
    down = next(iter(stored(replace(one, results={"USA": "D"}, fleet=0)))).row.status
    return [
        replace(row, row=replace(row.row, status=down))
        if row.monitor_id in failing.get((row.region, row.row.at_ms // 60_000), ())
        else row
        for row in stored(one)
    ]


@few
@given(mass_failures())
def test_a_mass_failure_from_here_only_is_never_site_down(rows: list[Stored]) -> None:
    """Two regions may lose their way out at once: what a third sees up is not down (broken to see it fail: `compare`
    asking for a majority of the others)."""
    length = 1 + max(row.row.at_ms for row in rows) // 60_000
    one = Scenario("mass", dict.fromkeys(REGIONS, "U" * length), 60, Rules(), fleet=FLEET)
    _, judged = judge(list(ticks(one)), History(rows), watched(one), one.rules)
    assert not [
        judgement for tick in judged for slots in tick.monitors.values() for judgement in slots if judgement.opened
    ]
