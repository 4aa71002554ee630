"""When a check is due: arithmetic, nothing is written back. The SQL of migration 0001 follows the same rules."""

from collections.abc import Iterator
from dataclasses import dataclass

TICK_S = 60
TICK_MS = TICK_S * 1000


@dataclass(frozen=True, slots=True)
class Plan:
    """What a producer run does, in this order: leave `gaps` behind as rows, then push `ticks` (epoch s)."""

    gaps: tuple[int, ...]
    ticks: tuple[int, ...]


def tick_of(at_ms: float) -> int:
    """The tick (epoch s) that an instant (epoch ms) lies in."""
    return int(at_ms // TICK_MS) * TICK_S


def is_due(phase_s: int, interval_s: int, tick_s: int) -> bool:
    """Whether a monitor has a check in the tick that begins at `tick_s`."""
    return (phase_s - tick_s) % interval_s < TICK_S


def offset_ms(phase_s: int, interval_s: int, spread_s: int) -> int:
    """How far behind the beginning of its minute (or of its interval, if that is shorter) a check is scheduled."""
    return (phase_s % min(interval_s, TICK_S)) * spread_s * 1000 // TICK_S


def slots_ms(phase_s: int, interval_s: int, spread_s: int, tick_s: int) -> Iterator[int]:
    """The instants (epoch ms) of a monitor's checks in one tick; none where it is not due."""
    if is_due(phase_s, interval_s, tick_s):
        for begin_s in range(tick_s, tick_s + TICK_S, interval_s):
            yield begin_s * 1000 + offset_ms(phase_s, interval_s, spread_s)


def expires_after_s(interval_s: int, extra: bool, *, least_s: int = 90, most_s: int = 300) -> int:
    """How long after its instant an entry is still probed: its interval below a minute, else 90 s to 300 s."""
    if extra:
        return least_s
    return interval_s if interval_s < TICK_S else min(max(interval_s, least_s), most_s)


def plan(event_tick_s: int, newest_s: int | None, incomplete_s: tuple[int, ...], *, first_tick_is_young: bool,
         ahead_s: int = 60, resume_s: int = 120) -> Plan:  # fmt: skip
    """What the event of one minute has to push, given the ledger's newest tick and its incomplete ones.

    One minute ahead, and the event's own minute where it is absent (at the very first run only while it is young);
    an incomplete tick is resumed down to T - 2; absent older ones become gaps.
    """
    last_s = event_tick_s + ahead_s
    first_new_s = event_tick_s if newest_s is not None or first_tick_is_young else last_s
    if newest_s is not None:
        first_new_s = max(first_new_s, newest_s + TICK_S)
    gaps = () if newest_s is None else tuple(range(newest_s + TICK_S, event_tick_s, TICK_S))
    resumed = tuple(tick for tick in sorted(incomplete_s) if event_tick_s - resume_s <= tick <= last_s)
    return Plan(gaps, resumed + tuple(range(first_new_s, last_s + TICK_S, TICK_S)))
