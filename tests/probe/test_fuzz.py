"""A bounded fuzz run of the response path: real sockets, responses bent at random, the seed in every failure."""

import asyncio
import gc
import gzip
import random
import time
import tracemalloc

from tests.probe import zoo
from tests.probe.probing import check, prober
from vantage.check import Reason, Result, Status

SEED = 20_261_124
ROUNDS, AT_ONCE = 600, 60
TIMEOUT_MS = 300
GZIPPED = gzip.compress(b"abcde", mtime=0)
WHOLE = (
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Type: application/json\r\n\r\n[1,2]",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nX: y\r\n\r\n",
    b"HTTP/1.0 404 Not Found\r\nServer: x\r\n\r\nnothing here",
    b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(GZIPPED) + GZIPPED,
    b"HTTP/1.1 302 Found\r\nLocation: /again\r\nContent-Length: 0\r\n\r\n",
)
PIECES = (b"\r\n", b"\n", b"\0", b":", b" ", b"\xff", b"HTTP/1.1 ", b"Content-Length: 99\r\n", b"0\r\n\r\n", b"f" * 9)
EXPECT = {"body": {"no_error_page": True}, "json": [{"path": "[0]", "equals": 1}]}


def bent(chance: random.Random) -> bytes:
    """A response with a few places cut, doubled, swapped or filled with something else."""
    data = bytearray(chance.choice(WHOLE))
    for _ in range(chance.randint(0, 6)):
        at, length = chance.randrange(len(data) + 1), chance.randint(0, 12)
        match chance.randrange(4):
            case 0:
                del data[at : at + length]
            case 1:
                data[at:at] = chance.choice(PIECES)
            case 2:
                data[at : at + length] = chance.randbytes(length)
            case _:
                data[at:at] = data[at : at + length] * chance.randint(1, 40)
    return bytes(data)


def in_pieces(data: bytes, chance: random.Random) -> list[bytes]:
    """The same bytes cut anywhere."""
    cuts = sorted(chance.randrange(len(data) + 1) for _ in range(chance.randint(0, 3)))
    return [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]


def serving(chance: random.Random) -> zoo.Serve:
    """Answers each request with another bent response; keeps or closes the connection."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await zoo.head_of(reader)
            for piece in in_pieces(bent(chance), chance):
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0)
            if chance.random() < 0.4:
                return

    return serve


def test_no_response_breaks_the_prober() -> None:
    """Whatever comes back is a result with a reason, within its deadline, and leaves nothing behind.

    Seen red: with zlib's error let through where a body is inflated.
    """
    chance = random.Random(SEED)

    async def run() -> tuple[list[Result], float, int]:
        async with zoo.target(serving(chance)) as target, prober() as made:
            results: list[Result] = []
            slowest_s, before = 0.0, 0
            for turn in range(ROUNDS // AT_ONCE):
                began_s = time.monotonic()
                results += await asyncio.gather(
                    *(
                        made.probe(check(target.url, timeout_ms=TIMEOUT_MS, monitor_id=n, expect=EXPECT), confirm=False)
                        for n in range(AT_ONCE)
                    )
                )
                slowest_s = max(slowest_s, time.monotonic() - began_s)
                if turn == 2:  # caches are filled by then
                    gc.collect()
                    tracemalloc.start()
                    before = tracemalloc.get_traced_memory()[0]
            gc.collect()
            grown = tracemalloc.get_traced_memory()[0] - before
            tracemalloc.stop()
            return results, slowest_s, grown

    results, slowest_s, grown = asyncio.run(run())
    assert len(results) == ROUNDS
    assert all(result.reason is not None or result.status is Status.UP for result in results), f"seed {SEED}"
    assert not [result for result in results if result.status is Status.REFUSED], f"seed {SEED}"
    assert {Reason.PROTOCOL, Reason.JSON} <= {result.reason for result in results}
    assert slowest_s < 2 * TIMEOUT_MS / 1000 + 1.0, f"seed {SEED}"
    assert grown < 3_000_000, f"seed {SEED}"
