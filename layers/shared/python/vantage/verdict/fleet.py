"""All monitors judged, tick by tick, over what has been recorded.

The judging in the database reads the few rows it needs and calls the same functions; this holds everything in memory.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from vantage.monitor import Region
from vantage.verdict.decisions import Judgement
from vantage.verdict.episodes import Heard, OperatorEvent, OperatorState, after_tick
from vantage.verdict.fault import TickView, faulty_regions
from vantage.verdict.monitor import MonitorState, Seen, judge_slot
from vantage.verdict.rows import ALIVE, COUNTED, Row, Slot, counts, once
from vantage.verdict.rules import Rules
from vantage.verdict.windows import Window, any_holds

TICK_MS = 60_000


@dataclass(frozen=True, slots=True)
class Watched:
    """One monitor as far as judging is concerned."""

    rules: Rules = field(default_factory=Rules)
    windows: tuple[Window, ...] = ()
    is_reference: bool = False


@dataclass(frozen=True, slots=True)
class Stored:
    """A row and whose it is."""

    monitor_id: int
    region: Region
    row: Row


@dataclass(frozen=True, slots=True)
class Tick:
    """A minute to be judged: when that was done (rows stored later are late), and every monitor's slots in it."""

    tick_s: int
    judged_ms: int
    slots: Mapping[int, Sequence[Slot]]


@dataclass(frozen=True, slots=True)
class FleetState:
    """All that judging remembers between ticks; `faults` are pairs of region and tick (epoch s)."""

    monitors: Mapping[int, MonitorState] = field(default_factory=dict)
    faults: frozenset[tuple[Region, int]] = frozenset()
    operator: OperatorState = field(default_factory=OperatorState)
    judged_ms: int = -1


@dataclass(frozen=True, slots=True)
class TickJudgement:
    """What was decided in a tick."""

    tick_s: int
    at_fault: frozenset[Region]
    monitors: Mapping[int, tuple[Judgement, ...]]
    operator: tuple[OperatorEvent, ...]


class History:
    """Recorded rows, each identity once, found by monitor and by tick."""

    def __init__(self, stored: Iterable[Stored]) -> None:
        self._lanes: dict[tuple[int, Region], list[Row]] = {}
        self._ticks: dict[int, list[Stored]] = defaultdict(list)
        by_lane = sorted(stored, key=lambda one: (one.monitor_id, one.region))
        for lane, rows in groupby(by_lane, key=lambda one: (one.monitor_id, one.region)):
            self._lanes[lane] = once(one.row for one in rows)
            for row in self._lanes[lane]:
                self._ticks[tick_of(row)].append(Stored(*lane, row))
        self._arrived = sorted((one for rows in self._ticks.values() for one in rows), key=_recorded_ms)

    def of_tick(self, tick_s: int, judged_ms: int) -> Iterator[Stored]:
        """A tick's rows that were stored by then."""
        return (one for one in self._ticks.get(tick_s, ()) if one.row.recorded_ms <= judged_ms)

    def arrived(self, after_ms: int, by_ms: int) -> Sequence[Stored]:
        """Rows stored after one judging and by the next."""
        first = bisect_right(self._arrived, after_ms, key=_recorded_ms)
        return self._arrived[first : bisect_right(self._arrived, by_ms, key=_recorded_ms)]

    def newer(self, monitor_id: int, region: Region, after_ms: int, until_ms: int, by_ms: int) -> list[Row]:
        """Rows of one monitor in one region behind one instant and up to another, stored by then."""
        lane = self._lanes.get((monitor_id, region), [])
        between = lane[bisect_right(lane, after_ms, key=_at_ms) : bisect_right(lane, until_ms, key=_at_ms)]
        return [row for row in between if row.recorded_ms <= by_ms]


def tick_of(row: Row) -> int:
    """The tick (epoch s) that a row belongs to."""
    return row.at_ms // TICK_MS * 60


