"""One monitor in one tick: its slots judged by the rules, and what comes of it as records for the tables."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

from vantage import schedule
from vantage.check import Status
from vantage.judge import memory
from vantage.judge.facts import cause, latest_of, region_facts, row_facts
from vantage.judge.letters import Letters
from vantage.monitor import MonitorType, Region
from vantage.store.judging import Decided, FaultAt, HeldState, Record, Seen, Subject
from vantage.verdict.decisions import Incident, Judgement
from vantage.verdict.monitor import MonitorState, judge_slot, wants_sooner
from vantage.verdict.monitor import Seen as SeenAtSlot
from vantage.verdict.region import RegionState, Run, Streak
from vantage.verdict.rows import COUNTED, Row, Slot, counts
from vantage.verdict.rules import Rules
from vantage.verdict.votes import Verdict, Votes
from vantage.verdict.windows import Window, any_holds


@dataclass(frozen=True, slots=True)
class TickFrame:
    """What holds for every monitor of a tick; `faults` are all that are known."""

    tick_s: int
    spread_s: int
    regions: Sequence[Region]
    faults: Collection[FaultAt]
    rules: Rules

    @property
    def at_fault(self) -> frozenset[Region]:
        """The regions at fault in this tick."""
        return frozenset(region for region, tick_s in self.faults if tick_s == self.tick_s)


@dataclass(slots=True)
class Outcome:
    """What came of a tick's monitors; the fields are those of `store.judging.Decided`."""

    states: list[Record] = field(default_factory=list)
    flips: list[Record] = field(default_factory=list)
    verdicts: list[Record] = field(default_factory=list)
    opened: list[dict[str, Any]] = field(default_factory=list)
    resolved: list[Record] = field(default_factory=list)
    events: list[Record] = field(default_factory=list)
    advisories_opened: list[Record] = field(default_factory=list)
    advisories_closed: list[Record] = field(default_factory=list)
    notices: list[Record] = field(default_factory=list)
    sooner: list[Record] = field(default_factory=list)
    memories: list[Record] = field(default_factory=list)
    forgotten: list[int] = field(default_factory=list)
    left: list[int] = field(default_factory=list)

    def tell(self, letters: Iterable[Record]) -> None:
        """More that is told, in this order."""
        self.notices += [{"n": number, **one} for number, one in enumerate(letters, len(self.notices))]

    def decided(self) -> Decided:
        """To be written."""
        return Decided(**{item.name: getattr(self, item.name) for item in fields(self)})


