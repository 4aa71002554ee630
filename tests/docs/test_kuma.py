"""docs/kuma.md: every command in it works, from a backup to monitors that are watched."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg

from tests.docs.markdown import ROOT, blocks
from tests.kuma.test_kuma import backup

EXIT_CODES = {"import": 0, "monitors diff": 2, "monitors apply": 0}
__all__ = ["backup"]


def test_every_command_of_kuma_md_works(
    backup: Path,
    database_url: str,
    database: "psycopg.Connection[Any]",  # the fixture
) -> None:
    """In their order, beside a backup.json; what was found there is watched in the end."""
    env = {**os.environ, "DATABASE_URL": database_url, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    for command in [line for block in blocks(ROOT / "docs" / "kuma.md", "sh") for line in block.splitlines()]:
        run = subprocess.run(
            ["bash", "-c", command], cwd=backup.parent, env=env, capture_output=True, text=True, check=False
        )
        [code] = [code for words, code in EXIT_CODES.items() if f"vantage {words}" in command]
        assert run.returncode == code, run.stderr
    slugs = [slug for (slug,) in database.execute("SELECT slug FROM monitor WHERE NOT reference ORDER BY slug")]
    assert slugs == ["api", "backup-job", "mail", "no-errors", "sums", "website", "website-2", "zone"]
