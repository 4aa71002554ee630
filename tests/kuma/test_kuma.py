"""Uptime Kuma's backup and its kuma.db become a monitors file that applies; what has no like of it here is told."""

import hashlib
import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from local.kuma.reading import Kuma, NotKuma, read_kuma
from local.kuma.translate import translate
from vantage.monitors_file.read import read
from vantage.monitors_file.values import Here
from vantage.monitors_file.write import dump

# As Kuma 1.23 writes a backup, shortened to what it sets.
PLAIN: dict[str, Any] = {
    "type": "http", "url": "https://www.example.com/", "method": "GET", "interval": 60, "timeout": 48, "maxretries": 2,
    "active": True, "parent": None, "accepted_statuscodes": ["200-299"], "maxredirects": 10, "ignoreTls": False,
    "upsideDown": False, "expiryNotification": False, "keyword": None, "invertKeyword": False, "notificationIDList": {},
    "tags": [], "headers": None, "body": None, "basic_auth_user": None, "basic_auth_pass": None, "authMethod": None,
    "hostname": None, "port": None, "proxyId": None, "httpBodyEncoding": None, "jsonPath": None, "expectedValue": None,
}  # fmt: skip
SITES: list[dict[str, Any]] = [
    {"name": "Shop", "type": "group"},
    {"name": "Website", "parent": 1, "expiryNotification": True, "notificationIDList": {"1": True, "2": True},
     "tags": [{"name": "team", "value": "web", "color": "#fff"}, {"name": "prod", "value": "", "color": "#000"}]},
    {"name": "Website", "type": "keyword", "keyword": "Welcome", "interval": 20, "timeout": 16, "active": False},
    {"name": "No errors", "type": "keyword", "keyword": "Exception", "invertKeyword": True,
     "accepted_statuscodes": ["200-299", "404"], "maxredirects": 0, "ignoreTls": True},
    {"name": "API", "type": "json-query", "jsonPath": "$.status.code", "expectedValue": "7", "method": "POST",
     "body": '{"a": 1}', "httpBodyEncoding": "json", "basic_auth_user": "bot", "basic_auth_pass": "hunter2",
     "authMethod": "basic", "headers": '{"X-Api-Key": "hunter2", "X-Team": "web"}'},
    {"name": "Sums", "type": "json-query", "jsonPath": "$sum(orders.price)", "expectedValue": "7"},
    {"name": "Mail", "type": "port", "hostname": "mail.example.com", "port": 993, "interval": 100, "timeout": 80},
    {"name": "Zone", "type": "dns", "hostname": "example.com", "dns_resolve_type": "MX",
     "dns_resolve_server": "9.9.9.9"},
    {"name": "Router", "type": "ping", "hostname": "192.0.2.1"},
    {"name": "Backup job", "type": "push"},
    {"name": "Must be away", "upsideDown": True},
    {"name": "Purge", "method": "DELETE"},
]  # fmt: skip
NOTIFICATIONS = [
    {"id": 1, "name": "Team", "config": '{"type": "slack", "slackwebhookURL": "https://hooks.slack.com/hunter2"}'},
    {"id": 2, "name": "Phone", "config": '{"type": "telegram", "telegramBotToken": "hunter2"}'},
]


def kuma_of(*sites: dict[str, Any]) -> Kuma:
    """What reading makes of these sites."""
    read_alike = {"accepted": ["200-299"], "notifications": [], "tags": []}
    return Kuma([{**PLAIN, **read_alike, **site, "id": n} for n, site in enumerate(sites, 1)], [])


@pytest.fixture
def backup(tmp_path: Path) -> Path:
    """A backup of Kuma 1."""
    file = tmp_path / "backup.json"
    monitors = [{**PLAIN, **site, "id": n} for n, site in enumerate(SITES, 1)]
    file.write_text(json.dumps({"version": "1.23.13", "notificationList": NOTIFICATIONS, "monitorList": monitors}))
    return file


