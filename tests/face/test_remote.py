"""The command line over the API: where VANTAGE_URL and VANTAGE_TOKEN are set, it says what it says of the database."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner, Result

from local.cli import cli
from local.remote import remote_of
from local.web import start_page
from tests.face.test_public import add_incident
from tests.page.filled import add_monitor, add_regions, add_ticks
from vantage.errors import SettingsError
from vantage.store.channels import Channel, save_channels
from vantage.store.tokens import create_token

Run = Callable[..., Result]
READING = [
    ("monitors", "list"), ("regions", "list"), ("incidents", "list"), ("incidents", "list", "shop", "--open"),
    ("incidents", "show", "1"), ("maintenance", "list", "--all"), ("channels", "list"), ("failures", "--region", "EU"),
    ("failures", "--alone", "--region", "EU"), ("uptime", "shop"), ("uptime",),
]  # fmt: skip


@pytest.fixture
def here_and_there(database_url: str, redis_url: str, database: "psycopg.Connection[Any]") -> Iterator[tuple[Run, Run]]:
    """The command line on the database, and on the API of the same system; told as text."""
    add_regions(database)
    add_incident(database, add_monitor(database, "Shop", {"USA": "UUUUUU", "EU": "UUDDDD"}))
    add_ticks(database, 6)
    save_channels(database, [Channel("team", "slack", {"url": "env:SLACK"}, ("down",), 14_400)])
    page = start_page(database_url, redis_url, 0)
    token = str(create_token(database, "cli", "write"))

    def on(**env: str) -> Run:
        return lambda *words: CliRunner().invoke(cli, words, env={"VANTAGE_URL": "", "VANTAGE_TOKEN": "", **env})

    yield on(DATABASE_URL=database_url), on(VANTAGE_URL=page.url, VANTAGE_TOKEN=token, DATABASE_URL="")
    page.close()


def test_what_is_read_is_the_same_over_the_api(here_and_there: tuple[Run, Run]) -> None:
    """Each reading command, for programs and, where it is a list, for people."""
    here, there = here_and_there
    assert here("maintenance", "add", "Release", "--start", "2030-12-01T22:00", "--duration", "2h").exit_code == 0
    for words in READING:
        ours, theirs = (json.loads(run(*words, "--json").output) for run in (here, there))
        assert plain(theirs) == plain(ours), words
        told = there(*words)
        assert told.exit_code == 0, told.output
        if words[0] not in ("uptime",):
            assert told.output == here(*words).output, words
    assert json.loads(there("failures", "--alone", "--json").output)["data"][0]["failed_alone"] > 0


def plain(told: Any) -> Any:
    """Instants as one text, whichever way they are written."""
    if isinstance(told, dict):
        return {key: plain(value) for key, value in told.items()}
    if isinstance(told, list):
        return [plain(value) for value in told]
    return told.replace("Z", "+00:00").replace("T", " ") if isinstance(told, str) and told[:2] == "20" else told


def test_what_is_changed_is_changed_over_the_api(
    here_and_there: tuple[Run, Run], database: "psycopg.Connection[Any]"
) -> None:
    """By the token's name in the audit; what is refused is told in the API's words, with exit code 2."""
    _, there = here_and_there
    for words in (
        ("monitors", "pause", "shop"), ("monitors", "resume", "shop"), ("regions", "disable", "EU"),
        ("regions", "enable", "EU"), ("incidents", "ack", "1", "--author", "Ada"), ("incidents", "note", "1", "On it."),
        ("maintenance", "add", "Release", "--start", "2030-12-01T22:00", "--duration", "2h"),
        ("maintenance", "end", "1"),
    ):  # fmt: skip
        told = there(*words)
        assert told.exit_code == 0, told.output
    assert there("monitors", "pause", "shop").output == "shop: paused\n"
    assert there("monitors", "pause", "shop").output == "shop: was so already\n"
    actors = database.execute("SELECT DISTINCT actor FROM audit WHERE action <> 'token.create'").fetchall()
    assert actors == [("token:cli",)]
    again = there("incidents", "ack", "1", "--author", "Ada")
    assert (again.exit_code, again.output.strip()) == (2, "Incident 1 is acknowledged already.")


@pytest.mark.parametrize(
    ("env", "sentence"),
    [
        ({"VANTAGE_URL": "https://x.example.com"}, "VANTAGE_TOKEN is not set"),
        ({"VANTAGE_TOKEN": "t"}, "VANTAGE_URL is not set"),
        ({"VANTAGE_URL": "http://x.example.com", "VANTAGE_TOKEN": "t"}, "must begin with https://"),
    ],
)
def test_half_an_address_or_an_open_one_is_refused(env: dict[str, str], sentence: str) -> None:
    """A token is not sent in plain text, and nobody is asked by half."""
    with pytest.raises(SettingsError, match=sentence):
        remote_of(env)


def test_an_api_that_is_not_there_is_told_in_a_sentence() -> None:
    """No stack trace, and no token in it."""
    env = {**os.environ, "VANTAGE_URL": "http://127.0.0.1:9", "VANTAGE_TOKEN": "vantage_hunter2"}
    command = [f"{Path(sys.executable).parent}/vantage", "regions", "list"]
    run = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr) == (2, "VANTAGE_URL: nothing answers there (ConnectError).\n")
