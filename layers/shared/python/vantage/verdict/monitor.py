"""One monitor judged at one of its slots: state in, rows in; state out, and what has been decided."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from vantage.check import Status
from vantage.monitor import Region
from vantage.verdict.decisions import Advisory, Flip, Incident, Judgement, Notice, NoticeKind
from vantage.verdict.flapping import Flapping
from vantage.verdict.region import RegionState, fold, step
from vantage.verdict.rows import Row, Slot, elapsed_ms
from vantage.verdict.rules import Rules
from vantage.verdict.votes import Standing, Votes, quorum, verdict, votes


@dataclass(frozen=True, slots=True)
class Alone:
    """The one region that votes, how many rows of its streak were seen while it was alone, and whether its failures are
    evidence: a region that was down when it lost its witnesses has to be seen up first."""

    region: Region
    length: int = 0
    is_evidence: bool = True


@dataclass(frozen=True, slots=True)
class MonitorState:
    """All that judging remembers of a monitor; `voting_down` since when a region has been voting down uninterruptedly
    (epoch ms)."""

    regions: Mapping[Region, RegionState] = field(default_factory=dict)
    alone: Alone | None = None
    voting_down: Mapping[Region, int] = field(default_factory=dict)
    incident: Incident | None = None
    advisories: Mapping[Region, Advisory] = field(default_factory=dict)
    flapping: Flapping = field(default_factory=Flapping)


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known at a slot: the counting rows not folded yet, the regions at fault, whether it is in maintenance."""

    rows: Mapping[Region, Sequence[Row]]
    at_fault: Collection[Region] = ()
    in_maintenance: bool = False


def judge_slot(before: MonitorState, slot: Slot, seen: Seen, rules: Rules) -> tuple[MonitorState, Judgement]:
    """Judge a monitor at its next slot."""
    known = {region: before.regions.get(region, RegionState()) for region in slot.regions}
    if seen.in_maintenance:
        return _frozen(replace(before, regions=known), slot, seen, rules)
    flips = tuple(flip for region in slot.regions for flip in _flips(region, known[region], seen, rules))
    folded = replace(
        before,
        regions={region: fold(seen.rows.get(region, ()), rules, state) for region, state in known.items()},
        flapping=_with_slot(before.flapping, slot, seen, rules),
    )
    cast = votes(folded.regions, slot.at_ms, slot.interval_s, rules, seen.at_fault)
    if not cast:
        after, judgement = _frozen(folded, slot, seen, rules)
        return after, replace(judgement, flips=flips)
    bench = _Bench(known, folded, slot, seen, rules, cast)
    after, judgement = bench.judge()
    return after, replace(judgement, flips=flips)


def wants_sooner(state: MonitorState, slot: Slot, rules: Rules) -> bool:
    """Whether the next tick should look again, instead of waiting for the interval: a fresh change is unconfirmed, or
    the one region that votes has not said it often enough."""
    if slot.interval_s <= 60:
        return False
    return _is_pending(state, rules) or any(
        known.unconfirmed and known.is_fresh_at(slot.at_ms, slot.interval_s, rules) for known in state.regions.values()
    )


def _is_pending(state: MonitorState, rules: Rules) -> bool:
    if state.alone is None or not state.alone.is_evidence:
        return False
    known, length = state.regions[state.alone.region], state.alone.length
    if state.incident:
        return known.successes > 0 and length < rules.alone_up()
    return known.failures > 0 and length < rules.alone_down()


def _frozen(state: MonitorState, slot: Slot, seen: Seen, rules: Rules) -> tuple[MonitorState, Judgement]:
    """Nobody votes, or it is in maintenance: nothing is decided, and the ten minutes of an advisory begin anew."""
    cast = votes(state.regions, slot.at_ms, slot.interval_s, rules, seen.at_fault)
    standing = Standing(fault=not set(slot.regions).isdisjoint(seen.at_fault), maintenance=seen.in_maintenance)
    return replace(state, voting_down={}), Judgement(slot.at_ms, verdict(cast, standing), cast)


def _flips(region: Region, state: RegionState, seen: Seen, rules: Rules) -> Sequence[Flip]:
    flips = []
    for row in seen.rows.get(region, ()):
        after = step(state, row, rules)
        if after.state is not None and after.state is not state.state:
            flips.append(Flip(region, row.at_ms, state.state, after.state, after.since_ms or row.at_ms))
        state = after
    return flips


def _with_slot(flapping: Flapping, slot: Slot, seen: Seen, rules: Rules) -> Flapping:
    here = [row.failed for rows in seen.rows.values() for row in rows if row.at_ms == slot.at_ms]
    return flapping.with_slot(sum(here) >= quorum(len(here)), rules) if here else flapping


