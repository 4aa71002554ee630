"""A monitor's own page, the incidents, and the operator's page: what they say, and to whom."""

import json
import re
from datetime import timedelta

import psycopg
import pytest

from local.web import Page
from tests.page.conftest import ask
from tests.page.filled import add_monitor, add_regions, add_ticks, minute_now, settle
from tests.page.test_page import HTML_NAME, text_of
from vantage.store.tokens import create_token

UP = {"USA": "U" * 12, "INDIA": "U" * 12, "EU": "U" * 12}


def bearer(database: psycopg.Connection, scope: str = "read") -> dict[str, str]:
    """A header that may read."""
    return {"Authorization": f"Bearer {create_token(database, f'for {scope}', scope)}"}  # type: ignore[arg-type]  # a str


def test_a_monitor_s_page_names_the_phase_that_failed_in_one_region(database: psycopg.Connection, page: Page) -> None:
    """From the headline down to TLS, with what passed before it."""
    add_regions(database)
    add_monitor(database, "Checkout", {**UP, "INDIA": "F" * 6 + "T" * 6}, group_name="Shop")
    settle(database)
    text = text_of(ask(page, "/monitors/checkout")[1])
    assert "Checkout is down from India only" in text
    assert "TLS timed out from India; USA and EU fine." in text
    assert "DNS and connect answer; TLS never finishes: TLS timed out, after 5.00 s." in text
    assert "DNS \u2013 9.0 ms \u2013" in text  # the medians of fresh connections: India alone made any
    assert re.search(r"Share of what it saw with others India \d min \d\d\.\d\d%", text)  # what it alone saw down
    assert re.search(r"24 hours 100% \d\d\.\d\d%", text)
    assert "Shop, checked every minute" in text


def test_a_heartbeat_s_page_tells_of_its_calls_alone(database: psycopg.Connection, page: Page) -> None:
    """No region but the one that books it, no phases and no latency, since nobody asks; and a card without them.

    Red when the page said that connect never finishes, that India and EU have no result yet, and that the job is down,
    says its one vantage point.
    """
    add_regions(database)
    add_monitor(database, "Job", {"USA": "U" * 6 + "M" * 6}, type="heartbeat", spec='{"grace": 60000}')
    settle(database)
    text = text_of(ask(page, "/monitors/job")[1])
    assert "Job is down" in text
    assert "No call in time" in text
    assert "its job calls every minute" in text
    for stranger in ("India", "EU", "vantage point", "Connect", "never finishes", "Latency", "Where the time goes"):
        assert stranger not in text, stranger
    board = text_of(ask(page, "/")[1])
    assert "The hour in words for Job" in board
    assert "Phases of the last checks" not in board


def test_a_slow_region_is_told_with_its_number(database: psycopg.Connection, page: Page) -> None:
    """Slow is not down."""
    add_regions(database)
    add_monitor(database, "Search", {**UP, "EU": "U" * 6 + "S" * 6})
    settle(database)
    text = text_of(ask(page, "/monitors/search")[1])
    assert "Search is slow from EU" in text
    assert "Answer takes 1.24 s from EU" in text
    assert (
        "Nothing until some minutes ago: whatever failed was seen by more than one region, or nothing failed." in text
    )


def test_each_state_has_a_headline(database: psycopg.Connection, page: Page) -> None:
    """Paused, not yet checked, silent, up."""
    add_regions(database)
    add_monitor(database, "Old", UP, enabled=False)
    add_monitor(database, "New", {})
    add_monitor(database, "Quiet", dict.fromkeys(UP, "U" * 4 + "." * 8))
    add_monitor(database, "Well", UP)
    settle(database)
    told = {slug: text_of(ask(page, f"/monitors/{slug}")[1]) for slug in ("old", "new", "quiet", "well")}
    assert "Old is paused" in told["old"]
    assert "New waits for its first check" in told["new"]
    assert "Quiet gives no data" in told["quiet"]
    assert "Well is up from all regions" in told["well"]
    for span in ("60min", "24h", "90d", "nonsense"):
        for slug in told:
            assert ask(page, f"/monitors/{slug}?last={span}")[0].status == 200


