"""What gives a page away that is not the site: a bot check before it, or an error served as if it were the page.

Data: each row has the words that people read, what must be found, and its source. A row must not match a page that only
writes about such errors: tests/probe/test_marks.py holds five good pages against every one of them.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple


class Challenge(NamedTuple):
    """A bot check: a header with a value, or words in the body."""

    name: str
    header: tuple[str, str] | None
    body: str | None
    source: str


class ErrorPage(NamedTuple):
    """An error or a default page, by a pattern of its HTML; a page without the hint's lower-case words is not it.

    A pattern must take a time that grows with the page and no faster: a page is as long and as strange as its site
    likes, and nothing else is probed meanwhile.
    """

    name: str
    hint: str
    pattern: re.Pattern[str]
    source: str


CHALLENGES_AS_SUCCESS = (202,)  # AWS WAF's challenge
CHALLENGE_STATUSES = (403, 429, 503, *CHALLENGES_AS_SUCCESS, 405)  # 405: AWS WAF's captcha
CHALLENGES = (
    Challenge(
        "Cloudflare", ("cf-mitigated", "challenge"), None,
        "https://developers.cloudflare.com/cloudflare-challenges/challenge-types/challenge-pages/detect-response/",
    ),
    Challenge(
        "Cloudflare", None, "/cdn-cgi/challenge-platform/",
        "https://developers.cloudflare.com/cloudflare-challenges/concepts/how-challenges-work/",
    ),
    Challenge(
        "AWS WAF", ("x-amzn-waf-action", "challenge"), None,
        "https://docs.aws.amazon.com/waf/latest/developerguide/waf-captcha-and-challenge-actions.html",
    ),
    Challenge(
        "AWS WAF", ("x-amzn-waf-action", "captcha"), None,
        "https://docs.aws.amazon.com/waf/latest/developerguide/waf-captcha-and-challenge-actions.html",
    ),
    Challenge("Imperva", None, "/_Incapsula_Resource", "https://scrappey.com/qa/web-automation/how-imperva-detects-bots"),
)  # fmt: skip


def _page(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE | re.DOTALL)


ERROR_PAGES = (
    ErrorPage(
        "PHP error",
        " error</b>:",
        _page(r"<b>(fatal|parse) error</b>:([^<]|<(?!b>)){1,2000} in <b>[^<]{1,500}</b> on line <b>\d+</b>"),
        "php-src: main/main.c, php_error_cb() with html_errors",
    ),
    ErrorPage(
        "WordPress without its database",
        "error establishing a database connection",
        _page(r"<h1>Error establishing a database connection</h1>"),
        "WordPress: wp-includes/functions.php, dead_db()",
    ),
    ErrorPage(
        "WordPress critical error",
        "there has been a critical error",
        _page(r'<div class="wp-die-message">\s*<p>There has been a critical error on this website\.'),
        "WordPress: wp-includes/class-wp-fatal-error-handler.php",
    ),
    ErrorPage(
        "Python traceback",
        "traceback (most recent call last):",
        _page(r"\A\s*(<pre[^>]*>\s*)?Traceback \(most recent call last\):"),
        "cpython: Lib/traceback.py, as the whole of a page",
    ),
    ErrorPage(
        "Django debug page",
        "debug = true",
        _page(r"You(\u2019|'|&#x27;)re seeing this error because you have <code>DEBUG = True</code>"),
        "Django: django/views/templates/technical_500.html",
    ),
    ErrorPage(
        "Werkzeug debugger",
        "// werkzeug debugger",
        _page(r"<title>[^<]*// Werkzeug Debugger</title>"),
        "Werkzeug: debug/tbtools.py",
    ),
    ErrorPage(
        "Rails error",
        "sorry, but something went wrong (500)",
        _page(r"<title>We(\u2019|')re sorry, but something went wrong \(500\)</title>"),
        "Rails: public/500.html",
    ),
    ErrorPage(
        "ASP.NET error",
        "<h1>server error in '",
        _page(r"<h1>Server Error in '[^']*' Application\."),
        ".NET Framework: ErrorFormatter.cs",
    ),
    ErrorPage(
        "Spring error",
        "<h1>whitelabel error page",
        _page(r"<h1>Whitelabel Error Page</h1>"),
        "Spring Boot: ErrorMvcAutoConfiguration.java",
    ),
    ErrorPage(
        "Tomcat error",
        "<title>http status ",
        _page(r"<title>HTTP Status [45]\d\d [\u2013-]"),
        "Tomcat: ErrorReportValve.java",
    ),
    ErrorPage(
        "nginx's default page",
        "<title>welcome to nginx!",
        _page(r"<title>Welcome to nginx!</title>"),
        "nginx: docs/html/index.html",
    ),
    ErrorPage(
        "Apache's default page",
        "<h1>it works!",
        _page(r"<html><body><h1>It works!</h1></body></html>"),
        "httpd: docs/docroot/index.html",
    ),
    ErrorPage(
        "Apache's default page",
        "default page: it works",
        _page(r"<title>Apache2 (Debian|Ubuntu) Default Page: It works</title>"),
        "Debian: apache2, debian/index.html",
    ),
    ErrorPage(
        "IIS's default page", "<title>iis windows", _page(r"<title>IIS Windows( Server)?</title>"), "IIS: iisstart.htm"
    ),
)


def challenge(status: int, headers: Mapping[str, str], text: str) -> str | None:
    """Whose bot check this response is; None: it is none that we know."""
    if status not in CHALLENGE_STATUSES:
        return None
    for row in CHALLENGES:
        if row.header and headers.get(row.header[0], "").strip().lower() == row.header[1]:
            return row.name
        if row.body and row.body in text:
            return row.name
    return None


def error_page(text: str) -> str | None:
    """What error or default page a body is; None: it is none that we know."""
    lowered = text.lower()
    return next((row.name for row in ERROR_PAGES if row.hint in lowered and row.pattern.search(text)), None)
