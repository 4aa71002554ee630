"""The palette, read from the style sheet: what is drawn stands out, and its states are told apart by everybody."""

import re
from itertools import combinations, product
from pathlib import Path

import pytest

STYLE = Path(__file__).parents[2] / "layers/shared/python/vantage/face/pages/style.css"
TEXTS = ("ink", "mute", "link", "upT", "slowT", "regT", "downT")
MARKS = ("up", "slow", "reg", "down", "nod", "mnt", "edge", "p1", "p2", "p3", "p4", "p5")
STATES = ("up", "slow", "reg", "down")
THEMES = ("light", "dark")
# Machado, Oliveira, Fernandes (2009), severity 1.0: what linear RGB becomes to who sees so.
SEEN_BY = {
    "everybody": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "protan": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "deutan": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881)),
    "tritan": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.303900)),
}
# Ottosson's OKLab: to cone responses, and from their cube roots.
CONES = ((0.4122214708, 0.5363325363, 0.0514459929), (0.2119034982, 0.6806995451, 0.1073969566),
         (0.0883024619, 0.2817188376, 0.6299787005))  # fmt: skip
LAB = ((0.2104542553, 0.7936177850, -0.0040720468), (1.9779984951, -2.4285922050, 0.4505937099),
       (0.0259040371, 0.7827717662, -0.8086757660))  # fmt: skip
Vector = tuple[float, ...]


def palette(theme: str) -> dict[str, Vector]:
    """Each colour of a theme, as linear RGB."""
    pairs = re.findall(r"--(\w+):light-dark\(#(\w+),#(\w+)\)", STYLE.read_text(encoding="utf-8"))
    return {name: _linear((light, dark)[THEMES.index(theme)]) for name, light, dark in pairs}


def _linear(digits: str) -> Vector:
    full = digits if len(digits) == 6 else "".join(2 * digit for digit in digits)
    parts = [int(full[k : k + 2], 16) / 255 for k in (0, 2, 4)]
    return tuple(c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)


def _times(rows: tuple[Vector, ...], vector: Vector) -> Vector:
    return tuple(sum(a * b for a, b in zip(row, vector, strict=True)) for row in rows)


def contrast(one: Vector, other: Vector) -> float:
    """As WCAG 2 has it."""
    low, high = sorted(_times(((0.2126, 0.7152, 0.0722),), each)[0] for each in (one, other))
    return (high + 0.05) / (low + 0.05)


def distance(one: Vector, other: Vector, who: str) -> float:
    """Between two colours as somebody sees them, in hundredths of OKLab."""
    seen = [_times(SEEN_BY[who], each) for each in (one, other)]
    roots = [tuple(c ** (1 / 3) for c in _times(CONES, tuple(min(1, max(0, c)) for c in each))) for each in seen]
    a, b = (_times(LAB, each) for each in roots)
    return float(100 * sum((x - y) ** 2 for x, y in zip(a, b, strict=True)) ** 0.5)


@pytest.mark.parametrize("theme", THEMES)
def test_text_and_marks_stand_out_from_what_is_behind_them(theme: str) -> None:
    """4.5 for text, 3 for what is drawn (WCAG 1.4.3, 1.4.11). Red with a paler green, #58b095."""
    colours = palette(theme)
    for names, places, least in ((TEXTS, ("bg", "card"), 4.5), (MARKS, ("card",), 3.0)):
        for name, place in product(names, places):
            assert contrast(colours[name], colours[place]) >= least, (name, place)


@pytest.mark.parametrize(("theme", "who"), list(product(THEMES, SEEN_BY)))
def test_no_two_states_look_alike_to_anybody(theme: str, who: str) -> None:
    """To the colour-blind either: 9 is what the least pair has. Red with an amber nearer to the orange, #c05a10."""
    colours = palette(theme)
    for one, other in combinations(STATES, 2):
        assert distance(colours[one], colours[other], who) >= 9, (one, other)
