"""What a person sees of a local run: a live table in a terminal, plain lines anywhere else."""

import sys
from collections.abc import Sequence
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
                self.say(f"{clock(cell.since)} {cell.name}: {in_words(cell)} from {cell.region}")
            self._statuses[key] = cell.status
        for sheet in reversed(glance.ticks):
            if sheet.tick not in self._told and (sheet.is_accounted_for or sheet.closed):
                self._told.add(sheet.tick)
                parts = [f"{region} {counts_in_words(counts)}" for region, counts in sheet.regions.items()]
                self.say(f"{clock(sheet.tick)} tick, stored: {'; '.join(parts)}")

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
    """Such as `up 12 ms`, `down 503` or `down timeout`."""
    if cell.status is None:
        return "no result yet"
    if cell.reason is not None:
        return f"{cell.status} {cell.http_status if cell.reason == 'status' else cell.reason}"
    if cell.latency_ms is None:
        return cell.status
    return (
        f"{cell.status} {cell.latency_ms / 1000:.1f} s"
        if cell.latency_ms >= 1000
        else f"{cell.status} {cell.latency_ms:.0f} ms"
    )


def since(cell: Cell) -> str:
    """The time of day, or the day where that is another one."""
    if cell.since is None:
        return ""
    at, now = cell.since.astimezone(), datetime.now().astimezone()
    return at.strftime("%H:%M" if at.date() == now.date() else "%d %b")


def counts_in_words(counts: Counts, *, closed: bool = True) -> str:
    """Such as `12 of 13, 1 expired`; what is missing is lost only when the books are closed."""
    named = counts.as_dict()
    shown = ("expired", "skipped", "dead", *(("lost",) if closed else ()))
    return ", ".join(
        [f"{counts.stored} of {counts.scheduled}", *(f"{named[name]} {name}" for name in shown if named[name])]
    )


def tick_in_words(sheet: TickSheet, region: str) -> str:
    """A region's part of a tick."""
    counts = sheet.regions.get(region)
    if counts is None or not (sheet.complete or sheet.closed or counts.scheduled):
        return "-"
    return counts_in_words(counts, closed=sheet.closed)


def clock(at: datetime | None) -> str:
    """A time of day here."""
    return at.astimezone().strftime("%H:%M:%S") if at else "--:--:--"
