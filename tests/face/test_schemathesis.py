"""schemathesis asks the running API whatever its OpenAPI document allows, and what it does not."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg

from local.web import start_page
from tests.face.test_public import add_incident
from tests.page.filled import add_monitor, add_regions, add_ticks
from vantage.store.tokens import create_token

CHECKS = (
    "not_a_server_error", "status_code_conformance", "content_type_conformance", "response_headers_conformance",
    "response_schema_conformance", "unsupported_method",
)  # fmt: skip
PHASES = "examples,coverage,fuzzing" if os.environ.get("VANTAGE_REQUIRE_ALL") else "examples,fuzzing"


def test_no_request_is_answered_with_a_fault_of_ours_or_with_what_is_not_described(
    database_url: str, redis_url: str, database: "psycopg.Connection[Any]", tmp_path: Path
) -> None:
    """No 5xx, and each answer's status, headers and document are as /openapi.json says; the same requests each time.

    In CI also every boundary of every parameter. Red with 404 taken out of the document; in CI where a method that
    nobody knows was answered 501.
    """
    add_regions(database)
    add_incident(database, add_monitor(database, "Website", {"USA": "UUDD", "EU": "UUUU"}))
    add_ticks(database, 4)
    page = start_page(database_url, redis_url, 0, a_minute=10**6)
    command = [
        f"{Path(sys.executable).parent}/schemathesis", "run", f"{page.url}/openapi.json", "--no-color", "--seed", "1",
        "--header", f"Authorization: Bearer {create_token(database, 'schemathesis', 'write')}",
        "--checks", ",".join(CHECKS), "--phases", PHASES, "--max-examples", "2", "--generation-deterministic",
    ]  # fmt: skip
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    page.close()
    assert run.returncode == 0, run.stdout[-8_000:]
    [asked] = [line for line in run.stdout.splitlines() if " generated, " in line]
    assert int(asked.split()[0]) > 100
