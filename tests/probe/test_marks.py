"""Each known error page is recognised, and no page that only writes about errors is taken for one."""

import pytest

from vantage.probe.marks import CHALLENGES, ERROR_PAGES, challenge, error_page

BAD_PAGES = {
    "PHP error": "<br />\n<b>Fatal error</b>:  f()\n in <b>/srv/a.php</b> on line <b>3</b><br />",
    "WordPress without its database": "<body><h1>Error establishing a database connection</h1>",
    "WordPress critical error": '<div class="wp-die-message"><p>There has been a critical error on this website.</p>',
    "Python traceback": 'Traceback (most recent call last):\n  File "app.py", line 1, in <module>\nKeyError: 1',
    "Django debug page": "You\u2019re seeing this error because you have <code>DEBUG = True</code> in your settings.",
    "Werkzeug debugger": "<title>KeyError: 1\n // Werkzeug Debugger</title>",
    "Rails error": "<title>We're sorry, but something went wrong (500)</title>",
    "ASP.NET error": "<h1>Server Error in '/' Application.<hr width=100% size=1 color=silver></h1>",
    "Spring error": "<html><body><h1>Whitelabel Error Page</h1><p>This application has no explicit mapping",
    "Tomcat error": "<!doctype html><html><head><title>HTTP Status 500 \u2013 Internal Server Error</title>",
    "nginx's default page": "<html>\n<head>\n<title>Welcome to nginx!</title>",
    "Apache's default page": "<html><body><h1>It works!</h1></body></html>\n",
    "IIS's default page": "<title>IIS Windows Server</title>",
}  # fmt: skip

GOOD_PAGES = [
    # a shop
    "<!doctype html><title>Shop</title><h1>Welcome!</h1><p>It works! 500 customers say so. We're sorry, sold out.</p>",
    # a tutorial that quotes every error, escaped as it must be
    "<html><title>How to read a Traceback</title><body><p>Fatal error: what now?</p><pre>"
    + "\n".join(page.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;") for page in BAD_PAGES.values())
    + "</pre></body></html>",
    # a question about a default page
    "<title>Why do I see Welcome to nginx!? - Questions</title><p>There has been a critical error on this website.</p>",
    "<title>Answers</title><h1>Error establishing a database connection in WordPress: how to fix</h1>",
    # an API
    '{"status": "ok", "message": "It works!", "last": "Traceback (most recent call last): KeyError"}',
    # a status page
    "<title>HTTP Status 500: what it means</title><b>Fatal error</b>: none today. Server Error in May, solved.",
    "<h1>Whitelabel news</h1><p>IIS Windows Server was patched. DEBUG = True was off.</p>",
]


@pytest.mark.parametrize("name", BAD_PAGES)
def test_an_error_page_is_recognised(name: str) -> None:
    """By its name."""
    assert error_page(BAD_PAGES[name]) == name


def test_every_row_has_its_page_and_its_source() -> None:
    """No row without a proof, and none without a source."""
    assert {row.name for row in ERROR_PAGES} == set(BAD_PAGES)
    assert all(row.source for row in ERROR_PAGES)
    assert all(row.source for row in CHALLENGES)
    assert all(any(row.pattern.search(page) for page in [*BAD_PAGES.values(), DEBIAN]) for row in ERROR_PAGES)


DEBIAN = "<title>Apache2 Debian Default Page: It works</title>"


@pytest.mark.parametrize("row", range(len(ERROR_PAGES)))
@pytest.mark.parametrize("page", range(len(GOOD_PAGES)))
def test_a_good_page_is_not_taken_for_an_error(row: int, page: int) -> None:
    """Pages that write about errors, against every row."""
    assert not ERROR_PAGES[row].pattern.search(GOOD_PAGES[page])


@pytest.mark.parametrize("status", [403, 429, 503])
def test_a_challenge_needs_its_mark(status: int) -> None:
    """A plain refusal is a refusal; a mark under another status is none."""
    assert challenge(status, {}, "<h1>Forbidden</h1>") is None
    assert challenge(status, {"cf-mitigated": "challenge"}, "") == "Cloudflare"
    assert challenge(status, {}, '<script src="/_Incapsula_Resource?x=1">') == "Imperva"
    assert challenge(500, {"cf-mitigated": "challenge"}, "") is None
