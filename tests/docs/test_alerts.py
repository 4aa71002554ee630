"""docs/alerts.md: its files are applied and its commands run, against a database and a room that takes messages."""

import shlex
from pathlib import Path

import psycopg
import pytest
from click.testing import CliRunner, Result

from local.cli import cli
from tests.docs.markdown import ROOT, blocks
from tests.notify.receivers import receiver
from tests.page.filled import add_regions

DOCUMENT = ROOT / "docs" / "alerts.md"


def run(words: list[str]) -> Result:
    """A line of the page: `vantage` by itself; a system that would start with a file is given it instead."""
    if words[:2] == ["make", "run"]:
        given = shlex.split(words[2].removeprefix("ARGS="))
        assert CliRunner().invoke(cli, ["local", *given, "--help"]).exit_code == 0
        [_, file] = given
        words = ["vantage", "monitors", "apply", file]
    return CliRunner().invoke(cli, words[1:])


def test_every_command_of_alerts_md_works(
    database: psycopg.Connection, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In their order: a team is named and gets a test message; work is announced, listed and ended.

    Red with an option that is spelled in another way, and with a channel that is not in the file.
    """
    add_regions(database)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("ALLOW_PRIVATE_ADDRESSES", "true")
    team, work = blocks(DOCUMENT, "yaml")
    Path("sites.yaml").write_text(team, encoding="utf-8")
    lines = [shlex.split(line) for block in blocks(DOCUMENT, "sh") for line in block.splitlines()]
    assert lines[0][0] == "export"
    with receiver() as room:
        monkeypatch.setenv(lines[0][1].partition("=")[0], room.url)
        told = {" ".join(words[1:3]): run(words) for words in lines[1:]}
    assert {name: each.exit_code for name, each in told.items()} == dict.fromkeys(told, 0), told
    assert told["channels test"].output == "team: taken\n"
    [message] = room.received
    assert b"team" in message.body
    assert "team" in told["channels list"].output
    assert "Release" in told["maintenance list"].output
    assert database.execute("SELECT name, ended_at IS NOT NULL FROM maintenance").fetchall() == [("Release", True)]
    Path("work.yaml").write_text("version: 1\n" + work, encoding="utf-8")
    assert run(["vantage", "monitors", "apply", "work.yaml"]).exit_code == 0
    assert {name for (name,) in database.execute("SELECT name FROM maintenance")} == {"Move", "Release"}
