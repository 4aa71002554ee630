"""What people read: what, from where, since when, which phase, what the others see; and nothing in it is markup."""

import asyncio
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.notify.receivers import receiver
from tests.notify.sending import send
from vantage.notify.message import message_of
from vantage.store.channels import Channel, save_channels
from vantage.store.outbox import Letter

Database = Any
AT = datetime(2026, 11, 24, 6, 41, tzinfo=UTC)
SINCE = "2026-11-24T06:38:00.000Z"


def seen(region: str, state: str, reason: str | None = None, **more: Any) -> dict[str, Any]:
    """What a region sees."""
    told = {"http_status": None, "latency_ms": None, "phase": None, "timeout_ms": 5000, **more}
    return {"region": region, "state": state, "since": SINCE, "reason": reason, **told}


TLS = {"phase": "tls", "latency_ms": 5000}
SHOP = {"slug": "shop", "name": "Shop"}
JOB = {"slug": "job", "name": "Job", "type": "heartbeat"}
FROM_TWO = [seen("USA", "down", "timeout", **TLS), seen("INDIA", "down", "timeout", **TLS), seen("EU", "up")]
DIFFERENT = [seen("USA", "down", "timeout", **TLS), seen("EU", "down", "status", http_status=503)]
INCIDENT = {"incident_id": 7, "verdict": "site_down", "began_at": SINCE, "opened_at": SINCE, "kind": ""}


@pytest.mark.parametrize(("type_", "facts", "text"), [
    ("incident.opened", {**INCIDENT, "regions": FROM_TWO},
     "Shop is down from USA and India: TLS timed out. EU is fine. Since 06:38 UTC."),
    ("incident.opened", {**INCIDENT, "regions": DIFFERENT},
     "Shop is down from USA and EU: TLS timed out from USA, status 503 from EU. Since 06:38 UTC."),
    ("incident.opened", {**INCIDENT, "regions": [FROM_TWO[0]], "single_vantage": True},
     "Shop is down from USA: TLS timed out. Only this one region can see it now. Since 06:38 UTC."),
    ("incident.opened", {**INCIDENT, "monitor": JOB, "single_vantage": True, "regions": [
        seen("USA", "down", "missed")]},
     "Job is down: no call in time. Since 06:38 UTC."),
    ("incident.reminder", {**INCIDENT, "monitor": JOB, "at": "2026-11-24T10:38:00Z", "regions": [
        seen("USA", "down", "failed")]},
     "Job is still down, for 4 h now: the job says it failed. Since 06:38 UTC."),
    ("incident.acknowledged", {**INCIDENT, "regions": FROM_TWO, "author": "Ada"},
     "Shop is down, and Ada looks after it. Since 06:38 UTC."),
    ("incident.reminder", {**INCIDENT, "regions": FROM_TWO, "at": "2026-11-24T10:38:00Z"},
     "Shop is still down from USA and India, for 4 h now: TLS timed out. Since 06:38 UTC."),
    ("incident.resolved", {**INCIDENT, "regions": [], "resolved_at": "2026-11-24T07:04:00Z"},
     "Shop is up again, after 26 min (down from 06:38 to 07:04 UTC)."),
    ("incident.resolved", {**INCIDENT, "regions": [], "resolved_at": "2026-11-25T08:00:00Z"},
     "Shop is up again, after 1 d 1 h (down from 06:38 to 25 Nov, 08:00 UTC)."),
    ("advisory.opened", {"kind": "regional", "region": "INDIA", "at": SINCE, "regions": [
        seen("USA", "up"), seen("INDIA", "down", "connect"), seen("EU", "degraded", "slow")]},
     "Shop is down from India only: connect failed. USA is fine. EU is degraded. Since 06:38 UTC."),
    ("advisory.closed", {"kind": "regional_over", "region": "INDIA", "regions": []},
     "Shop is not down from India any more."),
    ("advisory.opened", {"kind": "degraded", "at": AT.isoformat(), "began_at": SINCE, "regions": [
        seen("USA", "degraded", "slow", latency_ms=1240), seen("EU", "up")]},
     "Shop is degraded from USA: answer takes 1.24 s. Since 06:38 UTC."),
    ("monitor.flapping", {"kind": "flapping", "regions": []},
     "Shop goes up and down again and again. You hear of it when it has settled."),
    ("monitor.settled", {"kind": "flapping_over_down", "regions": DIFFERENT[1:]},
     "Shop has settled: it is down from EU: status 503."),
])  # fmt: skip
def test_a_message_says_what_from_where_since_when_and_why(type_: str, facts: dict[str, Any], text: str) -> None:
    """In one line, as a person would say it; how long it lasted, where it is over.

    Red when a job that had not called was said to be down from USA, and that only this one region could see it.
    """
    letter = Letter(1, "team", "1", type_, {"monitor": SHOP, **facts}, AT, 1, "webhook", {})
    assert message_of(letter).text == text


