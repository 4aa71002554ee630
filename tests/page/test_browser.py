"""The page in a real browser: for every eye, every theme, every width, and with no request but its own."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import psycopg
import pytest
from axe_playwright_python.base import AXE_SCRIPT  # type: ignore[import-untyped]  # it has no types
from playwright.sync_api import Browser, BrowserContext, expect
from playwright.sync_api import Page as Tab

from local.web import Page
from tests.page.filled import add_maintenance, add_monitor, add_regions, add_ticks, settle
from tests.page.test_page import HTML_NAME
from vantage.store.tokens import create_token, revoke_token

WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
RULES = {"runOnly": WCAG, "rules": {"target-size": {"enabled": True}}, "resultTypes": ["violations"]}
AXE = "async options => (await axe.run(document, options)).violations.map(v => [v.id, v.nodes.map(n => n.html)])"
WIDE, NARROW = (1280, 900), (320, 700)
Scheme = Literal["light", "dark"]
UP = {"USA": "U" * 60, "INDIA": "U" * 60, "EU": "U" * 60}
LONG = "A-monitor-whose-name-is-one-word-that-does-not-end-before-the-edge-of-a-phone"


@dataclass(slots=True)
class Witness:
    """What the browser asked for and complained of."""

    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)


def violations(tab: Tab) -> dict[str, Any]:
    """What axe finds wrong with a page, by all of its rules, in the dark theme and in the light one."""
    if not tab.evaluate("'axe' in window"):
        tab.evaluate(AXE_SCRIPT)
    found: dict[str, Any] = {}
    schemes: tuple[Scheme, ...] = ("dark", "light")
    for scheme in schemes:
        tab.emulate_media(color_scheme=scheme)
        found |= {f"{scheme}: {rule}": places for rule, places in tab.evaluate(AXE, RULES)}
    return found


@contextmanager
def visit(browser: Browser, page: Page, size: tuple[int, int] = WIDE, scheme: Scheme = "light",
          **options: Any) -> Iterator[tuple[Tab, Witness]]:  # fmt: skip
    """Open the page; whatever it asked for and complained of is looked at in the end."""
    viewport = {"width": size[0], "height": size[1]}
    context: BrowserContext = browser.new_context(viewport=viewport, color_scheme=scheme, **options)  # type: ignore[arg-type]  # a dict of ints
    tab, witness = context.new_page(), Witness()
    tab.on("request", lambda request: witness.requests.append(request.url))
    tab.on("pageerror", lambda error: witness.complaints.append(str(error)))
    tab.on("console", lambda m: witness.complaints.append(m.text) if m.type in ("error", "warning") else None)
    tab.goto(page.url)
    try:
        yield tab, witness
    finally:
        context.close()


def all_up(database: psycopg.Connection) -> None:
    """Everything is well; an address is shown, one is checked rarely, one is new and checked from one region alone."""
    add_monitor(database, "Website", UP, show_url=True)
    add_monitor(database, "Backups", {"USA": "U" * 12, "INDIA": "U" * 12, "EU": "U" * 12}, interval_s=300)
    add_monitor(database, LONG, {"USA": "F"}, regions=["USA"])


def add_checkout(database: psycopg.Connection) -> None:
    """A regional failure, in a group."""
    add_monitor(database, "Checkout", {**UP, "INDIA": "U" * 40 + "T" * 20}, group_name="Shop")


def down_from_india(database: psycopg.Connection) -> None:
    """A regional failure, slowness, checks that were not observed, two groups."""
    add_checkout(database)
    add_monitor(database, "Search", {**UP, "EU": "U" * 30 + "S" * 30, "USA": "U" * 20 + "X" * 9 + "R" + "U" * 30})
    add_monitor(database, "Website", UP, show_url=True)


def from_one_region_and_worked_on(database: psycopg.Connection) -> None:
    """The headline is one region's; a site that fails is in maintenance, more work is announced, and one flaps."""
    add_monitor(database, "Mail", dict.fromkeys(UP, "U" * 50 + "D" * 10))
    add_maintenance(database, "Release", -30, 30, "mail")
    add_maintenance(database, "Night work", 600, 660)
    add_monitor(database, "Shaky", dict.fromkeys(UP, "DU" * 12))
    down_from_india(database)


