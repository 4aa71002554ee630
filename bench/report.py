"""What a bench found: rows, the table a person reads, the JSON a program reads, the exit code."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

REPEATS = 5


@dataclass(frozen=True, slots=True)
class Limit:
    """What a figure must not fall below, or not exceed."""

    figure: float
    is_least: bool = False

    def holds(self, figure: float) -> bool:
        """Whether a figure keeps to it."""
        return figure >= self.figure if self.is_least else figure <= self.figure

    def __str__(self) -> str:
        return f"{'>=' if self.is_least else '<='} {self.figure:g}"


def at_least(figure: float) -> Limit:
    """A figure that must be reached."""
    return Limit(figure, is_least=True)


def at_most(figure: float) -> Limit:
    """A figure that must not be exceeded."""
    return Limit(figure)


@dataclass(frozen=True, slots=True)
class Row:
    """One finding. `against` is what it was compared with, or says what is missing here; `holds` is None where there
    is no limit or nothing to compare with."""

    name: str
    value: float | None
    unit: str
    against: str | None = None
    ratio: float | None = None
    limit: Limit | None = None
    holds: bool | None = None

    def as_dict(self) -> dict[str, Any]:
        """The row as it stands in bench/results.json."""
        return {
            "name": self.name, "value": _short(self.value), "unit": self.unit, "against": self.against,
            "ratio": _short(self.ratio), "limit": self.limit and self.limit.figure, "holds": self.holds,
        }  # fmt: skip


def measured(name: str, value: float, unit: str, limit: Limit | None = None) -> Row:
    """A figure that stands for itself; its limit, if any, is in its own unit."""
    return Row(name, value, unit, limit=limit, holds=limit.holds(value) if limit else None)


def compared(name: str, value: float, unit: str, against: str, ratio: float, limit: Limit | None = None) -> Row:
    """A figure beside another one; its limit, if any, is one of the ratio."""
    return Row(name, value, unit, against, ratio, limit, limit.holds(ratio) if limit else None)


def not_compared(name: str, value: float | None, unit: str, missing: str, limit: Limit | None = None) -> Row:
    """A figure that nothing can be compared with here: `missing` says what to install."""
    return Row(name, value, unit, missing, limit=limit)


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
    sides = ("<", ">", "<", ">", "<", "<", "<")
    return "\n".join(
        "  ".join(f"{cell:{side}{width}}" for cell, side, width in zip(row, sides, widths, strict=True)).rstrip()
        for row in cells
    )


def write(rows: Sequence[Row], file: Path) -> None:
    """The rows for a program: a list of objects."""
    file.write_text(json.dumps([row.as_dict() for row in rows], indent=2) + "\n")


def exit_code(rows: Sequence[Row]) -> int:
    """1 where a limit is missed; a row that could not be judged misses none."""
    return int(any(row.holds is False for row in rows))


def _cells(row: Row) -> tuple[str, ...]:
    verdict = {True: "holds", False: "MISSED", None: "not judged" if row.limit else ""}[row.holds]
    limit = str(row.limit) if row.limit else ""
    return row.name, _figure(row.value), row.unit, _figure(row.ratio), limit, verdict, row.against or ""


def _figure(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _short(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.4g}")
