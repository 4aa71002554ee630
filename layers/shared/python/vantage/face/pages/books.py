"""The sheet of the last ticks, as the template places it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from vantage.face.pages.hour import PATIENCE_S
from vantage.monitor import Region
from vantage.store.sheet import TickSheet
from vantage.view.numbers import NOTHING, counted, region_name


@dataclass(frozen=True, slots=True)
class Cell:
    """A region's part of a tick; `rest` names what is not 0, `whole` says that nothing is lost."""

    stored: str
    of: str = ""
    rest: str = ""
    whole: bool = True


@dataclass(frozen=True, slots=True)
class Line:
    """A tick, and what it is called while it has not ended."""

    at: str
    note: str
    cells: Sequence[Cell]


@dataclass(frozen=True, slots=True)
class Books:
    """The sheet with its heading and its regions' names."""

    title: str
    lead: str
    regions: Sequence[str]
    lines: Sequence[Line]


def books(ticks: Sequence[TickSheet], now: datetime) -> Books:
    """These ticks, newest first; what is still to come in one that goes on is no difference."""
    regions = list(dict.fromkeys(region for tick in ticks for region in tick.regions))
    ended = [tick for tick in ticks if _has_ended(tick)]
    lost = sum(counts.lost for tick in ended for counts in tick.regions.values())
    missed = sum(c.expired + c.skipped + c.dead for tick in ended for c in tick.regions.values())
    return Books(
        "The books balance" if not lost else "The books do not balance",
        _lead(len(ended), lost, missed),
        [region_name(region) for region in regions],
        [
            Line(f"{tick.tick.astimezone(UTC):%H:%M}", _note(tick, now), [_cell(tick, r) for r in regions])
            for tick in ticks
        ],
    )


def _has_ended(tick: TickSheet) -> bool:
    return tick.closed or tick.is_accounted_for


def _lead(ticks: int, lost: int, missed: int) -> str:
    if not ticks:
        return "No minute has ended yet."
    of = f"the last {counted(ticks)} minutes" if ticks > 1 else "the last minute"
    if lost:
        return f"Of the checks scheduled in {of} {abs(lost):,} {'are missing' if lost > 0 else 'came twice'}."
    ended = "has its result" if not missed else f"is accounted for, {missed:,} of them without a result"
    return f"Every check scheduled in {of} {ended}."


def _note(tick: TickSheet, now: datetime) -> str:
    if _has_ended(tick):
        return ""
    return "under way" if (now - tick.tick).total_seconds() < PATIENCE_S else "open"


def _cell(tick: TickSheet, region: Region) -> Cell:
    counts = tick.regions.get(region)
    if counts is None:
        return Cell(NOTHING)
    named = counts.as_dict()
    last = "lost" if _has_ended(tick) else "to come"
    parts = [f"{named[name]:,} {name}" for name in ("expired", "skipped", "dead") if named[name]]
    parts += [f"{counts.lost:,} {last}"] if counts.lost else []
    return Cell(f"{counts.stored:,}", f"of {counts.scheduled:,}", ", ".join(parts), last != "lost" or not counts.lost)
