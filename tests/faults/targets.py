"""The sites that are watched: one server on loopback that answers as a test says and keeps a log of its own."""

import asyncio
import re
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field

REQUEST = re.compile(rb"GET /(?P<system>[^/ ]+)/(?P<site>\d+) [\s\S]*?\r\nuser-agent: [^(]*\((?P<region>\w+)\)", re.I)
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok"

Behaviour = Callable[[int, str, asyncio.StreamWriter], Awaitable[bool]]
"""Given a site's number, the asking region and the connection: returns True to have it answered, False to end it."""


@dataclass(slots=True)
class Hit:
    """One request that reached a site: real instants (epoch s); `answered_s` None while and where it was not."""

    site: int
    region: str
    at_s: float
    answered_s: float | None = None


@dataclass
class Targets:
    """`/<system>/<site>` for every system and site; all answer at once unless their system has a behaviour here."""

    behaviours: dict[str, Behaviour] = field(default_factory=dict)
    log: dict[str, list[Hit]] = field(default_factory=lambda: defaultdict(list))
    port: int = 0
    _server: asyncio.Server | None = None
    _links: "set[asyncio.Task[None]]" = field(default_factory=set)

    async def start(self) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, backlog=1024)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Stop, whoever still waits for an answer."""
        if self._server is not None:
            self._server.close()
        for link in self._links:
            link.cancel()
        await asyncio.gather(*self._links, return_exceptions=True)

    def url(self, system: str) -> str:
        """Where a system's sites are; the site's number comes behind it."""
        return f"http://127.0.0.1:{self.port}/{system}/"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._links.add(task)
        try:
            with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                while await self._answer(await reader.readuntil(b"\r\n\r\n"), writer):
                    pass
        finally:
            self._links.discard(task)
            writer.transport.abort()

    async def _answer(self, head: bytes, writer: asyncio.StreamWriter) -> bool:
        asked = REQUEST.match(head)
        if asked is None:
            return False
        system, site, region = asked["system"].decode(), int(asked["site"]), asked["region"].decode()
        self.log[system].append(hit := Hit(site, region, time.time()))
        behaviour = self.behaviours.get(system)
        if behaviour and not await behaviour(site, region, writer):
            return False
        writer.write(ANSWER)
        await writer.drain()
        hit.answered_s = time.time()
        return True
