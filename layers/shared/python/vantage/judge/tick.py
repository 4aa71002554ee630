"""One tick judged: where to look, what is decided, what is written; in one transaction under the ledger's locks.

Where many monitors are to be looked at, that transaction decides what holds for the tick as a whole, and the monitors
follow in portions, each in a transaction of its own that keeps nobody from recording.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from vantage.durations import Durations
from vantage.judge import memory
from vantage.judge.bench import MonitorBench, Outcome, TickFrame
from vantage.judge.facts import moment
from vantage.judge.faults import FaultFinder
from vantage.judge.readiness import Account, Candidate
from vantage.monitor import Region
from vantage.schedule import TICK_S
from vantage.store import judging as store
from vantage.store.connection import Connection
from vantage.store.judging import Closing, FaultAt, Heard, HeldState, Record, Seen
from vantage.verdict.episodes import Heard as HeardByOperator
from vantage.verdict.episodes import OperatorEvent, OperatorKind, after_tick
from vantage.verdict.rules import Rules

MOST_TICKS_A_RUN = 120
PORTION = 2_000  # monitors
_Item = TypeVar("_Item", Seen, HeldState)


@dataclass(slots=True)
class Judged:
    """What a run did, for its log line."""

    ticks: list[int] = field(default_factory=list)
    looked_at: int = 0
    rows_read: int = 0
    opened: int = 0
    resolved: int = 0
    notices: int = 0
    faults: list[FaultAt] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Judge:
    """Judges what is ready; any number of these may work at once, and each monitor of a tick is judged by one of them.

    `portion`: more monitors than this are not judged in one transaction.
    """

    connection: Connection
    durations: Durations = Durations()
    rules: Rules = Rules()
    portion: int = PORTION

    def run(self, now_ms: int) -> Judged:
        """Judge every tick that is ready at an instant of life (epoch ms), in order."""
        done = Judged()
        while len(done.ticks) < MOST_TICKS_A_RUN and self._finish(done):
            candidate = self._candidate()
            if candidate is None or not candidate.is_ready(now_ms, self.durations.judge_after_s * 1000):
                break
            if not self._judge(candidate, done):
                break
        return done

    def _finish(self, done: Judged) -> bool:
        """Judge what is left of a tick, beside whoever else does; False where others are still at theirs."""
        while store.is_anything_left(self.connection):
            with self.connection.transaction():
                rest = store.take_rest(self.connection, self.portion)
                if rest is None:
                    return False
                faults = store.known_faults(self.connection, rest.tick_s)
                frame = TickFrame(rest.tick_s, rest.spread_s, rest.regions, faults, self.rules)
                notices = _Portion(self.connection, frame, done, rest.judged_at).judge(rest.ids)
                store.tell(self.connection, notices)
            done.notices += notices
        return True

    def _candidate(self) -> Candidate | None:
        rows = store.oldest_unjudged(self.connection)
        if not rows:
            return None
        tick_s, spread_s, below_a_minute, *_ = rows[0]
        last_s = TICK_S if below_a_minute else spread_s
        accounts = [Account(*row[3:]) for row in rows]
        return Candidate(tick_s, (tick_s + last_s) * 1000, spread_s, accounts)

    def _judge(self, candidate: Candidate, done: Judged) -> bool:
        """Judge a tick; False where somebody else does or did."""
        with self.connection.transaction():
            late = store.lock(self.connection, candidate.tick_s)
            if late is None:
                return False
            _Sitting(self.connection, self.rules, candidate, late, done).hold(self.portion)
        done.ticks.append(candidate.tick_s)
        return True


@dataclass(frozen=True, slots=True)
class _Sitting:
    """The judging of one tick, under its locks; `late`: where rows came after they were judged."""

    connection: Connection
    rules: Rules
    candidate: Candidate
    late: Sequence[FaultAt]
    done: Judged

    def hold(self, portion: int) -> None:
        """Regions first, then the monitors where they are few, then what the operator hears."""
        tick_s = self.candidate.tick_s
        heard = store.hear(self.connection, tick_s, self.late)
        found = self._faults(heard)
        frame = TickFrame(tick_s, self.candidate.spread_s, self.candidate.regions, heard.faults | found, self.rules)
        ids, notices = store.look(self.connection, tick_s, frame.faults), 0
        if len(ids) <= portion:
            notices = _Portion(self.connection, frame, self.done).judge(ids)
        else:
            store.leave_rest(self.connection, tick_s, ids)
        operator, told = self._operator(heard, found, frame)
        closing = Closing(tick_s, found, self.late, operator, [_operator_notice(event) for event in told])
        self.done.notices += store.close(self.connection, closing, notices)
        self.done.faults += found

    def _faults(self, heard: Heard) -> frozenset[FaultAt]:
        """Regions found at fault in this tick, and in earlier ones of which rows came late."""
        tick_s = self.candidate.tick_s
        finder = FaultFinder(self.connection, self.rules, heard.references, heard.cut)
        found = {(region, tick_s) for region in finder.faulty(tick_s)}
        late = set(self.late) - heard.faults
        for late_s in {late_s for _, late_s in late}:
            found |= {(region, late_s) for region in finder.faulty(late_s)} & late
        return frozenset(found)

    def _operator(
        self, heard: Heard, found: Iterable[FaultAt], frame: TickFrame
    ) -> tuple[Record | None, tuple[OperatorEvent, ...]]:
        """What the operator hears of a tick in which something was scheduled."""
        if not self.candidate.is_scheduled:
            return None, ()
        came = {(region, frame.tick_s) for region, stored in heard.stored.items() if stored > 0} | set(self.late)
        usable = {region for region, tick_s in came if (region, tick_s) not in frame.faults}
        before = memory.decode_operator(dict(heard.operator) if heard.operator else None)
        news = HeardByOperator(frame.tick_s, {region for region, _ in found}, usable)
        after, told = after_tick(before, news, self.rules)
        return memory.encode_operator(after), told


@dataclass(frozen=True, slots=True)
class _Portion:
    """Monitors of one tick, judged together; `judged_at`: when the tick was decided on, None where that is now."""

    connection: Connection
    frame: TickFrame
    done: Judged
    judged_at: datetime | None = None

    def judge(self, ids: Sequence[int]) -> int:
        """Judge them and write what was decided; returns how many outbox rows came of it."""
        kept = store.memories(self.connection, ids)
        newest = {key: _newest_ms(kept[key][0]) if key in kept else None for key in ids}
        material = store.read(self.connection, self.frame.tick_s, newest, self.frame.rules.reach_s, self.judged_at)
        rows, states, outcome = _by_monitor(material.rows), _by_monitor(material.states), Outcome()
        for subject in material.subjects:
            memory_, verdict = kept.get(subject.id, (None, "up"))
            MonitorBench(
                self.frame, subject, memory_, verdict, states[subject.id], rows[subject.id],
                material.windows.get(subject.id, ()),
            ).judge(outcome)  # fmt: skip
        self.done.looked_at += len(ids)
        self.done.rows_read += len(material.rows)
        self.done.opened += len(outcome.opened)
        self.done.resolved += len(outcome.resolved)
        return store.write(self.connection, outcome.decided())


def _newest_ms(kept: Record) -> dict[Region, int] | None:
    """The last row judged in each region (0: none), from where on its rows are of use."""
    if kept.get("v") != memory.VERSION:
        return None
    known = memory.decode(dict(kept)).regions
    return {region: one.newest.at_ms if one.newest else 0 for region, one in known.items()}


def _operator_notice(event: OperatorEvent) -> Record:
    is_over = event.kind in (OperatorKind.VANTAGE_FAULT_OVER, OperatorKind.BLIND_OVER)
    return {
        "key": f"operator:{event.kind}:{event.region or 'all'}:{event.tick_s}",
        "type": "operator.closed" if is_over else "operator.opened",
        "facts": {"at": moment(event.tick_s * 1000), "kind": event.kind, "region": event.region},
    }


def _by_monitor(items: Iterable[_Item]) -> Mapping[int, list[_Item]]:
    grouped: dict[int, list[_Item]] = defaultdict(list)
    for item in items:
        grouped[item.monitor_id].append(item)
    return grouped
