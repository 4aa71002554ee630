"""Every hostile habit of a target gets its status and its reason, by its deadline."""

import asyncio
import gzip
import time
import tracemalloc
import zlib

import pytest

from tests.probe import zoo
from tests.probe.probing import TIMEOUT_MS, check, little_memory, probe, prober, text
from vantage.check import Reason, Status
from vantage.probe.body import decode

UP, DOWN = Status.UP, Status.DOWN
HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
GZIP = HEAD + b"Content-Encoding: gzip\r\n"
EARLY = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n"
BOMB = gzip.compress(bytes(64 << 20), 9)
SWITCHING = b"HTTP/1.1 101 Switching Protocols\r\n"
SLACK_S = 0.5
FINE = None
STATUS, PROTOCOL, TIMEOUT, TOO_LARGE = Reason.STATUS, Reason.PROTOCOL, Reason.TIMEOUT, Reason.TOO_LARGE


def sized(body: bytes, head: bytes = HEAD) -> bytes:
    """A whole response with a length."""
    return head + b"Content-Length: %d\r\n\r\n" % len(body) + body


ROWS: dict[str, tuple[zoo.Serve, Reason | None, str]] = {
    # well-meant, if odd
    "plain": (zoo.says(zoo.OK), FINE, ""),
    "empty 200": (zoo.says(sized(b"")), FINE, ""),
    "byte by byte": (zoo.says(*[bytes([b]) for b in zoo.OK]), FINE, ""),
    "until close": (zoo.says(HEAD + b"\r\nall of it"), FINE, ""),
    "http 1.0": (zoo.says(b"HTTP/1.0 200 OK\r\n\r\nold"), FINE, ""),
    "chunked": (zoo.says(CHUNKED + b"2\r\nok\r\n0\r\n\r\n"), FINE, ""),
    "chunked with trailer": (zoo.says(CHUNKED + b"2;x=y\r\nok\r\n0\r\nA: b\r\n\r\n"), FINE, ""),
    "103 first": (zoo.says(EARLY + zoo.OK), FINE, ""),
    "103 many times": (zoo.says(EARLY * 2000 + zoo.OK), FINE, ""),
    "100 first": (zoo.says(b"HTTP/1.1 100 Continue\r\n\r\n" + zoo.OK), FINE, ""),
    "both lengths": (zoo.says(CHUNKED[:-2] + b"Content-Length: 9\r\n\r\n0\r\n\r\n"), FINE, ""),
    "204 with a body": (zoo.says(b"HTTP/1.1 204 No Content\r\nContent-Length: 4\r\n\r\nbody"), FINE, ""),
    "junk behind": (zoo.says(zoo.OK + b"junk"), FINE, ""),
    "second response behind": (zoo.says(zoo.OK + zoo.OK), FINE, ""),
    "bare line feeds": (zoo.says(b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok"), FINE, ""),
    "one length, twice": (zoo.says(sized(b"ok", HEAD + b"Content-Length: 2\r\n")), FINE, ""),
    "one length, as a list": (zoo.says(HEAD + b"Content-Length: 2, 2\r\n\r\nok"), FINE, ""),
    "a value on two lines": (zoo.says(sized(b"ok", HEAD + b"X-A: b\r\n c\r\n")), FINE, ""),
    "escape in a value": (zoo.says(sized(b"ok", HEAD + b"X-A: \x1b[31mred\r\n")), FINE, ""),
    "no coding, as a coding": (zoo.says(sized(b"ok", HEAD + b"Transfer-Encoding: identity\r\n")), FINE, ""),
    "latin-1 in a value": (zoo.says(HEAD + b"X-Name: caf\xe9\r\nContent-Length: 2\r\n\r\nok"), FINE, ""),
    "offers an upgrade": (zoo.says(sized(b"ok", HEAD + b"Upgrade: h2\r\nConnection: Upgrade\r\n")), FINE, ""),
    "3000 headers": (zoo.says(HEAD + b"X-A: b\r\n" * 3000 + b"Content-Length: 2\r\n\r\nok"), FINE, ""),
    "no reason phrase": (zoo.says(b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok"), FINE, ""),
    "gzip unasked": (zoo.says(sized(gzip.compress(b"well"), GZIP)), FINE, ""),
    "gzip bomb": (zoo.says(sized(BOMB, GZIP)), FINE, ""),
    "gzip of many parts": (zoo.says(sized(gzip.compress(b"a") * 3, GZIP)), FINE, ""),
    "bare deflate": (
        zoo.says(sized(zlib.compress(b"well")[2:-4], HEAD + b"Content-Encoding: deflate\r\n")), FINE, ""
    ),
    "endless body": (zoo.pours(HEAD + b"\r\n", bytes(65536)), FINE, ""),
    "10 GB body": (zoo.pours(HEAD + b"Content-Length: 10000000000\r\n\r\n", bytes(65536)), FINE, ""),
    "endless chunks": (zoo.pours(CHUNKED, b"1\r\nx\r\n" * 1000), FINE, ""),
    "endless chunk extension": (zoo.pours(CHUNKED + b"1;", b"a" * 65536), FINE, ""),
    "endless trailer": (zoo.pours(CHUNKED + b"0\r\n", b"A: b\r\n" * 1000), FINE, ""),
    # a wrong status
    "404": (zoo.says(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"), STATUS, "404"),
    "999": (zoo.says(b"HTTP/1.1 999 No\r\nContent-Length: 0\r\n\r\n"), STATUS, "999"),
    "302 without location": (zoo.says(b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n"), STATUS, "302"),
    # not HTTP
    "101 unasked": (zoo.says(SWITCHING + b"Upgrade: x\r\nConnection: Upgrade\r\n\r\n"), PROTOCOL, "switched"),
    "101 without upgrade": (zoo.says(SWITCHING + b"\r\n"), PROTOCOL, "switched"),
    "http 0.9": (zoo.says(b"<html>hello</html>"), PROTOCOL, "HTTP"),
    "RTSP": (zoo.says(b"RTSP/1.0 200 OK\r\nCSeq: 1\r\n\r\n"), PROTOCOL, "HTTP"),
    "nothing": (zoo.closes_at_once, PROTOCOL, ""),
    "nothing, after the request": (zoo.says(b""), PROTOCOL, "without a response"),
    "closes within its headers": (zoo.says(HEAD + b"Content-Le"), PROTOCOL, "headers"),
    "closes within its body": (zoo.says(HEAD + b"Content-Length: 9\r\n\r\nsome"), PROTOCOL, "body"),
    "short chunk": (zoo.says(CHUNKED + b"9\r\nsome"), PROTOCOL, "body"),
    "bad chunk size": (zoo.says(CHUNKED + b"zz\r\nsome"), PROTOCOL, "HTTP"),
    "two lengths": (zoo.says(HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\nok"), PROTOCOL, "HTTP"),
    "NUL in a value": (zoo.says(HEAD + b"X-A: a\x00b\r\nContent-Length: 2\r\n\r\nok"), PROTOCOL, "NUL in the header"),
    "latin-1 in a name": (zoo.says(HEAD + b"X-\xe9: b\r\nContent-Length: 2\r\n\r\nok"), PROTOCOL, "HTTP"),
    "status abc": (zoo.says(b"HTTP/1.1 abc No\r\n\r\n"), PROTOCOL, "HTTP"),
    "status 1000": (zoo.says(b"HTTP/1.1 1000 No\r\n\r\n"), PROTOCOL, "HTTP"),
    "status 000": (zoo.says(b"HTTP/1.1 000 No\r\nContent-Length: 0\r\n\r\n"), PROTOCOL, "status"),
    "reset": (zoo.resets, PROTOCOL, "reset"),
    "reset within its body": (zoo.resets_midway, PROTOCOL, "reset"),
    "bad gzip": (zoo.says(sized(b"this is no gzip", GZIP)), PROTOCOL, "gzip"),
    "truncated gzip": (zoo.says(sized(gzip.compress(b"well" * 99)[:-9], GZIP)), PROTOCOL, "middle"),
    "200 kB of headers": (zoo.says(HEAD + b"X-A: " + b"b" * 200_000 + b"\r\n\r\n"), TOO_LARGE, "100 KiB"),
    "endless headers": (zoo.pours(HEAD, b"X-A: b\r\n" * 1000), TOO_LARGE, "4000 headers"),
    "endless 103": (zoo.pours(b"", EARLY * 1000), TOO_LARGE, ""),
    # too slow
    "silent": (zoo.stays_silent, TIMEOUT, "first byte"),
    "never reads": (zoo.never_reads, TIMEOUT, "first byte"),
    "drips headers": (zoo.drips(HEAD + b"X-A: "), TIMEOUT, "reading"),
    "drips a body": (zoo.drips(HEAD + b"Content-Length: 1000\r\n\r\n"), TIMEOUT, "reading"),
    "drips 103": (zoo.drips(b"", EARLY), TIMEOUT, "reading"),
}  # fmt: skip


@pytest.mark.parametrize("habit", ROWS)
def test_a_habit_gets_its_reason_by_its_deadline_and_within_its_memory(habit: str) -> None:
    """Each row ends with its status and reason within the deadline and little memory, and the text says what happened.

    Seen red: with five times the deadline the dripping rows are late; without HEADERS_MOST endless headers time out;
    with DRAINED_MOST 64 times as large, four rows take more memory.
    """
    serve, reason, said = ROWS[habit]

    async def ask() -> None:
        async with zoo.target(serve) as target:
            began_s = time.perf_counter()
            with little_memory():
                result = await probe(target.url)
            assert time.perf_counter() - began_s < TIMEOUT_MS / 1000 + SLACK_S
        assert (result.status, result.reason) == (DOWN if reason else UP, reason), text(result)
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
        async with zoo.target(serve) as target, prober() as made:
            first = await made.probe(check(target.url, method="HEAD"))
            second = await made.probe(check(target.url, method="HEAD"))
            assert (first.status, second.status, second.reused) == (UP, UP, True)
            assert target.connections == 1

    asyncio.run(ask())


def test_a_bomb_is_inflated_within_its_limit() -> None:
    """64 MiB in 64 KiB: what is read of it stays small. Seen red: without max_length."""
    tracemalloc.start()
    try:
        assert len(decode(BOMB, "gzip", most=65_536, cut=False)) == 65_536
        assert tracemalloc.get_traced_memory()[1] < 2 << 20
    finally:
        tracemalloc.stop()
