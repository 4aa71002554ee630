"""vantage uptime and vantage failures, on history that was filled in."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner

from local import spark
from local.commands.dev import dev
from local.commands.failures import failures
from local.commands.uptime import uptime
from local.migrate import migrate
from local.servers import Servers
from tests.history.conftest import beside
from vantage.store import rollups
from vantage.store.looks import HOUR
from vantage.uptime import Tally
from vantage.view.numbers import NOTHING


@pytest.fixture(scope="module")
def filled(servers: Servers) -> Iterator[str]:
    """A database with two monitors' week."""
    with psycopg.connect(servers.database_url, autocommit=True) as owner:
        owner.execute("CREATE DATABASE filled")
        url = beside(servers.database_url, "filled")
        migrate(url)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("DATABASE_URL", url)
            said = CliRunner().invoke(dev, ["fill", "--rows", "12000", "--monitors", "2"], catch_exceptions=False)
            assert "of 2 monitors" in said.output
            with psycopg.connect(url, autocommit=True) as connection:
                connection.execute(
                    """UPDATE check_result SET status = 'down' WHERE monitor_id = 1 AND region = 'EU'
                          AND checked_at > now() - interval '20 minutes'"""
                )
                hour = rollups.hour_of(datetime.now(UTC)) - HOUR
                rollups.roll_hour(connection, hour)
                rollups.roll_day(connection, rollups.day_of(datetime.now(UTC)) - timedelta(days=1))
            yield url
        owner.execute("DROP DATABASE filled WITH (FORCE)")


def said(command: Any, *arguments: str) -> str:
    """What a command prints."""
    run = CliRunner().invoke(command, list(arguments), catch_exceptions=False)
    assert run.exit_code == 0, run.output
    return run.output


@pytest.mark.parametrize("window", ["24h", "7d", "30d", "90d"])
def test_all_monitors_are_shown_with_their_course(filled: str, window: str) -> None:
    """A line each, however far back."""
    lines = said(uptime, "--window", window).splitlines()
    assert [line.split()[0] for line in lines[:3]] == ["MONITOR", "filled-1", "filled-2"]
    assert "%" in lines[1]
    assert spark.BARS[7] in lines[2]


def test_one_monitor_is_shown_by_region_with_percentiles_and_phases(filled: str) -> None:
    """Figures with three digits beside the seconds that they come from."""
    shown = json.loads(said(uptime, "filled-2", "--window", "30d", "--json"))
    usa = shown["regions"]["USA"]
    assert 90 < usa["uptime"] <= 100
    assert usa["latency_ms"]["p50"] < usa["latency_ms"]["p95"] < usa["latency_ms"]["p99"]
    assert usa["phases_ms"]["first_byte_ms"] > usa["phases_ms"]["download_ms"] > 0
    assert usa["good_s"] + usa["bad_s"] + usa["unseen_s"] == shown["availability"]["good_s"] + (
        shown["availability"]["bad_s"] + shown["availability"]["unseen_s"]
    )
    text = said(uptime, "filled-2", "--window", "7d")
    assert "first byte" in text
    assert "reachability" in text


def test_without_data_there_is_no_figure(filled: str) -> None:
    """Null, and not zero or a hundred."""
    shown = json.loads(said(uptime, "filled-1", "--from", "2020-01-01", "--to", "2020-02-01", "--json"))
    assert shown["availability"]["uptime"] is None
    assert shown["regions"] == {}
    assert NOTHING in said(uptime, "--from", "2020-01-01", "--to", "2020-02-01")


def test_failures_come_newest_first_with_what_others_saw(filled: str) -> None:
    """And page by page."""
    first = json.loads(said(failures, "--region", "EU", "--json", "--limit", "2"))
    assert [row["slug"] for row in first["data"]] == ["filled-1", "filled-1"]
    assert first["data"][0]["elsewhere"]["USA"] in ("up", "degraded")
    second = json.loads(said(failures, "--region", "EU", "--json", "--limit", "2", "--cursor", first["next_cursor"]))
    assert second["data"][0]["checked_at"] < first["data"][1]["checked_at"]
    assert "ELSEWHERE" in said(failures)


def test_what_fails_from_one_region_alone_is_counted(filled: str) -> None:
    """Of slots that others saw, too."""
    found = json.loads(said(failures, "--alone", "--region", "EU", "--json"))["data"]
    assert found[0]["slug"] == "filled-1"
    assert found[0]["failed_alone"] >= 3


@pytest.mark.parametrize(
    ("command", "arguments", "named"),
    [
        (uptime, ("nobody",), "no monitor 'nobody'"),
        (uptime, ("--from", "soon"), "soon"),
        (uptime, ("--from", "2999-01-01"), "yet to come"),
        (uptime, ("--window", "7d", "--from", "2026-01-01"), "either"),
        (failures, ("--region", "MARS"), "MARS"),
        (failures, ("--cursor", "x"), "no cursor"),
    ],
)
def test_what_cannot_be_shown_is_said(filled: str, command: Any, arguments: tuple[str, ...], named: str) -> None:
    """A sentence, and exit code 2."""
    run = CliRunner().invoke(command, list(arguments))
    assert run.exit_code == 2
    assert named in run.output


def test_a_full_bar_means_that_nothing_bad_was_seen() -> None:
    """One bad of a million is not it; a dot where nothing was seen; the lowest bar where nothing good was."""
    tallies = [Tally(10, 0, 5), Tally(10**6, 1), Tally(1, 1), Tally(0, 1), Tally(0, 0, 9), None]
    assert spark.of_uptime(tallies) == "█▇▃▁··"
    assert spark.of_times([10.0, None, 20.0]) == "▁·█"
    assert spark.of_times([None]) == "·"
    assert spark.of_times([100.0, 100.1]) == "▁▁"
