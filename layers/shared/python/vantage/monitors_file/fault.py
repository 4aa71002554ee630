"""A fault of a monitors file, and where it is."""

from collections.abc import Iterable
from dataclasses import dataclass

from vantage.errors import MonitorsFileError


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A line (from 1; 0 = the file as a whole) of a file, named as the user named it."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """One thing that is wrong, as a sentence for whoever wrote the file; it quotes nothing that can be a secret."""

    place: Place
    sentence: str

    def __str__(self) -> str:
        return f"{self.place}: {self.sentence}"


def refuse(faults: Iterable[Fault]) -> None:
    """Raise MonitorsFileError that lists every fault, a line each; returns when there are none."""
    lines = [str(fault) for fault in faults]
    if lines:
        count = "1 fault" if len(lines) == 1 else f"{len(lines)} faults"
        raise MonitorsFileError("\n".join([*lines, f"{count}; nothing was applied."]))
