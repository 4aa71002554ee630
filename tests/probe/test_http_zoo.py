"""Every hostile habit of a target gets its status and its reason, by its deadline."""

import asyncio
import gzip
import time
import zlib

import pytest

from tests.probe import zoo
from tests.probe.probing import TIMEOUT_MS, probe, text
from vantage.check import Reason, Status

UP, DOWN = Status.UP, Status.DOWN
HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
GZIP = HEAD + b"Content-Encoding: gzip\r\n"
EARLY = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n"
BOMB = gzip.compress(bytes(64 << 20), 9)
SLACK_S = 0.5


def sized(body: bytes, head: bytes = HEAD) -> bytes:
    return head + b"Content-Length: %d\r\n\r\n" % len(body) + body


ROWS: dict[str, tuple[zoo.Serve, Status, Reason | None, str]] = {
    # well-meant, if odd
    "plain": (zoo.says(zoo.OK), UP, None, ""),
    "empty 200": (zoo.says(sized(b"")), UP, None, ""),
    "byte by byte": (zoo.says(*[bytes([b]) for b in zoo.OK]), UP, None, ""),
    "until close": (zoo.says(HEAD + b"\r\nall of it"), UP, None, ""),
    "http 1.0": (zoo.says(b"HTTP/1.0 200 OK\r\n\r\nold"), UP, None, ""),
    "chunked": (zoo.says(CHUNKED + b"2\r\nok\r\n0\r\n\r\n"), UP, None, ""),
    "chunked with trailer": (zoo.says(CHUNKED + b"2;x=y\r\nok\r\n0\r\nA: b\r\n\r\n"), UP, None, ""),
    "103 first": (zoo.says(EARLY + zoo.OK), UP, None, ""),
    "103 many times": (zoo.says(EARLY * 2000 + zoo.OK), UP, None, ""),
    "100 first": (zoo.says(b"HTTP/1.1 100 Continue\r\n\r\n" + zoo.OK), UP, None, ""),
    "both lengths": (zoo.says(HEAD + b"Content-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), UP, None, ""),
    "204 with a body": (zoo.says(b"HTTP/1.1 204 No Content\r\nContent-Length: 4\r\n\r\nbody"), UP, None, ""),
    "junk behind": (zoo.says(zoo.OK + b"junk"), UP, None, ""),
    "second response behind": (zoo.says(zoo.OK + zoo.OK), UP, None, ""),
    "bare line feeds": (zoo.says(b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok"), UP, None, ""),
    "latin-1 in a value": (zoo.says(HEAD + b"X-Name: caf\xe9\r\nContent-Length: 2\r\n\r\nok"), UP, None, ""),
    "offers an upgrade": (zoo.says(HEAD + b"Upgrade: h2\r\nConnection: Upgrade\r\nContent-Length: 2\r\n\r\nok"), UP, None, ""),
    "3000 headers": (zoo.says(HEAD + b"X-A: b\r\n" * 3000 + b"Content-Length: 2\r\n\r\nok"), UP, None, ""),
    "no reason phrase": (zoo.says(b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok"), UP, None, ""),
    "gzip unasked": (zoo.says(sized(gzip.compress(b"well"), GZIP)), UP, None, ""),
    "gzip bomb": (zoo.says(sized(BOMB, GZIP)), UP, None, ""),
    "gzip of many parts": (zoo.says(sized(gzip.compress(b"a") * 3, GZIP)), UP, None, ""),
    "bare deflate": (
        zoo.says(sized(zlib.compress(b"well")[2:-4], HEAD + b"Content-Encoding: deflate\r\n")), UP, None, ""
    ),
    "endless body": (zoo.pours(HEAD + b"\r\n", bytes(65536)), UP, None, ""),
    "10 GB body": (zoo.pours(HEAD + b"Content-Length: 10000000000\r\n\r\n", bytes(65536)), UP, None, ""),
    "endless chunks": (zoo.pours(CHUNKED, b"1\r\nx\r\n" * 1000), UP, None, ""),
    "endless chunk extension": (zoo.pours(CHUNKED + b"1;", b"a" * 65536), UP, None, ""),
    "endless trailer": (zoo.pours(CHUNKED + b"0\r\n", b"A: b\r\n" * 1000), UP, None, ""),
    # a wrong status
    "404": (zoo.says(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"), DOWN, Reason.STATUS, "404"),
    "999": (zoo.says(b"HTTP/1.1 999 No\r\nContent-Length: 0\r\n\r\n"), DOWN, Reason.STATUS, "999"),
    "302 without location": (zoo.says(b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n"), DOWN, Reason.STATUS, "302"),
    # not HTTP
    "101 unasked": (zoo.says(b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n"), DOWN, Reason.PROTOCOL, "switched"),
    "101 without upgrade": (zoo.says(b"HTTP/1.1 101 Switching\r\n\r\n"), DOWN, Reason.PROTOCOL, "switched"),
    "http 0.9": (zoo.says(b"<html>hello</html>"), DOWN, Reason.PROTOCOL, "HTTP"),
    "nothing": (zoo.closes_at_once, DOWN, Reason.PROTOCOL, ""),
    "nothing, after the request": (zoo.says(b""), DOWN, Reason.PROTOCOL, "without a response"),
    "closes within its headers": (zoo.says(HEAD + b"Content-Le"), DOWN, Reason.PROTOCOL, "headers"),
    "closes within its body": (zoo.says(HEAD + b"Content-Length: 9\r\n\r\nsome"), DOWN, Reason.PROTOCOL, "body"),
    "short chunk": (zoo.says(CHUNKED + b"9\r\nsome"), DOWN, Reason.PROTOCOL, "body"),
    "bad chunk size": (zoo.says(CHUNKED + b"zz\r\nsome"), DOWN, Reason.PROTOCOL, "HTTP"),
    "two lengths": (zoo.says(HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\nok"), DOWN, Reason.PROTOCOL, "HTTP"),
    "NUL in a value": (zoo.says(HEAD + b"X-A: a\x00b\r\nContent-Length: 2\r\n\r\nok"), DOWN, Reason.PROTOCOL, "HTTP"),
    "latin-1 in a name": (zoo.says(HEAD + b"X-\xe9: b\r\nContent-Length: 2\r\n\r\nok"), DOWN, Reason.PROTOCOL, "HTTP"),
    "status abc": (zoo.says(b"HTTP/1.1 abc No\r\n\r\n"), DOWN, Reason.PROTOCOL, "HTTP"),
    "status 1000": (zoo.says(b"HTTP/1.1 1000 No\r\n\r\n"), DOWN, Reason.PROTOCOL, "HTTP"),
    "status 000": (zoo.says(b"HTTP/1.1 000 No\r\nContent-Length: 0\r\n\r\n"), DOWN, Reason.PROTOCOL, "status"),
    "reset": (zoo.resets, DOWN, Reason.PROTOCOL, "reset"),
    "reset within its body": (zoo.resets_midway, DOWN, Reason.PROTOCOL, "reset"),
    "bad gzip": (zoo.says(sized(b"this is no gzip", GZIP)), DOWN, Reason.PROTOCOL, "gzip"),
    "truncated gzip": (zoo.says(sized(gzip.compress(b"well" * 99)[:-9], GZIP)), DOWN, Reason.PROTOCOL, "middle"),
    "200 kB of headers": (zoo.says(HEAD + b"X-A: " + b"b" * 200_000 + b"\r\n\r\n"), DOWN, Reason.TOO_LARGE, "100 KiB"),
    "endless headers": (zoo.pours(HEAD, b"X-A: b\r\n" * 1000), DOWN, Reason.TOO_LARGE, "100 KiB"),
    "endless 103": (zoo.pours(b"", EARLY * 1000), DOWN, Reason.TOO_LARGE, ""),
    # too slow
    "silent": (zoo.stays_silent, DOWN, Reason.TIMEOUT, "first byte"),
    "never reads": (zoo.never_reads, DOWN, Reason.TIMEOUT, "first byte"),
    "drips headers": (zoo.drips(HEAD + b"X-A: "), DOWN, Reason.TIMEOUT, "reading"),
    "drips a body": (zoo.drips(HEAD + b"Content-Length: 1000\r\n\r\n"), DOWN, Reason.TIMEOUT, "reading"),
    "drips 103": (zoo.drips(b"", EARLY), DOWN, Reason.TIMEOUT, "reading"),
}  # fmt: skip


@pytest.mark.parametrize("habit", ROWS)
def test_a_habit_gets_its_reason_by_its_deadline(habit: str) -> None:
    """Each row ends with its status and reason within the deadline, and the text says what happened.

    Seen red: without asyncio.timeout the dripping rows never end; without HEADERS_MOST the endless headers time out.
    """
    serve, status, reason, said = ROWS[habit]

    async def ask() -> None:
        async with zoo.target(serve) as target:
            began_s = time.perf_counter()
            result = await probe(target.url)
            assert time.perf_counter() - began_s < TIMEOUT_MS / 1000 + SLACK_S
        assert (result.status, result.reason) == (status, reason), text(result)
        assert said in text(result)
        assert result.total_us is not None
        assert result.total_us > 0

    asyncio.run(ask())


def test_a_refused_connection_is_connect() -> None:
    """Nobody listens: reason connect, at once."""
    result = asyncio.run(probe(f"http://{zoo.HOST}:{zoo.closed_port()}/"))
    assert (result.status, result.reason) == (DOWN, Reason.CONNECT)
    assert "refused" in text(result)


def test_a_server_that_never_accepts_is_a_timeout() -> None:
    """A full backlog drops what comes in: that is a timeout while connecting."""
    with zoo.full_backlog() as port:
        result = asyncio.run(probe(f"http://{zoo.HOST}:{port}/"))
    assert (result.status, result.reason) == (DOWN, Reason.TIMEOUT)
    assert "connecting" in text(result)


def test_a_bodiless_head_keeps_its_connection() -> None:
    """HEAD gets a length and no body, and the connection serves the next check."""

    async def ask() -> None:
        serve = zoo.says(HEAD + b"Content-Length: 5000\r\n\r\n", close=False)
        from tests.probe.probing import check, prober

        async with zoo.target(serve) as target, prober() as made:
            first = await made.probe(check(target.url, method="HEAD"))
            second = await made.probe(check(target.url, method="HEAD"))
            assert (first.status, second.status, second.reused) == (UP, UP, True)
            assert target.connections == 1

    asyncio.run(ask())
