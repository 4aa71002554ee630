"""What a person does about incidents, channels and announced work, from the command line."""

import asyncio
import json
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from local.cli import cli
from tests.notify.receivers import receiver
from tests.notify.sending import send
from vantage.store.channels import Channel, load_channels, save_channels

Database = Any


@pytest.fixture(autouse=True)
def _system(monkeypatch: pytest.MonkeyPatch, database_url: str) -> None:
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("ALLOW_PRIVATE_ADDRESSES", "true")


def vantage(*words: str) -> Result:
    """Run a command."""
    return CliRunner().invoke(cli, words)


@pytest.fixture
def incident(database: Database) -> int:
    """An open incident of the monitor `shop`, which tells the channel `team`."""
    save_channels(database, [Channel("team", "webhook", {"url": "https://example.com/"})])
    database.execute(
        """INSERT INTO monitor (slug, name, type, spec, interval_s, timeout_ms, channels)
           VALUES ('shop', 'Shop', 'http', '{"url": "https://shop.example/"}', 60, 1000, '{team}')"""
    )
    row = database.execute(
        """INSERT INTO incident (monitor_id, began_at, opened_at, single_vantage, reason, phase, facts)
           SELECT id, now() - interval '5 min', now() - interval '4 min', false, 'timeout', 'tls', '{"regions": []}'
             FROM monitor RETURNING id"""
    ).fetchone()
    return int(row[0])


def test_an_acknowledged_incident_is_told_once_and_says_by_whom(
    database: Database, database_url: str, incident: int
) -> None:
    """Its channels hear who looks after it; a second time is refused."""
    with receiver() as hook:
        save_channels(database, [Channel("team", "webhook", {"url": hook.url})])
        assert (
            vantage("incidents", "ack", str(incident), "--author", "Ada").output == f"{incident}: acknowledged by Ada\n"
        )
        again = vantage("incidents", "ack", str(incident), "--author", "Bob")
        asyncio.run(send(database_url))
    assert (again.exit_code, "already" in again.output) == (2, True)
    [told] = [one.json for one in hook.received]
    assert told["type"] == "incident.acknowledged"
    assert told["data"]["incident"]["status"] == "acknowledged"
    assert told["text"].startswith("Shop is down, and Ada looks after it. Since ")


def test_an_incident_s_timeline_has_its_first_and_last_failing_check(database: Database, incident: int) -> None:
    """As the stored results have them."""
    database.execute(
        """INSERT INTO check_result (monitor_id, checked_at, recorded_at, region, status, reason, interval_s,
                                     reused, cold, lagging, confirmed, extra)
           SELECT monitor_id, began_at + n * interval '1 min', now(), 'EU', s::check_status, 'timeout', 60,
                  false, false, false, false, false
             FROM incident, unnest('{0,1,2}'::int[], '{down,down,up}'::text[]) x (n, s)"""
    )
    [(began, last)] = database.execute("SELECT began_at, began_at + interval '1 min' FROM incident").fetchall()
    lines = vantage("incidents", "show", str(incident)).output.splitlines()
    assert [f"{at:%Y-%m-%d %H:%M:%S}" in line for at, line in zip((began, last), lines[2:], strict=True)] == [
        True,
        True,
    ]
    assert [line.split("  ")[1].strip() for line in lines[2:]] == ["first failing check", "last failing check"]


def test_a_note_stands_in_the_timeline(incident: int) -> None:
    """With its author; an incident that is not there is refused."""
    assert vantage("incidents", "note", str(incident), "disk full", "--author", "Ada").exit_code == 0
    shown = json.loads(vantage("incidents", "show", str(incident), "--json").output)
    assert [(one["kind"], one["author"], one["detail"]) for one in shown["events"]] == [
        ("note", "Ada", {"text": "disk full"})
    ]
    listed = vantage("incidents", "list", "--open").output
    assert "shop" in listed
    assert "tls timeout" in listed
    assert vantage("incidents", "note", "99", "x").exit_code == 2


def test_a_test_message_is_taken_or_refused_with_the_reason(database: Database) -> None:
    """And a channel that was switched off is on again once it takes one."""
    with receiver() as hook:
        save_channels(database, [Channel("hook", "webhook", {"url": hook.url})])
        database.execute("UPDATE channel SET enabled = false, disabled_reason = 'gone'")
        assert vantage("channels", "test", "hook").output == "hook: taken\n"
    [channel] = load_channels(database)
    assert channel.enabled
    assert hook.received[0].json["type"] == "test"
    refused = vantage("channels", "test", "hook")
    assert (refused.exit_code, "cannot be reached" in refused.output) == (2, True)
    assert vantage("channels", "test", "nobody").exit_code == 2


