"""A certificate that ends soon: a warning of its own, and never called slow, in whatever span is looked at."""

import html
import re
from itertools import product

import psycopg

from local.web import Page
from tests.page.conftest import ask
from tests.page.filled import add_monitor, add_regions, add_ticks, settle
from tests.page.test_page import text_of

KEY = "Slow, or certificate ends soon"
ENDING = {"USA": "U" * 30 + "C" * 30, "INDIA": "U" * 30 + "C" * 30, "EU": "U" * 30 + "C" * 30}


def labels(body: str) -> str:
    """What a screen reader says of the pictures."""
    return html.unescape(" ".join(re.findall(r'aria-label="([^"]*)"', body)))


def test_it_is_said_and_never_called_slow(database: psycopg.Connection, page: Page) -> None:
    """In the headline, the verdict, the events in words and the accessible name; the bars have a warning's mark.

    Red when the hour, the bars or the headline took every degraded check for a slow one.
    """
    add_regions(database)
    add_monitor(database, "Mail", ENDING)
    add_ticks(database, 60)
    settle(database)
    for path in product(("/", "/monitors/mail"), ("?last=60min", "?last=24h", "?last=90d")):
        _, body = ask(page, "".join(path))
        text = text_of(body)
        title = "Mail is up, and its certificate ends soon" if "mail" in path[0] else "Certificate ends soon: 1 of 1"
        assert title in text, path
        assert "Up from all regions." in text, path
        events = r"[Cc]ertificate ends soon, (seen|\d+\smin) from (USA, India and EU|all regions)"
        assert re.search(events, text), path
        assert "with a certificate that ends soon" in labels(body), path
        assert re.search(r"class=d?s d=\"M", body), path
        assert "slow" not in (text.replace(KEY, "") + labels(body)).lower(), path


def test_its_badge_says_it(database: psycopg.Connection, page: Page) -> None:
    """For all regions and for one. Red when a region's badge said slow."""
    add_regions(database)
    add_monitor(database, "Mail", {region: letters[-5:] for region, letters in ENDING.items()})
    add_ticks(database, 5)
    settle(database)
    for path in ("/badge/mail/status.json", "/badge/mail/status.json?region=EU"):
        assert '"message": "certificate ends soon"' in ask(page, path)[1].replace('":"', '": "')
