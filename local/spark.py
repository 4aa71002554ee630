"""Sparklines: a figure's course in as many characters as there are hours or days."""

from collections.abc import Sequence

from vantage.uptime import Tally

BARS = "▁▂▃▄▅▆▇█"
NO_DATA = "·"
STEPS = ((99, 6), (95, 5), (90, 4), (75, 3), (50, 2))
"""What is less than all of it: from so many percent on, this bar. A full one means that nothing bad was seen."""


def of_uptime(tallies: Sequence[Tally | None]) -> str:
    """A full bar only where nothing bad was seen, the lowest where nothing good was."""
    return "".join(map(_uptime_bar, tallies))


def of_times(times_ms: Sequence[float | None]) -> str:
    """From the shortest of them to the longest; level where they differ by less than a tenth."""
    known = [time for time in times_ms if time is not None]
    if not known:
        return NO_DATA * len(times_ms)
    low, high = min(known), max(known)
    reach = max(high - low, low / 10)
    return "".join(NO_DATA if time is None else BARS[min(7, int((time - low) / reach * 8))] for time in times_ms)


def _uptime_bar(tally: Tally | None) -> str:
    if tally is None or tally.seen == 0:
        return NO_DATA
    if tally.bad == 0:
        return BARS[7]
    if tally.good == 0:
        return BARS[0]
    return BARS[next((bar for least, bar in STEPS if tally.good * 100 >= least * tally.seen), 1)]
