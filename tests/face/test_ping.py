"""Jobs call by themselves: with any of three methods, and whoever knows the key."""

from typing import Any

import psycopg
import pytest

from tests.face.conftest import Asker
from tests.page.filled import add_regions

JOB = {"name": "Backup", "type": "heartbeat", "interval": "24h", "grace": "1h"}


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_a_job_calls_its_address(
    writer: Asker, anyone: Asker, reader: Asker, database: "psycopg.Connection[Any]", method: str
) -> None:
    """Success, failure and start are noted apart; the address is told to who may write alone."""
    add_regions(database)
    assert writer.post("/v1/monitors", JOB).status == 201
    path = writer.get("/v1/monitors/backup/ping").json["path"]
    assert reader.get("/v1/monitors/backup/ping").status == 403
    for behind, column in (("", "success_at"), ("/fail", "fail_at"), ("/start", "start_at")):
        assert database.execute(f"SELECT {column} FROM heartbeat").fetchall() == [(None,)]
        told = anyone.ask(method, path + behind)
        assert (told.status, told.text) == (200, "" if method == "HEAD" else "OK\n")
        assert database.execute(f"SELECT {column} IS NULL FROM heartbeat").fetchall() == [(False,)]


@pytest.mark.parametrize("key", ["0" * 32, "backup", "x" * 500, "a'b"])
def test_an_address_that_nobody_has_is_told_so(anyone: Asker, key: str) -> None:
    """And notes nothing."""
    told = anyone.get(f"/ping/{key}")
    assert (told.status, told.text) == (404, "No job has this address.\n")


def test_a_monitor_that_is_asked_has_no_address(writer: Asker) -> None:
    """It is probed, and nobody calls."""
    writer.post("/v1/monitors", {"name": "Site", "url": "https://www.example.com/"})
    assert writer.get("/v1/monitors/site/ping").status == 404
