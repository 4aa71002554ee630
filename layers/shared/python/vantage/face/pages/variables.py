"""The status page's variables."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from vantage.face.pages import bar_shapes, drawing
from vantage.face.pages.audience import EVERYBODY, Audience
from vantage.face.pages.board import Board, Hours, Seen
from vantage.face.pages.cards import Card, Line, card, line, line_columns, mark
from vantage.face.pages.drawing import UNSEEN, UP
from vantage.face.pages.paging import cut, room
from vantage.face.pages.past import SPANS, Past
from vantage.face.pages.pictures import Look
from vantage.face.pages.troubles import incident, window
from vantage.monitor import Region
from vantage.store.looks import HOUR
from vantage.store.status import WINDOW
from vantage.store.troubles import Trouble, Work
from vantage.view.numbers import clock, counted, month_day, region_name, span

RICH_LANES = 30
"""So many lanes of regions may all have cards, and of more monitors the worst."""
RICH_LANES_OF_MANY = 18
INCIDENT_DAYS = 14
INCIDENTS = 10
JUMP_FROM = 8
JUMP_BY_NAME_UP_TO = 60
Link = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Around:
    """What a page tells beside how its monitors stand."""

    span: str
    troubles: Sequence[Trouble] = ()
    work: Sequence[Work] = ()
    groups: Sequence[str] = ()
    """Groups in the order in which they are wanted."""
    to: Audience = EVERYBODY
    page: int = 1
    """Which one of several, where one would be too large."""
    logo: str | None = None


def variables(board: Board, look: Look, around: Around) -> dict[str, Any]:
    """All that the status page says; of many monitors the worst few as cards, the others as lines."""
    rich, rest = split(board.seen)
    cards, told = [card(one, board, look) for one in rich], board.headline
    incidents, more = around.troubles[:INCIDENTS], len(around.troubles) > INCIDENTS
    groups = _by_group([line(one, board, look) for one in rest], around.groups)
    first, further = room(cards, told=len(incidents) + len(around.work), logo=around.logo)
    parts = cut([one for _, lines in groups for one in lines], first, further)
    number = min(around.page, len(parts))
    is_first, shown = number == 1, parts[number - 1]
    sections = _sections(groups, shown, has_cards=bool(rich))
    return {
        "title": told.title,
        "description": f"{told.title}. {told.name} {told.lead}",
        "watch": around.to.watch,
        "headline": told,
        "eyes": drawing.eyes(_eyes(board)),
        "is_down": bool(board.seen) and board.seen[0].case.kind == "site_down",
        "as_of": instant(board.now),
        "regions": [(region_name(region), heard(board, region)) for region in board.snapshot.regions],
        "lanes_of": ", ".join(region_name(region) for region in board.snapshot.regions),
        "spans": [(name, f"{around.to.status}?last={key}", key == around.span) for key, name in SPANS.items()],
        "look": look_words(look, board.now),
        "bases": bases(look, board.seen),
        "groups": _groups(cards, around.groups) if is_first else [],
        "sections": sections,
        "columns": line_columns(board, look),
        "drawings": {drawn: k for k, drawn in enumerate(dict.fromkeys(one.head.picture for one in shown))},
        "jumps": _jumps(rich, groups, _addresses(around, parts, number)),
        "pages": _pages(around, parts, number),
        "windows": [window(one, board.now) for one in around.work] if is_first else [],
        "incidents": [incident(one, board.snapshot.regions, board.now) for one in incidents] if is_first else [],
        "more_incidents": more,
        "incident_days": INCIDENT_DAYS,
    }


def instant(at: datetime) -> str:
    """Such as `24 Nov 2026, 07:04:12 UTC`."""
    return f"{at.day} {at:%b %Y, %H:%M:%S} UTC"


def split(seen: Sequence[Seen]) -> tuple[Sequence[Seen], Sequence[Seen]]:
    """Those with a card of their own, and those with a line."""
    lanes = max([3, *(len(one.regions) for one in seen)])
    if len(seen) <= RICH_LANES // lanes:
        return seen, []
    rich = [one for one in seen if one.case.kind not in ("up", "paused")][: RICH_LANES_OF_MANY // lanes]
    return rich, [one for one in seen if not any(one is other for other in rich)]


def bases(look: Look, seen: Iterable[Seen]) -> dict[int, str]:
    """Every bar up, for each number of lanes that there is."""
    if isinstance(look, Hours):
        return {}
    return {count: bar_shapes.all_up(look.axis.count, count) for count in sorted({len(one.regions) for one in seen})}


def look_words(look: Look, now: datetime) -> dict[str, Any]:
    """What the lanes are of, in words."""
    if isinstance(look, Past):
        return _bars_words(look)
    start = look.axis.time(0)
    return {
        "bars": False,
        "width": 60,
        "name": "60 minutes",
        "events": "the hour",
        "key": "A bar is one check, the lanes are the last 60 minutes",
        "axis": (clock(start, now), clock(start + WINDOW / 2, now), "now"),
    }


def _bars_words(past: Past) -> dict[str, Any]:
    first = past.axis.first
    if past.axis.unit == HOUR:
        return {
            "bars": True, "width": 24, "name": "24 hours", "events": "the hours",
            "key": "A bar is one hour; a taller foot: longer in that hour",
            "axis": (f"{first:%H:%M}", f"{past.axis.begin(past.axis.count // 2):%H:%M}", "now"),
        }  # fmt: skip
    return {
        "bars": True, "width": 90, "name": "90 days", "events": "eventful days",
        "key": "A bar is one day; a taller foot: longer that day", "axis": (month_day(first), "today"),
    }  # fmt: skip


def _eyes(board: Board) -> list[str]:
    """How the regions see the monitor that the headline tells of; else, whether they are heard."""
    worst = board.seen[0].case if board.seen else None
    if worst is not None and worst.kind in ("site_down", "regional", "slow", "certificate", "no_data"):
        marks = {sight.region: mark(sight, worst.verdict) for sight in worst.sights}
        return [marks.get(region, UP) for region in board.snapshot.regions]
    talking = {sight.region for one in board.seen for sight in one.case.sights if sight.votes}
    return [UP if region in talking else UNSEEN for region in board.snapshot.regions]


def heard(board: Board, region: Region) -> str:
    """When a region reported last."""
    if region not in board.heard:
        return "not heard from yet"
    ago = span((board.now - board.heard[region]).total_seconds())
    return f"silent for {ago}" if region in board.silent else f"reported {ago} ago"


def _ordered(names: Iterable[str], wanted: Sequence[str]) -> list[str]:
    """Groups as they are wanted, then those of the worst monitors first."""
    found = list(dict.fromkeys(names))
    return sorted(found, key=lambda name: wanted.index(name) if name in wanted else len(wanted))


def _groups(cards: Sequence[Card], wanted: Sequence[str]) -> list[tuple[str, list[Card]]]:
    """Cards by group; one group needs no heading."""
    groups: dict[str, list[Card]] = {}
    for one in cards:
        groups.setdefault(one.head.group, []).append(one)
    return [((name or "Others") if len(groups) > 1 else "", groups[name]) for name in _ordered(groups, wanted)]


def _by_group(lines: Sequence[Line], wanted: Sequence[str]) -> list[tuple[str, list[Line]]]:
    """Lines by group, and what is not plainly up first in each."""
    groups: dict[str, list[Line]] = {}
    for one in sorted(lines, key=lambda one: one.head.plain):
        groups.setdefault(one.head.group, []).append(one)
    return [(name, groups[name]) for name in _ordered(groups, wanted)]


def _sections(groups: Sequence[tuple[str, Sequence[Line]]], shown: Sequence[Line], *,
              has_cards: bool) -> list[tuple[str, list[Line]]]:  # fmt: skip
    """Those of the groups' lines that are on this page, under their headings."""
    here = {id(one) for one in shown}
    found = [(name, lines, [one for one in lines if id(one) in here]) for name, lines in groups]
    only = ("The others" if has_cards else "Monitors") if len(groups) == 1 else ""
    return [(only or _heading(name, len(part), len(lines)), part) for name, lines, part in found if part]


