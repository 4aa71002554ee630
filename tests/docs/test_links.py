"""What our documents point at is there."""

from pathlib import Path

import pytest

from tests.docs.markdown import ROOT, anchors, links

DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(document: Path) -> None:
    """Files and headings of this repository; red with any letter of a path changed."""
    missing = [
        link.target
        for link in links(document)
        if link.is_ours and not (link.path.exists() and _has_anchor(link.path, link.target.partition("#")[2]))
    ]
    assert missing == []


def _has_anchor(path: Path, anchor: str) -> bool:
    return not anchor or (path.suffix == ".md" and anchor in anchors(path))


def test_every_decision_is_in_the_list() -> None:
    """docs/adr/README.md names each page once, by the sentence that is its title."""
    folder = ROOT / "docs" / "adr"
    listed = {link.target: link.text for link in links(folder / "README.md") if link.target[0].isdigit()}
    titles = {
        path.name: path.read_text("utf-8").splitlines()[0].partition(". ")[2] for path in folder.glob("[0-9]*.md")
    }
    assert listed == titles


@pytest.mark.parametrize("path", sorted((ROOT / "docs" / "adr").glob("[0-9]*.md")), ids=lambda path: path.name[:4])
def test_a_decision_is_a_page(path: Path) -> None:
    """Context, decision, consequences, and no longer than a page."""
    text = path.read_text(encoding="utf-8")
    assert [line for line in text.splitlines() if line.startswith("## ")] == [
        "## Context", "## Decision", "## Consequences",
    ]  # fmt: skip
    assert len(text.split()) <= 450
