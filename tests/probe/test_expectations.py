"""What a monitor can expect: each holds or is named with its reason; what cannot be meant is refused with its place."""

import asyncio
import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.probe import zoo
from tests.probe.certificates import HOST, Papers
from tests.probe.probing import check, probe, prober, text
from vantage.check import Reason, Result, Status
from vantage.errors import SettingsError
from vantage.guard import GuardError
from vantage.probe.expect import compile_expectations
from vantage.probe.seen import Seen

UP, DOWN, DEGRADED = Status.UP, Status.DOWN, Status.DEGRADED
PAGE = b"<html><title>Shop</title>All is well: caf\xc3\xa9</html>"
JSON = b'{"status": "ok", "items": [1, 2, 3], "load": 0.5, "ready": true, "none": null}'


def answer(body: bytes = PAGE, status: bytes = b"200 OK", **headers: str) -> zoo.Serve:
    """A server with this answer."""
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items()).encode()
    return zoo.says(b"HTTP/1.1 " + status + b"\r\nContent-Length: %d\r\n" % len(body) + lines + b"\r\n" + body)


def seen(serve: zoo.Serve, expect: dict[str, Any], **spec: Any) -> Result:
    """What is seen of a server by a monitor with these expectations."""

    async def ask() -> Result:
        async with zoo.target(serve) as target:
            return await probe(target.url, expect=expect, **spec)

    return asyncio.run(ask())


SLOW = zoo.says(zoo.OK[:20], zoo.OK[20:], pause_s=0.06)
ENDLESS = zoo.pours(b"HTTP/1.1 200 OK\r\n\r\n", bytes(65536))

FINE: list[tuple[zoo.Serve, dict[str, Any]]] = [
    (answer(), {}),
    (answer(status=b"304 Not Modified", body=b""), {"status": ["200-299", 304]}),
    (answer(status=b"503 No"), {"status": [503]}),
    (answer(), {"body": {"contains": ["well", "caf\u00e9"], "not_contains": ["Exception"]}}),
    (answer(b"caf\xe9", content_type="text/html; charset=iso-8859-1"), {"body": {"contains": ["caf\u00e9"]}}),
    (answer(b"ok", content_type="text/html; charset=nonsense"), {"body": {"contains": ["ok"]}}),
    (answer(), {"body": {"size": {"min": 1, "max": 1000}, "no_error_page": True}}),
    (answer(JSON), {"json": [{"path": "status", "equals": "ok"}, {"path": "length(items)", "at_least": 3}]}),
    (answer(JSON), {"json": [{"path": "load", "at_most": 1}, {"path": "ready", "equals": True}]}),
    (answer(JSON), {"json": [{"path": "gone", "exists": False}, {"path": "length(items)", "at_most": 3}]}),
    (answer(JSON), {"json": [{"path": "items", "contains": 2}, {"path": "status", "matches": "^o"}]}),
    (answer(JSON), {"json": [{"path": "items[?@ > `2`] | [0]", "equals": 3}]}),
    (answer(x_build="17"), {"headers": [{"name": "X-Build", "at_least": 10, "not_equals": "bad"}]}),
    (answer(content_type="text/css"), {"headers": [{"name": "content-type", "matches": "^text/"}]}),
    (answer(JSON), {"json": [{"path": "[{a: load, b: ready}, {c: items[0:2], d: none}] | [@[0].b]", "exists": True}]}),
    (answer(x_build="[a"), {"headers": [{"name": "x-build", "matches": "[[a]"}]}),
    (answer(), {"latency": {"degraded_over": 300, "down_over": 350}}),
    (answer(), {"redirect": {"host": HOST}}),
]  # fmt: skip


@pytest.mark.parametrize("row", range(len(FINE)))
def test_what_holds_is_up(row: int) -> None:
    """Each row's expectations hold."""
    serve, expect = FINE[row]
    result = seen(serve, expect)
    assert result.status is UP, text(result)


