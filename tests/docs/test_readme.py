"""The README promises nothing that is not there: its commands are run, its example is applied."""

import os
import re
import shlex
import subprocess
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from local.cli import COMMANDS, cli
from tests.docs.markdown import ROOT, blocks, links, section
from vantage.monitors_file.apply import plan_files
from vantage.monitors_file.model import Document, MonitorItem
from vantage.store.connection import Connection
from vantage.store.regions import insert_region

README = ROOT / "README.md"
VANTAGE = ".venv/bin/vantage"
SLUGS = ["mail", "office", "shop", "website", "zone"]
ELSEWHERE = {"local", "check"}  # run by tests/local/test_system.py and tests/probe/test_check_command.py


def commands() -> list[list[str]]:
    """The words of every command in a fenced `sh` block, in order; comments are left out."""
    lines = [line for block in blocks(README, "sh") for line in block.splitlines()]
    return [words for line in lines if (words := shlex.split(line, comments=True))]


def vantage_commands() -> list[list[str]]:
    """What is asked of `vantage`, by itself or through `make run`."""
    return [*(words[1:] for words in commands() if words[0] == VANTAGE), *map(_of_make_run, make_commands("run"))]


def make_commands(target: str = "") -> list[list[str]]:
    """The calls of make, or those of one target."""
    return [words for words in commands() if words[0] == "make" and target in ("", words[1])]


def _of_make_run(words: list[str]) -> list[str]:
    given = dict(word.split("=", 1) for word in words[2:])
    return ["local", *shlex.split(given.get("ARGS", ""))]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the README's example in it, where the commands are run."""
    [example] = blocks(README, "yaml")
    (tmp_path / "sites.yaml").write_text(example, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_there_is_nothing_but_make_and_vantage() -> None:
    """Each command is one of the two, so each is looked at below."""
    assert {words[0] for words in commands()} == {"make", VANTAGE}


@pytest.mark.parametrize("words", make_commands(), ids=" ".join)
def test_make_knows_its_targets(words: list[str]) -> None:
    """make says what it would do; red with a target that is not there."""
    done = subprocess.run([words[0], "-n", *words[1:]], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("words", vantage_commands(), ids=" ".join)
def test_vantage_takes_its_arguments(words: list[str], folder: Path) -> None:
    """Each is parsed by the command itself, files and all; red with an option that is not there."""
    command, arguments = _find(words)
    command.make_context(words[0], arguments)


def _find(words: list[str]) -> tuple[click.Command, list[str]]:
    command: click.Command | None = cli
    arguments = list(words)
    while isinstance(command, click.Group):
        name = arguments.pop(0)
        command = command.get_command(click.Context(command), name)
        assert command is not None, f"there is no command {name!r} in {words}"
    assert command is not None
    return command, arguments


def test_the_commands_do_what_they_say(folder: Path, database: Connection, database_url: str, redis_url: str) -> None:
    """Those that speak to a running system are run in their order, on a real one: none fails, and the example is
    what is then watched."""
    for region in ("USA", "INDIA", "EU"):
        insert_region(database, region, "local", f"monitor-runners-{region.lower()}")
    env = {**os.environ, "DATABASE_URL": database_url, "REDIS_URL": redis_url}
    listed = ""
    for words in vantage_commands():
        if words[0] in ELSEWHERE:
            continue
        result = CliRunner().invoke(cli, words, env=env, catch_exceptions=False)
        expected = 2 if words[:2] == ["monitors", "diff"] else 0  # there are changes
        assert result.exit_code == expected, (words, result.output)
        listed = result.output if words[:2] == ["monitors", "list"] else listed
    assert re.findall(r"^\w+", listed, re.MULTILINE) == ["SLUG", *SLUGS]


def test_the_example_is_planned_without_fault(folder: Path, database: Connection) -> None:
    """As a new database would take it, public addresses only."""
    plan = plan_files(database, [folder / "sites.yaml"], {}, allow_private=False)
    assert [new.slug for new in plan.create] == SLUGS


def test_what_is_not_yet_taken_is_said() -> None:
    """What the file refuses as "not yet" stands in the list of what there is not, and nothing else does."""
    there_is_not = section(README, "What it does not do yet")
    items = re.findall(r"^- \*\*Some keys of the file.*?(?=^- )", there_is_not, re.MULTILINE | re.DOTALL)
    refused = {**MonitorItem.not_yet, **Document.not_yet}
    named = {name for key, values in refused.items() for name in values or (key,)}
    assert set(re.findall(r"`(\w+)`", "".join(items))) == named


def test_every_command_is_shown_or_explained() -> None:
    """Whatever `vantage` can do for a user stands in the README or in the docs."""
    documents = "".join(path.read_text("utf-8") for path in [README, *ROOT.glob("docs/*.md")])
    assert [name for name in COMMANDS if f"vantage {name}" not in documents and name != "local"] == []


def test_the_pictures_are_there() -> None:
    """What it shows is in the repository."""
    pictures = [link for link in links(README) if link.target.startswith("docs/images/")]
    assert [link.target for link in pictures if not link.path.is_file()] == []
    assert len(pictures) == 3