def test_a_channel_whose_secret_the_system_alone_knows_is_tried_by_its_notifier(
    database: Database, database_url: str
) -> None:
    """As on AWS, where they are in SSM: what the notifier hears is told here. Red with the sending from here alone."""

    def notifier() -> None:
        while not database.execute("SELECT EXISTS (SELECT FROM outbox)").fetchone()[0]:
            time.sleep(0.02)
        asyncio.run(send(database_url))

    with receiver(lambda one: (204 if one.headers.get("x-key") == "pa55" else 403, {})) as hook:
        told = []
        for reference in ("env:PASSWORD", "ssm:/vantage/hook"):
            database.execute("DELETE FROM outbox")
            save_channels(database, [Channel("hook", "webhook", {"url": hook.url, "headers": {"X-Key": reference}})])
            beside = threading.Thread(target=notifier)
            beside.start()
            told.append(vantage("channels", "test", "hook"))
            beside.join()
    assert told[0].output == "hook: taken\n"
    assert (told[1].exit_code, "ssm:/vantage/hook cannot be used: there is no SSM here" in told[1].output) == (2, True)
    assert database.execute("SELECT count(*) FROM outbox WHERE given_up_at IS NULL").fetchone() == (0,)


def test_announced_work_is_in_utc_whatever_its_clock_shows(database: Database) -> None:
    """22:00 in Berlin is 21:00 UTC in December; `end` takes away what lies ahead."""
    words = ("--start", "2096-12-01T22:00", "--duration", "2h", "--timezone", "Europe/Berlin")
    assert vantage("maintenance", "add", "Release", *words).output == "1: announced\n"
    spans = database.execute("SELECT from_at::text, until_at - from_at = interval '2 hours' FROM maintenance_window")
    assert spans.fetchall() == [("2096-12-01 21:00:00+00", True)]
    assert "Release" in vantage("maintenance", "list").output
    assert vantage("maintenance", "end", "1").output == "1: over\n"
    assert database.execute("SELECT count(*) FROM maintenance_window").fetchone() == (0,)
    assert vantage("maintenance", "end", "1").exit_code == 2
    assert vantage("maintenance", "add", "X", *words[:5], "Moon/Base").exit_code == 2


@pytest.mark.usefixtures("incident")
def test_work_on_nobody_is_announced_and_noted(database: Database, tmp_path: Path) -> None:
    """A group or slug that no monitor has, by the command and by a file; one that the same file brings is no slip.

    Red while a misspelled group was announced without a word, and people were paged during the release.
    """
    words = ("--start", "2096-12-01T22:00", "--duration", "2h", "--monitor", "shop")
    assert vantage("maintenance", "add", "Release", *words, "--group", "Publik").output == (
        "1: announced\nNote: maintenance Release is on 'Publik', and there is no such monitor or group.\n"
    )
    (tmp_path / "sites.yaml").write_text(
        "monitors: [{name: Mail, url: 'https://mail.example.com/', group: Office}]\nmaintenance:\n"
        "- {name: Move, start: '2096-12-01T08:00', duration: 1d, groups: [Office], monitors: [mail, shop, shopp]}\n"
    )
    notes = [line for line in vantage("monitors", "apply", str(tmp_path)).output.splitlines() if "Note" in line]
    assert notes == ["Note: maintenance Move is on 'shopp', and there is no such monitor or group."]
    assert database.execute("SELECT count(*) FROM maintenance").fetchone() == (2,)


def test_work_recurs_and_what_cannot_be_announced_is_told() -> None:
    """By a rule of RFC 5545; a name is taken while it is not over."""
    words = ("--start", "2026-01-06T22:00", "--duration", "2h", "--timezone", "Europe/Berlin")
    assert vantage("maintenance", "add", "Night", *words, "--rrule", "FREQ=WEEKLY;BYDAY=TU").output == "1: announced\n"
    listed = vantage("maintenance", "list").output
    [data] = json.loads(vantage("maintenance", "list", "--json").output)["data"]

    assert "FREQ=WEEKLY;BYDAY=TU" in listed
    assert data["next_at"]
    for wrong, said in (
        (("Night", *words, "--rrule", "FREQ=DAILY"), "There is 'Night' already"),
        (("Once", *words), "Once would be over already"),
        (("Odd", *words, "--rrule", "FREQ=SECONDLY"), "--rrule: must have a FREQ"),
        (("Odd", *words[:3], "soon"), "--duration: must be a whole number with its unit"),
    ):
        refused = vantage("maintenance", "add", *wrong)
        assert (refused.exit_code, said in refused.output) == (2, True), refused.output