BROKEN: list[tuple[zoo.Serve, dict[str, Any], Status, Reason, str]] = [
    (answer(), {"status": [204]}, DOWN, Reason.STATUS, "answered 200, expected 204"),
    (answer(), {"body": {"contains": ["sold out"]}}, DOWN, Reason.BODY, "lacks 'sold out'"),
    (answer(), {"body": {"not_contains": ["well"]}}, DOWN, Reason.BODY, "contains 'well'"),
    (answer(b""), {"body": {"size": {"min": 1}}}, DOWN, Reason.BODY, "0 bytes, expected at least 1"),
    (answer(b"x" * 2000), {"body": {"size": {"max": 1000}}}, DOWN, Reason.TOO_LARGE, "larger than 1000"),
    (ENDLESS, {"body": {"size": {"max": 2000}}}, DOWN, Reason.TOO_LARGE, "2000"),
    (answer(b"<title>Welcome to nginx!</title>"), {"body": {"no_error_page": True}}, DOWN, Reason.BODY, "nginx"),
    (answer(), {"json": [{"path": "a", "exists": True}]}, DOWN, Reason.JSON, "not JSON"),
    (answer(b"[" * 100_000), {"json": [{"path": "a", "exists": True}]}, DOWN, Reason.JSON, "not JSON"),
    (answer(JSON), {"json": [{"path": "status", "equals": "bad"}]}, DOWN, Reason.JSON, "status is 'ok', expected"),
    (answer(JSON), {"json": [{"path": "ready", "equals": 1}]}, DOWN, Reason.JSON, "ready is True"),
    (answer(JSON), {"json": [{"path": "length(items)", "at_least": 4}]}, DOWN, Reason.JSON, "at least 4"),
    (answer(JSON), {"json": [{"path": "length(load)", "at_least": 4}]}, DOWN, Reason.JSON, "cannot be told"),
    (answer(JSON), {"json": [{"path": "gone", "at_most": 4}]}, DOWN, Reason.JSON, "gone is None"),
    (answer(JSON), {"json": [{"path": "gone", "matches": "None"}]}, DOWN, Reason.JSON, "gone is None"),
    (answer(), {"headers": [{"name": "X-Build", "exists": True}]}, DOWN, Reason.HEADER, "X-Build is None"),
    (answer(x_build="abc"), {"headers": [{"name": "X-Build", "at_least": 1}]}, DOWN, Reason.HEADER, "X-Build is 'abc'"),
    (answer(), {"redirect": {"host": "www.example.com"}}, DOWN, Reason.REDIRECT, "expected www.example.com"),
    (answer(), {"redirect": {"to": "http://127.0.0.1/other"}}, DOWN, Reason.REDIRECT, "expected http://127.0.0.1/other"),
    (SLOW, {"latency": {"degraded_over": 50}}, DEGRADED, Reason.SLOW, "more than 50 ms"),
    (SLOW, {"latency": {"degraded_over": 10, "down_over": 50}}, DOWN, Reason.SLOW, "more than 50 ms"),
    (answer(), {"certificate": {"days": 14}}, DEGRADED, Reason.CERTIFICATE, "not https"),
    (answer(status=b"403 No", cf_mitigated="challenge"), {}, DOWN, Reason.BLOCKED, "Cloudflare"),
    (answer(b'<script src="/cdn-cgi/challenge-platform/x">', b"503 Wait"), {}, DOWN, Reason.BLOCKED, "browser"),
    (answer(status=b"202 Accepted", x_amzn_waf_action="challenge"), {}, DOWN, Reason.BLOCKED, "AWS WAF"),
    (answer(status=b"403 No"), {}, DOWN, Reason.STATUS, "403"),
]  # fmt: skip


@pytest.mark.parametrize("row", range(len(BROKEN)))
def test_what_does_not_hold_is_named(row: int) -> None:
    """Each row gets its status and reason, and the text says what was expected and what came."""
    serve, expect, status, reason, said = BROKEN[row]
    result = seen(serve, expect)
    assert (result.status, result.reason) == (status, reason), text(result)
    assert said in text(result)


def test_every_failed_expectation_is_named_and_the_worst_counts() -> None:
    """Down before degraded, whatever their order; all of them in one text."""
    expect = {
        "certificate": {"days": 14},
        "body": {"contains": ["one", "two"]},
        "json": [{"path": "a", "equals": 1}],
        "headers": [{"name": "x-y", "equals": "z"}],
    }
    result = seen(answer(), expect)
    assert (result.status, result.reason) == (DOWN, Reason.HEADER)
    for word in ("x-y", "'one'", "'two'", "not JSON", "not https"):
        assert word in text(result)


