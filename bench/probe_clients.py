"""One client of the probe's bench, in a process of its own, so that nothing is warm that should be cold.

`python -m bench.probe_clients CLIENT SCHEME PORT ORIGINS CA [slow]` checks every origin once cold and several times
warm, 100 at once (the paths that take 50 ms: 200), and prints, as JSON, CPU milliseconds per check and resident
kilobytes per kept connection.
"""

import asyncio
import json
import resource
import socket
import ssl
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import httptools
import httpx

from bench.probe_targets import WANTS, address
from vantage.check import Check, Status
from vantage.monitor import MonitorType
from vantage.probe import Prober

AT_ONCE, SLOW_AT_ONCE = 100, 200
WARM_CHECKS = 3000

Ask = Callable[[int, str], Awaitable[int]]
"""Checks an origin by its number and URL; returns the first byte's microseconds, or 0 where the client cannot say."""


def vantage(authority: str) -> Ask:
    """The prober, whole: plan, deadline, guard, lookup of a literal, phases, result."""
    prober = Prober("BENCH", allow_private=True, authorities=authority, keep_most=10_000)

    async def ask(number: int, url: str) -> int:
        result = await prober.probe(Check(number, 0, 60, 30_000, MonitorType.HTTP, {"url": url}), confirm=False)
        assert result.status is Status.UP, result
        return result.phases.first_byte_us or 0

    return ask


def per_origin(authority: str) -> Ask:
    """httpx with a pool per origin: the best that httpx's own transport gives."""
    context = ssl.create_default_context(cafile=authority)
    clients: dict[int, httpx.AsyncClient] = {}

    async def ask(number: int, url: str) -> int:
        if number not in clients:
            clients[number] = httpx.AsyncClient(verify=context, trust_env=False, timeout=30)
        response = await clients[number].get(url)
        assert response.status_code == 200
        return 0

    return ask


def floor(authority: str) -> Ask:
    """A socket, ssl and httptools, and nothing else: what no prober in Python can go below."""
    context = ssl.create_default_context(cafile=authority)
    kept: dict[int, socket.socket] = {}

    async def ask(number: int, url: str) -> int:
        sock = kept.get(number) or await _open(url, context)
        reply = _Reply()
        sock.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        while not reply.done:
            try:
                reply.parser.feed_data(sock.recv(65536))
            except WANTS:
                await _until(sock, "reader")
        kept[number] = sock
        return 0

    return ask


class _Reply:
    def __init__(self) -> None:
        self.done = False
        self.parser = httptools.HttpResponseParser(self)

    def on_message_complete(self) -> None:
        """The response is whole."""
        self.done = True


async def _open(url: str, context: ssl.SSLContext) -> socket.socket:
    scheme, _, host_port = url.partition("://")
    host, _, port = host_port.partition("/")[0].partition(":")
    sock = socket.socket()
    sock.setblocking(False)
    with suppress(BlockingIOError):
        sock.connect((host, int(port)))
    await _until(sock, "writer")
    if scheme == "http":
        return sock
    secure = context.wrap_socket(sock, server_hostname=host, do_handshake_on_connect=False)
    while True:
        try:
            secure.do_handshake()
        except ssl.SSLWantReadError:
            await _until(secure, "reader")
        else:
            return secure


async def _until(sock: socket.socket, what: str) -> None:
    loop = asyncio.get_running_loop()
    ready = loop.create_future()
    fd = sock.fileno()
    getattr(loop, f"add_{what}")(fd, _wake, ready)
    try:
        await ready
    finally:
        getattr(loop, f"remove_{what}")(fd)


def _wake(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)


CLIENTS = {"vantage": vantage, "httpx": per_origin, "floor": floor}


async def sweep(ask: Ask, url: str, origins: int, at_once: int, path: str = "") -> list[int]:
    """Check each origin once, so many at once."""
    places = asyncio.Semaphore(at_once)

    async def one(number: int) -> int:
        async with places:
            return await ask(number, url.format(address(number)) + path.format(number))

    return await asyncio.gather(*(one(number) for number in range(origins)))


async def measure(client: str, scheme: str, port: int, origins: int, authority: str, slow: bool) -> dict[str, object]:
    """The figures of a client."""
    ask = CLIENTS[client](authority)
    url = f"{scheme}://{{}}:{port}/"
    await sweep(ask, url, 1, 1)  # imports, contexts: paid once and by all
    before_kb, began_s = _resident_kb(), time.process_time()
    await sweep(ask, url, origins, AT_ONCE)
    cold_s, kept_kb = time.process_time() - began_s, _resident_kb() - before_kb
    began_s = time.process_time()
    passes = max(3, WARM_CHECKS // origins)
    for _ in range(passes):
        await sweep(ask, url, origins, AT_ONCE)
    warm_s = (time.process_time() - began_s) / passes
    first = await sweep(ask, url, origins, SLOW_AT_ONCE, "slow/{}") if slow else []
    return {
        "cold_ms": cold_s * 1000 / origins,
        "warm_ms": warm_s * 1000 / origins,
        "kept_kb": kept_kb / origins,
        "first_byte_us": first,
    }


def _resident_kb() -> int:
    if sys.platform == "linux":
        return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() // 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


if __name__ == "__main__":
    _, name, its_scheme, its_port, count, ca, *rest = sys.argv
    print(json.dumps(asyncio.run(measure(name, its_scheme, int(its_port), int(count), ca, "slow" in rest))))
