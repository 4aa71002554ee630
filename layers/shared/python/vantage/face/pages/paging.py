"""The status page in parts: as many monitors as keep it small, and the others on further pages."""

from collections.abc import Sequence
from functools import lru_cache

from markupsafe import escape

from vantage.face.pages.cards import Card, Line
from vantage.face.pages.drawing import Picture

MOST_BYTES = 98_000
SHELL_BYTES = 22_500
"""Style, script, key and what stands around; the rest is weighed, a little too heavy rather than too light."""


def room(cards: Sequence[Card], *, told: int, logo: str | None) -> tuple[int, int]:
    """How many bytes the lines of the first page may have, and those of each further one.

    `told` is how many incidents and announcements there are.
    """
    further = MOST_BYTES - SHELL_BYTES - len(logo or "")
    return further - sum(map(card_bytes, cards)) - 750 * told, further


def cut(lines: Sequence[Line], first: int, further: int) -> list[list[Line]]:
    """Lines in their order, page by page; lanes that look the same weigh once, and no page but the first is empty."""
    pages: list[list[Line]] = [[]]
    left, drawn = first, set[Picture]()
    for one in lines:
        weight = line_bytes(one) + (0 if one.head.picture in drawn else picture_bytes(one.head.picture))
        if weight > left and (pages[-1] or len(pages) == 1):
            pages.append([])
            left, drawn = further, set()
            weight = line_bytes(one) + picture_bytes(one.head.picture)
        pages[-1].append(one)
        left -= weight
        drawn.add(one.head.picture)
    return pages


def card_bytes(one: Card) -> int:
    """What a card takes, nearly."""
    names = 10 * _bytes(one.head.name) + 5 * len(one.head.slug) + len(one.url or "")
    sparks = sum(len(row.spark) + len(row.band) for row in one.rows)
    return 1_700 + 950 * len(one.rows) + sparks + names + picture_bytes(one.head.picture) + 110 * len(one.events)


def line_bytes(one: Line) -> int:
    """What a line takes without its lanes."""
    words = 0 if one.head.plain else 60 + _bytes(one.head.verdict + one.head.rest + one.head.since)
    cells = sum(4 + len(value.encode()) + (15 + len(small.encode()) if small else 0) for value, small in one.cells)
    private = 24 if one.head.private else 0
    return 114 + 2 * len(one.head.slug) + _bytes(one.head.name) + private + words + cells


@lru_cache(maxsize=4_096)
def picture_bytes(one: Picture) -> int:
    """What lanes take where they are drawn."""
    return 72 + len(one.label) + sum(24 + len(shape.path) for shape in one.shapes)


def _bytes(text: str) -> int:
    return len(escape(text).encode())
