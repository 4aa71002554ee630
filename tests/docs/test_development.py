"""docs/development.md: what it says of changing things can be done."""

import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from click.testing import CliRunner

from local.cli import cli
from local.migrate import FOLDER, migrate
from local.servers import Servers
from tests.docs.markdown import ROOT, blocks
from vantage.store.connection import connect
from vantage.store.regions import list_regions

DOCUMENT = ROOT / "docs" / "development.md"
MAKES = [words for block in blocks(DOCUMENT, "sh") for line in block.splitlines() if (words := shlex.split(line, True))]


@pytest.mark.parametrize("words", MAKES, ids=" ".join)
def test_make_knows_its_targets(words: list[str]) -> None:
    """make says what it would do; red with a target that is not there."""
    done = subprocess.run([words[0], "-n", *words[1:]], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.fixture
def empty_url(servers: Servers) -> Iterator[str]:
    """A new, empty database."""
    name = f"docs_{uuid4().hex}"
    with psycopg.connect(servers.database_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        base, mark, options = servers.database_url.partition("?")
        yield f"{base.rpartition('/')[0]}/{name}{mark}{options}"
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def test_a_fourth_region_is_a_migration_and_a_command(empty_url: str, tmp_path: Path) -> None:
    """The page's statement is a migration that our runner applies, and its command makes the row."""
    folder = Path(shutil.copytree(FOLDER, tmp_path / "migrations"))
    migrate(empty_url, folder)
    [statement] = blocks(DOCUMENT, "sql")
    (folder / "9999_brazil.sql").write_text(statement)
    assert migrate(empty_url, folder) == ["9999_brazil"]

    [command] = [block.split() for block in blocks(DOCUMENT, "") if block.startswith("vantage")]
    result = CliRunner().invoke(cli, command[1:], env={"DATABASE_URL": empty_url}, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    with connect(empty_url) as connection:
        [region] = list_regions(connection)
    assert (region.name, region.aws_region, region.redis_group, region.enabled) == (
        "BRAZIL", "sa-east-1", "monitor-runners-brazil", True,
    )  # fmt: skip
