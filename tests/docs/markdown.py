"""Reads what our documents say: fenced blocks, links, headings."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

ROOT = Path(__file__).resolve().parents[2]
_FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[([^\]]+)\]\(([^)\s]+)\)")
_PICTURE = re.compile(r'(?:src|srcset)="([^"]+)"')
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Link:
    """A link, and the document that has it."""

    document: Path
    text: str
    target: str

    @property
    def path(self) -> Path:
        """The file it leads to, for a link within the repository."""
        name = self.target.partition("#")[0]
        return (self.document.parent / name).resolve() if name else self.document

    @property
    def is_ours(self) -> bool:
        """Whether it leads to a file of the repository."""
        return "://" not in self.target and not self.target.startswith("mailto:")


def blocks(document: Path, language: str) -> list[str]:
    """The fenced blocks of a language, in their order; those in a list too, without its indentation."""
    found = _FENCE.findall(document.read_text(encoding="utf-8"))
    return [dedent(body) for _, kind, body in found if kind == language]


def links(document: Path) -> Iterator[Link]:
    """Every link and picture outside of fenced blocks."""
    text = _FENCE.sub("", document.read_text(encoding="utf-8"))
    for words, target in _LINK.findall(text):
        yield Link(document, words, target)
    for target in _PICTURE.findall(text):
        yield Link(document, "picture", target)


def anchors(document: Path) -> set[str]:
    """The anchors that GitHub makes of the headings."""
    words = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in _HEADING.findall(document.read_text("utf-8")))
    return {heading.replace(" ", "-") for heading in words}


def section(document: Path, heading: str) -> str:
    """What stands under a heading, up to the next one of its rank."""
    text = document.read_text(encoding="utf-8")
    found = re.search(rf"^(#+) {re.escape(heading)}$(.*?)(?=^\1 |\Z)", text, re.MULTILINE | re.DOTALL)
    assert found, f"{document.name} has no heading {heading!r}"
    return found[2]
