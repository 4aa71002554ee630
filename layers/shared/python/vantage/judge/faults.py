"""Whether it is a region itself that failed in a tick: the pure rule, over as few rows as it takes."""

from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

from vantage.monitor import Region
from vantage.store import judging as store
from vantage.store.connection import Connection
from vantage.verdict.fault import Comparison, TickView, compare, references_fail
from vantage.verdict.rules import Rules


@dataclass(frozen=True, slots=True)
class FaultFinder:
    """Looks at the marked rows of a tick; `answers` are those of its reference targets, as (tick, region, failed)."""

    connection: Connection
    rules: Rules
    answers: Sequence[tuple[int, Region, bool]]
    in_maintenance: Callable[[int, int], bool]

    def faulty(self, tick_s: int) -> set[Region]:
        """The regions whose rows of the tick cannot be believed."""
        view = self._view(tick_s)
        blind = {region for region, answers in view.references.items() if references_fail(answers, self.rules)}
        looking = {region for seen in view.checks.values() for region in seen}
        return blind | {region for region in looking - blind if self._is_alone(tick_s, view, region, blind)}

    def _view(self, tick_s: int) -> TickView:
        checks: dict[tuple[int, int], dict[Region, bool]] = defaultdict(dict)
        for pair in store.marked_pairs(self.connection, tick_s):
            if not self.in_maintenance(pair.monitor_id, pair.at_ms):
                checks[pair.monitor_id, pair.at_ms][pair.region] = pair.failed
        references: dict[Region, list[bool]] = defaultdict(list)
        for tick, region, failed in self.answers:
            if tick == tick_s:
                references[region].append(failed)
        return TickView(checks, references)

    def _is_alone(self, tick_s: int, view: TickView, region: Region, blind: Collection[Region]) -> bool:
        """Every failing row is marked, so those that fail here alone are known; how many there are to compare with is
        counted only where it can matter, and only as far."""
        failing = compare(view, region, blind).failing_here
        if failing * 100 < self.rules.share_percent * self.rules.share_monitors:
            return False
        most = failing * 100 // self.rules.share_percent + 1
        checks, monitors = store.comparable(self.connection, tick_s, region, blind, most)
        return replace(Comparison(), checks=checks, monitors=monitors, failing_here=failing).is_fault(self.rules)
