"""What a person sees of a local run: a live table in a terminal, plain lines anywhere else."""

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol, TextIO

from vantage.store.glance import Cell
from vantage.store.sheet import Counts, TickSheet


@dataclass(frozen=True, slots=True)
class Glance:
    """What there is to see at a moment."""

    cells: Sequence[Cell]
    ticks: Sequence[TickSheet]


@dataclass(slots=True)
class PlainLines:
    """A line for each change of a monitor, and one for each tick whose checks have all ended."""

    out: TextIO
    _statuses: dict[tuple[str, str], str | None] = field(default_factory=dict)
    _told: set[datetime] = field(default_factory=set)

    def say(self, line: str) -> None:
        """Print a line."""
        print(line, file=self.out, flush=True)

    def show(self, glance: Glance) -> None:
        """Print what has changed since the last glance."""
        for cell in glance.cells:
            key = (cell.slug, cell.region)
            if self._statuses.get(key) != cell.status:
                self.say(f"{clock(cell.since)} {cell.name}: {in_words(cell)} in {cell.region}")
            self._statuses[key] = cell.status
        for sheet in reversed(glance.ticks):
            if sheet.tick not in self._told and (sheet.is_accounted_for or sheet.closed):
                self._told.add(sheet.tick)
                self.say(f"{clock(sheet.tick)} tick: {sheet_in_words(sheet.regions.items())}")

    def close(self) -> None:
        """Nothing to tidy up."""


class View(Protocol):
    """How a person is told."""

    def say(self, line: str) -> None:
        """Print a line."""

    def show(self, glance: Glance) -> None:
        """Show how things are now."""

    def close(self) -> None:
        """End the show."""


def view(*, as_json: bool) -> View:
    """A live table where standard output is a terminal, else lines; with --json the lines go to standard error."""
    if as_json:
        return PlainLines(sys.stderr)
    if not sys.stdout.isatty():
        return PlainLines(sys.stdout)
    from local.table import LiveTable

    return LiveTable(sys.stdout)


def in_words(cell: Cell) -> str:
    """Such as `down (status 503)` or `up in 12 ms`."""
    if cell.status is None:
        return "no result yet"
    if cell.reason is None:
        return f"{cell.status} in {_latency(cell)}" if cell.latency_ms is not None else cell.status
    why = f"{cell.reason} {cell.http_status}" if cell.reason == "status" else cell.reason
    return f"{cell.status} ({why})"


def sheet_in_words(regions: Iterable[tuple[str, Counts]]) -> str:
    """Such as `USA 13 of 13 stored, INDIA 12 of 13 stored (1 expired)`."""
    return ", ".join(f"{region} {counts_in_words(counts)}" for region, counts in regions)


def counts_in_words(counts: Counts) -> str:
    """Such as `12 of 13 stored (1 expired)`."""
    others = [f"{counts.as_dict()[name]} {name}" for name in ("expired", "skipped", "dead") if counts.as_dict()[name]]
    others += [f"{counts.lost} lost"] if counts.lost else []
    return f"{counts.stored} of {counts.scheduled} stored" + (f" ({', '.join(others)})" if others else "")


def _latency(cell: Cell) -> str:
    ms = cell.latency_ms or 0.0
    return f"{ms / 1000:.1f} s" if ms >= 1000 else f"{ms:.0f} ms"


def clock(at: datetime | None) -> str:
    """A time of day here."""
    return at.astimezone().strftime("%H:%M:%S") if at else "--:--:--"