def test_the_private_and_the_missing_answer_alike(database: psycopg.Connection, page: Page) -> None:
    """Byte for byte."""
    add_regions(database)
    add_monitor(database, "Secret", dict.fromkeys(UP, "UUDDDD"), public=False)
    add_monitor(database, "Gone", UP)
    database.execute("UPDATE monitor SET deleted_at = now() WHERE slug = 'gone'")
    settle(database)
    answers = [ask(page, f"/monitors/{slug}") for slug in ("secret", "gone", "nothing")]
    assert {answer.status for answer, _ in answers} == {404}
    assert len({body for _, body in answers}) == 1
    assert "Secret" not in ask(page, "/incidents")[1]


def test_incidents_have_their_steps(database: psycopg.Connection, page: Page) -> None:
    """Open ones first, what happened by the second, with the phase; no note of an operator, no name of one."""
    add_regions(database)
    add_monitor(database, "Shop", dict.fromkeys(UP, "UUUDDDDUUUU"))
    add_monitor(database, HTML_NAME, dict.fromkeys(UP, "U" * 7 + "DDDD"), slug="html")
    settle(database)
    database.execute(
        """INSERT INTO incident_event (incident_id, at, kind, author, detail)
           SELECT id, now(), 'note', 'ada', '{"text": "internal"}' FROM incident"""
    )
    steps = [("down", "timeout", "tls"), ("degraded", "slow", None), ("up", None, None)]
    for state, reason, phase in steps:
        seen = {"state": state, "reason": reason, "phase": phase, "latency_ms": 1240, "timeout_ms": 5000}
        database.execute(
            "INSERT INTO incident_event (incident_id, at, kind, region, detail) SELECT id, now(), 'region', 'INDIA', %s"
            " FROM incident", (json.dumps(seen),),
        )  # fmt: skip
    database.execute("UPDATE incident SET acknowledged_by = 'ada', acknowledged_at = now()")
    _, body = ask(page, "/incidents")
    text = text_of(body)
    assert text.index("One open incident") < text.index("Open") < text.index("Past")
    assert HTML_NAME not in body
    assert re.search(r"Confirmed: site down .*? Resolved: confirmed up", text)
    for step in ("India: down, TLS timed out", "India: slow, answer takes 1.24 s", "India: up "):
        assert step in text.replace("\N{NO-BREAK SPACE}", " ")
    assert "ada" not in text
    assert "internal" not in text


def test_older_incidents_are_a_page_away(database: psycopg.Connection, page: Page) -> None:
    """50 on each; a malformed place begins with the newest."""
    add_regions(database)
    monitor = add_monitor(database, "Shop", UP)
    settle(database)
    for k in range(60):
        at = minute_now() - timedelta(hours=k + 1)
        database.execute(
            """INSERT INTO incident (monitor_id, began_at, opened_at, resolved_at, single_vantage, facts)
               VALUES (%s, %s, %s, %s, false, '{"regions": []}')""",
            (monitor, at, at, at + timedelta(minutes=5)),
        )
    _, body = ask(page, "/incidents")
    assert body.count("<time") == 50
    (older,) = re.findall(r'href="(/incidents\?before=[^"]+)"', body)
    assert ask(page, older)[1].count("<time") == 10
    assert ask(page, "/incidents?before=nonsense")[1].count("<time") == 50


def test_no_incident_is_lost_or_told_twice_between_pages(database: psycopg.Connection, page: Page) -> None:
    """120 that began at one instant, and more that are open than a page holds: each once. Red where a page began at an
    instant alone: what shared it was lost, and what is open stood on every page."""
    add_regions(database)
    at = minute_now() - timedelta(hours=1)
    for k in range(120):
        database.execute(
            """INSERT INTO incident (monitor_id, began_at, opened_at, resolved_at, single_vantage, facts)
               VALUES (%s, %s, %s, %s, false, '{"regions": []}')""",
            (add_monitor(database, f"Shop {k}", {}), at, at, None if k < 55 else at + timedelta(minutes=5)),
        )
    path, pages = "/incidents", []
    while path:
        _, body = ask(page, path)
        pages.append(re.findall(r'href="/monitors/(shop-\d+)"', body))
        path = next(iter(re.findall(r'href="(/incidents\?before=[^"]+)"', body)), "")
    told = [slug for each in pages for slug in each]
    assert [len(each) for each in pages] == [50, 50, 20]
    assert len(set(told)) == 120
    assert all(int(slug.removeprefix("shop-")) < 55 for slug in told[:55])
    for odd in (",,,", "2026-01-01,%00,,past", "0001-01-01,a,,past", "0001-01-01", "9999-12-31T23:59-23:00,a,,open"):
        assert ask(page, f"/incidents?before={odd}")[0].status == 200


