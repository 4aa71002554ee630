"""Latencies and phases as SVG path data: one logarithmic scale for all regions, and bars of phases on one length."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from vantage.face.pages.drawing import number

LEFT, WIDE, TOP, TALL = 52.0, 244.0, 8.0, 150.0
STEPS_MS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000)
MOST_LINES = 6
Point = tuple[float, float, float]
"""p50, p95 and p99 (ms)."""


@dataclass(frozen=True, slots=True)
class Scale:
    """From the one to the other (ms), each step up is as many times slower."""

    low: float
    high: float

    def y(self, value: float) -> float:
        """How far from the top."""
        share = math.log(min(max(value, self.low), self.high) / self.low) / math.log(self.high / self.low)
        return TOP + TALL * (1 - share)


@dataclass(frozen=True, slots=True)
class Chart:
    """Paths of a region: the line p50, the band up to p95, the dots p99; `gap` is where nothing succeeded at last."""

    p50: str
    band: str
    p99: str
    gap: str


def scale_of(series: Sequence[Sequence[Point | None]]) -> Scale:
    """One that all of them fit in."""
    values = [value for points in series for point in points if point for value in point]
    low = max((step for step in STEPS_MS if step <= min(values, default=1) * 0.9), default=STEPS_MS[0])
    high = min((step for step in STEPS_MS if step >= max(values, default=10) * 1.05), default=STEPS_MS[-1])
    return Scale(low, max(high, low * 5))


def lines(scale: Scale) -> list[tuple[str, str, str]]:
    """The scale's lines, from below: path, where its text stands, the text."""
    within = [step for step in STEPS_MS if scale.low <= step <= scale.high]
    every = -(-len(within) // MOST_LINES)
    return [
        (f"M{number(LEFT)} {number(scale.y(step))}h{number(WIDE)}", number(scale.y(step) + 4), _ms(step, k == 0))
        for k, step in enumerate(within[::every])
    ]


def _ms(step: float, named: bool) -> str:
    if step >= 1000:
        return f"{step / 1000:g} s"
    return f"{step:g} ms" if named else f"{step:g}"


def chart(points: Sequence[Point | None], scale: Scale) -> Chart:
    """The paths of one region; a gap is a gap."""
    p50 = band = p99 = ""
    step = WIDE / max(1, len(points) - 1)
    run: list[tuple[float, Point]] = []
    for k, point in enumerate([*points, None]):
        if point is not None:
            run.append((LEFT + k * step, point))
        elif run:
            p50 += _line([(x, scale.y(p[0])) for x, p in run])
            p99 += _line([(x, scale.y(p[2])) for x, p in run])
            band += _line([(x, scale.y(p[1])) for x, p in run] + [(x, scale.y(p[0])) for x, p in reversed(run)]) + "z"
            run = []
    known = [k for k, point in enumerate(points) if point]
    gone = len(points) - 1 - known[-1] if known else 0
    begin = LEFT + WIDE - gone * step
    gap = f"M{number(begin)} {number(TOP)}h{number(gone * step)}v{number(TALL)}h-{number(gone * step)}z" if gone else ""
    return Chart(p50, band, p99, gap)


def _line(points: Sequence[tuple[float, float]]) -> str:
    if len(points) == 1:
        return f"M{number(points[0][0])} {number(points[0][1])}h0"
    return "M" + "L".join(f"{number(x)} {number(y)}" for x, y in points)


def phase_bars(spent_us: Sequence[int | None], longest_us: int) -> list[tuple[int, str]]:
    """The phases in their order, each with its number from 1 and its path within 1000 x 28."""
    bars, x = [], 0.0
    for k, us in enumerate(spent_us, 1):
        if us:
            width = us / longest_us * 1000
            shown = number(max(width - 2.2, 1.6))
            bars.append((k, f"M{number(x)} 0h{shown}v28h-{shown}z"))
            x += width
    return bars


def stopped_bar(spent_us: Sequence[int | None], longest_us: int) -> tuple[list[tuple[int, str]], str]:
    """The phases that were passed, and a hatch from there on to the end: it never came."""
    passed = phase_bars(spent_us, longest_us)
    reached = min(960.0, sum(us or 0 for us in spent_us) / longest_us * 1000)
    return passed, "".join(f"M{x} 24l10-20" for x in range(round(reached) + 4, 990, 13))
