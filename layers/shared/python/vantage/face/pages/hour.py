"""The last hour of a monitor: its slots on one axis of 60 minutes, and what became of each in each region."""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from vantage.face.pages.drawing import BEFORE, DOWN, ENDS, HELD, MINUTES, NONE, SITE_DOWN, SLOW, UNSEEN, UP, Slot
from vantage.monitor import Region
from vantage.store.last_hour import Rows, Version
from vantage.store.status import Watched
from vantage.verdict.votes import quorum

PATIENCE_S = 135  # until then the row of a slot may still come: its minute, and 75 s until its tick is judged
CODES = {"up": UP, "certificate": ENDS, "degraded": SLOW, "down": DOWN}
GOOD = frozenset(("up", "certificate", "degraded"))
_WEIGHTS = {BEFORE: 0, NONE: 0, UNSEEN: 0, UP: 1, ENDS: 2, SLOW: 3, DOWN: 4}
_SEEN = frozenset((UP, ENDS, SLOW, DOWN, SITE_DOWN))
_DUE = _SEEN | {UNSEEN}
Plan = tuple[tuple[int, int | None, int, int, bool, tuple[Region, ...] | None], ...]


@dataclass(frozen=True, slots=True)
class Hour:
    """A monitor's slots, a code for each of them in each region, and how many checks were observed of how many due."""

    slots: Sequence[Slot]
    codes: Mapping[Region, str]
    observed: Mapping[Region, tuple[int, int]]


