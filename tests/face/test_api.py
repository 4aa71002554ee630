"""The API: what is told, what is changed and written down, and what is refused in which words."""

from typing import Any

import psycopg
import pytest

from tests.face.conftest import Asker
from tests.page.filled import add_monitor, add_regions, add_ticks
from vantage.errors import ServerUnavailable
from vantage.face.app import App
from vantage.face.sources import A_MINUTE, Sources
from vantage.store.connection import Connection

SITE = {"name": "Website", "url": "https://www.example.com/health"}


def test_a_monitor_is_made_read_changed_paused_and_deleted(writer: Asker, database: psycopg.Connection) -> None:
    """The whole life of one, in the words of the monitors file; each change is written down with who made it."""
    made = writer.post("/v1/monitors", SITE)
    assert (made.status, made.headers["location"]) == (201, "/v1/monitors/website")
    assert made.json["interval"] == "1m"
    assert writer.get("/v1/monitors").json == {"data": [made.json], "next_cursor": None}
    changed = writer.ask(
        "PATCH", "/v1/monitors/website", {"interval": "30s", "expect": {"latency": {"down_over": "5s"}}}
    )
    assert (changed.status, changed.json["interval"]) == (200, "30s")
    assert changed.json["expect"]["latency"] == {"down_over": "5s"}
    assert writer.ask("PATCH", "/v1/monitors/website", {"expect": None}).json["expect"] == {"status": ["200-299"]}
    put = writer.ask("PUT", "/v1/monitors/website", {**changed.json, "name": "Site"})
    assert (put.json["name"], put.json["slug"], put.json["interval"]) == ("Site", "website", "30s")
    assert writer.post("/v1/monitors/website/pause").json["enabled"] is False
    assert writer.post("/v1/monitors/website/resume").json["enabled"] is True
    assert writer.ask("DELETE", "/v1/monitors/website").status == 204
    assert writer.get("/v1/monitors/website").status == 404
    assert writer.post("/v1/monitors", SITE).status == 201  # comes back
    written = database.execute("SELECT actor, action, subject FROM audit ORDER BY id").fetchall()
    actions = ["create", "update", "update", "update", "pause", "resume", "delete", "create"]
    assert written == [("token:writer", f"monitor.{action}", "monitor/website") for action in actions]
    assert [one["action"] for one in writer.get("/v1/audit", query={"limit": 2}).json["data"]] == [
        "monitor.create", "monitor.delete",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": "A", "url": "https://x.example.com/", "interval": "7s"}, "interval"),
        ({"name": "A", "url": "https://x.example.com/", "expect": {"status": "9"}}, "expect.status"),
        ({"name": "A", "url": "https://x.example.com/", "intervall": "60s"}, "intervall"),
        ({"name": "A"}, "url"),
        ({"url": "https://x.example.com/"}, "name"),
        ({"name": "A", "url": "http://127.0.0.1/"}, "url"),
        ({"name": "A", "url": "https://x.example.com/", "channels": ["nobody"]}, "channels.0"),
        ([], ""),
    ],
)  # fmt: skip
def test_a_fault_names_its_field(writer: Asker, body: Any, field: str) -> None:
    """Each as problem+json; nothing is stored or written down."""
    told = writer.post("/v1/monitors", body)
    assert (told.status, told.headers["content-type"]) == (422, "application/problem+json")
    assert field in [error["field"] for error in told.json["errors"]]
    assert told.json["title"]
    assert writer.get("/v1/monitors").json["data"] == []
    assert writer.get("/v1/audit").json["data"] == []


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        ("{", {}, 400), ('{"a": NaN}', {}, 400), ('{"a": 1e999}', {}, 400), ('{"a": 1, "a": 2}', {}, 400),
        ("[" * 100 + "]" * 100, {}, 400), ("[" * 50_000, {}, 400), ("{}", {"content_type": "text/plain"}, 415),
        (f'"{"x" * 300_000}"', {}, 413),
    ],
)  # fmt: skip
def test_a_body_that_is_none_is_refused(writer: Asker, body: str, headers: dict[str, str], status: int) -> None:
    """Before anything looks at its fields."""
    assert writer.post("/v1/monitors", body, **headers).status == status


