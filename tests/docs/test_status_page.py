"""docs/status-page.md: its file and its commands work, and the page is then as it says."""

import os
import subprocess
import sys
from pathlib import Path

import psycopg

from local.web import Page
from tests.docs.markdown import ROOT, blocks
from tests.page.conftest import ask
from tests.page.conftest import page as page  # noqa: PLC0414  # the fixture
from tests.page.filled import add_regions

SVG = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"><path d="M0 0h1v1z"/></svg>'


def test_the_file_and_the_commands_make_the_page_that_is_shown(
    database: psycopg.Connection, database_url: str, page: Page, tmp_path: Path
) -> None:
    """Title, logo, colour and groups of the file; the private monitor is nowhere."""
    add_regions(database)
    document = ROOT / "docs" / "status-page.md"
    [file] = blocks(document, "yaml")
    (tmp_path / "page.yaml").write_text(file)
    (tmp_path / "logo.svg").write_text(SVG)
    for commands in blocks(document, "sh"):
        script = commands.replace(".venv/bin/vantage", f"{Path(sys.executable).parent}/vantage")
        told = subprocess.run(
            ["bash", "-ec", script], cwd=tmp_path, env={**os.environ, "DATABASE_URL": database_url}, text=True,
            capture_output=True, check=False,
        )  # fmt: skip
        assert told.returncode == 0, told.stderr
    answer, body = ask(page)
    assert "<title>Waiting for the first checks · Example status</title>" in body
    assert '<img alt="" src="data:image/svg+xml;base64,' in body
    assert ":root{--brand:#1a4fbf}" in body
    assert "Database" not in body
    assert body.index(">Public</h2>") < body.index(">Help</h2>")
    assert "https://api.example.com/health" in body
    assert "https://www.example.com/" not in body
    assert "'sha256-" in str(answer.getheader("Content-Security-Policy"))
    exported = subprocess.run(
        [f"{Path(sys.executable).parent}/vantage", "monitors", "export"], text=True, capture_output=True, check=True,
        env={**os.environ, "DATABASE_URL": database_url},
    ).stdout  # fmt: skip
    assert "title: Example status" in exported
