"""Shapes of the page as SVG path data: the ray of eyes, the lanes of the last hour, the line of latencies."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

MINUTES = 60
# What became of a slot in a region.
UP, SLOW, ENDS, DOWN, SITE_DOWN, UNSEEN, NONE, BEFORE, HELD = "USCRDN .M"
"""ENDS: up, and its certificate ends soon; drawn as what is slow is, both being warnings."""
NARROW, WIDE = r"U+|[SC]+|R+|D+|N+|M+|\.+", r"[USCRDN]|M+|\.+"
LANE = 10.0
GAP = 0.24
SPARK_STEP, SPARK_HEIGHT, BAND_STEP = 3, 54, 9


@dataclass(frozen=True, slots=True)
class Slot:
    """A scheduled check on the axis: from which minute on, and for how many it stands."""

    minute: int
    width: int


@dataclass(frozen=True, slots=True)
class Shape:
    """Path data and the class that says how it is painted."""

    kind: str
    path: str


@dataclass(frozen=True, slots=True)
class Picture:
    """Shapes over `lanes` lanes and `width` units; `kind` is the class that paints them, `label` says them in words."""

    kind: str
    width: int
    lanes: int
    shapes: tuple[Shape, ...]
    label: str


@dataclass(frozen=True, slots=True)
class Eye:
    """One vantage point of a ray: where it is, how it sees (U, S, R, D or N), and the path of its ray."""

    state: str
    x: str
    y: str
    ray: str


@lru_cache(maxsize=4096)
def number(value: float) -> str:
    """As short as SVG allows, two digits at most."""
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return re.sub(r"^(-?)0\.", r"\1.", text) or "0"


def eyes(states: Sequence[str]) -> list[Eye]:
    """One to six eyes around a target at (20, 21.5); of three the first two stand below it, as on feet."""
    first = 270 - 180 / max(1, len(states))
    return [_eye(state, math.radians(first + k * 360 / len(states))) for k, state in enumerate(states)]


def _eye(state: str, angle: float) -> Eye:
    ux, uy = math.cos(angle), -math.sin(angle)
    x, y = 20 + 16.5 * ux, 21.5 + 16.5 * uy
    if state in (DOWN, SITE_DOWN):  # the ray is cut, the eye a cross
        stub = f"M{number(x - ux * 3)} {number(y - uy * 3)}l{number(-ux * 4)} {number(-uy * 4)}"
        return Eye(state, number(x), number(y), f"{stub}M{number(x - 3)} {number(y - 3)}l6 6m0-6l-6 6")
    near, far = 16.5 - 5.4, 5.6
    start, end = (20 + near * ux, 21.5 + near * uy), (20 + far * ux, 21.5 + far * uy)
    return Eye(state, number(x), number(y), f"M{number(start[0])} {number(start[1])}L{number(end[0])} {number(end[1])}")


def lanes(codes: Sequence[str], slots: Sequence[Slot]) -> list[Shape]:
    """One lane per region on one axis of 60 minutes, 60 x 10 units each; a code for each slot.

    A check is a bar: whole = up, two blocks = a warning, a foot below the ribbon = down here, with a stem through all
    lanes = down everywhere, hatched = not observed, hollow = announced work. Before the first check runs a dotted line.
    """
    narrow = all(slot.width == 1 for slot in slots)
    found: dict[str, list[str]] = {}
    for top, lane in zip(range(0, 1000, int(LANE)), codes, strict=False):
        for match in re.finditer(NARROW if narrow else WIDE, lane):
            first, last = slots[match.start()], slots[match.end() - 1]
            start, width = max(first.minute, 0), min(last.minute + last.width, MINUTES) - max(first.minute, 0)
            for kind, path in _bars(match.group()[0], start, width, float(top)):
                found.setdefault(kind if narrow or kind in ("h", "z", "m") else f"{kind} w", []).append(path)
    if any(SITE_DOWN in lane for lane in codes):
        stems = [slot for k, slot in enumerate(slots) if any(lane[k] == SITE_DOWN for lane in codes)]
        height = number(LANE * len(codes))
        found["t"] = [f"M{number(max(s.minute, 0) + 0.2)} 0h.36v{height}h-.36z" for s in stems]
    return [
        Shape(kind, "".join(paths)) for kind, paths in sorted(found.items(), key=lambda item: item[0], reverse=True)
    ]


def _bars(code: str, start: int, width: int, top: float) -> list[tuple[str, str]]:
    """A run of equal bars as strokes; the dashes that part them are the class's."""
    length = number(width - GAP)
    match code:
        case "U":
            return [("u", f"M{start} {number(top + 5)}h{length}")]
        case "S" | "C":
            return [("s", f"M{start} {number(top + 3)}h{length}M{start} {number(top + 7)}h{length}")]
        case "R" | "D":
            return [(code.lower(), f"M{start} {number(top + 7.3)}h{length}")]
        case "N":
            return [("h", f"M{start} {number(top + 1.5)}h{length}v7h-{length}z")]
        case "M":
            return [
                ("m", f"M{number(start + 0.08)} {number(top + 4.5)}h{number(width - 0.4)}v4h-{number(width - 0.4)}z")
            ]
    return [("z", f"M{start} {number(top + 5)}h{width}")]


