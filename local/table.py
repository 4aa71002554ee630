"""The live table of a terminal: monitor x region, and below it the sheet of the last ticks."""

from collections.abc import Sequence
from typing import TextIO

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from local.terminal import Glance, clock, counts_in_words, in_words
from vantage.store.glance import Cell
from vantage.store.sheet import Counts, TickSheet

TICKS_SHOWN = 4
STYLES = {"up": "green", "degraded": "yellow", "down": "bold red", "refused": "magenta"}


class LiveTable:
    """A table that stays in its place; lines that are said scroll above it."""

    def __init__(self, out: TextIO) -> None:
        self._console = Console(file=out, highlight=False)
        self._live = Live(console=self._console, auto_refresh=False, vertical_overflow="visible")
        self._started = False

    def say(self, line: str) -> None:
        """Print a line above the table."""
        self._console.print(line, markup=False, soft_wrap=True)

    def show(self, glance: Glance) -> None:
        """Draw the table anew."""
        if not self._started:
            self._live.start()
            self._started = True
        self._live.update(_drawing(glance), refresh=True)

    def close(self) -> None:
        """Leave the last table as it is and give the terminal back."""
        if self._started:
            self._live.stop()


def _drawing(glance: Glance) -> RenderableType:
    return Group(_monitors(glance.cells), _ticks(glance.ticks))


def _monitors(cells: Sequence[Cell]) -> RenderableType:
    regions = list(dict.fromkeys(cell.region for cell in cells))
    table = Table("Monitor", *regions, box=None, pad_edge=False, header_style="bold")
    for slug in dict.fromkeys(cell.slug for cell in cells):
        row = {cell.region: cell for cell in cells if cell.slug == slug}
        texts = [_cell(row[region]) if region in row else Text("-", "dim") for region in regions]
        table.add_row(Text(next(iter(row.values())).name), *texts)
    return table


def _cell(cell: Cell) -> Text:
    if cell.status is None:
        return Text("…", "dim")
    text = Text(in_words(cell), STYLES.get(cell.status, ""))
    return text.append(f" since {clock(cell.since)}", "dim")


def _ticks(ticks: Sequence[TickSheet]) -> RenderableType:
    regions = sorted({region for sheet in ticks for region in sheet.regions})
    table = Table("Tick", *regions, box=None, pad_edge=False, header_style="bold")
    for sheet in ticks[:TICKS_SHOWN]:
        style = "" if sheet.is_accounted_for or sheet.closed else "dim"
        texts = [Text(_tick(sheet, sheet.regions.get(region)), style) for region in regions]
        table.add_row(Text(clock(sheet.tick), style), *texts)
    return table


def _tick(sheet: TickSheet, counts: Counts | None) -> str:
    if counts is None:
        return "-"
    if sheet.closed or not counts.lost:
        return counts_in_words(counts)
    open_counts = Counts(counts.scheduled - counts.lost, counts.stored, counts.expired, counts.skipped, counts.dead)
    return (
        f"{counts_in_words(open_counts)}, {counts.lost} to come" if open_counts.scheduled else f"{counts.lost} to come"
    )
