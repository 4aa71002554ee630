"""Hours or days as SVG path data: three lanes on one time axis, `count` x 10 units each.

A bar is one hour or day. A foot is trouble, as tall as it lasted long; a hatch from above is what was not observed; a
stem through all lanes says that the site was down for all. What is connected is the code, colour only repeats it.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import pairwise

from vantage.face.pages.bars import Bar
from vantage.face.pages.drawing import Shape, number

LANE, INSET = 10.0, 1.5
HEIGHT = LANE - 2 * INSET
WIDTH = 0.76
FOOT = ((0.005, 3.0), (0.05, 5.0), (0.25, 7.5))  # share of the bar -> tenths of its height, more: all of it
GAP = ((0.005, 0.0), (0.05, 2.0), (0.25, 4.0), (0.75, 7.0))
PAINTED = "bwohmsrtd"
"""The order: white-outs, before the first check, hatch, maintenance, slow, regional, stems, site."""


def all_up(count: int, lanes: int) -> str:
    """Every bar up, as a stroke for each lane (the class's dashes part the bars): used below each monitor's marks."""
    return "".join(f"M0 {number((lane + 0.5) * LANE)}h{number(count - 1 + WIDTH)}" for lane in range(lanes))


def shapes(lanes: Sequence[Mapping[int, Bar]], known: Collection[int], stems: Collection[int],
           count: int) -> list[Shape]:  # fmt: skip
    """What is drawn over bars that are all up; feet and stems are strokes as wide as a bar, the shortest spelling."""
    paths: dict[str, list[str]] = {}

    def draw(kind: str, path: str) -> None:
        paths.setdefault(kind, []).append(path)

    height = number(len(lanes) * LANE)
    for first, length in _runs(sorted(set(range(count)) - set(known))):
        draw("b", f"M{number(first - 0.1)} 0h{number(length)}v{height}h-{number(length)}z")
        for lane in range(len(lanes)):
            draw("o", f"M{first} {number(lane * LANE + LANE / 2)}h{number(length - 0.3)}")
    for lane, bars in enumerate(lanes):
        for at, bar in sorted(bars.items()):
            _draw_bar(draw, at, bar, lane * LANE + INSET)
    for at in sorted(stems):
        draw("t", f"M{number(at + 0.2)} 0h.36v{height}h-.36z")
    return [Shape(f"d{kind}", "".join(paths[kind])) for kind in PAINTED if kind in paths]


def _draw_bar(draw: Callable[[str, str], None], at: int, bar: Bar, top: float) -> None:
    x, base = number(at + WIDTH / 2), top + HEIGHT
    if gap := _step(bar.share(bar.unseen), GAP) * HEIGHT / 10:
        draw("h", f"M{number(at + 0.4)} {number(top)}v{number(gap)}")
    if bar.held:
        draw("w", f"M{x} {number(base - HEIGHT * 0.5)}v{number(HEIGHT * 0.5)}")
        draw("m", f"M{number(at + 0.08)} {number(base - HEIGHT * 0.42)}h.58V{number(base)}h-.58z")
    if warned := bar.slow + bar.ends:
        tall = max(4.0, _step(bar.share(warned), FOOT)) * HEIGHT / 10
        block, between = number(tall * 0.42), number(tall * 0.16)
        draw("w", f"M{x} {number(base - tall - 0.25)}V{number(base)}")
        draw("s", f"M{x} {number(base - tall)}v{block}m0 {between}v{block}")
    if bar.down:
        tall = _step(bar.share(bar.down), FOOT) * HEIGHT / 10
        if not bar.site:
            draw("w", f"M{x} {number(base - tall - 0.5)}V{number(base)}")
        draw("d" if bar.site else "r", f"M{x} {number(base - tall)}V{number(base + 0.9)}")


def _step(share: float, table: Sequence[tuple[float, float]]) -> float:
    if share <= 0:
        return 0.0
    return next((height for limit, height in table if share <= limit), 10.0)


def _runs(numbers: Sequence[int]) -> list[tuple[int, int]]:
    """Runs of consecutive numbers: where each begins, how long it is."""
    if not numbers:
        return []
    cuts = [k + 1 for k, (a, b) in enumerate(pairwise(numbers)) if b != a + 1]
    return [(numbers[i], j - i) for i, j in pairwise([0, *cuts, len(numbers)])]
