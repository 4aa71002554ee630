"""Large bodies share what memory there is: a few are read at once, the others wait, and none is called down for it."""

import asyncio
import gc
import ssl

import httpx
import pytest

from tests.probe import zoo
from tests.probe.certificates import HOST, Papers
from tests.probe.probing import check, prober, text
from tests.probe.test_http2 import HEAD as HEAD2
from tests.probe.test_http2 import data, frames
from tests.probe.test_http2 import says as says2
from vantage.check import Reason, Result, Status
from vantage.probe.connection import READ_SIZE
from vantage.probe.expect import BODY_MOST
from vantage.probe.http2 import Talk
from vantage.probe.reply import SMALL_MOST, Reply
from vantage.probe.resolve import Names
from vantage.probe.room import Room
from vantage.probe.trace import KEY, Trace
from vantage.probe.transport import Transport

SIZE = 900_000
PIECE = bytes(SIZE // 10)
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % SIZE
EXPECT = {"body": {"size": {"min": SIZE, "max": SIZE}}}


@pytest.fixture(scope="module")
def contexts(papers: Papers) -> dict[bool, ssl.SSLContext]:
    """A server's, without and with HTTP/2."""
    made = {False: papers.server(), True: papers.server()}
    made[True].set_alpn_protocols(["h2"])
    return made


def held() -> int:
    """How many bytes of bodies there are now."""
    return sum(len(each.body) for each in gc.get_objects() if isinstance(each, Reply | Talk))


def slowly(http2: bool) -> zoo.Serve:
    """A large body in ten pieces."""
    if http2:
        small = [data(PIECE[at : at + 16_000], ends=False) for at in range(0, len(PIECE), 16_000)]
        return says2(HEAD2, *[frames(*small)] * 9, frames(*small[:-1], data(PIECE[80_000:])), pause_s=0.02)
    return zoo.says(HEAD, *[PIECE] * 10, pause_s=0.02)


def endlessly(http2: bool) -> zoo.Serve:
    """A large body that stops before its end."""
    return says2(HEAD2, *[frames(data(PIECE[:16_000], ends=False))] * 8) if http2 else zoo.drips(HEAD + PIECE, b"", 0.5)


@pytest.mark.parametrize("http2", [False, True])
def test_many_large_bodies_together_take_the_memory_of_a_few(
    http2: bool, contexts: dict[bool, ssl.SSLContext], papers: Papers
) -> None:
    """Twenty at once, three read at a time: each is read whole. Seen red: with `is_large` always false, 18 MB."""

    async def run() -> tuple[list[int], int]:
        transport = Transport(Names(), allow_private=True, authorities=papers.file)
        transport.room = Room(at_once=3, wait_most_s=60)

        async def ask(client: httpx.AsyncClient, url: str) -> int:
            orders = Trace(http2=http2, read_most=BODY_MOST)
            async with client.stream("GET", url, extensions={KEY: orders}) as response:
                return len(response.extensions["body"])

        async with (
            zoo.target(slowly(http2), context=contexts[http2]) as target,
            httpx.AsyncClient(transport=transport) as client,
        ):
            tasks = [asyncio.create_task(ask(client, f"https://{HOST}:{target.port}/")) for _ in range(20)]
            most = 0
            while not all(task.done() for task in tasks):
                most = max(most, held())
                await asyncio.sleep(0.05)
            return [task.result() for task in tasks], most

    lengths, most = asyncio.run(run())
    assert set(lengths) == {SIZE}
    assert most < 3 * SIZE + 17 * (SMALL_MOST + READ_SIZE)


@pytest.mark.parametrize("http2", [False, True])
def test_who_gets_no_room_is_refused_and_not_down(
    http2: bool, contexts: dict[bool, ssl.SSLContext], papers: Papers
) -> None:
    """Bodies without an end hold all places: another one is left after a while, and small ones are read as ever.

    Seen red: with the wait on the target's time, it was down with a timeout.
    """

    async def run() -> list[Result]:
        async with (
            zoo.target(endlessly(http2), context=contexts[http2]) as endless,
            zoo.target(slowly(http2), context=contexts[http2]) as large,
            zoo.target(zoo.says(zoo.OK), context=contexts[False]) as small,
            prober(authorities=papers.file) as made,
        ):
            made.transport.room = Room(at_once=1, wait_most_s=0.7)
            holder = asyncio.create_task(made.probe(asked(endless.port, timeout_ms=1500), confirm=False))
            while not made.transport.room.is_full:
                await asyncio.sleep(0.01)
            others = (asked(large.port, timeout_ms=500), asked(small.port, timeout_ms=500, size={"max": 10}))
            return [*await asyncio.gather(*(made.probe(each, confirm=False) for each in others)), await holder]

    def asked(port: int, timeout_ms: int, size: dict[str, int] | None = None):  # type: ignore[no-untyped-def]
        expect = {"body": {"size": size}} if size else EXPECT
        return check(f"https://{HOST}:{port}/", timeout_ms=timeout_ms, http2=http2, expect=expect)

    large, small, endless = asyncio.run(run())
    assert (large.status, large.reason) == (Status.REFUSED, Reason.TOO_LARGE), text(large)
    assert "says nothing of the site" in text(large)
    assert small.status is Status.UP, text(small)
    assert (endless.status, endless.reason) == (Status.DOWN, Reason.TIMEOUT), text(endless)
