"""Verdicts: scripted failures, each with its ground truth, judged by the rules and beside them by one region alone.

The lives are replayed in memory, so that an hour takes a part of a second. Rows come as the workers would store them,
when a probe would be over; a tick is judged when all regions have reported, or 75 s later. What a probe says of each
fault is asked of real ones (bench/faults_zoo.py).
"""

import random
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from bench.faults_zoo import reasons
from bench.report import Row, at_least, at_most, compared, measured
from vantage.check import Status
from vantage.verdict.fleet import History, Stored, Tick, TickJudgement, Watched, judge
from vantage.verdict.rows import Row as SeenRow
from vantage.verdict.rows import Slot
from vantage.verdict.rules import Rules

REGIONS = ("USA", "INDIA", "EU")
SITES, REFERENCES = range(12), (1001, 1002, 1003)
MINUTES, TICK_MS, SPREAD_MS, TIMEOUT_MS = 60, 60_000, 10_000, 10_000
QUICK_MS, FLUSH_MS, SILENT_MS = 200, 1_300, 75_000
RULES = Rules()
ALONE = "one region, 3 failures in a row"


@dataclass(frozen=True, slots=True)
class Script:
    """A failure: how likely an attempt fails (1: always; None: the region is silent), and what is true of it.

    `down`: sites that are down, from minute to minute; `regional`: sites that only one region does not reach; `faults`:
    of how many regions' own faults the operator may hear. `hangs`: a failure lasts as long as it may. `noisy`: what
    changes so often that each incident is right and none is wrong. `waited_for`: a region falls silent just as a site
    fails, so that a tick that decides waits for it.
    """

    name: str
    fails: Callable[[str, int, int], float | None]
    down: Mapping[int, tuple[int, int]] = field(default_factory=dict)
    regional: Collection[int] = ()
    faults: Collection[int] = (0,)
    hangs: bool = False
    noisy: Collection[int] = ()
    waited_for: bool = False


@dataclass(frozen=True, slots=True)
class _Fails:
    """These sites fail from one minute to another, seen from these regions."""

    sites: Collection[int]
    first: int
    until: int
    regions: Collection[str] = REGIONS

    def __call__(self, region: str, site: int, minute: int) -> float:
        return float(region in self.regions and site in self.sites and self.first <= minute < self.until)


EVERYTHING = (*SITES, *REFERENCES)


def _silent_in(script: Script, first: int, until: int) -> Callable[[str, int, int], float | None]:
    def fails(region: str, site: int, minute: int) -> float | None:
        return None if region == "USA" and first <= minute < until else script.fails(region, site, minute)

    return fails


def _with(one: Callable[[str, int, int], float | None], other: Callable[[str, int, int], float | None]) -> Callable[
    [str, int, int], float | None
]:  # fmt: skip
    return lambda *where: max(one(*where) or 0, other(*where) or 0)


OUTAGE = Script("a site fails at once", _Fails({0}, 20, 30), down={0: (20, 30)})
SCRIPTS = (
    Script("1 % of all attempts are lost", lambda *_: 0.01),
    OUTAGE,
    Script("a site hangs", OUTAGE.fails, down=OUTAGE.down, hangs=True),
    Script("a deploy of a minute", _Fails({0}, 20, 21)),
    Script("a site that one region does not reach", _Fails({0}, 20, 45, ["USA"]), regional={0}),
    Script("a region slow, with 20 % loss", lambda region, _, minute: 0.2 * (region == "USA" and 10 <= minute < 50),
           faults=range(3)),
    Script("a site that flaps", lambda _, site, minute: float(site == 0 and 10 <= minute < 50 and minute % 4 < 2),
           noisy={0}),
    Script("five sites of a hoster fail together", _Fails(set(range(5)), 20, 30),
           down=dict.fromkeys(range(5), (20, 30))),
    Script("a region's way out is cut", _Fails(EVERYTHING, 20, 30, ["USA"]), faults=[1]),
    Script("every region's way out is cut", _Fails(EVERYTHING, 20, 30, REGIONS), faults=[3]),
    Script("a region is silent when a site fails", _silent_in(OUTAGE, 15, 40), down=OUTAGE.down),
    Script("a region falls silent as a site fails", _silent_in(OUTAGE, 20, 40), down=OUTAGE.down, waited_for=True),
    Script("a region falls silent as its failure is confirmed", _silent_in(OUTAGE, 21, 40), down=OUTAGE.down,
           waited_for=True),
    Script("a region falls silent while a site is down", _silent_in(OUTAGE, 25, 40), down=OUTAGE.down),
    Script("a site fails behind a region's own fault",
           _with(_Fails(EVERYTHING, 15, 40, ["USA"]), OUTAGE.fails), down=OUTAGE.down, faults=[1]),
)  # fmt: skip


