"""Quorums, and the verdict of all regions together."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum

from vantage.check import Status
from vantage.monitor import Region
from vantage.verdict.region import RegionState
from vantage.verdict.rules import Rules

Votes = Mapping[Region, Status]
"""The states of the regions that vote: known, fresh, and not at fault."""


class Verdict(StrEnum):
    """What all regions together say of a monitor."""

    UP = "up"
    DEGRADED = "degraded"
    SITE_DOWN = "site_down"
    REGIONAL = "regional"
    VANTAGE_FAULT = "vantage_fault"
    NO_DATA = "no_data"
    MAINTENANCE = "maintenance"
    PAUSED = "paused"


@dataclass(frozen=True, slots=True)
class Standing:
    """What besides the votes decides a verdict."""

    incident: bool = False
    advisory: bool = False
    fault: bool = False
    maintenance: bool = False
    paused: bool = False


def quorum(voters: int) -> int:
    """How many of these make a majority: 2 of 2 and of 3, 3 of 4, 1 of 1."""
    return voters // 2 + 1


def votes(states: Mapping[Region, RegionState], at_ms: int, interval_s: int, rules: Rules,
          at_fault: Collection[Region] = ()) -> dict[Region, Status]:  # fmt: skip
    """Who votes at a slot, and what."""
    return {
        region: state.state
        for region, state in states.items()
        if state.state is not None and region not in at_fault and state.votes_at(at_ms, interval_s, rules)
    }


def verdict(cast: Votes, standing: Standing) -> Verdict:
    """The verdict of the votes; what stands further up outweighs what stands below it."""
    if standing.paused:
        return Verdict.PAUSED
    if standing.maintenance:
        return Verdict.MAINTENANCE
    if not cast:
        return Verdict.VANTAGE_FAULT if standing.fault else Verdict.NO_DATA
    if standing.incident:
        return Verdict.SITE_DOWN
    if _is_degraded(cast):
        return Verdict.DEGRADED
    return Verdict.REGIONAL if standing.advisory else Verdict.UP


def _is_degraded(cast: Votes) -> bool:
    said = list(cast.values())
    slow, down = said.count(Status.DEGRADED), said.count(Status.DOWN)
    return slow > 0 and slow + down >= quorum(len(said))