@dataclass(slots=True)
class Axis:
    """The hour until now; `opened` are the ticks (epoch s) that exist, by region. Like schedules are worked out once.

    `faults` are the ticks in which a region cannot be believed. The hour begins at `start_s` (epoch s), the current
    minute being its last one; slots after `last_s` may still get a row. After the newest tick nobody opens any: what
    was due then was not observed.
    """

    now: datetime
    opened: frozenset[tuple[int, Region]]
    faults: frozenset[tuple[int, Region]] = frozenset()
    start_s: int = field(init=False)
    last_s: int = field(init=False)
    newest_s: int = field(init=False)
    _slots: dict[Plan, list[Slot]] = field(default_factory=dict)
    _places: dict[Plan, dict[int, int]] = field(default_factory=dict)
    _blank: dict[tuple[Plan, Region], list[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.start_s = int(self.now.timestamp()) // 60 * 60 - (MINUTES - 1) * 60
        self.last_s = int(self.now.timestamp()) - PATIENCE_S
        self.newest_s = max((tick_s for tick_s, _ in self.opened), default=0)

    def time(self, minute: int) -> datetime:
        """When a minute of it began."""
        return datetime.fromtimestamp(self.start_s + minute * 60, UTC)

    def hour(self, monitor: Watched, versions: Sequence[Version], rows: Mapping[Region, Rows],
             held: Sequence[tuple[int, int]] = ()) -> Hour:  # fmt: skip
        """Lay these results out; `held` are spans (epoch s) of announced work."""
        plan = self._plan(versions)
        if plan not in self._slots:
            self._slots[plan] = _slots(plan, self.start_s)
            self._places[plan] = {slot.minute: k for k, slot in enumerate(self._slots[plan])}
        slots = self._slots[plan]
        lanes = {region: self._lane(plan, region, found) for region, found in rows.items()}
        for from_s, until_s in held:
            self._hold(slots, lanes.values(), from_s, until_s)
        _mark_site_down(list(lanes.values()))
        each = max(1, 60 // monitor.interval_s)
        observed = {region: self._observed(slots, lanes[region], rows[region], each) for region in rows}
        return Hour(slots, {region: "".join(lane) for region, lane in lanes.items()}, observed)

    def _plan(self, versions: Sequence[Version]) -> Plan:
        """What of the versions decides the slots of this hour."""
        return tuple(
            (
                max(v.from_s, self.start_s - v.interval_s),
                v.until_s,
                max(v.interval_s, 60) if v.enabled else 60,
                v.phase_s // 60 * 60 if v.enabled else 0,
                v.enabled,
                None if v.regions is None else tuple(v.regions),
            )
            for v in versions
        )

    def _lane(self, plan: Plan, region: Region, rows: Rows) -> list[str]:
        """A region's codes: each row in its slot, the worst one where a minute has several."""
        if (plan, region) not in self._blank:
            self._blank[plan, region] = [self._unfilled(slot, plan, region) for slot in self._slots[plan]]
        lane, places, start_s = self._blank[plan, region].copy(), self._places[plan], self.start_s
        for at_s, status in zip(rows.at_s, rows.statuses, strict=True):
            k = places.get((at_s - start_s) // 60)
            code = CODES.get(status, UNSEEN)
            if self.faults and (at_s - at_s % 60, region) in self.faults:
                code = UNSEEN
            if k is not None and _WEIGHTS[code] >= _WEIGHTS[lane[k]]:
                lane[k] = code
        return lane

    def _hold(self, slots: Sequence[Slot], lanes: Iterable[list[str]], from_s: int, until_s: int) -> None:
        """What is seen during announced work counts for nothing."""
        for lane in lanes:
            for k, slot in enumerate(slots):
                if from_s <= self.start_s + slot.minute * 60 < until_s and lane[k] in _DUE:
                    lane[k] = HELD

    def _unfilled(self, slot: Slot, plan: Plan, region: Region) -> str:
        """What a slot without a row is: nothing scheduled, not observed, or still to come."""
        at_s = self.start_s + slot.minute * 60
        for from_s, until_s, _, _, enabled, regions in plan:
            if from_s <= at_s and (until_s is None or at_s < until_s):
                if not enabled or (regions is not None and region not in regions):
                    return BEFORE
                if at_s > self.last_s:
                    return NONE
                is_gone = at_s < self.start_s or at_s > self.newest_s or (at_s, region) in self.opened
                return UNSEEN if is_gone and self.opened else BEFORE
        return BEFORE

    def _observed(self, slots: Sequence[Slot], lane: Sequence[str], rows: Rows, each: int) -> tuple[int, int]:
        """How many checks were observed, of how many that must have ended by now or have."""
        last = (self.last_s - self.start_s) // 60
        due = sum(code in _DUE and 0 <= slot.minute <= last for slot, code in zip(slots, lane, strict=True)) * each
        first, newer = (bisect_left(rows.at_s, self.start_s + minute * 60) for minute in (0, last + 1))
        due += len(rows.at_s) - newer
        return min(due, sum(map(rows.statuses[first:].count, CODES))), due


def _slots(plan: Plan, start_s: int) -> list[Slot]:
    """The slots on an axis, and single minutes where nothing was in force."""
    end_s = start_s + MINUTES * 60
    slots: list[Slot] = []
    reached_s = start_s
    for from_s, until_s, step_s, phase_s, _, _ in plan:
        first_s, last_s = max(from_s, start_s), min(end_s, until_s or end_s)
        slots += _minutes(reached_s, min(first_s, end_s), start_s)
        earliest_s = max(from_s, start_s - step_s + 60)
        begin_s = earliest_s + (phase_s - earliest_s) % step_s
        slots += [Slot((at_s - start_s) // 60, step_s // 60) for at_s in range(begin_s, last_s, step_s)]
        reached_s = max(reached_s, last_s)
    return slots + _minutes(reached_s, end_s, start_s)


def _minutes(from_s: int, to_s: int, start_s: int) -> list[Slot]:
    return [Slot((at_s - start_s) // 60, 1) for at_s in range(from_s, to_s, 60)]


def _mark_site_down(lanes: Sequence[list[str]]) -> None:
    """A slot in which a quorum of its own rows failed was down everywhere; so was each failure of one region alone."""
    if not any(DOWN in lane for lane in lanes):
        return
    for k in range(len(lanes[0])):
        seen = [lane[k] for lane in lanes if lane[k] in _SEEN]
        if DOWN in seen and seen.count(DOWN) >= (quorum(len(seen)) if len(lanes) == 1 else max(2, quorum(len(seen)))):
            for lane in lanes:
                lane[k] = SITE_DOWN if lane[k] == DOWN else lane[k]