def test_who_has_no_token_or_the_wrong_one_reads_and_changes_nothing(
    anyone: Asker, reader: Asker, database: psycopg.Connection
) -> None:
    """401 without, with another, or with a revoked one; 403 for changing with one that only reads."""
    for token in (None, "vantage_no", "no", reader.token and reader.token[:-1]):
        told = Asker(anyone.app, token).get("/v1/monitors")
        assert (told.status, told.headers["www-authenticate"]) == (401, 'Bearer realm="vantage"')
    assert reader.post("/v1/monitors", SITE).status == 403
    assert reader.get("/v1/monitors").status == 200
    database.execute("UPDATE token SET revoked_at = now()")
    assert reader.get("/v1/monitors").status == 401


def test_a_token_is_stored_as_its_hash_alone(reader: Asker, database: psycopg.Connection) -> None:
    """Nobody who reads the table can ask with what stands there."""
    assert reader.token
    rows = str(database.execute("SELECT t::text, encode(hash, 'escape') FROM token t").fetchall())
    assert reader.token.removeprefix("vantage_") not in rows


def test_a_token_that_asks_too_often_is_told_when_to_ask_again(reader: Asker, database: psycopg.Connection) -> None:
    """429 behind its limit, and what is left before; red where the count was not looked at."""
    left = int(reader.get("/v1/regions").headers["ratelimit-remaining"])
    assert left == A_MINUTE - 1
    database.execute("UPDATE token SET used = %s, used_at = date_trunc('minute', now())", (A_MINUTE,))
    told = reader.get("/v1/regions")
    if told.status == 429:  # else the minute has just passed
        assert 1 <= int(told.headers["retry-after"]) <= 60
        assert told.json["status"] == 429


def test_a_post_with_a_key_is_done_once(writer: Asker, database: psycopg.Connection) -> None:
    """Sent again it is answered as it was; the key for something else is refused. Red without the table; and
    where of the headers none was kept, Location is one of them."""
    key = {"idempotency_key": "a-1"}
    made = writer.post("/v1/monitors", SITE, **key)
    again = writer.post("/v1/monitors", SITE, **key)
    assert (again.status, again.json) == (201, made.json)
    assert again.headers["idempotency-replayed"] == "true"
    assert again.headers["location"] == made.headers["location"] == "/v1/monitors/website"
    assert again.headers["etag"] == made.headers["etag"]
    assert writer.post("/v1/monitors", {**SITE, "name": "Other"}, **key).status == 409
    assert database.execute("SELECT count(*) FROM audit").fetchall() == [(1,)]
    assert writer.post("/v1/monitors", {"name": "x"}, idempotency_key="b").status == 422
    assert writer.post("/v1/monitors", {**SITE, "name": "b"}, idempotency_key="b").status == 201  # that one did nothing


def test_what_has_changed_since_is_not_overwritten(writer: Asker) -> None:
    """If-Match with the ETag that was read; and If-None-Match is told that nothing is new."""
    tag = writer.post("/v1/monitors", SITE).headers["etag"]
    assert writer.get("/v1/monitors/website").headers["etag"] == tag
    known = writer.get("/v1/monitors/website", if_none_match=tag)
    assert (known.status, known.text) == (304, "")
    assert writer.ask("PATCH", "/v1/monitors/website", {"interval": "30s"}, if_match=tag).status == 200
    refused = writer.ask("PATCH", "/v1/monitors/website", {"interval": "20s"}, if_match=tag)
    assert refused.status == 412
    assert writer.get("/v1/monitors/website").json["interval"] == "30s"
    assert writer.ask("DELETE", "/v1/monitors/website", if_match=tag).status == 412


