"""The state of one monitor in one region: a fold over its counted rows, in the order of their instants."""

from collections.abc import Iterable
from dataclasses import dataclass

from vantage.check import Status
from vantage.verdict.rows import COUNTED, Row, elapsed_ms, once
from vantage.verdict.rules import Rules


@dataclass(frozen=True, slots=True)
class Run:
    """Rows in a row that agree: how many, and the instant of the first."""

    length: int
    began_ms: int

    def longer(self) -> "Run":
        """One more."""
        return Run(self.length + 1, self.began_ms)


@dataclass(frozen=True, slots=True)
class Streak:
    """What the newest rows say together: `run` of failures or of successes, `same` of exactly this status."""

    status: Status
    run: Run
    same: Run

    @property
    def failed(self) -> bool:
        """A streak of failures."""
        return self.status is Status.DOWN


@dataclass(frozen=True, slots=True)
class RegionState:
    """Where one monitor stands in one region.

    `state` is up, degraded or down, None while unknown; `since_ms` the first row of the run that confirmed it,
    `confirmed_ms` the row that did. `newest` is the last counted row.
    """

    state: Status | None = None
    since_ms: int | None = None
    confirmed_ms: int | None = None
    newest: Row | None = None
    streak: Streak | None = None

    @property
    def unconfirmed(self) -> bool:
        """The newest rows say something else than the state, and not yet often enough."""
        return self.streak is not None and self.streak.status is not self.state

    @property
    def failures(self) -> int:
        """How many of the newest rows are failures, in a row."""
        return self.streak.run.length if self.streak and self.streak.failed else 0

    @property
    def successes(self) -> int:
        """How many of the newest rows are successes, in a row."""
        return self.streak.run.length if self.streak and not self.streak.failed else 0

    def votes_at(self, at_ms: int, interval_s: int, rules: Rules) -> bool:
        """Whether it is known and fresh at a slot."""
        return self.state is not None and self.is_fresh_at(at_ms, interval_s, rules)

    def is_fresh_at(self, at_ms: int, interval_s: int, rules: Rules) -> bool:
        """Whether there is news at a slot: one missed check is bearable, two are not."""
        if self.newest is None:
            return False
        interval_s = max(interval_s, self.newest.interval_s)
        return elapsed_ms(self.newest.at_ms, at_ms, interval_s) < rules.no_data_intervals * interval_s * 1000


def fold(rows: Iterable[Row], rules: Rules, state: RegionState | None = None) -> RegionState:
    """The state after rows that count, in any order and with repeats; what is not newer than `state` is left out."""
    after = state or RegionState()
    for row in once(rows):
        if row.status in COUNTED and (after.newest is None or row.at_ms > after.newest.at_ms):
            after = step(after, row, rules)
    return after


def step(before: RegionState, row: Row, rules: Rules) -> RegionState:
    """The state after one more counted row."""
    streak = _streak(before, row, rules)
    state = _confirmed(before.state, streak, rules)
    if state is before.state:
        return RegionState(state, before.since_ms, before.confirmed_ms, row, streak)
    run = streak.run if Status.DOWN in (state, before.state) else streak.same
    return RegionState(state, run.began_ms, row.at_ms, row, streak)


def _streak(before: RegionState, row: Row, rules: Rules) -> Streak:
    fresh = Run(1, row.at_ms)
    last, newest = before.streak, before.newest
    if last is None or newest is None or _gap(newest, row, rules):
        return Streak(row.status, fresh, fresh)
    return Streak(
        row.status,
        run=last.run.longer() if last.failed is row.failed else fresh,
        same=last.same.longer() if last.status is row.status else fresh,
    )


def _gap(newest: Row, row: Row, rules: Rules) -> bool:
    """So long without a row that the streak begins anew; across a change of interval the longer one holds."""
    interval_s = max(newest.interval_s, row.interval_s)
    return elapsed_ms(newest.at_ms, row.at_ms, interval_s) > rules.no_data_intervals * interval_s * 1000


def _confirmed(state: Status | None, streak: Streak, rules: Rules) -> Status | None:
    if streak.failed:
        return Status.DOWN if streak.run.length >= rules.confirm_down else state
    if state is None:
        return streak.status
    if state is Status.DOWN:
        if streak.run.length < rules.confirm_up:
            return state
        is_slow = streak.status is Status.DEGRADED and streak.same.length >= rules.confirm_slow
        return Status.DEGRADED if is_slow else Status.UP
    return streak.status if streak.same.length >= rules.confirm_slow else state
