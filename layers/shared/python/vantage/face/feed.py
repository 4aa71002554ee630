"""/incidents.atom: the incidents of public monitors, for feed readers."""

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from xml.etree import ElementTree as ET

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response

from vantage.face.answers import READ, Answer
from vantage.face.sources import Sources
from vantage.store.incidents import IncidentRow, list_incidents
from vantage.view.numbers import NBSP, names, span

ATOM = "http://www.w3.org/2005/Atom"
SHOWN = 50
BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)  # when nothing has happened yet


def register(app: APIGatewayHttpResolver, sources: Sources) -> None:
    """Its route."""

    @app.route("/incidents.atom", method=READ)
    def feed() -> Answer:
        found = list_incidents(sources.connection(), only_public=True, limit=SHOWN)
        text = feed_of(found, site_of(app.current_event.raw_event))
        return Response(200, "application/atom+xml; charset=utf-8", text, {"cache-control": "public, max-age=30"})


def site_of(event: Mapping[str, Any]) -> str:
    """The address that was asked, such as https://status.example.com."""
    headers = event.get("headers", {})
    return f"{headers.get('x-forwarded-proto', 'http')}://{headers.get('host', 'localhost')}"


def feed_of(incidents: list[IncidentRow], site: str) -> str:
    """The feed; an incident keeps its id, and is new again when something happens in it."""
    ET.register_namespace("", ATOM)
    feed = ET.Element(f"{{{ATOM}}}feed")
    _add(feed, "title", "Incidents")
    _add(feed, "id", _id(f"{site}/incidents.atom"))
    _add(feed, "updated", _iso(max((_updated(one) for one in incidents), default=BEGINNING)))
    _add(feed, "link", rel="self", href=f"{site}/incidents.atom")
    _add(feed, "link", rel="alternate", href=f"{site}/")
    _add(_add(feed, "author"), "name", "Vantage")
    for one in incidents:
        _entry(feed, one, site)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(feed, encoding="unicode") + "\n"


def _entry(feed: ET.Element, one: IncidentRow, site: str) -> None:
    entry = _add(feed, "entry")
    _add(entry, "title", title_of(one))
    _add(entry, "id", _id(f"{site}/incidents/{one.id}"))
    _add(entry, "published", _iso(one.opened_at))
    _add(entry, "updated", _iso(_updated(one)))
    _add(entry, "link", rel="alternate", href=f"{site}/monitors/{one.slug}")
    _add(entry, "content", _words(one), type="text")


def title_of(one: IncidentRow) -> str:
    """Such as `Website is down`, or `Website was down for 26 min`."""
    if one.resolved_at is None:
        return f"{one.name} is down"
    return f"{one.name} was down for {span((one.resolved_at - one.began_at).total_seconds())}".replace(NBSP, " ")


def _words(one: IncidentRow) -> str:
    opened: Mapping[str, Any] = next((event["detail"] for event in one.events if event["kind"] == "opened"), {})
    down = [seen["region"] for seen in opened.get("regions", ()) if seen.get("state") == "down"]
    where = f" from {names(down)}" if down else ""
    until = f" to {_clock(one.resolved_at)}" if one.resolved_at else ""
    alone = " Seen from a single vantage point." if one.single_vantage else ""
    return f"Down{where} since {_clock(one.began_at)}{until}.{alone}"


def _clock(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _updated(one: IncidentRow) -> datetime:
    """Notes are for those who have a token; they make nothing new here."""
    return one.resolved_at or one.opened_at


def _id(address: str) -> str:
    return f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, address)}"


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _add(parent: ET.Element, name: str, text: str | None = None, **attributes: str) -> ET.Element:
    element = ET.SubElement(parent, f"{{{ATOM}}}{name}", attributes)
    element.text = text
    return element