@pytest.mark.parametrize("offset", ["", "%2B00:00", "-23:00", "%2B23:00"])
def test_a_page_of_incidents_can_begin_at_any_instant(page: Page, offset: str) -> None:
    """Whatever its offset and year. Red (500) where an instant without a UTC (of the year 1 or 9999) was not caught."""
    for at in ("0001-01-01T00:00:00", "2026-01-01T00:00:00", "9999-12-31T23:59:59"):
        assert ask(page, f"/incidents?before={at}{offset}")[0].status == 200


def test_the_operator_s_page_needs_a_token(database: psycopg.Connection, page: Page) -> None:
    """Without one it is the form; a reader sees the sheet."""
    add_regions(database)
    answer, body = ask(page, "/ops")
    assert (answer.status, answer.getheader("Location")) == (303, "/login")
    assert "USA" not in body
    assert ask(page, "/ops", Authorization="Bearer vantage_nonsense")[0].status == 303
    assert ask(page, "/ops", **bearer(database))[0].status == 200


def test_the_books_are_told_with_what_is_lost_and_why(database: psycopg.Connection, page: Page) -> None:
    """The sum, the sheet, and the reason in words; what is still to come is no difference."""
    add_regions(database)
    token = bearer(database)
    add_ticks(database, 6, pushed=5, stored=5)
    text = text_of(ask(page, "/ops", **token)[1])
    assert "The books balance All 18 sheets of the last six minutes read zero." in text
    assert "Nothing: every check of the last minutes has its result." in text
    newest, older = minute_now(), minute_now() - timedelta(minutes=3)
    database.execute("UPDATE tick_ledger SET stored = 3 WHERE tick = %s AND region = 'EU'", (newest,))
    database.execute(
        """UPDATE tick_ledger SET stored = 1, expired = 1, dead = 1, closed_at = now()
            WHERE tick = %s AND region = 'INDIA'""",
        (older,),
    )
    database.execute("UPDATE tick_ledger SET closed_at = now() WHERE tick = %s", (older,))
    body = ask(page, "/ops", **token)[1]
    text = text_of(body)
    assert body.count('<td class="op">…</td>') == 3  # a minute that is open yet: not 0, and no difference
    assert "The books do not balance 2 checks are unaccounted for, in 1 of the last 15 sheets." in text
    assert "2 checks of open minutes are still to come." in text
    assert "India: 1 reached a worker too late to be probed; 1 could not be read" in text
    assert "2 lost: unread or unfinished when the books closed" in text
    database.execute("UPDATE tick_ledger SET stored = 2 WHERE tick = %s AND region = 'INDIA'", (older,))
    assert "1 check is unaccounted for, in 1 of" in text_of(ask(page, "/ops", **token)[1])


def test_a_region_s_health_is_told(database: psycopg.Connection, page: Page) -> None:
    """Away, disabled, at fault, healthy."""
    add_regions(database)
    token = bearer(database)
    add_monitor(database, "Reference", {"INDIA": "D" * 3, "EU": "U" * 3}, reference=True, public=False)
    database.execute("UPDATE region SET last_seen = now() - interval '10 minutes' WHERE name = 'USA'")
    text = text_of(ask(page, "/ops", **token)[1])
    assert "USA Vantage away Worker started 10 min ago" in text
    assert "India Vantage at fault" in text
    assert "EU Vantage healthy" in text
    assert "Reference targets 1 of 1 up" in text


def test_the_form_to_sign_in_says_what_went_wrong(page: Page) -> None:
    """A form that is complete without JavaScript, for this site's own path."""
    _, body = ask(page, "/login")
    assert '<form class="card form" method="post" action="/login">' in body
    assert "not known here" not in body
    assert "not known here" in ask(page, "/login?wrong")[1]