@pytest.fixture
def kuma_db(tmp_path: Path) -> Path:
    """The same in a kuma.db of Kuma 2, with a status page that shows the first Website."""
    file = tmp_path / "kuma.db"
    names = {
        "ignoreTls": "ignore_tls", "upsideDown": "upside_down", "expiryNotification": "expiry_notification",
        "invertKeyword": "invert_keyword", "authMethod": "auth_method", "jsonPath": "json_path",
        "expectedValue": "expected_value", "httpBodyEncoding": "http_body_encoding", "proxyId": "proxy_id",
        "accepted_statuscodes": "accepted_statuscodes_json",
    }  # fmt: skip
    columns = [*(names.get(key, key) for key in PLAIN if key not in ("tags", "notificationIDList")), "name",
               "dns_resolve_type", "dns_resolve_server", "json_path_operator"]  # fmt: skip
    with sqlite3.connect(file) as db:
        db.executescript(
            f"""PRAGMA journal_mode = wal;
            CREATE TABLE monitor (id INTEGER PRIMARY KEY, {", ".join(columns)});
            CREATE TABLE notification (id INTEGER PRIMARY KEY, name, config);
            CREATE TABLE monitor_notification (monitor_id, notification_id);
            CREATE TABLE tag (id INTEGER PRIMARY KEY, name, color);
            CREATE TABLE monitor_tag (id INTEGER PRIMARY KEY, monitor_id, tag_id, value);
            CREATE TABLE "group" (id INTEGER PRIMARY KEY, name, public);
            CREATE TABLE monitor_group (monitor_id, group_id);
            CREATE TABLE maintenance (id INTEGER PRIMARY KEY);
            INSERT INTO "group" VALUES (1, 'Services', 1);
            INSERT INTO monitor_group VALUES (2, 1);
            INSERT INTO maintenance VALUES (1);"""
        )
        for one in NOTIFICATIONS:
            db.execute("INSERT INTO notification VALUES (?, ?, ?)", (one["id"], one["name"], one["config"]))
        for n, site in enumerate(SITES, 1):
            row = {names.get(key, key): value for key, value in {**PLAIN, **site}.items()}
            row["accepted_statuscodes_json"] = json.dumps(row["accepted_statuscodes_json"])
            for tag in row.pop("tags"):
                id_ = db.execute("INSERT INTO tag (name) VALUES (?)", (tag["name"],)).lastrowid
                db.execute(
                    "INSERT INTO monitor_tag (monitor_id, tag_id, value) VALUES (?, ?, ?)", (n, id_, tag["value"])
                )
            for id_ in row.pop("notificationIDList"):
                db.execute("INSERT INTO monitor_notification VALUES (?, ?)", (n, int(id_)))
            keys = ", ".join(row)
            db.execute(f"INSERT INTO monitor (id, {keys}) VALUES ({n}{', ?' * len(row)})", list(row.values()))
    db.close()
    return file