def test_lists_come_in_pages_that_leave_nothing_out_and_tell_nothing_twice(
    writer: Asker, database: psycopg.Connection
) -> None:
    """Monitors, results and failures, followed by their cursors."""
    add_regions(database)
    for name in ("A", "B", "C"):
        add_monitor(database, name, {"USA": "UDUD", "EU": "UUDD"})
    for path, count in (("/v1/monitors", 3), ("/v1/monitors/a/results", 8), ("/v1/failures", 12)):
        found, cursor = [], None
        while True:
            told = writer.get(path, query={"limit": 2, **({"cursor": cursor} if cursor else {})}).json
            found += told["data"]
            cursor = told["next_cursor"]
            if cursor is None:
                break
        assert len(found) == count
        assert len({str(one) for one in found}) == count
    assert {one["region"] for one in writer.get("/v1/failures", query={"region": "EU"}).json["data"]} == {"EU"}
    for path in ("/v1/failures", "/v1/failures/alone"):
        assert writer.get(path, query={"region": "MARS"}).json["errors"][0]["field"] == "region"
    assert writer.get("/v1/failures", query={"cursor": "x"}).status == 422


@pytest.mark.parametrize("offset", ["Z", "-23:00", "+23:00"])
def test_an_instant_has_any_offset(writer: Asker, database: psycopg.Connection, offset: str) -> None:
    """And a year that can be. Red (500) where an instant that has no UTC (of the year 1 or 9999) was not caught."""
    add_regions(database)
    add_monitor(database, "A", {"USA": "UD"})
    for name in ("from", "to"):
        for path in ("/v1/failures", "/v1/monitors/a/results"):
            assert writer.get(path, query={name: f"2026-01-01T00:00:00{offset}"}).status == 200
            for date in ("0001-01-01T00:00:00", "9999-12-31T23:59:59"):
                told = writer.get(path, query={name: date + offset})
                assert (told.status, told.json["errors"][0]["field"]) == (422, name)


def test_uptime_regions_and_the_ledger_are_told(writer: Asker, database: psycopg.Connection) -> None:
    """The same figures as the commands'."""
    add_regions(database)
    add_monitor(database, "A", {"USA": "U" * 10, "EU": "U" * 10})
    add_ticks(database, 10)
    told = writer.get("/v1/monitors/a/uptime", query={"window": "24h"}).json
    assert told["slug"] == "a"
    assert told["availability"]["good_s"] + told["availability"]["unseen_s"] > 0
    assert writer.get("/v1/uptime").json["data"][0]["slug"] == "a"
    assert [one["name"] for one in writer.get("/v1/regions").json["data"]] == ["USA", "INDIA", "EU"]
    assert writer.ask("PATCH", "/v1/regions/EU", {"enabled": False}).json["enabled"] is False
    assert len(writer.get("/v1/ledger").json["data"]) == 10
    assert writer.get("/v1/monitors/a/uptime", query={"window": "1y"}).json["errors"][0]["field"] == "window"


class AsksAnother(Sources):
    """Has another app answer before it says that PostgreSQL is away."""

    other: Asker

    def connection(self) -> Connection:
        """Raise ServerUnavailable, a request of somebody else later."""
        assert self.other.get("/healthz").status == 200
        raise ServerUnavailable("away")


def test_apps_that_answer_at_once_do_not_mix_up_who_asks_what(anyone: Asker) -> None:
    """A program is told as a program while somebody else asks another app of the process.

    Red where the request stood in a variable of all apps, as Powertools has it.
    """
    sources = AsksAnother(anyone.app.sources.database, anyone.app.sources.stream)
    sources.other = anyone
    told = Asker(App(sources), "vantage_any").get("/v1/monitors")
    assert (told.status, told.headers["content-type"]) == (503, "application/problem+json")