def site_down(database: psycopg.Connection) -> None:
    """A site is down, another was; one has lost a region."""
    add_monitor(database, "Blog", dict.fromkeys(UP, "U" * 50 + "D" * 10))
    add_monitor(database, "Forum", dict.fromkeys(UP, "U" * 20 + "D" * 5 + "U" * 35), enabled=False)
    add_monitor(database, "Mail", {**UP, "EU": "U" * 50 + "." * 10})
    add_checkout(database)


def silent(database: psycopg.Connection) -> None:
    """Nothing is heard from anywhere any more."""
    add_monitor(database, "Website", dict.fromkeys(UP, "U" * 50 + "." * 10))
    add_monitor(database, "Blog", dict.fromkeys(UP, "D" * 50 + "." * 10))


def many(database: psycopg.Connection) -> None:
    """More than cards are made for."""
    site_down(database)
    for number in range(9):
        add_monitor(database, f"Site {number}", dict.fromkeys(UP, "U" * 5), group_name="Sites")


def html_name(database: psycopg.Connection) -> None:
    """A name that is a program."""
    add_monitor(database, HTML_NAME, {**UP, "EU": "U" * 50 + "D" * 10}, slug="html", group_name=HTML_NAME)
    add_monitor(database, "Website", UP)


OTHER_PAGES = ("/monitors/blog", "/monitors/checkout?last=24h", "/incidents", "/login?wrong", "/ops", "/ops/monitors")
VISITS: list[tuple[Callable[[psycopg.Connection], None], tuple[int, int], tuple[str, ...]]] = [
    (all_up, WIDE, ("/",)),
    (site_down, NARROW, ("/", *OTHER_PAGES)),
    (from_one_region_and_worked_on, NARROW, ("/",)),
    (silent, NARROW, ("/",)),
    (many, WIDE, ("/?last=90d",)),
]


def fill(database: psycopg.Connection, state: Callable[[psycopg.Connection], None]) -> None:
    """An hour that ends so."""
    add_regions(database)
    add_ticks(database, 60)
    state(database)
    settle(database)


@pytest.mark.parametrize(("state", "size", "paths"), VISITS, ids=[state.__name__ for state, _, _ in VISITS])
def test_anyone_can_use_it_in_any_theme_on_any_screen(
    browser: Browser, database: psycopg.Connection, page: Page, state: Callable[[psycopg.Connection], None],
    size: tuple[int, int], paths: tuple[str, ...],
) -> None:  # fmt: skip
    """No violation that axe knows of, nothing beyond the edge, no foreign request, no complaint; details open.

    Red with a paler grey in either theme, and when a table was wider than a phone.
    """
    fill(database, state)
    with visit(browser, page, size, "dark", extra_http_headers=token(database)) as (tab, witness):
        for path in paths:
            witness.requests.clear()
            tab.goto(f"{page.url}{path}")
            tab.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
            assert violations(tab) == {}, path
            assert tab.evaluate("document.documentElement.scrollWidth") == size[0], path
            assert {url for url in witness.requests if not url.startswith("data:")} == {f"{page.url}{path}"}
        assert witness.complaints == []


def token(database: psycopg.Connection) -> dict[str, str]:
    """A header that may read everything."""
    database.execute("DELETE FROM token")
    return {"Authorization": f"Bearer {create_token(database, 'visitor', 'read')}"}


def test_a_person_follows_an_outage_to_the_phase_that_failed(
    browser: Browser, database: psycopg.Connection, page: Page
) -> None:
    """From the headline to the monitor, to its own page, the region, and TLS."""
    fill(database, down_from_india)
    with visit(browser, page) as (tab, witness):
        expect(tab.get_by_role("heading", level=1)).to_have_text(re.compile("Down from India only: 1.of.3"))
        card = tab.get_by_role("article", name="Checkout")
        expect(card).to_contain_text("Down from India only. TLS timed out from India; USA and EU fine.")
        lanes = re.compile("USA (59|60) up; India (39|40) up, 20 down; EU (59|60) up")  # a minute may just have ended
        expect(card.get_by_role("img")).to_have_attribute("aria-label", lanes)
        card.get_by_role("link", name="Checkout").click()
        expect(tab.get_by_role("heading", level=1)).to_have_text("Checkout is down from India only")
        expect(tab.get_by_text("DNS and connect answer; TLS never finishes: TLS timed out, after 5.00")).to_be_visible()
        last = tab.get_by_role("table", name="The last check of Checkout in each region, phase by phase")
        expect(last.get_by_role("row", name="India").get_by_role("cell").nth(3)).to_have_text("not passed")
        expect(tab.get_by_role("listitem").filter(has_text="Down from India only")).to_contain_text(
            "TLS timed out. The other regions saw it up."
        )
        tab.get_by_text("The hour in words").click()
        expect(tab.get_by_role("row", name=re.compile("to now Down from India"))).to_be_visible()
        assert witness.complaints == []


