"""What a bench found: rows, the table a person reads, the JSON a program reads, the exit code."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

REPEATS = 5


@dataclass(frozen=True, slots=True)
class Row:
    """One finding. `against` is what it was compared with, or says what is missing here; `holds` is None where there
    is no limit or nothing to compare with."""

    name: str
    value: float | None
    unit: str
    against: str | None = None
    ratio: float | None = None
    limit: str | None = None
    holds: bool | None = None


@dataclass(frozen=True, slots=True)
class Limit:
    """What a figure must lie between, both ends included."""

    least: float | None = None
    most: float | None = None

    def holds(self, figure: float) -> bool:
        """Whether a figure keeps to it."""
        return (self.least is None or figure >= self.least) and (self.most is None or figure <= self.most)

    def __str__(self) -> str:
        if self.least is not None and self.most is not None:
            return f"{self.least:g} to {self.most:g}"
        return f">= {self.least:g}" if self.most is None else f"<= {self.most:g}"


def measured(name: str, value: float, unit: str, limit: Limit | None = None) -> Row:
    """A figure that stands for itself; its limit, if any, is in its own unit."""
    return Row(name, value, unit, limit=limit and str(limit), holds=limit.holds(value) if limit else None)


def compared(name: str, value: float, unit: str, against: str, ratio: float, limit: Limit | None = None) -> Row:
    """A figure beside another one; its limit, if any, is one of the ratio."""
    return Row(name, value, unit, against, ratio, limit and str(limit), limit.holds(ratio) if limit else None)


def not_compared(name: str, value: float | None, unit: str, missing: str, limit: Limit | None = None) -> Row:
    """A figure that nothing can be compared with here: `missing` says what to install."""
    return Row(name, value, unit, missing, None, limit and str(limit), None)


def alternating(
    ours: Callable[[], float], theirs: Callable[[], float], repeats: int = REPEATS
) -> tuple[float, float, float]:
    """Medians of ours, of theirs, and of the ratio ours / theirs, each pair taken one right after the other.

    Rates of a shared machine swing by half from minute to minute; both of a pair swing alike.
    """
    pairs = [(ours(), theirs()) for _ in range(repeats)]
    return median(a for a, _ in pairs), median(b for _, b in pairs), median(a / b for a, b in pairs)


def table(rows: Sequence[Row]) -> str:
    """The rows for a person."""
    head = ("", "value", "", "ratio", "limit", "", "against")
    cells = [head, *(_cells(row) for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
    aligned = ("<", ">", "<", ">", "<", "<", "<")
    return "\n".join(
        "  ".join(f"{cell:{side}{width}}" for cell, side, width in zip(row, aligned, widths, strict=True)).rstrip()
        for row in cells
    )


def _cells(row: Row) -> tuple[str, ...]:
    verdict = {True: "holds", False: "MISSED", None: "not judged" if row.limit else ""}[row.holds]
    return row.name, _figure(row.value), row.unit, _figure(row.ratio), row.limit or "", verdict, row.against or ""


def _figure(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def write(rows: Sequence[Row], file: Path) -> None:
    """The rows for a program: a list of objects."""
    file.write_text(json.dumps([asdict(row) for row in rows], indent=2) + "\n")


def exit_code(rows: Sequence[Row]) -> int:
    """1 where a limit is missed; a row that could not be judged misses none."""
    return int(any(row.holds is False for row in rows))
