"""When a monitor changes so often that its notices stop being news."""

from dataclasses import dataclass, replace
from itertools import pairwise

from vantage.verdict.rules import Rules


@dataclass(frozen=True, slots=True)
class Flapping:
    """The newest raw slots (True: a quorum of its rows failed), the newest openings (epoch ms), and what they mean."""

    is_on: bool = False
    slots: tuple[bool, ...] = ()
    openings_ms: tuple[int, ...] = ()

    def with_slot(self, failed: bool, rules: Rules) -> "Flapping":
        """One more raw slot. Confirmed states would not do: with two confirmations at most half of them change."""
        return replace(self, slots=(*self.slots, failed)[-rules.flap_slots :])

    def with_opening(self, at_ms: int) -> "Flapping":
        """One more incident opened."""
        return replace(self, openings_ms=(*self.openings_ms, at_ms))

    def at(self, at_ms: int, rules: Rules) -> "Flapping":
        """On or off at a slot: it begins with many changes or a storm of incidents, and ends when both are over."""
        recent = tuple(opened_ms for opened_ms in self.openings_ms if at_ms - opened_ms <= rules.storm_s * 1000)
        storm = 0 < rules.storm <= len(recent)
        changes = sum(one is not other for one, other in pairwise(self.slots)) * 100
        possible = rules.flap_slots - 1
        limit = rules.flap_under_percent * possible if self.is_on else rules.flap_over_percent * possible + 1
        return replace(self, is_on=storm or changes >= limit, openings_ms=recent)
