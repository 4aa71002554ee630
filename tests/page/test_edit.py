"""Adding, changing and pausing a monitor in the browser, with a probe before it is saved."""

import re
import threading
from collections.abc import Iterator
from urllib.parse import urlencode

import psycopg
import pytest
from playwright.sync_api import Browser, expect
from playwright.sync_api import Page as Tab

from local.web import Page
from tests.page.conftest import ask, submit
from tests.page.filled import REGIONS, add_monitor, add_regions, settle, store
from tests.page.test_browser import violations, visit
from tests.page.test_page import HTML_NAME, text_of
from tests.sites import Site, serving
from vantage.monitors_file.entry import entry
from vantage.store.heartbeats import ping_paths
from vantage.store.monitors import load_definitions
from vantage.store.tokens import Scope, create_token, revoke_token

FORM = {"Content-Type": "application/x-www-form-urlencoded", "Sec-Fetch-Site": "same-origin"}


@pytest.fixture
def writer(database: psycopg.Connection) -> dict[str, str]:
    """Somebody who may write."""
    return {**FORM, "Cookie": f"vantage_token={create_token(database, 'ada', 'write')}"}


def send(page: Page, path: str, headers: dict[str, str], **fields: str) -> tuple[int, str]:
    """Press a button: the status, and the text or where it leads."""
    answer, body = submit(page, path, urlencode(fields).encode(), headers)
    return answer.status, answer.getheader("Location") or text_of(body)


def words(database: psycopg.Connection, slug: str) -> dict[str, object]:
    """A monitor as a file would say it."""
    return dict(entry(load_definitions(database, [slug])[0]))


def test_a_monitor_is_added_changed_paused_and_resumed(
    database: psycopg.Connection, page: Page, writer: dict[str, str]
) -> None:
    """What has no field stays; each change is written down."""
    add_regions(database)
    given = {"name": "Website", "url": "https://www.example.com/", "interval": "1m", "timeout": "10s", "do": "save"}
    assert send(page, "/ops/add", writer, **given, regions="every", contains="Hi", public="1") == (
        303, "/ops/monitors",
    )  # fmt: skip
    made = words(database, "website")
    assert (made["url"], made["public"], made["expect"]) == (
        "https://www.example.com/", True, {"body": {"contains": ["Hi"]}},
    )  # fmt: skip
    database.execute('UPDATE monitor SET spec = spec || \'{"user_agent": "Ours"}\', tags = \'{"team": "web"}\'')
    send(page, "/ops/monitors/website", writer, **{**given, "interval": "30s"}, regions="EU", degraded_over="800ms")
    changed = words(database, "website")
    assert (changed["interval"], changed["regions"], changed["user_agent"], changed["tags"]) == (
        "30s", ["EU"], "Ours", {"team": "web"},
    )  # fmt: skip
    assert changed["expect"] == {"latency": {"degraded_over": "800ms"}}
    assert "public" not in changed
    assert send(page, "/ops/monitors/website", writer, do="pause") == (303, "/ops/monitors")
    assert words(database, "website")["enabled"] is False
    send(page, "/ops/monitors/website", writer, do="resume")
    assert "enabled" not in words(database, "website")
    actions = [action for (action,) in database.execute("SELECT action FROM audit ORDER BY id")]
    assert actions == ["monitor.create", "monitor.update", "monitor.pause", "monitor.resume"]


def test_what_is_wrong_is_said_and_what_was_typed_stays(
    database: psycopg.Connection, page: Page, writer: dict[str, str]
) -> None:
    """Each fault with its field; nothing is stored; a name full of HTML is text."""
    add_regions(database)
    add_monitor(database, "Taken", {})
    given = {"name": HTML_NAME, "url": "ftp://example.com", "interval": "7s", "timeout": "10s", "regions": "every"}
    status, text = send(page, "/ops/add", writer, **given, do="save")
    assert status == 422
    assert "Not saved: " in text
    assert "interval: " in text
    status, text = send(
        page, "/ops/add", writer, name="Taken", url="https://a.example.com/", interval="1m", timeout="9s",
        regions="every", do="save",
    )  # fmt: skip
    assert (status, "There is a monitor 'taken' already" in text) == (422, True)
    _, body = submit(page, "/ops/add", urlencode({**given, "do": "save"}).encode(), writer)
    assert HTML_NAME not in body
    assert 'value="7s"' in body
    assert len(load_definitions(database)) == 1