def key(type_: str, facts: dict[str, Any]) -> str:
    """The dedup_key of a message."""
    about = {} if type_.startswith("operator") else {"monitor": SHOP, "regions": []}
    return message_of(Letter(1, "c", "1", type_, {"at": SINCE, **about, **facts}, AT, 1, "", {})).dedup_key


def test_the_same_thing_has_the_same_key_when_it_begins_and_when_it_ends() -> None:
    """So that who keeps alerts can close what was opened."""
    here, incident = {"region": "EU"}, {**INCIDENT, "resolved_at": SINCE}
    pairs: list[tuple[str, str, dict[str, Any], str, str]] = [
        ("incident.opened", "incident.resolved", incident, "site_down", "site_up"),
        ("advisory.opened", "advisory.closed", here, "regional", "regional_over"),
        ("advisory.opened", "advisory.closed", {"began_at": SINCE}, "degraded", "degraded_over"),
        ("monitor.flapping", "monitor.settled", {}, "flapping", "flapping_over_up"),
        ("operator.opened", "operator.closed", {}, "blind", "blind_over"),
        ("operator.opened", "operator.closed", here, "vantage_fault", "vantage_fault_over"),
    ]
    keys = [
        {key(type_, {**facts, "kind": kind}) for type_, kind in ((begins, first), (ends, last))}
        for begins, ends, facts, first, last in pairs
    ]
    assert [len(each) for each in keys] == [1] * len(pairs)
    assert len(set.union(*keys)) == len(pairs)


@pytest.mark.parametrize(("public", "page"), [(True, "monitors"), (False, "ops/status"), (None, "ops/status")])
def test_a_link_leads_where_its_reader_may_look(public: bool | None, page: str) -> None:
    """A private monitor's page is behind the login; so is one of which it is not known.

    Red where every monitor's own page was linked: a 404.
    """
    facts = {**INCIDENT, "resolved_at": None, "regions": [], "monitor": {**SHOP, "public": public}}
    letter = Letter(1, "team", "1", "incident.opened", facts, AT, 1, "webhook", {})
    assert message_of(letter, "https://status.example.com").url == f"https://status.example.com/{page}/shop#incidents"


def test_slack_and_teams_get_plain_text_that_calls_nobody(database: Database, database_url: str) -> None:
    """Markup, mentions and links in a name are text, in Slack, Mattermost and Rocket.Chat, and in Teams, where only a
    TextBlock has markup. Red without the escapes."""
    name = "<!channel> <https://evil.example|Shop> & @channel *now*"
    with receiver() as room:
        save_channels(database, [Channel("room", "slack", {"url": room.url})])
        save_channels(database, [Channel("team", "teams", {"url": f"{room.url}/workflows/x?sig=y"})])
        facts = {
            **INCIDENT,
            "resolved_at": SINCE,
            "regions": [],
            "monitor": {"slug": "shop", "name": name, "public": True},
        }
        database.execute(
            "INSERT INTO outbox (channel, subject, key, type, facts) SELECT name, '1', 'k', %s, %s FROM channel",
            ("incident.resolved", json.dumps(facts)),
        )
        asyncio.run(send(database_url))
    got, team = sorted(room.received, key=lambda one: len(one.path))
    [attachment] = team.json["attachments"]
    card = attachment["content"]
    assert (team.path, attachment["contentType"]) == (
        "/workflows/x?sig=y",
        "application/vnd.microsoft.card.adaptive",
    )
    assert [(one["type"], [run["type"] for run in one["inlines"]]) for one in card["body"]] == [
        ("RichTextBlock", ["TextRun"])
    ]
    assert card["body"][0]["inlines"][0]["text"].startswith(f"{name} is up again")
    assert card["actions"][0]["url"] == "https://status.example.com/monitors/shop#incidents"
    text, link = got.json["text"].split("\n")
    assert (set(got.json), got.json["mrkdwn"]) == ({"text", "mrkdwn"}, False)
    assert "&lt;!channel&gt; &lt;https://evil.example|Shop&gt; &amp; @\u200bchannel *now* is up again" in text
    assert link == "https://status.example.com/monitors/shop#incidents"