def median(values: Sequence[int]) -> int | None:
    """The middle one of sorted values; of two the lower one."""
    return values[(len(values) - 1) // 2] if values else None


def nearest_rank(values: Sequence[int], share: float) -> int | None:
    """The smallest of sorted values that at least this share does not exceed."""
    return values[max(0, math.ceil(share * len(values)) - 1)] if values else None


def bands(series: Sequence[Sequence[tuple[float, float] | None]]) -> list[tuple[str, str]]:
    """A line (p50) and a band up to p95 per region, of pairs side by side; None = nothing succeeded, and is a gap.

    One ratio scale for all, each from its own floor: a doubling is equally tall everywhere.
    """
    known = [[pair for pair in pairs if pair is not None] for pairs in series]
    ratio = max((max(p[1] for p in pairs) / min(p[0] for p in pairs) for pairs in known if pairs), default=1) * 1.04
    return [
        _band(pairs, min(p[0] for p in kept) * 0.98 if kept else 1, max(ratio, 1.5))
        for pairs, kept in zip(series, known, strict=True)
    ]


def _band(pairs: Sequence[tuple[float, float] | None], floor: float, ratio: float) -> tuple[str, str]:
    def height(value: float) -> int:
        return round(3 + SPARK_HEIGHT * (1 - math.log(max(value, floor) / floor) / math.log(ratio)))

    line, band, run = "", "", []
    for k, pair in enumerate([*pairs, None]):
        if pair is not None:
            run.append((k * BAND_STEP + 2, height(pair[0]), height(pair[1])))
        elif run:
            low, high = [(x, y) for x, y, _ in run], [(x, y) for x, _, y in run]
            line += _relative(low) if len(low) > 1 else f"M{low[0][0]} {low[0][1]}h0"
            band += _relative([*high, *reversed(low)]) + "z"
            run = []
    return line, band


def _relative(points: Sequence[tuple[int, int]]) -> str:
    """A path in whole relative steps, the shortest spelling."""
    steps = "".join(f"l{b[0] - a[0]} {b[1] - a[1]}" for a, b in pairwise(points))
    return f"M{points[0][0]} {points[0][1]}{steps}"


def sparks(series: Sequence[Sequence[int | None]], minutes: Sequence[int]) -> list[str]:
    """A line per region of what its checks took (µs), None = no success: a gap is never bridged.

    One ratio scale for all, each from its own floor: a doubling is equally tall everywhere.
    """
    known = [[max(v, 1) for v in values if v is not None] for values in series]
    ratio = max((max(values) / min(values) for values in known if values), default=1) * 1.04
    return [_spark(values, minutes, min(kept) * 0.98 if kept else 1, max(ratio, 1.5))
            for values, kept in zip(series, known, strict=True)]  # fmt: skip


def _spark(values: Sequence[int | None], minutes: Sequence[int], floor: float, ratio: float) -> str:
    path, before = "", None
    for minute, value in zip(minutes, values, strict=True):
        if value is None:
            before = None
            continue
        x = minute * SPARK_STEP + 2
        y = round(3 + SPARK_HEIGHT * (1 - math.log(max(value, 1) / floor) / math.log(ratio)))
        path += f"M{x} {y}h0" if before is None else f"l{x - before[0]} {y - before[1]}"
        before = (x, y)
    return path
