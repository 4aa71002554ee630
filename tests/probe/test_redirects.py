"""Redirects are followed by the prober, each hop judged anew, and nothing goes to strangers."""

import asyncio
from typing import Any

import pytest

from tests.probe import zoo
from tests.probe.certificates import HOST, Papers
from tests.probe.names import holds, name_server
from tests.probe.probing import check, probe, prober, text
from vantage.check import Reason, Result, Status


def to(location: str, status: int = 302) -> zoo.Serve:
    """Always redirects there."""
    return zoo.says(
        f"HTTP/1.1 {status} Moved\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode("latin-1"), close=False
    )


async def via(location: str, *, options: dict[str, Any] | None = None, **spec: Any) -> Result:
    """What is seen of a target that redirects there."""
    async with zoo.target(to(location)) as target:
        return await probe(target.url, options=options, **spec)


REFUSED = [
    "http://169.254.169.254/latest/meta-data/", "//169.254.169.254/", "http://[::ffff:169.254.169.254]/", "file:///etc/passwd",
    "http://[", "http://2130706433/", "http://bot:hunter2@example.com/", "gopher://example.com/", "javascript:alert(1)",
    "http://127.1:9001/", "http://xn--/", "http://example.com:99999/", "http://%31.example.com/",
]  # fmt: skip


@pytest.mark.parametrize("location", REFUSED)
def test_a_redirect_to_what_is_refused_is_down(location: str) -> None:
    """Down with reason redirect, the redirecting response's status, and no connection is made."""
    result = asyncio.run(via(location))
    assert (result.status, result.reason) == (Status.DOWN, Reason.REDIRECT), text(result)
    assert result.http_status == 302
    assert "hunter2" not in text(result)


def test_a_redirect_to_loopback_is_down_where_loopback_is_not_allowed() -> None:
    """The prober of a deployed stack: a public site that leads into the machine."""

    async def ask() -> Result:
        # The site itself must be reached on loopback here, so its redirect goes by a name with an inner address.
        async with (
            name_server({"inner.test": holds("169.254.169.254")}) as server,
            zoo.target(to("http://inner.test:9001/2018-06-01/runtime/invocation/next")) as target,
        ):
            return await probe(target.url, options={"name_servers": [server]})

    result = asyncio.run(ask())
    assert (result.status, result.reason) == (Status.DOWN, Reason.REDIRECT)
    assert "169.254.169.254" in text(result)


def test_a_redirect_to_nothing_at_all_stays_here() -> None:
    """An empty Location is the same page: a loop, which ends."""
    result = asyncio.run(via(""))
    assert (result.status, result.reason) == (Status.DOWN, Reason.REDIRECT)


def test_a_target_of_any_length_is_looked_at_no_further() -> None:
    """Longer than a URL may be: down at once, and nothing is parsed. Seen red: without the look at its length."""
    result = asyncio.run(via("http://" + "\xfc" * 60_000 + ".example.com/"))
    assert (result.status, result.reason) == (Status.DOWN, Reason.REDIRECT)
    assert "longer than 2048" in text(result)


def test_a_loop_ends() -> None:
    """A to B to A: down with reason redirect after ten hops."""

    async def ask() -> Result:
        async with zoo.target(zoo.stays_silent) as placeholder:
            port = placeholder.port
        back = to(f"http://{HOST}:{port}/")
        async with zoo.target(back) as first, zoo.target(to(first.url), port=port) as second:
            result = await probe(second.url)
            assert len(first.requests) + len(second.requests) == 11
            return result

    result = asyncio.run(ask())
    assert (result.status, result.reason) == (Status.DOWN, Reason.REDIRECT)
    assert "more than 10" in text(result)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_good_redirect_is_followed(status: int) -> None:
    """The last response counts, and the times of all hops."""

    async def ask() -> Result:
        async with zoo.target(zoo.says(zoo.OK)) as end, zoo.target(to(end.url, status)) as start:
            return await probe(start.url)

    result = asyncio.run(ask())
    assert (result.status, result.http_status) == (Status.UP, 200)


