"""Demo targets: real HTTP and HTTPS servers on loopback, each with a fault that a person understands.

`python -m local.demo DIRECTORY` serves until its standard input ends. It keeps its ports and its certificate
authority in the directory, so that a second start finds the same URLs, and prints one JSON line when it listens.
"""

import asyncio
import json
import os
import re
import ssl
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

HOST = "127.0.0.1"
SLOW_S = 1.2
FLAP_EVERY_S = 150
CERTIFICATE_DAYS = 3
RENEW_EVERY_S = 6 * 3600
HEAD_LIMIT_BYTES = 16 << 10

MONITORS = """\
# The demo's monitors. `vantage local --monitors FILE` watches yours beside them, `--no-demo` leaves these out.
version: 1
defaults: {{interval: 60s, timeout: 5s, public: true, group: Demo, channels: [demo]}}
channels:
  - {{name: demo, type: webhook, url: "{http}/told", remind_every: 1h}}
monitors:
  - {{slug: demo-home, name: "Shop: home", url: "{http}/healthy"}}
  - {{slug: demo-search, name: "Shop: search", interval: 10s, url: "{http}/healthy?q=tea"}}
  - slug: demo-checkout
    name: "Shop: checkout"
    url: "{http}/slow"
    expect: {{latency: {{degraded_over: 800ms}}}}
  - {{slug: demo-gift-cards, name: "Shop: gift cards", url: "{http}/flapping"}}
  - {{slug: demo-blog, name: Blog, url: "{http}/failing"}}
  - {{slug: demo-payments, name: Payments, url: "{http}/not-from-india"}}
  - {{slug: demo-webmail, name: Webmail, url: "{https}/healthy",
     expect: {{certificate: {{days: 14}}}}}}
  - {{slug: demo-reports, name: "Old reports", url: "{http}/hanging"}}
"""


CHANNELS = ["demo"]
SLUGS = re.findall(r"slug: ([a-z-]+)", MONITORS)


@dataclass(frozen=True, slots=True)
class Request:
    """What of a request decides its answer."""

    path: str
    user_agent: str


@dataclass(frozen=True, slots=True)
class Answer:
    """A status with its phrase, and a body."""

    status: str = "200 OK"
    body: bytes = b"All is well.\n"

    def encode(self, *, head_only: bool) -> bytes:
        """As it goes over the wire."""
        head = f"HTTP/1.1 {self.status}\r\nContent-Type: text/plain\r\nContent-Length: {len(self.body)}\r\n\r\n"
        return head.encode() + (b"" if head_only else self.body)


UNAVAILABLE = Answer("503 Service Unavailable", b"Out of order.\n")


async def healthy(_: Request) -> Answer:
    """Always well."""
    return Answer()


async def slow(_: Request) -> Answer:
    """Well, after more than a second."""
    await asyncio.sleep(SLOW_S)
    return Answer()


async def failing(_: Request) -> Answer:
    """Never well."""
    return UNAVAILABLE


async def flapping(_: Request) -> Answer:
    """Well for a few minutes, then not, by the wall clock."""
    return Answer() if int(time.time() // FLAP_EVERY_S) % 2 == 0 else UNAVAILABLE


async def not_from_india(request: Request) -> Answer:
    """Well, unless India asks: as where one region's network has a fault."""
    return UNAVAILABLE if "(INDIA)" in request.user_agent else Answer()


async def hanging(_: Request) -> Answer:
    """Takes the request and never answers."""
    await asyncio.Event().wait()
    return UNAVAILABLE


TARGETS: dict[str, Callable[[Request], Awaitable[Answer]]] = {
    "/healthy": healthy,
    "/slow": slow,
    "/failing": failing,
    "/flapping": flapping,
    "/not-from-india": not_from_india,
    "/hanging": hanging,
    "/told": healthy,  # where the demo's channel goes; `make run` prints what was told
}


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer a connection's requests one after another until the client has had enough."""
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            method, request, length = _parse(head)
            await reader.readexactly(length)
            target = TARGETS.get(request.path)
            answer = await target(request) if target else Answer("404 Not Found", b"No such target.\n")
            writer.write(answer.encode(head_only=method == "HEAD"))
            await writer.drain()
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError, ValueError):
        pass
    finally:
        writer.close()


def _parse(head: str) -> tuple[str, Request, int]:
    """The method, what decides the answer, and how many bytes of body follow."""
    request_line, *lines = head.split("\r\n")
    method, target, _ = request_line.split(" ", 2)
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    request = Request(target.partition("?")[0], headers.get("user-agent", ""))
    return method, request, int(headers.get("content-length", "0"))


async def run(directory: Path) -> None:
    """Serve for ever; prints where, as {"http", "https", "ca"}, once it listens."""
    from local.certificates import Authority

    authority = Authority.of(directory / "demo-ca")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_to(context, HOST, days=CERTIFICATE_DAYS)
    ports = _known_ports(directory / "demo-ports.json")
    plain = await _listen(ports.get("http", 0), None)
    secure = await _listen(ports.get("https", 0), context)
    ports = {"http": _port(plain), "https": _port(secure)}
    (directory / "demo-ports.json").write_text(json.dumps(ports))
    urls = {scheme: f"{scheme}://{HOST}:{port}" for scheme, port in ports.items()}
    print(json.dumps({**urls, "ca": str(authority.certificate_file)}), flush=True)
    while True:
        await asyncio.sleep(RENEW_EVERY_S)
        authority.issue_to(context, HOST, days=CERTIFICATE_DAYS)


async def _listen(port: int, context: ssl.SSLContext | None) -> asyncio.Server:
    try:
        return await asyncio.start_server(serve, HOST, port, ssl=context, limit=HEAD_LIMIT_BYTES)
    except OSError:  # somebody else has the port that we had last time
        return await asyncio.start_server(serve, HOST, 0, ssl=context, limit=HEAD_LIMIT_BYTES)


def _port(server: asyncio.Server) -> int:
    return int(server.sockets[0].getsockname()[1])


def _known_ports(path: Path) -> dict[str, int]:
    try:
        known = json.loads(path.read_text())
        return {scheme: int(known[scheme]) for scheme in ("http", "https")}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _end_with_parent() -> None:
    while os.read(0, 1024):
        pass
    os._exit(0)


if __name__ == "__main__":
    threading.Thread(target=_end_with_parent, daemon=True).start()
    asyncio.run(run(Path(sys.argv[1])))