def test_an_operator_signs_in_reads_the_books_and_signs_out(
    browser: Browser, database: psycopg.Connection, page: Page
) -> None:
    """By a form and a cookie that no script reads; without JavaScript too."""
    add_regions(database)
    add_ticks(database, 3)
    secret = token(database)["Authorization"].removeprefix("Bearer ")
    with visit(browser, page, java_script_enabled=False) as (tab, _):
        tab.get_by_role("link", name="Operations").click()
        tab.get_by_label("Token").fill("vantage_wrong")
        tab.get_by_role("button", name="Sign in").click()
        expect(tab.get_by_role("alert")).to_contain_text("This token is not known here")
        tab.get_by_label("Token").fill(secret)
        tab.get_by_role("button", name="Sign in").click()
        expect(tab.get_by_role("heading", level=1)).to_have_text("The books balance")
        (cookie,) = tab.context.cookies()
        assert (cookie["httpOnly"], cookie["secure"], cookie["sameSite"]) == (True, True, "Strict")
        tab.get_by_role("button", name="Sign out").click()
        assert tab.context.cookies() == []
        tab.get_by_role("link", name="Operations").click()
        expect(tab.get_by_role("heading", level=1)).to_have_text("Sign in")


def test_it_prints_whole_in_light_colours_without_what_is_for_the_screen(
    browser: Browser, database: psycopg.Connection, page: Page
) -> None:
    """Details are open, the theme's buttons and the links of spans are away."""
    fill(database, down_from_india)
    with visit(browser, page, scheme="dark") as (tab, _):
        tab.emulate_media(media="print")
        assert tab.locator("body").evaluate("body => getComputedStyle(body).backgroundColor") == "rgb(255, 255, 255)"
        for gone in (".th", ".spans", ".skip"):
            assert tab.locator(gone).first.is_hidden()
        phases = tab.get_by_role("table", name="The last check of Checkout in each region, phase by phase")
        assert phases.evaluate("table => table.getBoundingClientRect().height") > 0
        assert len(tab.pdf()) > 10_000


def test_it_is_complete_without_javascript(browser: Browser, database: psycopg.Connection, page: Page) -> None:
    """The same words, and the theme can be chosen too."""
    fill(database, down_from_india)
    with visit(browser, page) as (tab, _):
        told = tab.inner_text("main")
    with visit(browser, page, java_script_enabled=False) as (tab, _):
        clocks = re.compile(r"As of .*|\d+\s*s ago")
        assert clocks.sub("", tab.inner_text("main")) == clocks.sub("", told)
        bright = tab.locator("body").evaluate("body => getComputedStyle(body).backgroundColor")
        tab.get_by_text("Dark", exact=True).click()
        assert tab.locator("body").evaluate("body => getComputedStyle(body).backgroundColor") != bright


def test_html_in_a_name_is_text_in_the_browser_too(browser: Browser, database: psycopg.Connection, page: Page) -> None:
    """It runs nothing and makes no element."""
    fill(database, html_name)
    with visit(browser, page) as (tab, witness):
        tab.on("dialog", lambda dialog: witness.complaints.append(dialog.message))
        expect(tab.get_by_role("heading", name=HTML_NAME, exact=True).first).to_be_visible()
        assert tab.locator("main script, main h3 b").count() == 0
        assert witness.complaints == []