def _heading(name: str, shown: int, count: int) -> str:
    part = counted(count) if shown == count else f"{counted(shown)} of {counted(count)}"
    return f"{name or 'Others'}: {part}"


def _page_path(around: Around, number: int) -> str:
    return f"{around.to.status}?last={around.span}" + (f"&page={number}" if number > 1 else "")


def _addresses(around: Around, parts: Sequence[Sequence[Line]], number: int) -> dict[str, str]:
    """Which page a monitor's line is on, by slug; those on this one have none."""
    others = [(k, part) for k, part in enumerate(parts, 1) if k != number]
    away = {one.head.slug: _page_path(around, k) for k, part in others for one in part}
    return away if number == 1 else {"": _page_path(around, 1), **away}


def _pages(around: Around, parts: Sequence[Sequence[Line]], number: int) -> list[tuple[str, str, bool]]:
    """Links to the parts, by which lines each has; none where there is one."""
    links, first = [], 1
    for k, part in enumerate(parts, 1):
        last = first + len(part) - 1
        name = f"{first} to {last}" if part else "The worst"
        links.append((name, _page_path(around, k), k == number))
        first = last + 1
    return links if len(links) > 1 else []


def _jumps(rich: Sequence[Seen], groups: Sequence[tuple[str, Sequence[Line]]],
           away: Mapping[str, str]) -> list[tuple[str, list[Link]]]:  # fmt: skip
    """Where a name stands on a long page: every name while they are few, else where a letter begins in a group."""
    count = len(rich) + sum(len(lines) for _, lines in groups)
    if count < JUMP_FROM:
        return []

    def links(names: Iterable[tuple[str, str]], page: str | None = None) -> list[Link]:
        return [(f"{away.get(slug, '') if page is None else page}#m-{slug}", name) for slug, name in names]

    cards = [(one.monitor.slug, one.monitor.name) for one in rich]
    jumps = [("", links(cards, away.get("", "")))] if rich else []
    for name, lines in groups:
        names = [(one.head.slug, one.head.name) for one in lines]
        if count > JUMP_BY_NAME_UP_TO:
            plain = [(one.head.slug, one.head.name[:1].upper()) for one in lines if one.head.plain]
            names = list({letter: (slug, letter) for slug, letter in reversed(plain)}.values())[::-1]
        heading = _heading(name, len(lines), len(lines)) if len(groups) > 1 else ""
        jumps.append((heading, links(names)))
    return jumps