@pytest.mark.parametrize(("days", "status"), [(2, UP), (14, DEGRADED)])
def test_a_certificate_near_its_end_degrades(papers: Papers, days: int, status: Status) -> None:
    """Three days left: fine for 2, degraded for 14."""

    async def ask() -> Result:
        context = papers.server(ends=timedelta(days=3, minutes=5))
        async with zoo.target(zoo.says(zoo.OK), context=context) as target:
            expect = {"certificate": {"days": days}}
            return await probe(f"https://{HOST}:{target.port}/", options={"authorities": papers.file}, expect=expect)

    result = asyncio.run(ask())
    assert result.status is status
    assert (result.reason is Reason.CERTIFICATE) == (status is DEGRADED)
    assert status is UP or "in 3 days" in text(result)


SAME_PLACES = [
    ("https://a.test/", {"to": "https://a.test"}),
    ("https://a.test/", {"to": "https://A.test:443/#top"}),
    ("https://a.test/b?c=d", {"to": "https://a.test./b?c=d"}),
    ("https://xn--mnchen-3ya.test/", {"to": "https://münchen.test/"}),
    ("https://münchen.test/", {"host": "xn--mnchen-3ya.test"}),
    ("https://xn--mnchen-3ya.test/", {"host": "München.test"}),
    ("https://a.test/", {"host": "a.test."}),
    ("https://[::1]/", {"host": "::1"}),
]
OTHER_PLACES = [
    ("https://a.test/", {"to": "http://a.test/"}),
    ("https://a.test/", {"to": "https://a.test:8443/"}),
    ("https://a.test/b", {"to": "https://a.test/b/"}),
    ("https://a.test/b?c=d", {"to": "https://a.test/b"}),
    ("https://www.a.test/", {"host": "a.test"}),
]


@pytest.mark.parametrize(("url", "redirect"), SAME_PLACES + OTHER_PLACES)
def test_where_redirects_end_is_compared_by_its_meaning(url: str, redirect: dict[str, str]) -> None:
    """One place in two spellings is the same; another is not. Seen red: with URLs compared as written."""
    there = Seen(200, httpx.URL(url), httpx.Headers(), b"", False, 1.0, None, datetime.now(UTC))
    outcome = compile_expectations({"redirect": redirect}).judge(there)
    assert (outcome.status is UP) == ((url, redirect) in SAME_PLACES), outcome.text


NONSENSE: list[tuple[dict[str, Any], str]] = [
    ({"bodies": {}}, "expect.bodies"),
    ({"status": ["soon"]}, "expect.status"),
    ({"status": [20]}, "expect.status"),
    ({"json": [{"path": "a[", "equals": 1}]}, r"expect.json\[0\].path"),
    ({"json": [{"path": "a", "equals": 1}, {"equals": 1}]}, r"expect.json\[1\].path"),
    ({"json": [{"path": "a"}]}, r"expect.json\[0\]: say"),
    ({"json": [{"path": "a", "at_least": "many"}]}, r"expect.json\[0\].at_least"),
    ({"json": [{"path": "a", "exists": "yes"}]}, r"expect.json\[0\].exists"),
    ({"headers": [{"name": "x", "matches": "("}]}, r"expect.headers\[0\].matches"),
    ({"headers": [{"name": "x", "matches": "a" * 501}]}, r"expect.headers\[0\].matches"),
    ({"json": [{"path": "|".join(["[@,@]"] * 7), "equals": 1}]}, r"expect.json\[0\].path: its lists"),
    ({"json": [{"path": "(" * 500, "equals": 1}]}, r"expect.json\[0\].path"),
    ({"headers": [{"name": "x", "matches": "a{99999999999999999999}"}]}, r"expect.headers\[0\].matches: not a"),
    ({"body": {"contains": [""]}}, "expect.body.contains"),
    ({"body": {"not_contains": [5]}}, "expect.body.not_contains"),
    ({"body": {"size": {"min": 5, "max": 1}}}, "expect.body.size"),
    ({"latency": {"down_over": "5s"}}, "expect.latency"),
    ({"redirect": {}}, "expect.redirect"),
    ({"redirect": {"host": "a b:80"}}, "expect.redirect: cannot"),
]


