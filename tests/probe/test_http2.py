"""HTTP/2 where a monitor asks for it: the same truth, guard and deadline, over frames that may be anything."""

import asyncio
import contextlib
import random
import ssl
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from h2 import events
from h2.config import H2Configuration
from h2.connection import H2Connection
from hpack import Encoder
from hyperframe.frame import (
    ContinuationFrame,
    DataFrame,
    Frame,
    GoAwayFrame,
    HeadersFrame,
    PingFrame,
    PushPromiseFrame,
    RstStreamFrame,
    SettingsFrame,
)

from tests.probe import zoo
from tests.probe.certificates import HOST, Papers
from tests.probe.names import Zone, holds, name_server
from tests.probe.probing import check, prober, text
from vantage.check import Reason, Result, Status

TIMEOUT_MS = 400
SLACK_S = 0.6
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
UP = None
PROTOCOL, TIMEOUT, STATUS, TOO_LARGE = Reason.PROTOCOL, Reason.TIMEOUT, Reason.STATUS, Reason.TOO_LARGE


def frames(*each: Frame) -> bytes:
    """These frames as bytes."""
    return b"".join(frame.serialize() for frame in each)


def headers(*extra: tuple[str, str], status: str = "200", ends: bool = False, whole: bool = True) -> Frame:
    """A response's headers."""
    flags = [*(["END_STREAM"] if ends else []), *(["END_HEADERS"] if whole else [])]
    return HeadersFrame(1, Encoder().encode([(":status", status), *extra]), flags=flags)


def data(body: bytes = b"ok", *, ends: bool = True, **more: Any) -> Frame:
    """A piece of a body."""
    return DataFrame(1, body, flags=[*(["END_STREAM"] if ends else []), *(["PADDED"] if more else [])], **more)


SETTINGS = frames(SettingsFrame(0))
ANSWER = frames(headers(), data())
HEAD = SETTINGS + frames(headers())
MORE_HEADERS = frames(ContinuationFrame(1, b"\x00\x01a\x01b"))
FAREWELL = frames(GoAwayFrame(0, last_stream_id=1, error_code=0))
BOMB = Encoder().encode([("x", "y" * 4000)]) + b"\xbe" * 16_000  # one header, and then the same 16,000 times over


async def hear(reader: asyncio.StreamReader) -> None:
    """The preface and the first frames of a client."""
    await reader.readexactly(len(PREFACE))
    await reader.read(1024)


def says(*pieces: bytes, pause_s: float = 0.0) -> zoo.Serve:
    """Answers with these pieces, and waits for the client to go."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await hear(reader)
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(pause_s)
        while await reader.read(1024):
            pass

    return serve


def says_and_closes(*pieces: bytes) -> zoo.Serve:
    """Answers with these pieces and closes."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await hear(reader)
        writer.write(b"".join(pieces))
        await writer.drain()

    return serve