def test_lists_of_monitors_are_read_page_by_page(writer: Asker, database: psycopg.Connection) -> None:
    """Monitors, by group too, and their uptime; each page as long as was asked, none twice, none left out.

    Red where the cursor was of the page and not of its last row, and where the group was looked at behind the limit.
    """
    add_regions(database)
    slugs = [f"m-{number}" for number in range(7)]
    for slug in slugs:
        add_monitor(database, slug, {}, slug=slug, group_name="Odd" if int(slug[-1]) % 2 else "Even")
    add_monitor(database, "Ours", {}, reference=True)
    for path, query, wanted in (
        ("/v1/monitors", {}, slugs), ("/v1/monitors", {"group": "Odd"}, slugs[1::2]), ("/v1/uptime", {}, slugs),
    ):  # fmt: skip
        pages: list[list[str]] = []
        cursor: str | None = None
        while cursor or not pages:
            asked = {"limit": 2, **query, **({"cursor": cursor} if cursor else {})}
            told = writer.get(path, query=asked).json
            pages.append([one["slug"] for one in told["data"]])
            cursor = told["next_cursor"]
        assert [slug for page in pages for slug in page] == wanted
        assert {len(page) for page in pages[:-1]} == {2}
    assert writer.get("/v1/monitors/m-33").json["detail"] == "There is no monitor 'm-33'; is m-3 meant?"


def test_incidents_are_acknowledged_once_and_noted(writer: Asker, database: psycopg.Connection) -> None:
    """By who does it, or by the token's name."""
    monitor_id = add_monitor(database, "A", {})
    database.execute(
        """INSERT INTO incident (monitor_id, began_at, opened_at, single_vantage, facts)
           VALUES (%s, now(), now(), false, '{"regions": []}')""",
        (monitor_id,),
    )
    [one] = writer.get("/v1/incidents", query={"open": "true"}).json["data"]
    assert writer.get("/v1/monitors/a/incidents").json["data"] == [one]
    path = f"/v1/incidents/{one['id']}"
    assert writer.post(f"{path}/ack", {}).json["acknowledged_by"] == "writer"
    assert writer.post(f"{path}/ack", {"author": "Ada"}).status == 409
    noted = writer.post(f"{path}/notes", {"text": "On it.", "author": "Ada"})
    assert noted.status == 201
    assert [(event["kind"], event["author"]) for event in noted.json["events"]] == [
        ("acknowledged", "writer"), ("note", "Ada"),
    ]  # fmt: skip
    assert writer.get("/v1/incidents/999").status == 404


def test_work_is_announced_and_ended(writer: Asker) -> None:
    """On the clocks of a place; a fault names its field."""
    work = {"name": "Release", "start": "2030-12-01T22:00", "duration": "2h", "timezone": "Europe/Berlin"}
    made = writer.post("/v1/maintenance", {**work, "groups": ["Shop"]})
    assert made.status == 201
    assert writer.get("/v1/maintenance", query={"coming": "true"}).json["data"] == [made.json]
    assert writer.post(f"{made.headers['location']}/end").json["ended_at"]
    assert writer.post(f"{made.headers['location']}/end").status == 409
    for wrong in ({"timezone": "Mars/Base"}, {"start": "2030-12-01T22:00Z"}, {"duration": "0s"}, {"duration": "31d"}):
        [field] = wrong
        assert writer.post("/v1/maintenance", {**work, **wrong}).json["errors"][0]["field"] == field


def test_channels_are_made_and_not_taken_from_monitors_that_name_them(writer: Asker) -> None:
    """A secret is named and not written."""
    team = {"type": "slack", "url": "env:SLACK_WEBHOOK_URL"}
    made = writer.ask("PUT", "/v1/channels/team", team)
    assert (made.status, made.json["enabled"], made.json["url"]) == (200, True, "env:SLACK_WEBHOOK_URL")
    assert writer.ask("PUT", "/v1/channels/team", made.json).json == made.json
    wrong = writer.ask("PUT", "/v1/channels/team", {**team, "url": "https://hooks.slack.com/services/x"})
    assert wrong.json["errors"][0]["field"] == "url"
    assert writer.post("/v1/monitors", {**SITE, "channels": ["team"]}).status == 201
    assert writer.ask("DELETE", "/v1/channels/team").status == 409
    assert writer.ask("DELETE", "/v1/monitors/website").status == 204
    assert writer.ask("DELETE", "/v1/channels/team").status == 204
    assert writer.get("/v1/channels").json["data"] == []
