"""What the operator hears of our own faults: each episode once."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from vantage.monitor import Region
from vantage.verdict.rules import Rules


class OperatorKind(StrEnum):
    """What has begun or ended."""

    VANTAGE_FAULT = "vantage_fault"
    VANTAGE_FAULT_OVER = "vantage_fault_over"
    BLIND = "blind"
    BLIND_OVER = "blind_over"


@dataclass(frozen=True, slots=True)
class OperatorEvent:
    """Something the operator is told; `region` None: all of them."""

    tick_s: int
    kind: OperatorKind
    region: Region | None = None


@dataclass(frozen=True, slots=True)
class OperatorState:
    """Open episodes, each with its clean ticks so far; ticks without anything usable, and whether that was told."""

    episodes: Mapping[Region, int] = field(default_factory=dict)
    silent_ticks: int = 0
    is_blind: bool = False


@dataclass(frozen=True, slots=True)
class Heard:
    """A judged tick for the operator: regions found at fault, and regions of which something usable came."""

    tick_s: int
    at_fault: Collection[Region]
    usable: Collection[Region]


def after_tick(before: OperatorState, heard: Heard, rules: Rules) -> tuple[OperatorState, tuple[OperatorEvent, ...]]:
    """The operator's state after a tick in which something was scheduled, and what is told."""
    clean = {
        region: 0 if region in heard.at_fault else ticks + (region in heard.usable)
        for region, ticks in before.episodes.items()
    }
    begun = sorted(set(heard.at_fault) - set(clean))
    over = sorted(region for region, ticks in clean.items() if ticks >= rules.clean_ticks)
    silent = 0 if heard.usable else before.silent_ticks + 1
    is_blind = silent > 0 and (before.is_blind or silent >= rules.blind_ticks)
    told = [(OperatorKind.BLIND, None)] if is_blind and not before.is_blind else []
    told += [(OperatorKind.BLIND_OVER, None)] if before.is_blind and not is_blind else []
    regional = [(OperatorKind.VANTAGE_FAULT, region) for region in begun]
    regional += [(OperatorKind.VANTAGE_FAULT_OVER, region) for region in over]
    episodes = {region: ticks for region, ticks in clean.items() if region not in over} | dict.fromkeys(begun, 0)
    events = tuple(OperatorEvent(heard.tick_s, kind, region) for kind, region in (*told, *regional))
    return OperatorState(episodes, silent, is_blind), events