def test_every_region_or_single_ones_and_never_both(
    database: psycopg.Connection, page: Page, writer: dict[str, str]
) -> None:
    """Only what is chosen is ticked, both together are asked about, and single ones are what is saved.

    Red when a new form ticked each region besides all of them, and when all of them won in silence.
    """
    add_regions(database)
    _, form = ask(page, "/ops/add", **writer)
    assert re.findall(r'name="regions" value="(\w+)" checked', form) == ["every"]
    given = {"name": "Website", "url": "https://www.example.com/", "interval": "1m", "timeout": "10s", "do": "save"}
    both = urlencode({**given, "regions": ["every", "USA", "EU"]}, doseq=True)
    answer, form = submit(page, "/ops/add", both.encode(), writer)
    assert (answer.status, "Untick one or the other" in form) == (422, True)
    assert sorted(re.findall(r'name="regions" value="(\w+)" checked', form)) == ["EU", "USA", "every"]
    assert load_definitions(database) == []
    some = urlencode({**given, "regions": ["USA", "EU"]}, doseq=True)
    assert submit(page, "/ops/add", some.encode(), writer)[0].status == 303
    assert words(database, "website")["regions"] == ["USA", "EU"]


def test_a_monitor_may_be_called_as_a_button_is(
    database: psycopg.Connection, page: Page, writer: dict[str, str]
) -> None:
    """`new` and `add` are slugs like any other. Red when the form for a new one was /ops/monitors/new."""
    add_regions(database)
    for name in ("New", "Add"):
        add_monitor(database, name, {})
        assert f"Change {name}" in text_of(ask(page, f"/ops/monitors/{name.lower()}", **writer)[1])
        assert send(page, f"/ops/monitors/{name.lower()}", writer, do="pause") == (303, "/ops/monitors")
        assert words(database, name.lower())["enabled"] is False


def test_who_is_told_is_chosen_and_nobody_is_said(
    database: psycopg.Connection, page: Page, writer: dict[str, str]
) -> None:
    """Without channels a sentence says that nobody is told; else none is ticked at first, and those ticked are kept.

    Red when the form had no channels.
    """
    add_regions(database)
    assert "so nobody will be told" in text_of(ask(page, "/ops/add", **writer)[1])
    for name in ("mail", "ops"):
        database.execute(
            "INSERT INTO channel (name, type, config, events) VALUES (%s, 'webhook', '{}', '{down}')", [name]
        )
    assert re.findall(r'name="channels" value="(\w+)"( checked)?', ask(page, "/ops/add", **writer)[1]) == [
        ("mail", ""), ("ops", ""),
    ]  # fmt: skip
    given = {"name": "Website", "url": "https://www.example.com/", "interval": "1m", "timeout": "10s", "do": "save"}
    send(page, "/ops/add", writer, **given, regions="every", channels="ops")
    assert words(database, "website")["channels"] == ["ops"]
    assert re.findall(r'name="channels" value="(\w+)"( checked)?', ask(page, "/ops/monitors/website", **writer)[1]) == [
        ("mail", ""),
        ("ops", " checked"),
    ]
    send(page, "/ops/monitors/website", writer, **given, regions="every")
    assert "channels" not in words(database, "website")


def test_a_heartbeat_is_changed_and_has_nothing_to_probe(
    database: psycopg.Connection, page: Page, writer: dict[str, str]
) -> None:
    """No button, no time after which it is given up and no regions, since nobody goes there.

    Red while it was sent a timeout and regions: each save was refused. Red with the button there.
    """
    add_regions(database)
    add_monitor(database, "Job", {}, type="heartbeat", spec='{"grace": 60000}', public=False)
    _, form = ask(page, "/ops/monitors/job", **writer)
    shown = set(re.findall(r'(?:name|value)="(timeout|regions|url|interval|probe|save)"', form))
    assert shown == {"interval", "save"}
    assert "there is nothing to probe" in form
    given = {"name": "Nightly job", "interval": "5m"}
    status, text = send(page, "/ops/monitors/job", writer, **given, do="probe")
    assert (status, "Not probed: A heartbeat is called by its job" in text) == (422, True)
    assert send(page, "/ops/monitors/job", writer, **given, do="save") == (303, "/ops/monitors")
    assert (words(database, "job")["name"], words(database, "job")["interval"]) == ("Nightly job", "5m")


