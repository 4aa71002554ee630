"""Verdict scenarios: histories written one character a slot, judged, and what came out in the same notation.

U up, D down, G degraded, X expired, R refused, . no row; `references` O answers, F fails. All numbers are slots.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import yaml

from vantage.check import Status
from vantage.errors import VantageError
from vantage.monitor import Region
from vantage.verdict.decisions import Judgement, Notice
from vantage.verdict.episodes import OperatorEvent
from vantage.verdict.fleet import History, Stored, Tick, TickJudgement, Watched, judge
from vantage.verdict.rows import Row, Slot
from vantage.verdict.rules import Rules
from vantage.verdict.votes import Verdict
from vantage.verdict.windows import Window

STATUSES = {"U": Status.UP, "D": Status.DOWN, "G": Status.DEGRADED, "X": Status.EXPIRED, "R": Status.REFUSED}
REFERENCES = {"O": Status.UP, "F": Status.DOWN, "U": Status.UP, "D": Status.DOWN, "X": Status.EXPIRED}
VERDICTS = {
    Verdict.UP: "U",
    Verdict.DEGRADED: "G",
    Verdict.SITE_DOWN: "S",
    Verdict.REGIONAL: "R",
    Verdict.VANTAGE_FAULT: "F",
    Verdict.NO_DATA: "N",
    Verdict.MAINTENANCE: "M",
    Verdict.PAUSED: "P",
}
STATES = {Status.UP: "u", Status.DEGRADED: "g", Status.DOWN: "d"}
CONFIG = {
    "no_data": "no_data_intervals",
    "advisory": "advisory_s",
    "grace": "grace_s",
    "minimum": "share_monitors",
    "clean": "clean_ticks",
    "blind": "blind_ticks",
    "window": "flap_slots",
}
SHARES = {"share": "share_percent", "over": "flap_over_percent", "under": "flap_under_percent"}
NUMBERS = ("interval", "fleet")
MAPPINGS = ("results", "config", "late", "recorded", "duplicates", "fleet_fail", "fleet_silent", "references")
KEYS = frozenset(("id", "why", "maintenance", "expect", *NUMBERS, *MAPPINGS))
STORED_AFTER_MS = 60_000
SUBJECT = 0
FIRST_REFERENCE = 1_000_000

Spans = Mapping[Region, Sequence[int]]


class ScenarioError(VantageError):
    """A scenario that cannot be read; names it and what is wrong."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """One history, as the file says it; `rules` with its own settings in them."""

    id: str
    results: Mapping[Region, str]
    interval_s: int
    rules: Rules
    late: Mapping[Region, Mapping[int, int]] = field(default_factory=dict)
    recorded: Mapping[Region, Mapping[int, float]] = field(default_factory=dict)
    duplicates: Mapping[Region, Mapping[int, str]] = field(default_factory=dict)
    maintenance: Sequence[Sequence[int]] = ()
    fleet: int = 0
    fleet_fail: Spans = field(default_factory=dict)
    fleet_silent: Spans = field(default_factory=dict)
    references: Mapping[Region, Mapping[int, str]] = field(default_factory=dict)

    @property
    def slots(self) -> range:
        """The slots of the monitor under test."""
        return range(max(map(len, self.results.values()), default=0))

    def at_ms(self, slot: int) -> int:
        """When a slot is."""
        return slot * self.interval_s * 1000

    def tick_s(self, slot: int) -> int:
        """The tick that a slot lies in."""
        return slot * self.interval_s // 60 * 60

    def judged_ms(self, tick_s: int) -> int:
        """When a tick is judged."""
        return (tick_s + 60 + self.rules.grace_s) * 1000

    def slot_of(self, at_ms: int) -> int:
        """The number of the first slot at or behind an instant."""
        return -(-at_ms // (self.interval_s * 1000))


def read_scenarios(path: Path) -> list[Scenario]:
    """The scenarios of a file; raises ScenarioError."""
    scenarios = []
    for item in read_items(path):
        try:
            scenarios.append(scenario(item))
        except (TypeError, ValueError) as error:
            raise ScenarioError(f"{item['id']}: {error}") from None
    return scenarios


def read_items(path: Path) -> list[dict[str, Any]]:
    """The items of a YAML list, each a mapping with an id of its own; raises ScenarioError."""
    try:
        items = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ScenarioError(f"{path} cannot be read: {error}") from None
    if not isinstance(items, list) or not all(isinstance(item, dict) and "id" in item for item in items):
        raise ScenarioError(f"{path}: a list of items is expected, each with an id.")
    ids = [str(item["id"]) for item in items]
    if twice := sorted({one for one in ids if ids.count(one) > 1}):
        raise ScenarioError(f"{path}: more than one item is called {', '.join(twice)}.")
    return items


def scenario(item: Mapping[str, Any]) -> Scenario:
    """One item of a file; raises ScenarioError."""
    name = str(item["id"])
    if unknown := sorted(set(item) - KEYS):
        raise ScenarioError(f"{name}: {', '.join(unknown)} is not known. Known are: {', '.join(sorted(KEYS))}.")
    for key in MAPPINGS:
        if not isinstance(item.get(key, {}), dict):
            raise ScenarioError(f"{name}: `{key}` must be a mapping.")
    if not item.get("results"):
        raise ScenarioError(f"{name}: `results` must name the regions and what each saw.")
    given = {key.name: item[key.name] for key in fields(Scenario) if item.get(key.name) is not None}
    results = {str(region): str(letters) for region, letters in item["results"].items()}
    _check_letters(name, results)
    given |= {"id": name, "results": results, "interval_s": int(item.get("interval", 60)), "rules": _rules(name, item)}
    return Scenario(**given)


def replayed(one: Scenario) -> dict[str, Any]:
    """What comes out of a scenario, in the notation of `expect`."""
    _, judged = judge(list(ticks(one)), History(stored(one)), watched(one), one.rules)
    return outcome(one, judged)


def outcome(one: Scenario, judged: Sequence[TickJudgement]) -> dict[str, Any]:
    """What was decided, in the notation of `expect`."""
    mine = [(tick, judgement) for tick in judged for judgement in tick.monitors.get(SUBJECT, ())]
    judgements = [judgement for _, judgement in mine]
    return {
        "verdict": "".join(VERDICTS[judgement.verdict] for judgement in judgements),
        "states": {
            region: "".join(_state(region, judgement, tick) for tick, judgement in mine) for region in one.results
        },
        "incidents": _incidents(one, judgements),
        "advisories": _advisories(one, judgements),
        "notices": [_notice(one, notice) for judgement in judgements for notice in judgement.notices],
        "operator": [_told(one, event) for tick in judged for event in tick.operator],
    }


def watched(one: Scenario) -> dict[int, Watched]:
    """The monitor under test, its fleet, and the reference targets."""
    windows = tuple(Window(one.at_ms(begin), one.at_ms(end)) for begin, end in one.maintenance)
    references = max((len(letters) for by_slot in one.references.values() for letters in by_slot.values()), default=0)
    return {
        SUBJECT: Watched(one.rules, windows),
        **{monitor: Watched(one.rules) for monitor in range(1, one.fleet + 1)},
        **{FIRST_REFERENCE + number: Watched(is_reference=True) for number in range(references)},
    }


def ticks(one: Scenario) -> Iterator[Tick]:
    """Every minute that holds a slot."""
    regions = tuple(one.results)
    for tick_s in sorted({one.tick_s(slot) for slot in one.slots}):
        slots = [Slot(one.at_ms(slot), one.interval_s, regions) for slot in one.slots if one.tick_s(slot) == tick_s]
        yield Tick(tick_s, one.judged_ms(tick_s), dict.fromkeys(range(one.fleet + 1), slots))


def stored(one: Scenario) -> Iterator[Stored]:
    """All rows of a scenario."""
    for region, letters in one.results.items():
        for slot, letter in enumerate(letters):
            if letter != ".":
                yield Stored(SUBJECT, region, _row(one, region, slot, STATUSES[letter]))
        for slot, letter in one.duplicates.get(region, {}).items():
            first = _row(one, region, slot, STATUSES[letter])
            yield Stored(SUBJECT, region, replace(first, recorded_ms=first.recorded_ms + 1))
        yield from _fleet_rows(one, region)
        yield from _reference_rows(one, region)


def _fleet_rows(one: Scenario, region: Region) -> Iterator[Stored]:
    failing, fail_from, fail_to = one.fleet_fail.get(region, (0, 0, 0))
    silent_from, silent_to = one.fleet_silent.get(region, (0, 0))
    for slot in one.slots:
        if not silent_from <= slot < silent_to:
            for monitor in range(1, one.fleet + 1):
                down = monitor <= failing and fail_from <= slot < fail_to
                yield Stored(monitor, region, _plain_row(one, slot, Status.DOWN if down else Status.UP))


def _reference_rows(one: Scenario, region: Region) -> Iterator[Stored]:
    for slot, letters in one.references.get(region, {}).items():
        for number, letter in enumerate(letters):
            if letter != ".":
                yield Stored(FIRST_REFERENCE + number, region, _plain_row(one, slot, REFERENCES[letter]))


def _plain_row(one: Scenario, slot: int, status: Status) -> Row:
    at_ms = one.at_ms(slot)
    return Row(at_ms, status, one.interval_s, at_ms + STORED_AFTER_MS)


def _row(one: Scenario, region: Region, slot: int, status: Status) -> Row:
    row = _plain_row(one, slot, status)
    if (seconds := one.recorded.get(region, {}).get(slot)) is not None:
        return replace(row, recorded_ms=row.at_ms + int(seconds * 1000))
    if (seen_at := one.late.get(region, {}).get(slot)) is not None:
        return replace(row, recorded_ms=one.judged_ms(one.tick_s(seen_at)))
    return row


def _rules(name: str, item: Mapping[str, Any]) -> Rules:
    given = dict(item.get("config") or {})
    direct = {rule.name: rule.name for rule in fields(Rules)}
    known = {*CONFIG, *SHARES, *direct}
    if unknown := sorted(set(given) - known):
        raise ScenarioError(f"{name}: config {', '.join(unknown)} is not known. Known are: {', '.join(sorted(known))}.")
    counts = {(CONFIG | direct)[key]: int(value) for key, value in given.items() if key not in SHARES}
    shares = {SHARES[key]: round(float(value) * 100) for key, value in given.items() if key in SHARES}
    return Rules(**counts, **shares)


def _check_letters(name: str, results: Mapping[Region, str]) -> None:
    for region, letters in results.items():
        if strange := sorted(set(letters) - {*STATUSES, "."}):
            raise ScenarioError(f"{name}: {region} has {', '.join(strange)}; only U D G X R and a dot mean something.")


def _state(region: Region, judgement: Judgement, tick: TickJudgement) -> str:
    if region in tick.at_fault:
        return "F"
    state = judgement.votes.get(region)
    return "?" if state is None else STATES[state]


def _incidents(one: Scenario, judgements: Sequence[Judgement]) -> list[dict[str, Any]]:
    resolved = {
        judgement.resolved.opened_ms: judgement.resolved.resolved_ms for judgement in judgements if judgement.resolved
    }
    return [
        {
            "opened": one.slot_of(incident.opened_ms),
            "began": one.slot_of(incident.began_ms),
            "resolved": _slot(one, resolved.get(incident.opened_ms)),
            "single": incident.single,
        }
        for incident in (judgement.opened for judgement in judgements)
        if incident
    ]


def _advisories(one: Scenario, judgements: Sequence[Judgement]) -> list[dict[str, Any]]:
    closed = {
        (advisory.region, advisory.opened_ms): advisory.closed_ms
        for judgement in judgements
        for advisory in judgement.advisories_closed
    }
    return [
        {
            "region": advisory.region,
            "opened": one.slot_of(advisory.opened_ms),
            "closed": _slot(one, closed.get((advisory.region, advisory.opened_ms))),
        }
        for judgement in judgements
        for advisory in judgement.advisories_opened
    ]


def _slot(one: Scenario, at_ms: int | None) -> int | None:
    return None if at_ms is None else one.slot_of(at_ms)


def _notice(one: Scenario, notice: Notice) -> str:
    return f"{one.slot_of(notice.at_ms)}:{notice.kind}" + (f"_{notice.region}" if notice.region else "")


def _told(one: Scenario, event: OperatorEvent) -> str:
    return f"{one.slot_of(event.tick_s * 1000)}:{event.kind}" + (f"_{event.region}" if event.region else "")