def test_it_refreshes_itself_and_keeps_what_was_opened_and_the_focus(
    browser: Browser, database: psycopg.Connection, page: Page
) -> None:
    """After half a minute there is news; it is announced, and nobody is thrown out of what they read.

    Red when the policy named another script, when details were not opened again, and when the focus was lost.
    """
    fill(database, all_up)
    with visit(browser, page) as (tab, witness):
        tab.clock.install()
        tab.reload()
        opened = tab.get_by_role("article", name="Website").get_by_text("Phases of the last checks")
        opened.click()
        opened.focus()
        add_monitor(database, "Blog", dict.fromkeys(UP, "UDDD"))
        settle(database)
        tab.wait_for_timeout(1100)  # what was read is told for a second
        tab.clock.fast_forward(30_500)
        heading = tab.get_by_role("heading", level=1)
        expect(heading).to_have_text(re.compile("Down: 1.of.4"))
        expect(tab.get_by_role("status")).to_have_text(re.compile("Down: 1.of.4"))
        expect(tab).to_have_title(re.compile("Down: 1.of.4"))
        expect(
            tab.get_by_role("table", name="The last check of Website in each region, phase by phase")
        ).to_be_visible()
        assert tab.evaluate("document.activeElement.id") == "d-website"
        assert witness.complaints == []


def test_a_page_that_cannot_refresh_says_so(browser: Browser, database: psycopg.Connection, page: Page) -> None:
    """What stands there is not how things are now; and it recovers."""
    fill(database, all_up)
    with visit(browser, page) as (tab, _):
        tab.clock.install()
        tab.reload()
        tab.route("**/*", lambda route: route.abort())
        tab.clock.fast_forward(30_500)
        warning = tab.get_by_text("Vantage does not answer. What stands here is not how things are now.")
        expect(warning).to_be_visible()
        tab.unroute("**/*")
        tab.clock.fast_forward(30_500)
        expect(warning).to_be_hidden()
        tab.route("**/status.json", lambda route: route.fulfill(status=404))
        tab.clock.fast_forward(30_500)
        expect(tab.get_by_role("alert")).to_contain_text("This page is not there any more.")


def test_who_is_signed_out_meanwhile_is_told_and_can_sign_in_again(
    browser: Browser, database: psycopg.Connection, page: Page
) -> None:
    """Vantage answers: it is the token that is revoked, and the page says so, with the way back.

    Red when every fault was called no answer, and when the form's page did not say why it is asked again.
    """
    add_regions(database)
    add_monitor(database, "Website", dict.fromkeys(UP, "UUU"))
    add_ticks(database, 3)
    with visit(browser, page) as (tab, witness):
        sign_in(tab, page, token(database))
        tab.goto(f"{page.url}/ops/status")
        tab.clock.install()
        tab.reload()
        revoke_token(database, "visitor")
        tab.clock.fast_forward(30_500)
        expect(tab.get_by_role("alert")).to_contain_text("You are not signed in any more. What stands here is not how")
        assert violations(tab) == {}
        tab.get_by_role("link", name="Sign in again").click()
        expect(tab.get_by_role("alert")).to_contain_text("You are not signed in any more: the token")
        sign_in(tab, page, token(database), goes=False)
        expect(tab).to_have_url(f"{page.url}/ops/status")
        assert not [told for told in witness.complaints if "401" not in told]


def sign_in(tab: Tab, page: Page, header: dict[str, str], *, goes: bool = True) -> None:
    """By the form, with a header's token."""
    if goes:
        tab.goto(f"{page.url}/login")
    tab.get_by_label("Token").fill(header["Authorization"].removeprefix("Bearer "))
    tab.get_by_role("button", name="Sign in").click()


def test_the_keyboard_reaches_everything(browser: Browser, database: psycopg.Connection, page: Page) -> None:
    """In order, each with a ring that can be seen; a chosen theme is kept."""
    fill(database, down_from_india)
    with visit(browser, page) as (tab, _):
        walked = []
        for _ in range(60):
            tab.keyboard.press("Tab")
            if tab.evaluate("document.activeElement === document.body"):
                break
            walked.append(
                tab.evaluate(
                    """() => { const e = document.activeElement, t = e.closest('label') || e;
                       return [e.textContent.trim().slice(0, 15) || t.textContent,
                               getComputedStyle(t).outlineStyle] }"""
                )
            )
        names = [name for name, _ in walked]
        assert names[:5] == ["Skip to content", "Vantage", "Status", "Incidents", "Auto"]
        assert "status.json" in names
        assert sum(name.startswith("Phases of the") for name in names) == 3
        assert {ring for _, ring in walked} == {"solid"}
        tab.get_by_label("Auto").focus()
        tab.keyboard.press("ArrowRight")
        tab.reload()
        expect(tab.get_by_label("Light")).to_be_checked()