def judge_tick(
    before: FleetState, tick: Tick, history: History, watched: Mapping[int, Watched], rules: Rules
) -> tuple[FleetState, TickJudgement]:
    """Judge one tick; ticks come in order, each once. `rules` decide over the regions, each monitor has its own."""
    found = {(region, tick.tick_s) for region in _faults(tick.tick_s, tick, history, watched, rules)}
    found |= _late_faults(before, tick, history, watched, rules)
    faults = before.faults | found
    at_fault = frozenset(region for region, tick_s in faults if tick_s == tick.tick_s)
    monitors, judged = dict(before.monitors), {}
    for monitor_id, slots in tick.slots.items():
        if not watched[monitor_id].is_reference:
            state = monitors.get(monitor_id, MonitorState())
            bench = _MonitorBench(monitor_id, watched[monitor_id], tick, history, faults)
            monitors[monitor_id], judged[monitor_id] = bench.judge(state, slots, at_fault)
    operator: OperatorState = before.operator
    told: tuple[OperatorEvent, ...] = ()
    if any(tick.slots.values()):
        heard = Heard(tick.tick_s, {region for region, _ in found}, _usable(before, tick, history, faults))
        operator, told = after_tick(before.operator, heard, rules)
    after = FleetState(monitors, faults, operator, tick.judged_ms)
    return after, TickJudgement(tick.tick_s, at_fault, judged, told)


def judge(
    ticks: Iterable[Tick],
    history: History,
    watched: Mapping[int, Watched],
    rules: Rules,
    state: FleetState | None = None,
) -> tuple[FleetState, list[TickJudgement]]:
    """Judge ticks in order."""
    state, judged = state or FleetState(), []
    for tick in ticks:
        state, judgement = judge_tick(state, tick, history, watched, rules)
        judged.append(judgement)
    return state, judged


@dataclass(frozen=True, slots=True)
class _MonitorBench:
    monitor_id: int
    watched: Watched
    tick: Tick
    history: History
    faults: frozenset[tuple[Region, int]]

    def judge(
        self, state: MonitorState, slots: Sequence[Slot], at_fault: frozenset[Region]
    ) -> tuple[MonitorState, tuple[Judgement, ...]]:
        judged = []
        for slot in slots:
            rows = {region: self._rows(state, region, slot) for region in slot.regions}
            seen = Seen(rows, at_fault, any_holds(self.watched.windows, slot.at_ms))
            state, judgement = judge_slot(state, slot, seen, self.watched.rules)
            judged.append(judgement)
        return state, tuple(judged)

    def _rows(self, state: MonitorState, region: Region, slot: Slot) -> list[Row]:
        known = state.regions.get(region)
        after_ms = self.tick.tick_s * 1000 - self.watched.rules.reach_ms(slot.interval_s) - 1
        if known and known.newest:
            after_ms = max(after_ms, known.newest.at_ms)
        return [
            row
            for row in self.history.newer(self.monitor_id, region, after_ms, slot.at_ms, self.tick.judged_ms)
            if counts(
                row.status,
                in_maintenance=any_holds(self.watched.windows, row.at_ms),
                at_fault=(region, tick_of(row)) in self.faults,
            )
        ]


def _late_faults(
    before: FleetState, tick: Tick, history: History, watched: Mapping[int, Watched], rules: Rules
) -> set[tuple[Region, int]]:
    """Regions of late rows that are found at fault in those rows' ticks, now that more is known."""
    late = {
        (one.region, tick_of(one.row))
        for one in history.arrived(before.judged_ms, tick.judged_ms)
        if tick_of(one.row) < tick.tick_s
    } - before.faults
    return {
        (region, tick_s)
        for tick_s in {tick_s for _, tick_s in late}
        for region in _faults(tick_s, tick, history, watched, rules)
        if (region, tick_s) in late
    }


def _faults(
    tick_s: int, tick: Tick, history: History, watched: Mapping[int, Watched], rules: Rules
) -> frozenset[Region]:
    checks: dict[tuple[int, int], dict[Region, bool]] = defaultdict(dict)
    references: dict[Region, list[bool]] = defaultdict(list)
    for one in history.of_tick(tick_s, tick.judged_ms):
        monitor, row = watched[one.monitor_id], one.row
        if row.status not in COUNTED:
            continue
        if monitor.is_reference:
            references[one.region].append(row.failed)
        elif not any_holds(monitor.windows, row.at_ms):
            checks[one.monitor_id, row.at_ms][one.region] = row.failed
    return faulty_regions(TickView(checks, references), rules)


def _usable(before: FleetState, tick: Tick, history: History, faults: frozenset[tuple[Region, int]]) -> set[Region]:
    """Regions of which something came since the last judging that can be believed; late is not silent."""
    came = [*history.of_tick(tick.tick_s, tick.judged_ms), *history.arrived(before.judged_ms, tick.judged_ms)]
    return {
        one.region
        for one in came
        if one.row.status in ALIVE and tick_of(one.row) <= tick.tick_s and (one.region, tick_of(one.row)) not in faults
    }


def _at_ms(row: Row) -> int:
    return row.at_ms


def _recorded_ms(one: Stored) -> int:
    return one.row.recorded_ms
