"""What changes midway: regions, intervals, the spread, what is known of a region; windows on clocks that change."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import pytest

from vantage.check import Status
from vantage.verdict.decisions import Judgement
from vantage.verdict.fleet import History, Stored, Tick, TickJudgement, Watched, judge
from vantage.verdict.monitor import MonitorState, Seen, judge_slot, wants_sooner
from vantage.verdict.rows import Row, Slot
from vantage.verdict.rules import Rules
from vantage.verdict.votes import Verdict
from vantage.verdict.windows import Window, window_at

RULES = Rules()
ALL = ("USA", "INDIA", "EU")
UP, DOWN = Status.UP, Status.DOWN
Given = tuple[Slot, Mapping[str, Status]]


def judge_slots(given: Sequence[Given], windows: Sequence[Window] = ()) -> list[Judgement]:
    """Judge one monitor at its slots, everything stored at once."""
    state, judged = MonitorState(), []
    for slot, seen in given:
        held = any(window.holds(slot.at_ms) for window in windows)
        rows = {} if held else {region: [Row(slot.at_ms, status, slot.interval_s)] for region, status in seen.items()}
        state, judgement = judge_slot(state, slot, Seen(rows, in_maintenance=held), RULES)
        judged.append(judgement)
    return judged


def verdicts(given: Sequence[Given], windows: Sequence[Window] = ()) -> list[str]:
    """The verdicts of these slots."""
    return [judgement.verdict.value for judgement in judge_slots(given, windows)]


def seen(letter: str, regions: Sequence[str] = ALL) -> dict[str, Status]:
    """The same from everywhere."""
    return {} if letter == "." else dict.fromkeys(regions, {"U": UP, "D": DOWN}[letter])


def test_a_region_that_is_taken_away_votes_no_more() -> None:
    """Two of three were down: with one of these gone, one of two is no quorum, and its advisory ends with it."""
    given = [(Slot(0, 60, ALL), seen("U"))]
    given += [(Slot(k * 60_000, 60, ALL), {"USA": UP, "INDIA": DOWN, "EU": UP}) for k in range(1, 14)]
    given += [(Slot(k * 60_000, 60, ("USA", "EU")), {"USA": UP, "EU": UP}) for k in range(14, 16)]
    judged = judge_slots(given)
    assert [judgement.verdict for judgement in judged[11:]] == [
        Verdict.UP, Verdict.REGIONAL, Verdict.REGIONAL, Verdict.UP, Verdict.UP,
    ]  # fmt: skip
    assert [notice.kind.value for judgement in judged for notice in judgement.notices] == ["regional", "regional_over"]


def test_a_region_that_comes_back_begins_unknown() -> None:
    """What it last said was of another time: down before it left is not down when it returns."""
    down_here = {"USA": UP, "INDIA": DOWN, "EU": DOWN}
    given = [(Slot(0, 60, ALL), seen("U")), *[(Slot(k * 60_000, 60, ALL), down_here) for k in (1, 2)]]
    given += [(Slot(180_000, 60, ("USA", "EU")), {"USA": UP, "EU": UP})]
    given += [(Slot(240_000, 60, ALL), seen("U"))]
    assert verdicts(given) == ["up", "up", "site_down", "site_down", "up"]


def test_a_fourth_region_needs_no_other_rules() -> None:
    """Two of four are no majority, three are."""
    four = (*ALL, "BRAZIL")
    two = {"USA": DOWN, "INDIA": DOWN, "EU": UP, "BRAZIL": UP}
    given = [(Slot(0, 60, four), seen("U", four)), *[(Slot(k * 60_000, 60, four), two) for k in (1, 2)]]
    given += [(Slot(k * 60_000, 60, four), {**two, "EU": DOWN}) for k in (3, 4)]
    assert verdicts(given) == ["up", "up", "up", "up", "site_down"]


@pytest.mark.parametrize(("first_s", "then_s"), [(60, 300), (300, 60), (30, 60), (60, 30), (3600, 60)])
def test_a_change_of_interval_breaks_no_streak(first_s: int, then_s: int) -> None:
    """A failure before it and one behind it are two in a row, and nobody is silent in between."""
    given = [(Slot(k * first_s * 1000, first_s, ALL), seen(letter)) for k, letter in enumerate("UUD")]
    change_ms = 3 * max(first_s, 60) * 1000
    given += [(Slot(change_ms + k * then_s * 1000, then_s, ALL), seen(letter)) for k, letter in enumerate("DUU")]
    assert verdicts(given) == ["up", "up", "up", "site_down", "site_down", "up"]


def test_a_change_of_the_spread_changes_no_verdict() -> None:
    """Slots that move within their minute are judged as if they had not."""
    letters = "UD.DUUD..DD"
    still = [(Slot(k * 60_000, 60, ALL), seen(letter)) for k, letter in enumerate(letters)]
    for moved_at in range(len(letters)):
        for by_ms in (-30_000, 29_000):
            moved = [
                (Slot(slot.at_ms + 30_000 + (by_ms if k >= moved_at else 0), 60, ALL), what)
                for k, (slot, what) in enumerate(still)
            ]
            assert verdicts(moved) == verdicts(still)


def test_an_extra_check_confirms_sooner() -> None:
    """A monitor of 300 s that failed is looked at again 60 s later, and down then."""
    given = [(Slot(0, 300, ALL), seen("U")), (Slot(300_000, 300, ALL), seen("D"))]
    judged = judge_slots([*given, (Slot(360_000, 300, ALL, extra=True), seen("D"))])
    assert judged[-1].opened is not None
    assert judged[-1].opened.began_ms == 300_000


@pytest.mark.parametrize(
    ("letters", "regions", "interval_s", "wants"),
    [
        ("UUU", ALL, 300, False),
        ("UUD", ALL, 300, True),
        ("UDD", ALL, 300, False),
        ("UDDU", ALL, 300, True),
        ("UDDUU", ALL, 300, False),
        ("UUD", ALL, 60, False),  # the next tick looks anyway
        ("UD.", ALL, 300, True),
        ("UD..", ALL, 300, False),  # who is silent is not waited for
        ("UDD", ("USA",), 300, True),  # alone it takes three
        ("UDDD", ("USA",), 300, False),
        ("UDDDUU", ("USA",), 300, True),
        ("UDDDUUU", ("USA",), 300, False),
    ],
)
def test_what_is_unconfirmed_is_looked_at_sooner(
    letters: str, regions: tuple[str, ...], interval_s: int, wants: bool
) -> None:
    """Until it is confirmed either way (broken to see it fail: without `is_fresh_at`, without `_is_pending`)."""
    state = MonitorState()
    slot = Slot(0, interval_s, regions)
    for k, letter in enumerate(letters):
        slot = Slot(k * interval_s * 1000, interval_s, regions)
        rows = {region: [Row(slot.at_ms, status, interval_s)] for region, status in seen(letter, regions).items()}
        state, _ = judge_slot(state, slot, Seen(rows), RULES)
    assert wants_sooner(state, slot, RULES) is wants


def test_flips_are_changes_of_a_confirmed_state() -> None:
    """One flip for each, with the row that confirmed it and the first that said so."""
    given = [(Slot(k * 60_000, 60, ("USA",)), seen(letter, ("USA",))) for k, letter in enumerate("UDDUU")]
    flips = [flip for judgement in judge_slots(given) for flip in judgement.flips]
    assert [(flip.at_ms // 60_000, flip.before, flip.after, flip.since_ms // 60_000) for flip in flips] == [
        (0, None, UP, 0),
        (2, UP, DOWN, 1),
        (4, DOWN, UP, 3),
    ]


def run(
    rows: Sequence[Stored], judged_at_s: Mapping[int, int], monitors: int, references: int = 0
) -> list[TickJudgement]:
    """Judge ticks (epoch s: when) of monitors 0.. and references 1000.. at 60 s."""
    watched = {n: Watched() for n in range(monitors)} | {
        1000 + n: Watched(is_reference=True) for n in range(references)
    }
    ticks = [
        Tick(tick_s, at_s * 1000, {n: [Slot(tick_s * 1000, 60, ALL)] for n in range(monitors)})
        for tick_s, at_s in judged_at_s.items()
    ]
    return judge(ticks, History(rows), watched, RULES)[1]


def test_a_late_row_counts_only_if_its_region_was_well_after_all() -> None:
    """Twelve monitors fail from INDIA in minute 1, and their rows come late: with all of them there it is a fault of
    INDIA, and none of them counts (broken to see it fail: late ticks not decided again)."""
    rows = [
        Stored(n, region, Row(k * 60_000, DOWN if (region, k) == ("INDIA", 1) else UP, 60, k * 60_000 + late_ms))
        for n in range(12)
        for region in ALL
        for k in range(3)
        for late_ms in [90_000 if (region, k) == ("INDIA", 1) and n else 50_000]
    ]
    judged = run(rows, {0: 80, 60: 140, 120: 200}, 12)
    assert [sorted(tick.at_fault) for tick in judged] == [[], [], []]
    assert [(event.tick_s, event.kind.value, event.region) for tick in judged for event in tick.operator] == [
        (120, "vantage_fault", "INDIA")
    ]
    last = judged[-1].monitors
    assert all(judgement.votes["INDIA"] is UP for slots in last.values() for judgement in slots)


def test_a_fault_stays_when_more_becomes_known() -> None:
    """Rows that come later can set a region aside and never bring it back: what was judged stays judged."""
    rows = [Stored(n, region, Row(0, UP, 60, 1000)) for n in range(10) for region in ALL]
    rows += [Stored(n, "USA", Row(60_000, DOWN if n < 4 else UP, 60, 61_000)) for n in range(10)]
    rows += [Stored(n, "EU", Row(60_000, UP, 60, 61_000)) for n in range(10)]
    late_and_down = [Stored(n, "EU", Row(60_000, UP, 60, 150_000)) for n in range(10, 40)]
    late_and_down += [Stored(n, "USA", Row(60_000, UP, 60, 150_000)) for n in range(10, 40)]
    judged = run(rows + late_and_down, {0: 30, 60: 90, 120: 160}, 40)
    assert judged[1].at_fault == {"USA"}
    assert [event.kind.value for tick in judged for event in tick.operator] == ["vantage_fault"]


def test_a_region_that_is_heard_late_is_not_silent() -> None:
    """The operator is not told of blindness while rows keep coming one tick late."""
    rows = [Stored(0, region, Row(k * 60_000, UP, 60, k * 60_000 + 110_000)) for k in range(6) for region in ALL]
    judged = run(rows, {k * 60: k * 60 + 105 for k in range(6)}, 1)
    assert not [event for tick in judged for event in tick.operator]


def test_a_tick_without_slots_tells_nothing() -> None:
    """Where nothing was scheduled nobody was silent."""
    ticks = [Tick(k * 60, k * 60_000 + 105_000, {0: []}) for k in range(5)]
    _, judged = judge(ticks, History([]), {0: Watched()}, RULES)
    assert not [event for tick in judged for event in tick.operator]


def test_reference_targets_have_no_verdict_of_their_own() -> None:
    """They say whether the region can see, and stand in no list."""
    rows = [Stored(1000 + n, "USA", Row(0, DOWN, 60, 1000)) for n in range(2)]
    [judged] = run(rows, {0: 105}, 1, references=2)
    assert judged.at_fault == {"USA"}
    assert list(judged.monitors) == [0]


@pytest.mark.parametrize(
    ("local", "zone", "begins"),
    [
        ("2026-11-24 22:00", "Europe/Berlin", "2026-11-24 21:00"),
        ("2026-03-29 01:30", "Europe/Berlin", "2026-03-29 00:30"),  # half an hour before the clocks go forward
        ("2026-03-29 02:30", "Europe/Berlin", "2026-03-29 01:30"),  # an hour that no clock shows
        ("2026-10-25 02:30", "Europe/Berlin", "2026-10-25 00:30"),  # shown twice: the first
        ("2026-10-25 03:30", "Europe/Berlin", "2026-10-25 02:30"),
        ("2026-11-01 01:30", "America/New_York", "2026-11-01 05:30"),
        ("2026-07-01 12:00", "Asia/Kolkata", "2026-07-01 06:30"),
    ],
)
def test_a_window_is_given_on_a_local_clock(local: str, zone: str, begins: str) -> None:
    """It begins when that clock says so and lasts as long in real time, also over a change of the clocks."""
    window = window_at(datetime.fromisoformat(local), 7200, zone)
    assert datetime.fromtimestamp(window.from_ms / 1000, UTC) == datetime.fromisoformat(begins + "+00:00")
    assert window.until_ms - window.from_ms == 7200 * 1000


def test_a_window_over_a_change_of_the_clocks_freezes_its_own_slots() -> None:
    """Two hours from 01:30 on the night the clocks go forward end at 04:30 by the clock, not at 03:30."""
    window = window_at(datetime(2026, 3, 29, 1, 30), 7200, "Europe/Berlin")  # noqa: DTZ001  # a clock on a wall
    night_ms = int(datetime(2026, 3, 29, tzinfo=UTC).timestamp() * 1000)
    given = [(Slot(night_ms + k * 600_000, 600, ALL), seen("U" if k < 3 else "D")) for k in range(18)]
    judged = verdicts(given, [window])
    assert [k for k, verdict in enumerate(judged) if verdict == "maintenance"] == list(range(3, 15))
    assert judged[15:17] == ["up", "site_down"]