def test_what_carries_a_secret_is_not_probed_from_here(
    database: psycopg.Connection, page: Page, writer: dict[str, str]
) -> None:
    """A sentence and no button, also where it is pressed all the same. Red with the button there."""
    add_regions(database)
    spec = '{"url": "https://a.example.com/", "auth": {"bearer": "env:KEY"}}'
    add_monitor(database, "Shop", {}, spec=spec)
    _, form = ask(page, "/ops/monitors/shop", **writer)
    assert ("Probe it now" in form, "Secrets are sent by the regions only" in form) == (False, True)
    status, text = send(page, "/ops/monitors/shop", writer, name="Shop", url="https://a.example.com/", interval="1m",
                        timeout="5s", regions="every", do="probe")  # fmt: skip
    assert (status, "Not probed: It is sent with a secret." in text) == (422, True)


def test_a_fault_of_this_machine_is_a_sentence_in_the_form(
    database: psycopg.Connection, page: Page, writer: dict[str, str]
) -> None:
    """No way to the network of a broadcast address: what was typed stays. Red when it was an internal error."""
    add_regions(database)
    status, text = send(
        page, "/ops/add", writer, name="Lost", url="http://127.255.255.255/", interval="1m", timeout="1s",
        regions="every", do="probe",
    )  # fmt: skip
    assert (status, "Not probed: This machine cannot open another connection" in text) == (422, True)


def test_who_may_not_write_changes_nothing(database: psycopg.Connection, page: Page) -> None:
    """Nobody, a reader, and another site's page in the browser of somebody who may."""
    add_regions(database)
    add_monitor(database, "Website", {})
    reads, writes = (create_token(database, f"for {scope}", scope) for scope in ("read", "write"))
    assert ask(page, "/ops/monitors")[0].status == 303
    assert send(page, "/ops/monitors/website", FORM, do="pause")[0] == 401
    assert send(page, "/ops/monitors/website", {**FORM, "Cookie": f"vantage_token={reads}"}, do="pause")[0] == 403
    for token, may_only_read in ((reads, True), (writes, False)):  # which is told before anything is typed
        _, body = ask(page, "/ops/monitors/website", Cookie=f"vantage_token={token}")
        assert ("Your token may only read" in body) is may_only_read
    stranger = {**FORM, "Cookie": f"vantage_token={writes}", "Sec-Fetch-Site": "cross-site"}
    assert send(page, "/ops/monitors/website", stranger, do="pause")[0] == 401
    assert "enabled" not in words(database, "website")


def test_what_was_typed_is_not_lost_where_the_token_is_revoked_meanwhile(
    browser: Browser, database: psycopg.Connection, page: Page
) -> None:
    """Without JavaScript: it is said what is wrong, who signs in beside it sends the same form again, and it is saved.

    A token that may only read is told likewise. Red when both were answered with a line of text without a link.
    """
    add_regions(database)
    add_monitor(database, "Website", {})
    cases: list[tuple[str, Scope, str]] = [
        ("ada", "write", "You are not signed in any more"), ("eve", "read", "This token may only read"),
    ]  # fmt: skip
    with visit(browser, page, java_script_enabled=False) as (tab, _):
        for name, scope, title in cases:
            _sign_in(tab, f"{page.url}/login", create_token(database, name, scope))
            tab.goto(f"{page.url}/ops/monitors/website")
            tab.get_by_label("Name").fill(f"Typed by {name}")
            if scope == "write":
                revoke_token(database, name)
            tab.get_by_role("button", name="Save").click()
            expect(tab.get_by_role("heading", level=1)).to_have_text(title)
            with tab.context.expect_page() as beside:
                tab.get_by_role("link", name="Sign in").click()
            expect(beside.value.get_by_text("You are not signed in any more")).to_have_count(int(scope == "write"))
            _sign_in(beside.value, None, create_token(database, f"{name} again", "write"))
            tab.reload()
            expect(tab).to_have_url(f"{page.url}/ops/monitors")
            expect(tab.get_by_role("link", name=f"Typed by {name}", exact=True)).to_be_visible()


