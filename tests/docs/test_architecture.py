"""What docs/architecture.md and docs/seed.md say of the code is so."""

import ast
import re
import tomllib
import xml.etree.ElementTree as ET
from pathlib import Path

import psycopg
import pytest

from tests.docs.markdown import ROOT, Link, blocks, links, section
from vantage import wire
from vantage.stream import PUSHED, STREAM, run_key

DOCUMENT = ROOT / "docs" / "architecture.md"
NAMED = [
    link for name in ("architecture", "seed") for link in links(ROOT / "docs" / f"{name}.md") if link.text[0] == "`"
]


@pytest.mark.parametrize("link", NAMED, ids=lambda link: f"{link.text.strip('`')}")
def test_a_named_thing_is_where_the_link_says(link: Link) -> None:
    """Each function, class, table or script stands in the file it is linked to; red when one is renamed."""
    name = link.text.strip("`")
    known = _names_in_sql(link.path) if link.path.suffix == ".sql" else _names_in_python(link.path)
    assert name in known | {link.path.stem}


def _names_in_python(path: Path) -> set[str]:
    names: set[str] = set()

    def visit(body: list[ast.stmt], inside: str) -> None:
        for node in body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                names.add(inside + node.name)
                visit(node.body if isinstance(node, ast.ClassDef) else [], f"{inside}{node.name}.")
            elif isinstance(node, ast.Assign):
                names.update(target.id for target in node.targets if isinstance(target, ast.Name) and not inside)
            elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and not inside:
                names.add(node.target.id)

    visit(ast.parse(path.read_text(encoding="utf-8")).body, "")
    return names


def _names_in_sql(path: Path) -> set[str]:
    return set(re.findall(r"^CREATE (?:TABLE|FUNCTION|TYPE) (\w+)", path.read_text(encoding="utf-8"), re.MULTILINE))


def test_the_example_of_an_entry_can_be_read() -> None:
    """The stream's format is shown by an entry that the worker's own code decodes."""
    [example] = [block for block in blocks(DOCUMENT, "") if block.startswith("17")]
    entry_id, field, value = example.strip().split(maxsplit=2)
    entry = wire.decode(entry_id, value.encode())
    assert field.encode() == wire.FIELD
    assert entry.check.entry_id == entry_id
    assert value.encode().startswith(wire.head(entry.regions, entry.check.interval_s, entry.check.extra))


def test_every_key_is_in_the_table() -> None:
    """The keys that stream/__init__.py knows, and no others."""
    assert _first_column("The stream") == {STREAM, PUSHED, run_key("<group>")}


def test_every_table_is_in_the_table(database_session: psycopg.Connection) -> None:
    """What a migrated database has, partitions aside."""
    rows = database_session.execute(
        """SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND NOT relispartition
              AND relnamespace = 'public'::regnamespace"""
    ).fetchall()
    assert _first_column("The tables") == {name for (name,) in rows}


def _first_column(heading: str) -> set[str]:
    cells = re.findall(r"^\| (`.+?`) \|", section(DOCUMENT, heading), re.MULTILINE)
    return {name for cell in cells for name in re.findall(r"`([^`]+)`", cell)}


def test_the_layers_are_those_of_the_check() -> None:
    """In the order in which import-linter proves them; a layer that is only planned may be left out."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    package = ROOT / "layers" / "shared" / "python" / "vantage"
    modules = {path.stem for path in package.glob("*.py")} | {
        path.parent.name for path in package.glob("*/__init__.py")
    }
    layers = [set(re.findall(r"\w+", layer)) & modules for layer in contracts[0]["layers"]]
    [shown] = [block for block in blocks(DOCUMENT, "") if "wiring" in block]
    lines = [set(re.findall(r"\w+", re.split(r" {2,}", line)[0])) for line in shown.splitlines()[1:]]
    assert _in_order(lines) == _in_order(layers)


def _in_order(layers: list[set[str]]) -> list[str]:
    return [word for layer in layers for word in sorted(layer)]


def test_the_picture_needs_nothing_else() -> None:
    """It is well-formed, has a title, brings its own ground for light and dark, and asks for no other file."""
    picture = ROOT / "docs" / "images" / "architecture.svg"
    root = ET.fromstring(picture.read_text(encoding="utf-8"))
    text = picture.read_text(encoding="utf-8").replace('xmlns="http://www.w3.org/2000/svg"', "")
    assert root.find("{*}title") is not None
    assert root.find("{*}rect[@class='ground']") is not None
    assert "prefers-color-scheme: dark" in text
    assert re.findall(r"https?://|href|<script|<image|@import", text) == []
