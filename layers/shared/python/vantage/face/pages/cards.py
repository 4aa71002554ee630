"""The monitors as the template places them: every word, number and shape is made here, none there."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC
from itertools import groupby

from vantage.face.pages import drawing
from vantage.face.pages.board import Board, Seen, reason_of
from vantage.face.pages.drawing import DOWN, SITE_DOWN, SLOW, UNSEEN, UP
from vantage.face.pages.hour import PATIENCE_S
from vantage.monitor import Region
from vantage.store.status import LOOKED_BACK, WINDOW, Latest, Watched
from vantage.view.numbers import (
    NOTHING,
    capital,
    clock,
    duration,
    latency,
    names,
    percent,
    region_name,
    since_words,
    span,
)
from vantage.view.words import Sight, stopped_in

PHASES = {"dns_us": "DNS", "connect_us": "connect", "tls_us": "TLS", "first_byte_us": "first byte",
          "download_us": "download"}  # fmt: skip
EVENTS = {SLOW: "Slow from", DOWN: "Down from", SITE_DOWN: "Site down, seen from", UNSEEN: "Not observed from"}
EVENTS_SHOWN = 12
EVERY = {60: "minute", 3600: "hour", 86_400: "day"}
_COLOURS = {"site_down": SITE_DOWN, "regional": DOWN, "slow": SLOW, "up": UP, "partly": UP}
_MARKS = {"up": UP, "degraded": SLOW, "down": DOWN}
_STATES = {"up": "up", "degraded": "slow", "down": "down"}
_CODES = {UP: "up", SLOW: "slow", DOWN: "down", SITE_DOWN: "down as everywhere", UNSEEN: "not observed"}


Drawing = tuple[int, tuple[drawing.Shape, ...]]
"""The lanes of a monitor: how many, and their shapes."""


@dataclass(frozen=True, slots=True)
class Row:
    """A monitor in a region: how it is now, its newest check, its last hour."""

    region: str
    mark: str
    state: str
    since: str
    last: str
    how: str
    spark: str
    p50: str
    p95: str
    observed: str
    of: str


@dataclass(frozen=True, slots=True)
class PhaseRow:
    """The newest check of a region, phase by phase; a cell is a text and the letter of its colour."""

    region: str
    at: str
    cells: Sequence[tuple[str, str]]
    total: str


@dataclass(frozen=True, slots=True)
class Head:
    """What every monitor has, however little room there is."""

    slug: str
    name: str
    group: str
    colour: str
    verdict: str
    rest: str
    since: str
    plain: bool
    lanes: tuple[drawing.Shape, ...]
    height: int
    label: str


@dataclass(frozen=True, slots=True)
class Card:
    """A monitor with all that is known of it."""

    head: Head
    url: str | None
    every: str
    eyes: Sequence[drawing.Eye]
    is_down: bool
    rows: Sequence[Row]
    phases: Sequence[PhaseRow]
    events: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Line:
    """A monitor among many: one line, with each region's median latency; `drawing` is the number of its lanes."""

    head: Head
    drawing: int
    medians: Sequence[str]


def head(one: Seen, board: Board) -> Head:
    """The part that a card and a line share."""
    kind, words = one.case.kind, one.case.words
    timed = kind in ("site_down", "regional", "slow", "no_data")
    return Head(
        slug=one.monitor.slug,
        name=one.monitor.name,
        group=one.monitor.group or "",
        colour=_COLOURS.get(kind, UNSEEN),
        verdict=words.verdict,
        rest=words.rest,
        since=since_words(words.since, board.now, LOOKED_BACK) if timed else "",
        plain=kind == "up" and not words.rest,
        lanes=tuple(drawing.lanes(list(one.hour.codes.values()), one.hour.slots)),
        height=len(one.regions),
        label=_label(one),
    )


def card(one: Seen, board: Board) -> Card:
    """All of a monitor."""
    marks = [mark(sight, one.case.verdict) for sight in one.case.sights]
    series = [_by_slot(one, sight, board) for sight in one.case.sights]
    lines = drawing.sparks(series, [slot.minute for slot in one.hour.slots])
    return Card(
        head=head(one, board),
        url=one.monitor.url,
        every=EVERY.get(one.monitor.interval_s) or duration(one.monitor.interval_s),
        eyes=drawing.eyes(marks),
        is_down=one.case.kind == "site_down",
        rows=[_row(one, *each, board) for each in zip(one.case.sights, marks, lines, strict=True)],
        phases=[_phase_row(one, sight, board) for sight in one.case.sights],
        events=_events(one, board),
    )


def line(one: Seen, board: Board, drawings: dict[Drawing, int]) -> Line:
    """A monitor in one line; lanes that look the same are drawn once."""
    sights = {sight.region: sight for sight in one.case.sights}
    medians = [
        latency(drawing.median(_successes(one, sights[region], board)) if region in sights else None)
        for region in board.snapshot.regions
    ]
    top = head(one, board)
    return Line(top, drawings.setdefault((top.height, top.lanes), len(drawings)), medians)


def mark(sight: Sight, verdict: str) -> str:
    """How a region sees a monitor, as a letter: U, S, R (down here), D (down everywhere) or N."""
    if not sight.votes or sight.state is None:
        return UNSEEN
    return SITE_DOWN if verdict == "site_down" and sight.is_down else _MARKS[sight.state]