@dataclass(frozen=True, slots=True)
class _Bench:
    """A slot at which somebody votes. `known` are the regions before its rows, `state` has them folded in."""

    known: Mapping[Region, RegionState]
    state: MonitorState
    slot: Slot
    seen: Seen
    rules: Rules
    cast: Votes

    def judge(self) -> tuple[MonitorState, Judgement]:
        """Incident, then advisories, then who is told."""
        at_ms, before = self.slot.at_ms, self.state
        alone = self._alone()
        opened, resolved = self._incident(alone)
        incident = opened or (None if resolved else before.incident)
        flapping = before.flapping.with_opening(at_ms) if opened else before.flapping
        flapping = flapping.at(at_ms, self.rules)
        silent = before.flapping.is_on or flapping.is_on
        voting_down = {} if incident else self._voting_down()
        raised = self._raised(voting_down, told=not silent)
        closed = self._closed(is_absorbed=incident is not None)
        gone = {advisory.region for advisory in closed}
        advisories = {region: one for region, one in before.advisories.items() if region not in gone}
        advisories |= {advisory.region: advisory for advisory in raised}
        notices = (
            _of_flapping(at_ms, before.flapping, flapping, is_down=incident is not None)
            if silent
            else (*self._of_advisories(raised, () if incident else closed), *_of_incident(at_ms, opened, resolved))
        )
        standing = Standing(incident=incident is not None, advisory=bool(advisories))
        after = replace(
            before, alone=alone, voting_down=voting_down, incident=incident, advisories=advisories, flapping=flapping
        )
        return after, Judgement(
            at_ms, verdict(self.cast, standing), self.cast, (), opened, resolved, raised, closed, notices
        )

    def _alone(self) -> Alone | None:
        if len(self.cast) != 1:
            return None
        [region] = self.cast
        state, rows = self.state.regions[region], self.seen.rows.get(region, ())
        length = state.failures or state.successes
        if len(self.slot.regions) == 1:
            return Alone(region, length)
        was = self.state.alone
        if was is None or was.region != region:
            was = Alone(region, 0, self.state.incident is not None or self.known[region].state is not Status.DOWN)
        is_evidence = was.is_evidence or not all(row.failed for row in rows)
        return Alone(region, min(length, was.length + len(rows)), is_evidence)

    def _incident(self, alone: Alone | None) -> tuple[Incident | None, Incident | None]:
        """The incident that opens here, and the one that resolves here; with neither quorum nothing changes."""
        open_one, at_ms = self.state.incident, self.slot.at_ms
        if open_one is None and (began_ms := self._down_since_ms(alone)) is not None:
            return Incident(at_ms, began_ms, single=alone is not None), None
        if open_one is not None and self._is_up(alone):
            return None, replace(open_one, resolved_ms=at_ms)
        return None, None

    def _down_since_ms(self, alone: Alone | None) -> int | None:
        """When the region began to fail that completes a quorum of down votes; None without one."""
        if alone:
            streak = self.state.regions[alone.region].streak
            enough = alone.is_evidence and alone.length >= self.rules.alone_down()
            return streak.run.began_ms if streak and streak.failed and enough else None
        down = [self.state.regions[region].since_ms or 0 for region, state in self.cast.items() if state is Status.DOWN]
        need = quorum(len(self.cast))
        return sorted(down)[need - 1] if len(down) >= need else None

    def _is_up(self, alone: Alone | None) -> bool:
        if alone:
            return self.state.regions[alone.region].successes > 0 and alone.length >= self.rules.alone_up()
        return sum(state is not Status.DOWN for state in self.cast.values()) >= quorum(len(self.cast))

    def _voting_down(self) -> dict[Region, int]:
        """Since when, for each region that votes down: the row that confirmed it, or where its vote came back."""
        since = {}
        for region, state in self.cast.items():
            if state is Status.DOWN:
                fell_here = self.known[region].state is not Status.DOWN and self.state.incident is None
                confirmed_ms = self.state.regions[region].confirmed_ms
                begin_ms = confirmed_ms if fell_here and confirmed_ms is not None else self.slot.at_ms
                since[region] = self.state.voting_down.get(region, begin_ms)
        return since

    def _raised(self, voting_down: Mapping[Region, int], *, told: bool) -> tuple[Advisory, ...]:
        if len(self.slot.regions) == 1:
            return ()
        at_ms, interval_s = self.slot.at_ms, self.slot.interval_s
        return tuple(
            Advisory(region, at_ms, told)
            for region, since_ms in sorted(voting_down.items())
            if region not in self.state.advisories
            and elapsed_ms(since_ms, at_ms, interval_s) >= self.rules.advisory_s * 1000
        )

    def _closed(self, *, is_absorbed: bool) -> tuple[Advisory, ...]:
        """Those an incident absorbs, else those whose region is not down any more or looks no more."""
        down = {region for region, state in self.state.regions.items() if state.state is Status.DOWN}
        return tuple(
            replace(advisory, closed_ms=self.slot.at_ms)
            for region, advisory in sorted(self.state.advisories.items())
            if is_absorbed or region not in down
        )

    def _of_advisories(self, raised: Sequence[Advisory], closed: Sequence[Advisory]) -> tuple[Notice, ...]:
        at_ms = self.slot.at_ms
        told = tuple(Notice(at_ms, NoticeKind.REGIONAL, advisory.region) for advisory in raised)
        return told + tuple(
            Notice(at_ms, NoticeKind.REGIONAL_OVER, advisory.region) for advisory in closed if advisory.told
        )


def _of_incident(at_ms: int, opened: Incident | None, resolved: Incident | None) -> tuple[Notice, ...]:
    if opened:
        return (Notice(at_ms, NoticeKind.SITE_DOWN),)
    return (Notice(at_ms, NoticeKind.SITE_UP),) if resolved else ()


def _of_flapping(at_ms: int, before: Flapping, after: Flapping, *, is_down: bool) -> tuple[Notice, ...]:
    """One notice where it begins, and one where it ends, which says how things stand."""
    if before.is_on is after.is_on:
        return ()
    if after.is_on:
        return (Notice(at_ms, NoticeKind.FLAPPING),)
    return (Notice(at_ms, NoticeKind.FLAPPING_OVER_DOWN if is_down else NoticeKind.FLAPPING_OVER_UP),)