def _sign_in(tab: Tab, address: str | None, secret: str | None) -> None:
    if address:
        tab.goto(address)
    tab.get_by_label("Token").fill(secret or "")
    tab.get_by_role("button", name="Sign in").click()
    expect(tab.get_by_role("heading", level=1)).not_to_have_text("Sign in")


class Waiting(Site):
    """A site that is up; where it is asked for /wait, only once it may be."""

    asked, may_answer = threading.Event(), threading.Event()

    def get(self) -> None:
        """Answer."""
        if self.path == "/wait":
            self.asked.set()
            self.may_answer.wait(9)
        self.answer(200, b"Hi")


@pytest.fixture
def site() -> Iterator[str]:
    """The address of a site on this machine."""
    with serving(Waiting) as url:
        yield f"{url}/"


def test_a_probe_that_waits_keeps_nobody_waiting(
    database: psycopg.Connection, page: Page, writer: dict[str, str], site: str
) -> None:
    """While one target is slow to answer, the page and a heartbeat's call are answered. Red under one lock for all."""
    add_regions(database)
    add_monitor(database, "Job", {}, type="heartbeat", spec='{"grace": 60000}')
    path = ping_paths(database, ["job"])["job"]
    given = {"name": "Slow", "url": f"{site}wait", "interval": "1m", "timeout": "10s", "regions": "every",
             "degraded_over": "1ms"}  # fmt: skip
    told: list[tuple[int, str]] = []
    waiting = threading.Thread(target=lambda: told.append(send(page, "/ops/add", writer, **given, do="probe")))
    waiting.start()
    assert Waiting.asked.wait(9)
    assert (ask(page)[0].status, ask(page, path)[1], told) == (200, "OK\n", [])
    Waiting.may_answer.set()
    waiting.join()
    seen = r"Probed just now, from here Up, and worth a look\. Status 200\. Took \d+ ms, more than 1 ms\. Expected"
    assert re.search(seen, told[0][1])  # said once, with the limit


@pytest.mark.parametrize("scripts", [True, False], ids=["with JavaScript", "without"])
def test_a_person_adds_a_site_after_a_probe(
    browser: Browser, database: psycopg.Connection, page: Page, writer: dict[str, str], site: str, *, scripts: bool
) -> None:
    """A site of this machine: probed, saved, up as its regions see it, paused; nothing that axe, a script, knows of.

    Red where a probe had no time to see anything, and where the form forgot what was typed.
    """
    add_regions(database)
    token = writer["Cookie"].removeprefix("vantage_token=")
    headers = {"Authorization": f"Bearer {token}"}
    with visit(browser, page, extra_http_headers=headers, java_script_enabled=scripts) as (tab, witness):
        tab.goto(f"{page.url}/ops/add")
        tab.get_by_label("Name", exact=True).fill("Ours")
        tab.get_by_role("textbox", name="Address").fill(site)
        tab.get_by_label("The answer contains").fill("Hi")
        tab.get_by_role("button", name="Probe it now").click()
        expect(tab.get_by_role("region", name="Probed just now, from here")).to_contain_text("Up. Status 200.")
        expect(tab.get_by_label("Name", exact=True)).to_have_value("Ours")
        if scripts:
            assert violations(tab) == {}
        assert load_definitions(database) == []
        tab.get_by_role("button", name="Save").click()
        expect(tab.get_by_role("heading", level=1)).to_have_text("Monitors")
        expect(tab.get_by_role("link", name="Ours", exact=True)).to_be_visible()
        assert (words(database, "ours")["url"], "regions" in words(database, "ours")) == (site, False)
        if scripts:
            assert violations(tab) == {}
        [(monitor_id,)] = database.execute("SELECT id FROM monitor WHERE slug = 'ours'").fetchall()
        for region in REGIONS:
            store(database, monitor_id, region, "FU")
        settle(database)
        tab.get_by_role("link", name="private : Ours").click()
        expect(tab.get_by_role("heading", level=1)).to_have_text("Ours is up from all regions")
        tab.go_back()
        tab.get_by_role("button", name="Pause Ours").click()
        expect(tab.get_by_role("button", name="Resume Ours")).to_be_visible()
        assert witness.complaints == []