@pytest.mark.parametrize("kind", ["backup", "kuma_db"])
def test_a_file_of_kuma_becomes_a_monitors_file_that_applies(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """Either kind the same, but for the status page, which a backup does not hold; and no secret of it anywhere."""
    done = translate(read_kuma(request.getfixturevalue(kind)))
    file = tmp_path / "sites.yaml"
    file.write_text(dump(done.document))
    reading = read([file], {}, Here())
    assert [str(fault) for fault in reading.faults] == []
    assert "hunter2" not in file.read_text() + str(done)
    found = {one["slug"]: one for one in done.monitors}
    assert list(found) == ["website", "website-2", "no-errors", "api", "sums", "mail", "zone", "backup-job"]
    website = {"name": "Website", "slug": "website", "url": "https://www.example.com/", "method": "GET",
               "interval": "60s", "timeout": "30s", "confirmations": 3, "group": "Shop", "channels": ["Team"],
               "tags": {"team": "web", "prod": "yes"}, "expect": {"certificate": {"days": 14}}}  # fmt: skip
    assert found["website"] == website | ({"public": True} if kind == "kuma_db" else {})
    assert (found["website-2"]["enabled"], found["website-2"]["interval"]) == (False, "20s")
    assert found["website-2"]["expect"] == {"body": {"contains": ["Welcome"]}}
    assert found["no-errors"]["expect"] == {"status": ["200-299", 404], "body": {"not_contains": ["Exception"]}}
    assert (found["no-errors"]["verify_tls"], found["no-errors"]["redirects"]) == (False, {"follow": 0})
    assert found["api"]["expect"] == {"json": [{"path": "status.code", "equals": 7}]}
    assert found["api"]["auth"] == {"basic": {"user": "bot", "password": "env:KUMA_API_PASSWORD"}}
    assert found["api"]["headers"] == {
        "X-Api-Key": "env:KUMA_API_X_API_KEY", "X-Team": "web", "Content-Type": "application/json",
    }  # fmt: skip
    assert (found["mail"]["type"], found["mail"]["port"], found["mail"]["interval"]) == ("tcp", 993, "120s")
    assert (found["zone"]["type"], found["zone"]["record"]) == ("dns", "MX")
    assert found["backup-job"] == {
        "name": "Backup job", "slug": "backup-job", "type": "heartbeat", "interval": "60s",
    }  # fmt: skip
    assert done.channels == [{"name": "Team", "type": "slack", "url": "env:KUMA_TEAM_URL"}]


def test_what_could_not_be_carried_over_is_told(kuma_db: Path) -> None:
    """Each with its reason; and what differs, and which variables are to be set."""
    done = translate(read_kuma(kuma_db))
    assert dict(done.left_out) == {
        "notification Phone": "for telegram write a channel of type apprise (docs/alerts.md)",
        "Router": "type ping: Lambda cannot send ICMP",
        "Must be away": "it is up where its target is down (upside down mode)",
        "Purge": "method DELETE; there are GET, HEAD and POST",
        "1 maintenance windows": "announce them anew: vantage maintenance add",
    }
    assert dict(done.changed) == {
        "Sums": "is not asked for its JSON: '$sum(orders.price)' is no JMESPath",
        "Mail": "every 120 s instead of 100 s",
        "Zone": "asks the region's own resolver, and not 9.9.9.9",
        "Backup job": "its job must call another address, which `vantage monitors list` shows",
    }
    assert done.variables.keys() == {"KUMA_TEAM_URL", "KUMA_API_PASSWORD", "KUMA_API_X_API_KEY"}


def test_no_slug_stands_twice() -> None:
    """Red where the second Website and Website 2 were both website-2."""
    done = translate(kuma_of({"name": "Website"}, {"name": "Website"}, {"name": "Website 2"}, {"name": "Website"}))
    assert [one["slug"] for one in done.monitors] == ["website", "website-2", "website-2-2", "website-3"]


@pytest.mark.parametrize("headers", ["X-Team: web", '["X-Team"]', '"X-Team"', "7"])
def test_headers_that_are_no_object_are_told(headers: str) -> None:
    """The monitor goes without them. Red where text was dropped without a word and a list was a stack trace."""
    done = translate(kuma_of({"name": "Website", "headers": headers}))
    assert done.changed == [("Website", "goes without its headers: they are no JSON object")]
    assert [one.get("headers") for one in done.monitors] == [None]


def test_headers_become_what_they_are_here() -> None:
    """User-Agent has a key of its own; what carries a secret by its last word is named. Red where both were not."""
    secret = ("X-Vault-Token", "Proxy-Authorization", "Client-Secret", "X-Password", "X-Auth-Key", "Cookie")
    plain = {"X-Team": "web", "Idempotency-Key": "1", "X-Token-Kind": "jwt"}
    given = json.dumps({"user-agent": "Kuma/1", **dict.fromkeys(secret, "hunter2"), **plain})
    done = translate(kuma_of({"name": "Website", "headers": given}))
    [website] = done.monitors
    assert website["user_agent"] == "Kuma/1"
    named = {header: f"env:KUMA_WEBSITE_{header.upper().replace('-', '_')}" for header in secret}
    assert website["headers"] == named | plain
    assert "hunter2" not in str(done)


def test_a_kuma_db_is_only_read(kuma_db: Path) -> None:
    """Not a byte of it changes, and nothing is made beside it. Red where it was opened as SQLite opens by itself."""
    before = hashlib.sha256(kuma_db.read_bytes()).hexdigest()
    beside = sorted(path.name for path in kuma_db.parent.iterdir())
    kuma_db.chmod(0o444)
    read_kuma(kuma_db)
    assert hashlib.sha256(kuma_db.read_bytes()).hexdigest() == before
    assert sorted(path.name for path in kuma_db.parent.iterdir()) == beside


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"monitorList": 7}', "SQLite format 3\0and no more", "a: yaml"])
def test_any_other_file_is_refused_in_a_sentence(tmp_path: Path, content: str) -> None:
    """Whatever it holds."""
    file = tmp_path / "file"
    file.write_text(content)
    with pytest.raises(NotKuma, match=r"is neither a backup of Uptime Kuma \(JSON\) nor its kuma\.db"):
        read_kuma(file)


def test_the_command_prints_the_file_and_the_report_apart(backup: Path, tmp_path: Path) -> None:
    """YAML on standard output, to be kept; the report on standard error; a file that is there is not written over."""
    command = [f"{Path(sys.executable).parent}/vantage", "import", "kuma", str(backup)]
    run = subprocess.run(command, capture_output=True, text=True, check=True, env={**os.environ, "DATABASE_URL": ""})
    assert run.stdout.startswith("version: 1\n")
    assert "8 monitors and 1 channel taken over." in run.stderr
    assert "Not taken over: Router: type ping: Lambda cannot send ICMP." in run.stderr
    assert "Set KUMA_TEAM_URL: the URL of Team (slackwebhookURL in Kuma)." in run.stderr
    output = tmp_path / "sites.yaml"
    subprocess.run([*command, "--output", str(output)], capture_output=True, check=True)
    assert output.read_text() == run.stdout
    again = subprocess.run([*command, "--output", str(output)], capture_output=True, text=True, check=False)
    assert (again.returncode, again.stderr) == (2, f"{output} is there already; name another file.\n")
    told = json.loads(subprocess.run([*command, "--json"], capture_output=True, text=True, check=True).stdout)
    assert told.keys() == {"file", "left_out", "changed", "variables"}
