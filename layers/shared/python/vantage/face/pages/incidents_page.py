"""The page of incidents: those that are open, then those of the past, newest first, each with its steps."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from vantage.face.pages.audience import Audience
from vantage.face.pages.troubles import Incident, incident, window
from vantage.monitors_file.values import SLUG
from vantage.store.connection import Connection
from vantage.store.regions import list_regions
from vantage.store.sheet import database_time
from vantage.store.troubles import Place, Trouble, coming_work, list_troubles
from vantage.view.numbers import capital, counted

EVER = datetime(2000, 1, 1, tzinfo=UTC)
A_PAGE = 50
AHEAD = timedelta(days=30)
_PLACE = re.compile(f"(?P<at>[^,]+),(?P<slug>{SLUG}),(?P<region>[A-Z_]*),(?P<when>past|open)")


def parse_before(text: str) -> Place | None:
    """After which trouble a page begins: `instant,slug,region,past`, or an instant alone, before which all of it began.

    None where there is none, or none that can be read. In UTC: PostgreSQL reads no offset past 15 hours in text.
    """
    found = _PLACE.fullmatch(text)
    try:
        at = datetime.fromisoformat(found["at"] if found else text)
        at = at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
        if found is None:
            return Place(at - timedelta(microseconds=1))
    except (ValueError, OverflowError):
        return None
    return Place(at, found["slug"], found["region"], found["when"] == "past")


def _place(one: Trouble) -> str:
    when = "past" if one.ended_at else "open"
    return quote(f"{one.began_at.astimezone(UTC).isoformat()},{one.slug},{one.region or ''},{when}")


def incidents_variables(connection: Connection, after: Place | None, to: Audience) -> dict[str, Any]:
    """All that the page says."""
    now = database_time(connection)
    regions = [region.name for region in list_regions(connection) if region.enabled]
    found = list_troubles(connection, EVER, after=after, limit=A_PAGE + 1, private=to.private)
    told = [incident(one, regions, now) for one in found[:A_PAGE]]
    still = [one for one in told if one.is_open]
    title = (
        f"{capital(counted(len(still)))} open incident{'s' if len(still) > 1 else ''}" if still else "No open incident"
    )
    return {
        "title": "Older incidents" if after else title,
        "description": "Spans in which a site was down, and from where.",
        "lead": "Site down: most of the regions that see it agree. Down from one region only: the others saw it up.",
        "windows": [] if after else [window(one, now) for one in coming_work(connection, AHEAD, private=to.private)],
        "parts": [(name, part) for name, part in _parts(told, still) if part],
        "older": f"{to.incidents}?before={_place(found[A_PAGE - 1])}" if len(found) > A_PAGE else "",
    }


def _parts(told: list[Incident], still: list[Incident]) -> list[tuple[str, list[Incident]]]:
    return [("Open", still), ("Past", [one for one in told if not one.is_open])]
