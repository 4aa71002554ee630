"""The live table of a terminal: monitor x region, and below it the sheet of the last ticks."""

from collections.abc import Sequence
from typing import TextIO

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from local.terminal import Glance, clock, in_words, since, tick_in_words
from vantage.store.glance import Cell
from vantage.store.sheet import TickSheet

MONITORS_SHOWN = 25
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
        self._live.update(drawing(glance), refresh=True)

    def close(self) -> None:
        """Leave the last table as it is and give the terminal back."""
        if self._started:
            self._live.stop()


def drawing(glance: Glance) -> RenderableType:
    """The table, and below it the sheet."""
    return Group("", _monitors(glance.cells), "", _ticks(glance.ticks))


def _monitors(cells: Sequence[Cell]) -> RenderableType:
    regions = list(dict.fromkeys(cell.region for cell in cells))
    table = _table("Monitor", [f"{region}, since" for region in regions])
    rows: dict[str, dict[str, Cell]] = {}
    for cell in cells:
        rows.setdefault(cell.slug, {})[cell.region] = cell
    for row in list(rows.values())[:MONITORS_SHOWN]:
        texts = [_cell(row[region]) if region in row else Text("-", "dim") for region in regions]
        table.add_row(Text(next(iter(row.values())).name), *texts)
    if (others := len(rows) - MONITORS_SHOWN) > 0:
        table.add_row(Text(f"… and {others} more, on the page", "dim"))
    return table


def _cell(cell: Cell) -> Text:
    if cell.status is None:
        return Text("…", "dim")
    text = Text(in_words(cell), STYLES.get(cell.status, ""))
    return text.append(f" {since(cell)}", "dim not bold white")


def _ticks(ticks: Sequence[TickSheet]) -> RenderableType:
    regions = list(dict.fromkeys(region for sheet in ticks for region in sheet.regions))
    table = _table("Tick", [f"{region}, stored" for region in regions])
    for sheet in ticks[:TICKS_SHOWN]:
        texts = [tick_in_words(sheet, region) for region in regions]
        style = "" if sheet.is_accounted_for or sheet.closed else "dim"
        table.add_row(*(Text(text, style) for text in (clock(sheet.tick), *texts)))
    return table


def _table(first: str, others: Sequence[str]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for head in (first, *others):
        table.add_column(head, no_wrap=True, overflow="ellipsis")
    return table