def pours(head: bytes, flood: bytes) -> zoo.Serve:
    """Answers with a head, and then with as much as the other side takes."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await hear(reader)
        writer.write(head)
        while True:
            writer.write(flood)
            await writer.drain()

    return serve


ROWS: dict[str, tuple[zoo.Serve, Reason | None, str]] = {
    "plain": (says(SETTINGS + ANSWER), UP, ""),
    "byte by byte": (says(*[bytes([b]) for b in SETTINGS + ANSWER]), UP, ""),
    "103 first": (says(SETTINGS + frames(headers(status="103")) + ANSWER), UP, ""),
    "no body": (says(SETTINGS + frames(headers(ends=True))), UP, ""),
    "trailers": (says(HEAD + frames(data(ends=False), HeadersFrame(1, Encoder().encode([("a", "b")]),
                 flags=["END_STREAM", "END_HEADERS"]))), UP, ""),
    "padded": (says(HEAD + frames(*[data(b"", ends=False, pad_length=255)] * 500, data())), UP, ""),
    "pings now and then": (says(SETTINGS + frames(PingFrame(0, b"12345678")), frames(PingFrame(0, b"2" * 8)) + ANSWER,
                           pause_s=0.02), UP, ""),
    "a farewell before the answer": (says(SETTINGS + FAREWELL + ANSWER), UP, ""),
    "a farewell in the answer": (says(HEAD + FAREWELL + frames(data())), UP, ""),
    "unknown frames": (says(HEAD + b"\x00\x00\x01\xfb\x00\x00\x00\x00\x00x" + frames(data())), UP, ""),
    "endless body": (pours(HEAD, frames(data(b"x" * 16_000, ends=False))), UP, ""),
    "endless small frames": (pours(HEAD, frames(data(b"x", ends=False)) * 1000), UP, ""),
    "404": (says(SETTINGS + frames(headers(status="404", ends=True))), STATUS, "404"),
    "status abc": (says(SETTINGS + frames(headers(status="abc", ends=True))), PROTOCOL, ""),
    "101": (says(SETTINGS + frames(headers(status="101", ends=True))), PROTOCOL, ""),
    "no status": (says(SETTINGS + frames(HeadersFrame(1, Encoder().encode([("a", "b")]), flags=["END_HEADERS"]))),
                  PROTOCOL, ""),
    "HTTP/1.1 after all": (says(zoo.OK), PROTOCOL, "HTTP/2"),
    "reset of the stream": (says(SETTINGS + frames(RstStreamFrame(1, 7))), PROTOCOL, "REFUSED_STREAM"),
    "reset in the body": (says(HEAD + frames(data(ends=False), RstStreamFrame(1, 2))), PROTOCOL, "INTERNAL_ERROR"),
    "an angry farewell": (says(SETTINGS + frames(GoAwayFrame(0, last_stream_id=0, error_code=11))), PROTOCOL, "CALM"),
    "a farewell to this request": (says(SETTINGS + frames(GoAwayFrame(0, last_stream_id=0))), PROTOCOL, "NO_ERROR"),
    "a push": (says(SETTINGS + frames(PushPromiseFrame(1, 2, Encoder().encode([(":path", "/a")]),
               flags=["END_HEADERS"]))), PROTOCOL, ""),
    "a frame without measure": (says(SETTINGS + b"\xff\xff\xff\x00\x00\x00\x00\x00\x01"), PROTOCOL, "larger"),
    "another length than it says": (says(SETTINGS + frames(headers(("content-length", "9")), data())), PROTOCOL, ""),
    "nothing": (says_and_closes(), PROTOCOL, "without a response"),
    "closes within its body": (says_and_closes(HEAD + frames(data(ends=False))), PROTOCOL, "middle of the body"),
    "endless pings": (pours(SETTINGS, frames(PingFrame(0, b"12345678")) * 500), TOO_LARGE, "frames"),
    "endless settings": (pours(SETTINGS, SETTINGS * 500), TOO_LARGE, "frames"),
    "endless 103": (pours(SETTINGS, frames(headers(status="103")) * 500), TOO_LARGE, "frames"),
    "endless headers": (pours(SETTINGS + frames(headers(whole=False)), MORE_HEADERS * 2000), PROTOCOL, ""),
    "a bomb of headers": (says(SETTINGS + frames(HeadersFrame(1, BOMB[:16_000], flags=["END_HEADERS"]))), TOO_LARGE,
                          "100 KiB"),
    "silent": (says(), TIMEOUT, "first byte"),
    "silent after its settings": (says(SETTINGS), TIMEOUT, "first byte"),
    "drips pings": (says(SETTINGS, *[frames(PingFrame(0, b"1" * 8))] * 200, pause_s=0.02), TIMEOUT, "first byte"),
    "drips a body": (says(HEAD, *[frames(data(b"x", ends=False))] * 200, pause_s=0.02), TIMEOUT, "reading"),
}  # fmt: skip


@pytest.fixture(scope="module")
def context(papers: Papers) -> ssl.SSLContext:
    """A server's that speaks HTTP/2."""
    made = papers.server(HOST, "site.test")
    made.set_alpn_protocols(["h2", "http/1.1"])
    return made


@contextlib.asynccontextmanager
async def asking(serve: zoo.Serve, context: ssl.SSLContext, papers: Papers) -> AsyncIterator[Callable[..., Any]]:
    """A way to ask a server that serves so, which may be used more than once."""
    async with zoo.target(serve, context=context) as target, prober(authorities=papers.file) as made:

        async def ask(**spec: Any) -> Result:
            asked = check(f"https://{HOST}:{target.port}/a?b=c", timeout_ms=TIMEOUT_MS, http2=True, **spec)
            return await made.probe(asked, confirm=False)

        yield ask


@pytest.mark.parametrize("habit", ROWS)
def test_a_habit_gets_its_reason_by_its_deadline(habit: str, context: ssl.SSLContext, papers: Papers) -> None:
    """As over HTTP/1.1. Seen red: without FRAMES_MOST the endless rows run into their deadline; with farewells given to
    h2, the answer behind one is down."""
    serve, reason, said = ROWS[habit]

    async def ask() -> tuple[Result, float]:
        async with asking(serve, context, papers) as asked:
            began_s = time.perf_counter()
            return await asked(), time.perf_counter() - began_s

    result, spent_s = asyncio.run(ask())
    assert (result.status, result.reason) == (Status.DOWN if reason else Status.UP, reason), text(result)
    assert said in text(result)
    assert spent_s < TIMEOUT_MS / 1000 + SLACK_S
    if reason is UP:
        assert result.detail is not None
        assert result.detail.protocol == "HTTP/2"
        assert None not in (result.phases.tls_us, result.phases.first_byte_us, result.phases.download_us)


