"""Vantage fault: whether it is the region itself that fails, and not what it looks at. Decided tick by tick."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from vantage.monitor import Region
from vantage.verdict.rules import Rules

CheckId = tuple[int, int]
"""A monitor's id and the scheduled instant (epoch ms)."""


@dataclass(frozen=True, slots=True)
class TickView:
    """What the regions saw in one tick, outside maintenance: by check, who looked and whether it failed there.

    `references` are the answers of the reference targets by region, True for one that failed.
    """

    checks: Mapping[CheckId, Mapping[Region, bool]]
    references: Mapping[Region, Collection[bool]]


@dataclass(frozen=True, slots=True)
class Comparison:
    """One region beside the others: checks seen here and there, of how many monitors, and failing here alone."""

    checks: int = 0
    monitors: int = 0
    failing_here: int = 0

    def is_fault(self, rules: Rules) -> bool:
        """Enough monitors to compare, and too large a share of their checks fails here alone."""
        if self.monitors < rules.share_monitors:
            return False
        return self.failing_here * 100 >= rules.share_percent * self.checks


def faulty_regions(view: TickView, rules: Rules) -> frozenset[Region]:
    """The regions whose rows of this tick cannot be believed."""
    blind = frozenset(region for region, answers in view.references.items() if references_fail(answers, rules))
    looking = {region for seen in view.checks.values() for region in seen}
    alone = {region for region in looking - blind if compare(view, region, blind).is_fault(rules)}
    return blind | alone


def references_fail(answers: Collection[bool], rules: Rules) -> bool:
    """Every one of at least two reference targets that answered for this region failed."""
    return len(answers) >= rules.references and all(answers)


def compare(view: TickView, region: Region, blind: Collection[Region]) -> Comparison:
    """A region beside those whose references answer.

    Up in one other region is enough to speak for the target: a majority of others would let two regions at fault
    together pass, and open a mass down.
    """
    checks = failing = 0
    monitors: set[int] = set()
    for (monitor_id, _), seen in view.checks.items():
        others = [failed for other, failed in seen.items() if other != region and other not in blind]
        if region in seen and others:
            checks += 1
            monitors.add(monitor_id)
            failing += seen[region] and not all(others)
    return Comparison(checks, len(monitors), failing)
