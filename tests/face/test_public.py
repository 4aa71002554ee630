"""What is told to anybody: badges and the feed; and nothing, on any route, of what is private."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from xml.etree import ElementTree as ET

import psycopg
import pytest

from tests.face.conftest import Asker
from tests.page.filled import add_maintenance, add_monitor, add_regions, settle
from vantage.face.badges.drawing import Badge, svg, width_px

ATOM = "{http://www.w3.org/2005/Atom}"
HIDDEN = ("zq-private", "zq-gone", "zq-own")


def add_hidden(database: "psycopg.Connection[Any]") -> None:
    """A private monitor, a deleted one and one of our own, all of them down, with an incident each, in groups
    of their own; maintenance that there is is on them too."""
    for name, columns in (("Zq private", {"public": False}), ("Zq gone", {}), ("Zq own", {"reference": True})):
        group = f"{name} group"
        add_incident(database, add_monitor(database, name, {"USA": "DDD", "EU": "DDD"}, group_name=group, **columns))
        database.execute("UPDATE maintenance SET groups = groups || %s, slugs = slugs || %s",
                         ([group], [name.lower().replace(" ", "-")]))  # fmt: skip
    database.execute("UPDATE monitor SET deleted_at = now() WHERE slug = 'zq-gone'")


def add_incident(database: "psycopg.Connection[Any]", monitor_id: int, minutes: int | None = None) -> None:
    """One that began an hour ago, open or of so many minutes."""
    began = datetime.now(UTC) - timedelta(hours=1)
    database.execute(
        """INSERT INTO incident (monitor_id, began_at, opened_at, resolved_at, single_vantage, facts)
           VALUES (%s, %s, %s, %s, false, '{}')""",
        (monitor_id, began, began, began + timedelta(minutes=minutes) if minutes else None),
    )


def test_a_private_monitor_cannot_be_told_from_a_missing_one_on_any_route(
    anyone: Asker, database: "psycopg.Connection[Any]"
) -> None:
    """Every route that there is, by every method, without a token: status, headers and body are those of a slug that
    nobody has. Red where the badge looked a monitor up before it asked whether it is public, and where announced work
    on a public group told the private ones it is on as well."""
    add_regions(database)
    add_monitor(database, "Website", {"USA": "UUU", "EU": "UUU"}, group_name="Shops")
    add_maintenance(database, "Move", -5, 120, "website")
    database.execute("UPDATE maintenance SET groups = '{Shops}'")
    assert "On Shops and Website" in anyone.get("/incidents").text
    before = dict(answers(anyone, "zq-missing"))
    add_hidden(database)
    assert len(before) > 25
    for slug in HIDDEN:
        anyone.app.sources.forget()
        for path, told in answers(anyone, slug):
            assert told == before[path], (slug, path)


def answers(anyone: Asker, slug: str) -> "list[tuple[str, tuple[Any, ...]]]":
    """Each route with what it answers for a slug, that slug and instants taken out."""
    found = []
    for method, rule in anyone.app.routes():
        for file in ("status.svg", "uptime.svg", "latency.json") if "<file>" in rule else ("",):
            path = re.sub(r"<\w+>", slug, rule.replace("<file>", file))
            told = anyone.ask(method, path, "{}" if method != "GET" else None)
            plain = [re.sub(rf"{slug}|20\d\d-[-\d]+T[\d:.]+Z|\d\d:\d\d(:\d\d)?|\d+\W(s|min)\b", "*", each)
                     for each in (told.text, str(sorted(told.headers.items())))]  # fmt: skip
            if "etag" in told.headers and not re.search("<", rule):
                plain[1] = re.sub(r"'(etag|content-length)', '[^']*'", r"'\1'", plain[1])
            found.append((f"{method} {rule} {file}", (told.status, *plain)))
    return found


def test_a_badge_tells_status_uptime_and_latency(anyone: Asker, database: "psycopg.Connection[Any]") -> None:
    """As a picture and as JSON for Shields; from everywhere, or from one region."""
    add_regions(database)
    add_monitor(database, "Shop", {"USA": "UUUU", "INDIA": "UUUU", "EU": "UUDD"})
    settle(database)
    status = anyone.get("/badge/shop/status.json")
    assert status.json == {"schemaVersion": 1, "label": "Shop", "message": "down in part", "color": "a5123f"}
    usa = anyone.get("/badge/shop/status.svg", query={"region": "USA", "label": "shop"})
    assert usa.headers["content-type"] == "image/svg+xml; charset=utf-8"
    assert ET.fromstring(usa.text).findtext("{http://www.w3.org/2000/svg}title") == "shop: up"
    assert anyone.get("/badge/shop/uptime.json", query={"window": "7d"}).json["label"] == "uptime 7d"
    assert anyone.get("/badge/shop/latency.json").status == 200
    assert anyone.get("/badge/shop/uptime.svg", query={"window": "1y"}).status == 422
    assert anyone.get("/badge/shop/mood.svg").status == 404


@pytest.mark.parametrize("text", ['<script>alert("1")</script>', "a & b", "日本語のサイト", ""])
def test_a_name_is_text_in_a_badge(text: str) -> None:
    """Whatever it holds; the picture is as wide as its words, which are made to fit."""
    drawn = ET.fromstring(svg(Badge(text, "up", "#1c6b55")))
    assert drawn.attrib["aria-label"] == f"{text}: up"
    assert not drawn.findall(".//{http://www.w3.org/2000/svg}script")
    assert int(drawn.attrib["width"]) == width_px(text) + width_px("up") + 24


def test_the_feed_tells_the_incidents_of_public_monitors(anyone: Asker, database: "psycopg.Connection[Any]") -> None:
    """Newest first, each with an id that stays, and an address on the site that was asked."""
    add_incident(database, add_monitor(database, "Shop <b>", {}, slug="shop"), 26)
    add_incident(database, add_monitor(database, "Mail", {}))
    add_hidden(database)
    told = anyone.get("/incidents.atom", x_forwarded_proto="https")
    assert told.headers["content-type"] == "application/atom+xml; charset=utf-8"
    feed = ET.fromstring(told.text)
    titles = [entry.findtext(f"{ATOM}title") for entry in feed.findall(f"{ATOM}entry")]
    assert titles == ["Mail is down", "Shop <b> was down for 26 min"]
    [link, _] = [one.attrib["href"] for one in feed.findall(f"{ATOM}entry/{ATOM}link")]
    assert link == "https://status.example.com/monitors/mail"
    again = ET.fromstring(anyone.get("/incidents.atom", x_forwarded_proto="https").text)
    ids = [[one.text for one in each.iter(f"{ATOM}id")] for each in (feed, again)]
    assert ids[0] == ids[1]
    assert len(set(ids[0])) == 3


def test_an_empty_feed_is_a_feed(anyone: Asker) -> None:
    """Readers refuse one without `updated`."""
    feed = ET.fromstring(anyone.get("/incidents.atom").text)
    assert feed.findtext(f"{ATOM}updated") == "2026-01-01T00:00:00Z"
    assert feed.findall(f"{ATOM}entry") == []


def test_status_json_is_new_only_where_something_is(anyone: Asker, database: "psycopg.Connection[Any]") -> None:
    """Who polls by ETag is told 304 while the news are the same, a second later too; red where the clock was news."""
    add_regions(database)
    add_monitor(database, "Shop", {"USA": "UUU"})
    settle(database)
    tag = anyone.get("/status.json").headers["etag"]
    anyone.app.sources.forget()
    assert anyone.get("/status.json", if_none_match=tag).status == 304
    database.execute("UPDATE check_result SET status = 'down', reason = 'status'")
    anyone.app.sources.forget()
    assert anyone.get("/status.json", if_none_match=tag).status == 200
