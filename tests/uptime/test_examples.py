"""Every worked example of uptime, counted in Python and through the database."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml
from click.testing import CliRunner

from local.commands.dev import dev
from local.scenarios import ScenarioError, read_items
from local.servers import Servers
from local.uptime_examples import as_slots, counted, example, read_examples, scratch
from vantage.store.connection import Connection
from vantage.uptime import uptime

FILE = Path(__file__).with_name("examples.yaml")
EXAMPLES = read_items(FILE)
each_example = pytest.mark.parametrize("item", EXAMPLES, ids=[item["id"] for item in EXAMPLES])


@pytest.fixture(scope="module")
def own_schema(servers: Servers) -> Iterator[Connection]:
    """Tables that no other test sees."""
    with scratch(servers.database_url) as connection:
        yield connection


@each_example
def test_an_example_is_counted_as_it_was_worked(item: dict[str, Any]) -> None:
    """The formulas, without a database."""
    assert uptime(as_slots(example(item))).printed() == item["expect"]


@each_example
def test_an_example_is_counted_so_from_the_tables(own_schema: Connection, item: dict[str, Any]) -> None:
    """The same figures from the schedule in force, the ledger and the stored rows."""
    one = example(item)
    counted_there = counted(own_schema, one)
    assert counted_there.printed() == item["expect"]
    assert counted_there == uptime(as_slots(one))


def test_the_command_prints_the_figures_by_id(
    servers: Servers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`vantage dev uptime FILE --json` is one object in the notation of `expect`, and leaves nothing behind."""
    monkeypatch.setenv("DATABASE_URL", servers.database_url)
    short = [item for item in EXAMPLES if item["id"] != "P22"]  # its 90,000 rows are counted once above
    (tmp_path / "examples.yaml").write_text(yaml.safe_dump(short))
    run = CliRunner().invoke(dev, ["uptime", str(tmp_path / "examples.yaml"), "--json"], catch_exceptions=False)
    assert json.loads(run.output) == {item["id"]: item["expect"] for item in short}
    with psycopg.connect(servers.database_url) as connection:
        left = connection.execute("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'vantage_dev_%'").fetchall()
    assert len(left) <= 1  # the one of this module


def test_the_command_needs_no_database_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where none is set and no local system runs, one is started for it."""
    monkeypatch.delenv("DATABASE_URL", raising=False)
    file = tmp_path / "one.yaml"
    file.write_text("- {id: A, results: {USA: UD}}")
    run = CliRunner().invoke(dev, ["uptime", str(file), "--json", "--data-dir", str(tmp_path)], catch_exceptions=False)
    assert json.loads(run.output)["A"]["availability"]["uptime"] == "50.00"


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("- {id: A, results: {USA: UQ}}", "Q"),
        ("- {id: A, results: {USA: UU}, intervals: [60]}", "2 slots and 1 intervals"),
        ("- {id: A, results: {USA: U}, colour: red}", "colour"),
        ("- {id: A, results: {USA: U x many}}", "many"),
        ("- {id: A, results: UUU}", "A: "),
    ],
)
def test_a_file_at_fault_is_named(tmp_path: Path, text: str, named: str) -> None:
    """What cannot be read is said, with the example's id."""
    file = tmp_path / "examples.yaml"
    file.write_text(text)
    with pytest.raises(ScenarioError, match=named):
        read_examples(file)
