"""A wire that can be cut: a TCP proxy in front of a server's unix socket or port, which does what a test says."""

import asyncio
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum, auto


class Fate(Enum):
    """What becomes of a message from a client."""

    PASS = auto()
    HOLD = auto()  # it is not passed on, and the connection stays open and silent
    CUT = auto()  # it is not passed on, and the connection ends
    DEAF = auto()  # it is passed on and done; its reply never arrives, and the connection stays open and silent
    MUTE = auto()  # the same, and the connection ends


Rule = Callable[[bytes], Fate]
IP_FREEBIND = 15  # Linux's; the socket module does not name it


def passing(_message: bytes) -> Fate:
    """Every message goes through."""
    return Fate.PASS


@dataclass
class Proxy:
    """Listens on a port (0: any) of `address`, which need not be there yet. `upstream` is a unix socket's path or a
    port of loopback; it may be changed while it runs."""

    upstream: str | int
    rule: Rule = passing
    messages: int = 0
    port: int = 0
    address: str = "127.0.0.1"
    _server: asyncio.Server | None = None
    _links: "set[asyncio.Task[None]]" = field(default_factory=set)

    async def start(self) -> None:
        """Listen."""
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if self.address != "127.0.0.1":
            listener.setsockopt(socket.IPPROTO_IP, IP_FREEBIND, 1)
        listener.bind((self.address, self.port))
        self._server = await asyncio.start_server(self._serve, sock=listener)
        self.port = listener.getsockname()[1]

    async def close(self) -> None:
        """Stop listening and cut every connection."""
        if self._server is not None:
            self._server.close()
        self.cut_all()
        await asyncio.gather(*self._links, return_exceptions=True)

    def cut_all(self) -> None:
        """End every connection."""
        for link in self._links:
            link.cancel()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._links.add(task)
        try:
            with suppress(OSError, asyncio.CancelledError):
                await self._link(reader, writer)
        finally:
            self._links.discard(task)
            writer.transport.abort()

    async def _link(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if isinstance(self.upstream, int):
            up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self.upstream)
        else:
            up_reader, up_writer = await asyncio.open_unix_connection(self.upstream)
        link = _Link()
        try:
            pumps = [
                asyncio.ensure_future(self._ask(reader, up_writer, link)),
                asyncio.ensure_future(self._reply(up_reader, writer, link)),
            ]
            try:
                await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for pump in pumps:
                    pump.cancel()
                await asyncio.gather(*pumps, return_exceptions=True)
        finally:
            up_writer.transport.abort()

    async def _ask(self, reader: asyncio.StreamReader, up_writer: asyncio.StreamWriter, link: "_Link") -> None:
        while message := await reader.read(1 << 20):
            self.messages += 1
            fate = self.rule(message)
            if fate is Fate.CUT:
                return
            if fate is Fate.HOLD:
                await reader.read()  # until the client gives up
                return
            link.fate = fate
            up_writer.write(message)
            await up_writer.drain()

    async def _reply(self, up_reader: asyncio.StreamReader, writer: asyncio.StreamWriter, link: "_Link") -> None:
        while reply := await up_reader.read(1 << 20):
            if link.fate is Fate.MUTE:
                return
            if link.fate is Fate.DEAF:
                continue
            writer.write(reply)
            await writer.drain()


@dataclass
class _Link:
    fate: Fate = Fate.PASS
