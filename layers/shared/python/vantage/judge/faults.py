"""Whether it is a region itself that failed in a tick: the pure rule, over as few rows as it takes."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from vantage.monitor import Region
from vantage.store import judging as store
from vantage.store.connection import Connection
from vantage.verdict.fault import Comparison, references_fail
from vantage.verdict.rules import Rules


@dataclass(frozen=True, slots=True)
class FaultFinder:
    """Looks at the failing rows of a tick; `answers` are those of its reference targets, as (tick, region, failed), and
    `cut` the regions that found their way out cut, each with the tick."""

    connection: Connection
    rules: Rules
    answers: Sequence[tuple[int, Region, bool]]
    cut: Collection[tuple[Region, int]] = ()

    def faulty(self, tick_s: int) -> set[Region]:
        """The regions whose rows of the tick cannot be believed."""
        asked = {region for tick, region, _ in self.answers if tick == tick_s}
        blind = {region for region in asked if references_fail(self._answers(tick_s, region), self.rules)}
        blind |= {region for region, cut_s in self.cut if cut_s == tick_s}
        failing = store.failing_alone(self.connection, tick_s, blind)
        return blind | {
            region
            for region, count in failing.items()
            if region not in blind and self._is_alone(tick_s, region, blind, count)
        }

    def _answers(self, tick_s: int, region: Region) -> list[bool]:
        return [failed for tick, of, failed in self.answers if (tick, of) == (tick_s, region)]

    def _is_alone(self, tick_s: int, region: Region, blind: Collection[Region], failing: int) -> bool:
        """How many checks there are to compare with is counted only where it can matter, and only as far."""
        if failing * 100 < self.rules.share_percent * self.rules.share_monitors:
            return False
        most = failing * 100 // self.rules.share_percent + 1
        checks, monitors = store.comparable(self.connection, tick_s, region, blind, most)
        return Comparison(checks, monitors, failing).is_fault(self.rules)