def rows(quick: bool) -> list[Row]:
    """Every script, with chance of its own; then what real probes say."""
    lives = [_Life(script, seed) for script in SCRIPTS for seed in range(1 if quick else 8)]
    ours = [life.ours() for life in lives]
    alone = [life.alone() for life in lives]
    outages = sum(len(life.script.down) for life in lives)
    right, asked, wrong = reasons()
    for what in wrong:
        print(f"verdicts: {what}")
    late = [name for one in ours for name in one.late]
    return [
        compared(f"verdicts: false incidents in {len(lives)} scripted hours", _sum(ours, "false"), "",
                 _against(alone, "false"), _sum(ours, "false"), at_most(0)),
        compared(f"verdicts: outages found, of {outages}", _sum(ours, "found"), "", _against(alone, "found"),
                 _sum(ours, "found") / outages, at_least(1)),
        compared("verdicts: notices of a site that flaps for 40 minutes", _notices(lives, ours), "",
                 f"{ALONE}: {_notices(lives, alone):.0f}", _notices(lives, ours), at_most(6)),
        measured("verdicts: longest until an outage is found", _longest_s(lives, ours, waited_for=False), "s"),
        measured("verdicts: the same where a region falls silent just then",
                 _longest_s(lives, ours, waited_for=True), "s"),
        measured("verdicts: outages found later than promised", len(late), "", at_most(0)),
        measured("verdicts: regional failures and own faults not told as what they are", _sum(ours, "untold"), "",
                 at_most(0)),
        measured(f"verdicts: faults told with their right reason, of {asked}", right, "", at_least(asked)),
    ]  # fmt: skip


@dataclass(slots=True)
class _Outcome:
    false: int = 0
    found: int = 0
    notices: int = 0
    untold: int = 0
    longest_s: float = 0.0
    late: list[str] = field(default_factory=list)


def _sum(outcomes: Sequence[_Outcome], name: str) -> int:
    return sum(getattr(one, name) for one in outcomes)


def _against(outcomes: Sequence[_Outcome], name: str) -> str:
    return f"{ALONE}: {_sum(outcomes, name)}"


def _notices(lives: Sequence["_Life"], outcomes: Sequence[_Outcome]) -> float:
    told = [one.notices for life, one in zip(lives, outcomes, strict=True) if life.script.noisy]
    return sum(told) / len(told)


def _longest_s(lives: Sequence["_Life"], outcomes: Sequence[_Outcome], *, waited_for: bool) -> float:
    pairs = zip(lives, outcomes, strict=True)
    return max(one.longest_s for life, one in pairs if life.script.waited_for is waited_for)


