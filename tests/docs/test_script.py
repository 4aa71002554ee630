"""docs/script.md: every command in it works, against the app as a local run serves it."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from local.web import start_page
from tests.conftest import require
from tests.docs.markdown import ROOT, blocks
from vantage.store.tokens import create_token

BIN = Path(sys.executable).parent


@pytest.fixture
def env(database_url: str, redis_url: str, database: "psycopg.Connection[Any]") -> Iterator[dict[str, str]]:
    """Of somebody who has a token, beside a local system that runs."""
    page = start_page(database_url, redis_url, 0)
    token = create_token(database, "test", "write")
    yield {
        **os.environ, "VANTAGE_URL": page.url, "VANTAGE_TOKEN": str(token), "DATABASE_URL": database_url,
        "PATH": f"{BIN}:{os.environ['PATH']}",
    }  # fmt: skip
    page.close()


def test_every_command_of_script_md_works(env: dict[str, str]) -> None:
    """In their order; each answer is JSON, and only the one that is shown as wrong is refused."""
    require("curl", Path("/usr/bin/curl").exists())
    commands = [block for block in blocks(ROOT / "docs" / "script.md", "sh") if "$NAME" not in block]
    assert len(commands) >= 6
    told = []
    for command in commands:
        for one in command.replace("\\\n", " ").splitlines():
            if assigned := re.match(r"([A-Z]+)=", one):
                echo = f'{one}; printf %s "${assigned[1]}"'
                run = subprocess.run(["bash", "-c", echo], env=env, capture_output=True, text=True, check=True)
                env[assigned[1]] = run.stdout
                continue
            more = ' -w "\\n%{http_code}"' if one.startswith("curl") else ""
            shell = env if "tokens" in one or one.startswith("curl") else {**env, "DATABASE_URL": ""}
            run = subprocess.run(["bash", "-c", one + more], env=shell, capture_output=True, text=True, check=True)
            if not one.startswith("vantage") or "tokens" in one:
                told.append(run.stdout)
    assert told[0].startswith("vantage_")
    assert env["PING"].startswith("/ping/")
    answers = [text.rsplit("\n", 1) for text in told[1:]]
    assert [status for _, status in answers].count("422") == 1
    # A badge of what the PUT before has made private would be as if it were not there: 404.
    assert {status for _, status in answers} == {"200", "201", "422"}
    [shown] = blocks(ROOT / "docs" / "script.md", "json")
    [refused] = [json.loads(body) for body, status in answers if status == "422"]
    assert refused == json.loads(shown)