def _row(one: Seen, sight: Sight, letter: str, spark: str, board: Board) -> Row:
    latest, values = board.latest(one, sight.region), _successes(one, sight, board)
    observed, due = one.hour.observed[sight.region]
    last, how = _newest(one.monitor, latest)
    return Row(
        region=region_name(sight.region),
        mark=letter,
        state=_state(sight),
        since=_since(sight, latest, board),
        last=last,
        how=how,
        spark=spark,
        p50=latency(drawing.median(values)),
        p95=latency(drawing.nearest_rank(values, 0.95)),
        observed=percent(observed, due),
        of=f"{observed:,} of {due:,}" if due else "none due yet",
    )


def _state(sight: Sight) -> str:
    if sight.state is None:
        return "not confirmed" if sight.failed_last else "no result yet"
    return _STATES[sight.state] if sight.votes else "no data"


def _since(sight: Sight, latest: Latest | None, board: Board) -> str:
    if sight.state is None:
        return ""
    if not sight.votes:
        return f"since {clock(latest.checked_at, board.now)}" if latest else ""
    if sight.since is None:
        return f"for over {span((WINDOW if sight.state == 'up' else LOOKED_BACK).total_seconds())}"
    return f"since {clock(sight.since, board.now)}"


def _newest(monitor: Watched, latest: Latest | None) -> tuple[str, str]:
    """What the newest check took, or why it failed; and the phase that took most of it, or how long that took."""
    if latest is None:
        return NOTHING, ""
    if latest.status in ("down", "refused"):
        return capital(reason_of(monitor, latest)), f"after {latency(latest.total_us)}"
    spent = {name: getattr(latest.phases, name) or 0 for name in PHASES}
    name = max(spent, key=lambda phase: spent[phase])
    return latency(latest.total_us), f"{PHASES[name]} {latency(spent[name])}" if spent[name] else ""


def _successes(one: Seen, sight: Sight, board: Board) -> list[int]:
    """What the successful checks of the last hour took (µs), sorted."""
    rows, start_s = board.rows(one, sight.region), board.axis.start_s
    return sorted(
        total
        for at_s, status, total in zip(rows.at_s, rows.statuses, rows.total_us, strict=True)
        if at_s >= start_s and total is not None and status in ("up", "degraded")
    )


def _by_slot(one: Seen, sight: Sight, board: Board) -> list[int | None]:
    """What a successful check of each slot took (µs); None where none succeeded."""
    rows, start_s = board.rows(one, sight.region), board.axis.start_s
    taken = {
        (at_s - start_s) // 60: total
        for at_s, status, total in zip(rows.at_s, rows.statuses, rows.total_us, strict=True)
        if status in ("up", "degraded")
    }
    return [taken.get(slot.minute) for slot in one.hour.slots]


def _phase_row(one: Seen, sight: Sight, board: Board) -> PhaseRow:
    latest, name = board.latest(one, sight.region), region_name(sight.region)
    if latest is None:
        return PhaseRow(name, NOTHING, [(NOTHING, UNSEEN)] * len(PHASES), NOTHING)
    at = f"{latest.checked_at.astimezone(UTC):%H:%M:%S}"
    return PhaseRow(name, at, _phase_cells(latest, one.monitor.secure), latency(latest.total_us))


def _phase_cells(latest: Latest, secure: bool) -> list[tuple[str, str]]:
    """What each phase took, what a kept connection did not need, and where a check without an answer stopped."""
    spent = {name: getattr(latest.phases, name) for name in PHASES}
    longest = max((us for us in spent.values() if us is not None), default=None)
    stopped = None
    if latest.status == "down" and latest.http_status is None:
        stopped = stopped_in(latest.phases, latest.reason, secure=secure, reused=latest.reused)
    cells, reached = [], True
    for name, us in spent.items():
        if us is not None:
            cells.append((latency(us), "I" if us == longest else ""))
        elif name == stopped:
            cells.append(("not passed", DOWN))
            reached = False
        elif latest.reused and name in ("dns_us", "connect_us", "tls_us"):
            cells.append(("kept", UNSEEN))
        else:
            cells.append((NOTHING if reached else "not reached", UNSEEN))
    return cells


def _events(one: Seen, board: Board) -> list[tuple[str, str]]:
    """The last hour in words, the newest first: from when to when, what was not up, and from where."""
    found: dict[tuple[int, int, str], list[Region]] = {}
    for region, lane in one.hour.codes.items():
        first = 0
        for code, group in groupby(lane):
            last = first + len(list(group)) - 1
            if code in EVENTS:
                found.setdefault((first, last, code), []).append(region)
            first = last + 1
    newest = sorted(found.items(), key=lambda event: -event[0][0])[:EVENTS_SHOWN]
    return [
        (_when(one, first, last, board), f"{EVENTS[code]} {names(regions)}") for (first, last, code), regions in newest
    ]


def _when(one: Seen, first: int, last: int, board: Board) -> str:
    begin = board.axis.time(max(0, one.hour.slots[first].minute))
    end = board.axis.time(one.hour.slots[last].minute + one.hour.slots[last].width)
    lasts = (board.now - end).total_seconds() < PATIENCE_S - 60
    return f"{clock(begin, board.now)} to {'now' if lasts else clock(end, board.now)}"


def _label(one: Seen) -> str:
    """The lanes as a sentence, which says as little as there is to say."""
    told = {region: [f"{lane.count(code)} {word}" for code, word in _CODES.items() if code in lane]
            for region, lane in one.hour.codes.items()}  # fmt: skip
    if all(set(lane) <= {UP, " "} for lane in one.hour.codes.values()):
        return "All up"
    return "; ".join(f"{region_name(region)} {', '.join(counts) or 'no check yet'}" for region, counts in told.items())