def test_each_request_has_a_connection_of_its_own(context: ssl.SSLContext, papers: Papers) -> None:
    """Nothing of HTTP/2 is kept."""

    async def ask() -> list[bool]:
        async with asking(says(SETTINGS + ANSWER), context, papers) as asked:
            return [(await asked()).reused for _ in range(2)]

    assert asyncio.run(ask()) == [False, False]


def test_who_offers_no_http_2_is_asked_over_1_1(papers: Papers) -> None:
    """It is no fault of a site; what was spoken is told."""

    async def ask() -> Result:
        async with asking(zoo.says(zoo.OK), papers.server(), papers) as asked:
            result: Result = await asked()
            return result

    result = asyncio.run(ask())
    assert result.detail is not None
    assert (result.status, result.detail.protocol) == (Status.UP, "HTTP/1.1")


def test_a_long_body_waits_until_there_is_room_for_it(context: ssl.SSLContext, papers: Papers) -> None:
    """A server that takes 65,535 bytes and no more until it says so: nothing is lost, and who never says so is slow.

    Seen red: without `_send_body` in `feed`.
    """

    async def generous(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        speaker = H2Connection(H2Configuration(client_side=False))
        speaker.initiate_connection()
        got = 0
        while True:
            writer.write(speaker.data_to_send())
            for event in speaker.receive_data(await reader.read(65_536)):
                if isinstance(event, events.DataReceived):
                    got += len(event.data)
                    speaker.acknowledge_received_data(event.flow_controlled_length, 1)
                elif isinstance(event, events.StreamEnded):
                    speaker.send_headers(1, [(":status", "200"), ("x-got", str(got))], end_stream=True)

    async def ask(serve: zoo.Serve) -> Result:
        async with asking(serve, context, papers) as asked:
            expect = {"headers": [{"name": "x-got", "equals": "200000"}]}
            result: Result = await asked(method="POST", body="a" * 200_000, expect=expect)
            return result

    assert asyncio.run(ask(generous)).status is Status.UP
    assert asyncio.run(ask(says(SETTINGS))).reason is Reason.TIMEOUT


def test_the_guard_holds_on_every_hop(context: ssl.SSLContext, papers: Papers) -> None:
    """A redirect into the machine is refused before anything is connected, and the first address is vetted."""
    moved = frames(headers(("location", "https://inner.test/"), status="302", ends=True))

    async def ask() -> tuple[Result, Result]:
        zone: Zone = {"inner.test": holds("169.254.169.254"), "site.test": holds(HOST)}
        async with (
            name_server(zone) as server,
            zoo.target(says(SETTINGS + moved), context=context) as target,
            prober(authorities=papers.file, name_servers=[server]) as made,
        ):
            first = await made.probe(check(f"https://site.test:{target.port}/", timeout_ms=2000, http2=True))
            return first, await made.probe(check("https://inner.test/", timeout_ms=2000, http2=True))

    redirected, direct = asyncio.run(ask())
    assert (redirected.status, redirected.reason) == (Status.DOWN, Reason.REDIRECT), text(redirected)
    assert "169.254.169.254" in text(redirected)
    assert (direct.status, direct.reason) == (Status.REFUSED, Reason.GUARD)


def test_no_frames_break_the_prober(context: ssl.SSLContext, papers: Papers) -> None:
    """A bounded fuzz run: whatever comes is a result with a reason. The seed is in the failure."""
    seed, rounds = 20_261_124, 250
    chance = random.Random(seed)
    whole = SETTINGS + frames(headers(status="103"), headers(("a", "b")), data(b"abc", ends=False), data()) + FAREWELL

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await hear(reader)
        bent = bytearray(whole)
        for _ in range(chance.randint(1, 6)):
            at, length = chance.randrange(len(bent) + 1), chance.randint(0, 9)
            other = chance.choice((chance.randbytes(length), bytes(bent[at : at + length])))
            bent[at : at + chance.choice((0, length))] = other
        writer.write(bytes(bent))
        await writer.drain()

    async def ask() -> list[Result]:
        async with asking(serve, context, papers) as asked:
            return [each for _ in range(rounds // 25) for each in await asyncio.gather(*(asked() for _ in range(25)))]

    results = asyncio.run(ask())
    assert not [result for result in results if result.status is Status.REFUSED], f"seed {seed}"
    assert {result.reason for result in results} >= {None, Reason.PROTOCOL}, f"seed {seed}"
