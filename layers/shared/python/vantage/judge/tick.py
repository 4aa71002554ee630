"""One tick judged: where to look, what is decided, what is written; in one transaction under the ledger's locks."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from vantage.durations import Durations
from vantage.judge import memory
from vantage.judge.bench import MonitorBench, Outcome, TickFrame
from vantage.judge.facts import moment
from vantage.judge.faults import FaultFinder
from vantage.judge.readiness import Account, Candidate
from vantage.schedule import TICK_S
from vantage.store import judging as store
from vantage.store.connection import Connection
from vantage.store.judging import Decided, FaultAt, HeldState, LookedAt, Material, Record, Seen
from vantage.verdict.episodes import Heard, OperatorEvent, OperatorKind, after_tick
from vantage.verdict.rules import Rules
from vantage.verdict.windows import any_holds

MOST_TICKS_A_RUN = 120
LOOK_BACK_MS = 86_400_000
_Item = TypeVar("_Item", Seen, HeldState)


@dataclass(slots=True)
class Judged:
    """What a run did, for its log line."""

    ticks: list[int] = field(default_factory=list)
    looked_at: int = 0
    opened: int = 0
    resolved: int = 0
    notices: int = 0
    faults: list[FaultAt] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Judge:
    """Judges what is ready; any number of these may work at once, and each tick is judged by one of them."""

    connection: Connection
    durations: Durations = Durations()
    rules: Rules = Rules()

    def run(self, now_ms: int) -> Judged:
        """Judge every tick that is ready at an instant of life (epoch ms), in order."""
        done = Judged()
        while len(done.ticks) < MOST_TICKS_A_RUN and (candidate := self._candidate()) is not None:
            if not candidate.is_ready(now_ms, self.durations.judge_after_s * 1000):
                break
            if not self._judge(candidate, done):
                break
        return done

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
            decided, looked_at = _Sitting(self.connection, self.rules, candidate, late).decide()
            done.notices += store.write(self.connection, decided)
        done.ticks.append(candidate.tick_s)
        done.looked_at += looked_at
        done.opened += len(decided.opened)
        done.resolved += len(decided.resolved)
        done.faults += decided.faults
        return True


@dataclass(frozen=True, slots=True)
class _Sitting:
    """The judging of one tick, under its locks; `late`: where rows came after they were judged."""

    connection: Connection
    rules: Rules
    candidate: Candidate
    late: Sequence[FaultAt]

    def decide(self) -> tuple[Decided, int]:
        """What is to be written, and how many monitors were looked at."""
        tick_s = self.candidate.tick_s
        looked = store.look(self.connection, tick_s, self.late)
        since: dict[int, int | None] = dict.fromkeys(looked.marked) | {
            monitor_id: self._since_ms(kept) for monitor_id, kept in looked.memories.items()
        }
        material = store.read(self.connection, tick_s, since)
        found = self._faults(looked, material)
        frame = TickFrame(tick_s, self.candidate.spread_s, self.candidate.regions, material.faults | found, self.rules)
        outcome = self._outcome(frame, looked, material)
        operator, told = self._operator(looked, found, frame)
        decided = Decided(
            tick_s, found, self.late, outcome.states, outcome.flips, outcome.verdicts, outcome.opened,
            outcome.resolved, outcome.events, outcome.advisories_opened, outcome.advisories_closed, outcome.notices,
            [_operator_notice(event) for event in told], outcome.memories, outcome.forgotten, operator,
        )  # fmt: skip
        return decided, len(since)

    def _since_ms(self, kept: Record) -> int | None:
        """From where on rows are of use: the last one judged in each region."""
        if kept.get("v") != memory.VERSION:
            return None
        least_ms = self.candidate.tick_s * 1000 - LOOK_BACK_MS
        known = memory.decode(dict(kept)).regions.values()
        return max(least_ms, min((one.newest.at_ms if one.newest else least_ms for one in known), default=least_ms))

    def _faults(self, looked: LookedAt, material: Material) -> frozenset[FaultAt]:
        """Regions found at fault in this tick, and in earlier ones of which rows came late."""
        tick_s = self.candidate.tick_s

        def in_maintenance(monitor_id: int, at_ms: int) -> bool:
            return any_holds(material.windows.get(monitor_id, ()), at_ms)

        finder = FaultFinder(self.connection, self.rules, looked.references, in_maintenance)
        found = {(region, tick_s) for region in finder.faulty(tick_s)}
        late = set(self.late) - material.faults
        for late_s in {late_s for _, late_s in late}:
            found |= {(region, late_s) for region in finder.faulty(late_s)} & late
        return frozenset(found)

    def _outcome(self, frame: TickFrame, looked: LookedAt, material: Material) -> Outcome:
        rows, states = _by_monitor(material.rows), _by_monitor(material.states)
        outcome = Outcome()
        for subject in material.subjects:
            MonitorBench(
                frame,
                subject,
                looked.memories.get(subject.id),
                looked.verdicts.get(subject.id, "up"),
                states[subject.id],
                rows[subject.id],
                material.windows.get(subject.id, ()),
            ).judge(outcome)
        return outcome

    def _operator(
        self, looked: LookedAt, found: Iterable[FaultAt], frame: TickFrame
    ) -> tuple[Record | None, tuple[OperatorEvent, ...]]:
        """What the operator hears of a tick in which something was scheduled."""
        if not self.candidate.is_scheduled:
            return None, ()
        heard = {(region, frame.tick_s) for region, stored in looked.stored.items() if stored > 0} | set(self.late)
        usable = {region for region, tick_s in heard if (region, tick_s) not in frame.faults}
        before = memory.decode_operator(dict(looked.operator) if looked.operator else None)
        after, told = after_tick(before, Heard(frame.tick_s, {region for region, _ in found}, usable), self.rules)
        return memory.encode_operator(after), told


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
