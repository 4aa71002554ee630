"""What a person sees of a local run."""

import io
from datetime import UTC, datetime, timedelta

from rich.console import Console

from local.table import LiveTable, drawing
from local.terminal import Glance, PlainLines, clock, in_words
from vantage.store.glance import Cell
from vantage.store.sheet import Counts, TickSheet

TICK = datetime(2026, 11, 24, 8, 41, tzinfo=UTC)


def cell(status: str | None = "up", region: str = "USA", **more: object) -> Cell:
    """A monitor in a region."""
    given: dict[str, object] = {
        "reason": None,
        "http_status": 200,
        "latency_ms": 12.4,
        "checked_at": TICK,
        "since": TICK,
        **more,
    }
    return Cell(1, "shop", "Shop", region, status, **given)  # type: ignore[arg-type]  # as the keys say


def sheet(stored: int, *, closed: bool = False, complete: bool = True) -> TickSheet:
    """A tick of 13 checks in one region."""
    return TickSheet(TICK, complete, closed, {"USA": Counts(13, stored)})


def test_a_status_is_said_in_words() -> None:
    """With the latency, or with the reason where it is not plainly up."""
    assert in_words(cell()) == "up 12 ms"
    assert in_words(cell(latency_ms=1234.0)) == "up 1.2 s"
    assert in_words(cell("down", reason="status", http_status=503)) == "down 503"
    assert in_words(cell("down", reason="timeout", http_status=None)) == "down timeout"
    assert in_words(cell(None)) == "no result yet"


def test_a_line_for_each_change_and_each_tick_that_is_done() -> None:
    """Nothing is said twice, and a tick not before its last check; red when `_statuses` was not kept."""
    out = io.StringIO()
    lines = PlainLines(out)
    lines.show(Glance([cell()], [sheet(12)]))
    lines.show(Glance([cell()], [sheet(13)]))
    lines.show(Glance([cell("down", reason="tls")], [sheet(13)]))
    assert out.getvalue().splitlines() == [
        f"{clock(TICK)} Shop: up 12 ms from USA",
        f"{clock(TICK)} tick, stored: USA 13 of 13",
        f"{clock(TICK)} Shop: down tls from USA",
    ]


def test_the_table_has_a_column_for_each_region_and_the_sheet_below() -> None:
    """A check still to come is not called lost before its tick is closed."""
    console = Console(file=io.StringIO(), width=100)
    yesterday = TICK - timedelta(days=400)
    console.print(drawing(Glance([cell(), cell("down", "INDIA", reason="dns", since=yesterday)], [sheet(12)])))
    console.print(drawing(Glance([], [sheet(12, closed=True)])))
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()
    assert "USA, since" in text
    assert "up 12 ms" in text
    assert f"down dns {yesterday.astimezone():%d %b}" in text
    open_books, closed_books = text.split("Tick")[1:]
    assert "12 of 13" in open_books
    assert "lost" not in open_books
    assert "12 of 13, 1 lost" in closed_books


def test_the_table_stays_narrow_on_eighty_columns() -> None:
    """Long names are cut, lines are not wrapped."""
    console = Console(file=io.StringIO(), width=80)
    cells = [cell(region=region, reason="timeout") for region in ("USA", "INDIA", "EU")]
    console.print(drawing(Glance(cells, [sheet(13)])))
    assert isinstance(console.file, io.StringIO)
    lines = console.file.getvalue().splitlines()
    assert all(len(line) <= 80 for line in lines)
    assert len([line for line in lines if line.strip()]) == 4


def test_lines_scroll_above_the_table() -> None:
    """What is said before and during it is printed, markup and all."""
    out = io.StringIO()
    table = LiveTable(out)
    table.say("[bold] is text")
    table.show(Glance([cell()], []))
    table.close()
    assert "[bold] is text" in out.getvalue()
    assert "Shop" in out.getvalue()
