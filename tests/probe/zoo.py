"""Raw-socket targets, each with one habit; none is polite."""

import asyncio
import contextlib
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field

HOST = "127.0.0.1"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Target:
    """A server that is up: where it is, and what it was asked."""

    port: int
    requests: list[bytes] = field(default_factory=list)
    connections: int = 0

    @property
    def url(self) -> str:
        """Its plain URL."""
        return f"http://{HOST}:{self.port}/"


async def head_of(reader: asyncio.StreamReader) -> bytes:
    """One request's head."""
    return await reader.readuntil(b"\r\n\r\n")


def says(*pieces: bytes, pause_s: float = 0.0, close: bool = True) -> Serve:
    """Answers each request with these pieces; closes after it, or keeps the connection."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await head_of(reader)
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(pause_s)
            if close:
                return

    return serve


def drips(head: bytes, drop: bytes = b"x", every_s: float = 0.05) -> Serve:
    """Sends a head and then a drop now and then, for ever."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await head_of(reader)
        writer.write(head)
        while True:
            writer.write(drop)
            await writer.drain()
            await asyncio.sleep(every_s)

    return serve


def pours(head: bytes, flood: bytes) -> Serve:
    """Sends a head and then as much as the other side takes."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await head_of(reader)
        writer.write(head)
        while True:
            writer.write(flood)
            await writer.drain()

    return serve


async def resets(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answers a request with a reset."""
    await head_of(reader)
    reset(writer)


async def resets_midway(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Resets within the body."""
    await head_of(reader)
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nsome")
    await writer.drain()
    await asyncio.sleep(0.05)
    reset(writer)


async def hangs_up_on_the_second(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answers one request and keeps the connection, then closes it when the next one comes."""
    await head_of(reader)
    writer.write(OK)
    await writer.drain()
    await head_of(reader)


def reset(writer: asyncio.StreamWriter) -> None:
    """Close with a reset and not with an end."""
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def stays_silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    """Takes all and says nothing."""
    while await reader.read(1024):
        pass


async def never_reads(_: asyncio.StreamReader, __: asyncio.StreamWriter) -> None:
    """Accepts and does nothing at all."""
    await asyncio.Event().wait()


async def closes_at_once(_: asyncio.StreamReader, __: asyncio.StreamWriter) -> None:
    """Accepts and closes."""


@contextlib.asynccontextmanager
async def target(
    serve: Serve, *, context: ssl.SSLContext | None = None, host: str = HOST, port: int = 0
) -> AsyncIterator[Target]:
    """Serve on a free port of loopback while the block runs; leaves no task and no socket behind."""
    tasks: set[asyncio.Task[None]] = set()
    here = Target(0)

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        here.connections += 1
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        listen_in = _Ear(reader, here.requests)
        try:
            await serve(listen_in, writer)
        except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError, ssl.SSLError):
            pass
        finally:
            tasks.discard(task)
            writer.close()

    server = await asyncio.start_server(connected, host, port, ssl=context)
    here.port = server.sockets[0].getsockname()[1]
    try:
        yield here
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)


class _Ear(asyncio.StreamReader):
    """Passes a reader on and keeps each head that is read."""

    def __init__(self, reader: asyncio.StreamReader, heard: list[bytes]) -> None:
        self._inner, self._heard = reader, heard

    async def readuntil(self, separator: bytes = b"\n") -> bytes:  # type: ignore[override]  # newer typeshed: or a tuple
        head = await self._inner.readuntil(separator)
        self._heard.append(head)
        return head

    async def read(self, n: int = -1) -> bytes:
        return await self._inner.read(n)

    async def readexactly(self, n: int) -> bytes:
        return await self._inner.readexactly(n)


@contextlib.contextmanager
def full_backlog(host: str = HOST, port: int = 0) -> Iterator[int]:
    """A port whose queue of connections is full: it never accepts."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind((host, port))
        listener.listen(0)
        for _ in range(3):
            client = stack.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


def closed_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as free:
        free.bind((HOST, 0))
        return int(free.getsockname()[1])