def test_a_relative_redirect_stays_on_its_connection() -> None:
    """A path is joined to the URL it came from."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = await zoo.head_of(reader)
            moved = b"HTTP/1.1 302 Found\r\nLocation: ../b?x=1#y\r\nContent-Length: 0\r\n\r\n"
            writer.write(moved if head.startswith(b"GET /a/c ") else zoo.OK)

    async def ask() -> None:
        async with zoo.target(serve) as target:
            result = await probe(target.url + "a/c")
            assert result.status is Status.UP
            assert target.requests[1].startswith(b"GET /b?x=1 HTTP/1.1\r\n")
            assert target.connections == 1

    asyncio.run(ask())


def test_no_following_leaves_the_redirect_as_the_answer() -> None:
    """follow 0 judges the redirect itself."""
    result = asyncio.run(via("http://example.com/", redirects={"follow": 0}, expect={"status": [302]}))
    assert (result.status, result.http_status) == (Status.UP, 302)


def test_nothing_configured_goes_to_another_origin() -> None:
    """Headers, credentials, cookies and body stay with the origin they were meant for.

    Seen red: with TRAVELS holding x-api-key, or `at_home` always true.
    """
    secrets = {
        "Authorization": "Bearer s3cret",
        "X-Api-Key": "s3cret",
        "Cookie": "a=s3cret",
        "Content-Type": "x/s3cret",
    }

    async def ask(status: int) -> bytes:
        async with zoo.target(zoo.says(zoo.OK)) as end, zoo.target(to(end.url, status)) as start:
            result = await probe(start.url, method="POST", body="s3cret", headers=secrets)
            assert result.status is Status.UP, text(result)
            assert start.requests[0].count(b"s3cret") == 4
            return end.requests[0]

    for status in (302, 303, 307, 308):
        seen = asyncio.run(ask(status))
        assert b"s3cret" not in seen
        assert b"Vantage/" in seen
        assert seen.startswith(b"POST" if status in (307, 308) else b"GET")


def test_the_same_origin_gets_its_headers_again() -> None:
    """A redirect within the site keeps what was configured for it."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = await zoo.head_of(reader)
            moved = b"HTTP/1.1 302 Found\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n"
            writer.write(moved if head.startswith(b"GET / ") else zoo.OK)

    async def ask() -> None:
        async with zoo.target(serve) as target:
            assert (await probe(target.url, headers={"X-Api-Key": "k"})).status is Status.UP
            assert b"X-Api-Key: k" in target.requests[1]

    asyncio.run(ask())


def test_a_downgrade_is_down_unless_it_is_allowed(papers: Papers) -> None:
    """From https to http: down with reason redirect, or followed where the monitor says so."""

    async def ask(**spec: Any) -> Result:
        async with (
            zoo.target(zoo.says(zoo.OK)) as end,
            zoo.target(to(end.url), context=papers.server()) as start,
        ):
            return await probe(f"https://{HOST}:{start.port}/", options={"authorities": papers.file}, **spec)

    refused, allowed = asyncio.run(ask()), asyncio.run(ask(redirects={"allow_downgrade": True}))
    assert (refused.status, refused.reason) == (Status.DOWN, Reason.REDIRECT)
    assert allowed.status is Status.UP


def test_a_dead_end_says_which_host() -> None:
    """A redirect to where nobody listens is down for that reason."""
    result = asyncio.run(via(f"http://{HOST}:{zoo.closed_port()}/"))
    assert (result.status, result.reason) == (Status.DOWN, Reason.CONNECT)


def test_a_stale_connection_behind_a_redirect_is_not_a_failure() -> None:
    """The second hop's kept connection has died meanwhile: one silent retry, as on the first hop."""

    async def ask() -> None:
        async with zoo.target(zoo.hangs_up_on_the_second) as end, zoo.target(to(end.url)) as start, prober() as made:
            for _ in range(3):
                assert (await made.probe(check(start.url), confirm=False)).status is Status.UP

    asyncio.run(ask())