class _Life:
    """An hour of a script."""

    def __init__(self, script: Script, seed: int) -> None:
        self.script, self._chance = script, random.Random(f"{script.name}-{seed}")
        self.offsets = {site: self._chance.randrange(0, SPREAD_MS, 167) for site in EVERYTHING}
        self.stored: list[Stored] = []
        self.first_attempts: dict[tuple[int, int], bool] = {}  # of the first region, by site and minute
        self.ticks: list[Tick] = []
        for minute in range(MINUTES):
            self.ticks.append(self._tick(minute, self.ticks[-1].judged_ms if self.ticks else 0))

    def _tick(self, minute: int, least_ms: int) -> Tick:
        """A minute; ticks are judged in order, none before `least_ms`."""
        begin_ms, done_ms, silent = minute * TICK_MS, 0, set()
        for region in REGIONS:
            for site in EVERYTHING:
                likely = self.script.fails(region, site, minute)
                if likely is None:
                    silent.add(region)
                    continue
                first = self._chance.random() < likely
                failed = first and self._chance.random() < likely  # asked once more before it is stored
                took_ms = 2 * TIMEOUT_MS + 1000 if failed and self.script.hangs else QUICK_MS
                at_ms = begin_ms + self.offsets[site]
                done_ms = max(done_ms, at_ms + took_ms)
                status = Status.DOWN if failed else Status.UP
                self.stored.append(Stored(site, region, SeenRow(at_ms, status, 60, at_ms + took_ms)))
                if region == REGIONS[0]:
                    self.first_attempts[site, minute] = first
        reported = self.script.fails(REGIONS[0], 0, minute - 1) is not None
        judged_ms = begin_ms + SPREAD_MS + SILENT_MS if silent and reported else done_ms + FLUSH_MS
        slots = {site: [Slot(begin_ms + self.offsets[site], 60, REGIONS)] for site in EVERYTHING}
        return Tick(minute * 60, max(judged_ms, least_ms), slots)

    def ours(self) -> _Outcome:
        """By the rules."""
        watched = {site: Watched(RULES, is_reference=site in REFERENCES) for site in EVERYTHING}
        _, judged = judge(self.ticks, History(self.stored), watched, RULES)
        outcome = _Outcome()
        for site, opened_ms, decided_ms in _opened(judged, self.ticks):
            self._count(outcome, site, opened_ms, decided_ms)
        outcome.notices = sum(len(one.notices) for tick in judged for one in tick.monitors.get(0, ()))
        regional = {site for tick in judged for site, all_ in tick.monitors.items()
                    for one in all_ if one.advisories_opened}  # fmt: skip
        faults = sum(event.kind == "vantage_fault" for tick in judged for event in tick.operator)
        if regional ^ set(self.script.regional) or faults not in self.script.faults:
            print(f"verdicts: {self.script.name}: regional {sorted(regional)}, {faults} own faults")
        outcome.untold = len(regional ^ set(self.script.regional)) + (faults not in self.script.faults)
        return outcome

    def _count(self, outcome: _Outcome, site: int, opened_ms: int, decided_ms: int) -> None:
        first, until = self.script.down.get(site, (0, 0))
        if not first * TICK_MS <= opened_ms < until * TICK_MS:
            outcome.false += site not in self.script.noisy
            return
        outcome.found += 1
        took_ms = decided_ms - (first * TICK_MS + self.offsets[site])
        promised_ms = TICK_MS + SPREAD_MS - self.offsets[site] + 2 * TIMEOUT_MS + 10_000
        promised_ms += SILENT_MS if self.script.waited_for else 0
        outcome.longest_s = max(outcome.longest_s, took_ms / 1000)
        if took_ms > promised_ms:
            outcome.late.append(self.script.name)

    def alone(self) -> _Outcome:
        """By the first region alone, without asking again: down at three failures in a row, up at two successes."""
        outcome = _Outcome()
        for site in SITES:
            for minute, went_down in self._changes(site):
                outcome.notices += site == 0
                if went_down:
                    self._count(outcome, site, minute * TICK_MS + self.offsets[site], minute * TICK_MS)
        return outcome

    def _changes(self, site: int) -> Iterator[tuple[int, bool]]:
        is_down, run = False, 0
        for minute in range(MINUTES):
            if (failed := self.first_attempts.get((site, minute))) is None:
                continue
            run = run + 1 if failed is not is_down else 0
            if run >= (2 if is_down else 3):
                is_down, run = not is_down, 0
                yield minute, is_down


def _opened(judged: Sequence[TickJudgement], ticks: Sequence[Tick]) -> Iterator[tuple[int, int, int]]:
    for judgement, tick in zip(judged, ticks, strict=True):
        for site, all_ in judgement.monitors.items():
            yield from ((site, one.opened.opened_ms, tick.judged_ms) for one in all_ if one.opened)
