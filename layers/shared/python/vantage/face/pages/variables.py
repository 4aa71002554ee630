"""The template's variables."""

from collections.abc import Sequence
from typing import Any

from vantage.face.pages import drawing
from vantage.face.pages.board import Board, Seen
from vantage.face.pages.books import books
from vantage.face.pages.cards import Card, Drawing, card, line, mark
from vantage.face.pages.drawing import UNSEEN, UP
from vantage.monitor import Region
from vantage.store.status import WINDOW
from vantage.view.numbers import clock, joined, region_name, span

RICH_UP_TO = 24
RICH_OF_MANY = 6


def variables(board: Board) -> dict[str, Any]:
    """All that the page says; of many monitors the worst few as cards, the others as lines."""
    rich, rest = _split(board.seen)
    start = board.axis.time(0)
    drawings: dict[Drawing, int] = {}
    return {
        "headline": board.headline,
        "eyes": drawing.eyes(_eyes(board)),
        "is_down": bool(board.seen) and board.seen[0].case.kind == "site_down",
        "as_of": f"{board.now.day} {board.now:%b %Y, %H:%M:%S} UTC",
        "regions": [(region_name(region), _heard(board, region)) for region in board.snapshot.regions],
        "from_where": joined([region_name(region) for region in board.snapshot.regions]),
        "axis": (clock(start, board.now), clock(start + WINDOW / 2, board.now)),
        "groups": _groups([card(one, board) for one in rich]),
        "lines": [line(one, board, drawings) for one in rest],
        "drawings": drawings,
        "books": books(board.ticks, board.now),
    }


def _split(seen: Sequence[Seen]) -> tuple[Sequence[Seen], Sequence[Seen]]:
    if len(seen) <= RICH_UP_TO:
        return seen, []
    rich = [one for one in seen if one.case.kind not in ("up", "paused")][:RICH_OF_MANY]
    return rich, [one for one in seen if not any(one is other for other in rich)]


def _eyes(board: Board) -> list[str]:
    """How the regions see the monitor that the headline tells of; else, whether they are heard."""
    worst = board.seen[0].case if board.seen else None
    if worst is not None and worst.kind in ("site_down", "regional", "slow", "no_data"):
        marks = {sight.region: mark(sight, worst.verdict) for sight in worst.sights}
        return [marks.get(region, UP) for region in board.snapshot.regions]
    talking = {sight.region for one in board.seen for sight in one.case.sights if sight.votes}
    return [UP if region in talking else UNSEEN for region in board.snapshot.regions]


def _heard(board: Board, region: Region) -> str:
    if region not in board.heard:
        return "not heard from yet"
    ago = span((board.now - board.heard[region]).total_seconds())
    return f"silent for {ago}" if region in board.silent else f"reported {ago} ago"


def _groups(cards: Sequence[Card]) -> list[tuple[str, list[Card]]]:
    """Cards by group, the group of the worst one first, those without a group last; one group needs no heading."""
    groups: dict[str, list[Card]] = {}
    for one in cards:
        groups.setdefault(one.head.group, []).append(one)
    ordered = sorted(groups.items(), key=lambda item: not item[0])
    return [((name or "Others") if len(groups) > 1 else "", found) for name, found in ordered]