@dataclass(frozen=True, slots=True)
class MonitorBench:
    """A monitor with all that is known of it; `kept` is what was remembered, None where it was quiet."""

    frame: TickFrame
    subject: Subject
    kept: Record | None
    verdict: str
    held: Sequence[HeldState]
    rows: Sequence[Seen]
    windows: Sequence[Window]

    def judge(self, outcome: Outcome) -> None:
        """Judge its slots in the tick, and keep what has to be remembered."""
        if self.subject.is_deleted or self.subject.is_reference:
            self._leave(outcome)
            return
        state, verdict = self.state(), self.verdict
        slots = self.slots(state)
        for slot in slots:
            before = state
            at_fault = () if self._is_heartbeat else self.frame.at_fault
            seen = SeenAtSlot(self._rows_at(state, slot), at_fault, any_holds(self.windows, slot.at_ms))
            state, judgement = judge_slot(state, slot, seen, self._rules())
            self._note(outcome, before, state, judgement)
            if judgement.verdict != verdict:
                verdict = judgement.verdict
                outcome.verdicts.append({"monitor_id": self.subject.id, "at": slot.at_ms, "verdict": verdict})
        if slots and not self._is_heartbeat:
            self._note_sooner(outcome, state, slots[-1])
        if memory.is_quiet(state) and verdict == Verdict.UP:
            outcome.forgotten += [self.subject.id] if self.kept else []
        else:
            outcome.memories.append(
                {"monitor_id": self.subject.id, "memory": memory.encode(state), "verdict": str(verdict)}
            )

    def state(self) -> MonitorState:
        """Where it stood before this tick."""
        if self.kept is not None and self.kept.get("v") == memory.VERSION:
            return memory.decode(dict(self.kept))
        newest: dict[Region, Row] = {
            seen.region: seen.row for seen in self.rows if seen.was_judged and self._counts(seen.region, seen.row)
        }
        return memory.woken({one.region: _held(one, newest.get(one.region), self._rules()) for one in self.held})

    @property
    def _letters(self) -> Letters:
        return Letters(self.subject, self.rows)

    @property
    def _is_heartbeat(self) -> bool:
        return self.subject.type == MonitorType.HEARTBEAT

    def slots(self, state: MonitorState) -> list[Slot]:
        """Its scheduled slots in the tick, and the extra ones that a region has seen."""
        subject, frame = self.subject, self.frame
        if subject.interval_s is None or subject.phase_s is None:
            return []
        if self._is_heartbeat:
            return self._written_slots(state, subject.interval_s)
        regions = tuple(r for r in frame.regions if subject.regions is None or r in subject.regions)
        scheduled = schedule.slots_ms(subject.phase_s, subject.interval_s, frame.spread_s, frame.tick_s)
        slots = {at_ms: Slot(at_ms, subject.interval_s, regions) for at_ms in scheduled}
        for seen in self.rows:
            row = seen.row
            if row.extra and row.at_ms >= frame.tick_s * 1000 and row.at_ms not in slots:
                slots[row.at_ms] = Slot(row.at_ms, subject.interval_s, regions, extra=True)
        return [slots[at_ms] for at_ms in sorted(slots)] if regions else []

    def _written_slots(self, state: MonitorState, interval_s: int) -> list[Slot]:
        """A heartbeat's slots are written when their grace is over, whatever tick that is in; each is judged then."""
        known = {region: one.newest.at_ms for region, one in state.regions.items() if one.newest}
        return [
            Slot(one.row.at_ms, interval_s, (one.region,), extra=one.row.extra)
            for one in self.rows
            if one.row.at_ms > known.get(one.region, -1)
        ]

    def _rules(self) -> Rules:
        if self._is_heartbeat:  # what a job says needs nobody to confirm it
            return replace(self.frame.rules, confirm_down=1, confirm_up=1, single=1)
        confirmations = self.subject.confirmations
        return replace(self.frame.rules, confirm_down=confirmations, confirm_up=confirmations)

    def _counts(self, region: Region, row: Row) -> bool:
        at_fault = (region, schedule.tick_of(row.at_ms)) in self.frame.faults and not self._is_heartbeat
        return counts(row.status, in_maintenance=any_holds(self.windows, row.at_ms), at_fault=at_fault)

    def _rows_at(self, state: MonitorState, slot: Slot) -> Mapping[Region, Sequence[Row]]:
        """The counting rows of each region that are newer than the last one judged."""
        rows: dict[Region, list[Row]] = defaultdict(list)
        for seen in self.rows:
            known = state.regions.get(seen.region)
            is_new = known is None or known.newest is None or seen.row.at_ms > known.newest.at_ms
            if is_new and seen.row.at_ms <= slot.at_ms and seen.region in slot.regions:
                rows[seen.region] += [seen.row] if self._counts(seen.region, seen.row) else []
        return rows

    def _leave(self, outcome: Outcome) -> None:
        """It is not judged any more: what is open ends. Should it come back, nothing is known of it at first."""
        monitor_id, end_ms = self.subject.id, self.frame.tick_s * 1000
        state = self.state()
        if state.incident:
            opened_ms = state.incident.opened_ms
            outcome.resolved.append({"monitor_id": monitor_id, "opened": opened_ms, "resolved": end_ms})
            outcome.events.append(_event(monitor_id, opened_ms, end_ms, "closed", {"because": "deleted"}))
        for region in state.advisories:
            outcome.advisories_closed.append({"monitor_id": monitor_id, "region": region, "closed": end_ms})
        outcome.tell(self._letters.of_leaving(state, end_ms))
        outcome.sooner.append({"monitor_id": monitor_id, "wanted": False})
        outcome.forgotten.append(monitor_id)
        outcome.left.append(monitor_id)

    def _note_sooner(self, outcome: Outcome, state: MonitorState, last: Slot) -> None:
        """Whether the next tick is to look again, as of its last slot; announced work is not worth another look."""
        wanted = wants_sooner(state, last, self._rules()) and not any_holds(self.windows, last.at_ms)
        outcome.sooner.append({"monitor_id": self.subject.id, "wanted": wanted})

    def _note(self, outcome: Outcome, before: MonitorState, after: MonitorState, judgement: Judgement) -> None:
        """Turn what was decided at a slot into records."""
        self._note_flips(outcome, after, judgement)
        monitor_id = self.subject.id
        if judgement.opened:
            self._note_opened(outcome, judgement.opened, after, judgement.votes)
        if judgement.resolved:
            self._note_resolved(outcome, judgement.resolved)
        for advisory in judgement.advisories_opened:
            outcome.advisories_opened.append(
                {"monitor_id": monitor_id, "region": advisory.region, "opened": advisory.opened_ms,
                 "told": advisory.told}
            )  # fmt: skip
        for advisory in judgement.advisories_closed:
            outcome.advisories_closed.append(
                {"monitor_id": monitor_id, "region": advisory.region, "closed": advisory.closed_ms}
            )
        outcome.tell(self._letters.of_slot(before, after, judgement))

    def _note_flips(self, outcome: Outcome, after: MonitorState, judgement: Judgement) -> None:
        monitor_id = self.subject.id
        latest = {(seen.region, seen.row.at_ms): seen for seen in self.rows}
        incident = None if judgement.opened else after.incident or judgement.resolved
        for flip in judgement.flips:
            outcome.flips.append(
                {"monitor_id": monitor_id, "region": flip.region, "at": flip.at_ms, "before": flip.before,
                 "after": flip.after, "since": flip.since_ms}
            )  # fmt: skip
            if incident:
                seen = latest.get((flip.region, flip.at_ms))
                detail = {"state": flip.after, **row_facts(self.subject, seen)}
                outcome.events.append(_event(monitor_id, incident.opened_ms, flip.at_ms, "region", detail, flip.region))
        for region in {flip.region for flip in judgement.flips}:
            known = after.regions[region]
            outcome.states.append(
                {"monitor_id": monitor_id, "region": region, "state": known.state, "since": known.since_ms,
                 "confirmed": known.confirmed_ms}
            )  # fmt: skip

    def _note_opened(self, outcome: Outcome, incident: Incident, after: MonitorState, cast: Votes) -> None:
        subject, latest = self.subject, latest_of(self.rows, incident.opened_ms)
        reason, phase = cause(subject, after, latest)
        seen = region_facts(subject, after, cast, latest)
        outcome.opened.append(
            {"monitor_id": subject.id, "began": incident.began_ms, "opened": incident.opened_ms, "resolved": None,
             "single": incident.single, "reason": reason, "phase": phase, "facts": {"regions": seen}}
        )  # fmt: skip
        outcome.events.append(_event(subject.id, incident.opened_ms, incident.opened_ms, "opened", {"regions": seen}))

    def _note_resolved(self, outcome: Outcome, incident: Incident) -> None:
        """An incident may begin and end within one tick; then it is written once, with both."""
        monitor_id, opened_ms, resolved_ms = self.subject.id, incident.opened_ms, incident.resolved_ms
        for record in outcome.opened:
            if (record["monitor_id"], record["opened"]) == (monitor_id, opened_ms):
                record["resolved"] = resolved_ms
                break
        else:
            outcome.resolved.append({"monitor_id": monitor_id, "opened": opened_ms, "resolved": resolved_ms})
        outcome.events.append(_event(monitor_id, opened_ms, resolved_ms or opened_ms, "resolved", {}))


def _held(one: HeldState, newest: Row | None, rules: Rules) -> RegionState:
    """A state that only the table holds; one that is not up has lost its memory, and counts as long confirmed."""
    if one.state is Status.UP:
        return memory.quiet_region(one.since_ms, one.confirmed_ms, newest)
    row = newest if newest and newest.status in COUNTED else None
    run = Run(rules.alone_down(), one.since_ms)
    return RegionState(one.state, one.since_ms, one.confirmed_ms, row, Streak(one.state, run, run) if row else None)


def _event(
    monitor_id: int, opened_ms: int, at_ms: int, kind: str, detail: Mapping[str, Any], region: Region | None = None
) -> Record:
    return {
        "monitor_id": monitor_id, "opened": opened_ms, "at": at_ms, "kind": kind, "region": region, "detail": detail,
    }  # fmt: skip