@pytest.mark.parametrize("row", range(len(NONSENSE)))
def test_what_cannot_be_meant_is_refused_with_its_place(row: int) -> None:
    """When it is saved; and a probe of such a monitor is refused, not down."""
    expect, place = NONSENSE[row]
    with pytest.raises(GuardError, match=place):
        compile_expectations(expect)
    result = seen(answer(), expect)
    assert (result.status, result.reason) == (Status.REFUSED, Reason.GUARD)


async def secret(reference: str) -> str:
    """A place of secrets for tests."""
    known = {"env:TOKEN": "t0ken", "ssm:/pw": "p:w", "env:BROKEN": "a\r\nb"}
    if reference not in known:
        raise SettingsError(f"{reference} is not set.")
    return known[reference]


@pytest.mark.parametrize(
    ("spec", "line"),
    [
        ({"auth": {"bearer": "env:TOKEN"}}, b"Authorization: Bearer t0ken\r\n"),
        (
            {"auth": {"basic": {"user": "bot", "password": "ssm:/pw"}}},
            b"Basic " + base64.b64encode(b"bot:p:w") + b"\r\n",
        ),
        ({"headers": {"X-Api-Key": "env:TOKEN"}}, b"X-Api-Key: t0ken\r\n"),
    ],
)
def test_a_credential_is_resolved_for_its_request(spec: dict[str, Any], line: bytes) -> None:
    """The spec holds a reference; the request holds the value."""

    async def ask() -> bytes:
        async with zoo.target(answer()) as target, prober(resolve=secret) as made:
            assert (await made.probe(check(target.url, **spec))).status is UP
            return target.requests[0]

    assert line in asyncio.run(ask())


@pytest.mark.parametrize(
    "spec",
    [
        {"auth": {"bearer": "env:NONE"}},
        {"auth": {"bearer": "t0ken"}},
        {"auth": {"bearer": "env:BROKEN"}},
        {"headers": {"X": "env:NONE"}},
        {"auth": {"basic": {"user": "x"}}},
    ],
)
def test_a_credential_that_cannot_be_had_is_refused(spec: dict[str, Any]) -> None:
    """Never down, nothing is sent, and the text holds no secret."""

    async def ask() -> Result:
        async with zoo.target(answer()) as target, prober(resolve=secret) as made:
            result = await made.probe(check(target.url, **spec))
            assert not target.requests
            return result

    result = asyncio.run(ask())
    assert (result.status, result.reason) == (Status.REFUSED, Reason.GUARD)
    assert "t0ken" not in text(result)


def test_without_a_place_of_secrets_a_reference_is_never_sent() -> None:
    """The name of a secret is nobody's business either."""
    result = seen(answer(), {}, headers={"X": "env:TOKEN"})
    assert result.status is Status.REFUSED


LONG = "eyJhbGciOi" + "".join(f"{n:03}" for n in range(200))


@pytest.mark.parametrize(
    ("secret", "echo", "expect"),
    [
        (LONG, "X-Echo: Bearer {}", {"headers": [{"name": "x-echo", "equals": "no"}]}),
        ("it's\\back", "X-Echo: {}", {"headers": [{"name": "x-echo", "equals": "no"}]}),
        (LONG, "", {"json": [{"path": "[0]", "equals": "no"}]}),
        ("short", "X-Echo: {}", {"headers": [{"name": "x-echo", "equals": "no"}]}),
    ],
)
def test_of_a_secret_that_is_sent_back_no_part_is_told(secret: str, echo: str, expect: dict[str, Any]) -> None:
    """Shortened or escaped as values are shown, it is struck out all the same.

    Seen red: with whole secrets struck out only, 50 characters of a long one stood in the text.
    """
    body = json.dumps([secret])
    head = f"HTTP/1.1 200 OK\r\n{echo.format(secret) + chr(13) + chr(10) if echo else ''}"
    answer = f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode()

    async def tell(_: str) -> str:
        return secret

    async def ask() -> str:
        async with zoo.target(zoo.says(answer)) as target, prober(resolve=tell) as made:
            spec: dict[str, Any] = {"auth": {"bearer": "ssm:/a"}, "expect": expect}
            return text(await made.probe(check(target.url, **spec), confirm=False))

    said = asyncio.run(ask())
    assert "[secret]" in said
    assert not [start for start in range(len(secret) - 7) if secret[start : start + 8] in said]
    assert secret not in said
