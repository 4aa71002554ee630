"""One socket to one address, plain or TLS, directly on the event loop: one request at a time, timed in its phases.

asyncio's own TLS transports cost 256 KiB a connection and put the loop's lateness into every figure.
"""

import asyncio
import errno
import os
import select
import socket
import ssl
from collections.abc import Callable
from time import perf_counter
from typing import Protocol

import httpx

from vantage.guard import Address
from vantage.probe import certificate, stamps
from vantage.probe.faults import TlsFault, raise_if_ours
from vantage.probe.room import Room
from vantage.probe.trace import Certificate, Phase, Trace

READ_SIZE = 65_536
WANTS = (BlockingIOError, InterruptedError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


async def connect(address: Address, port: int) -> "Connection":
    """A new connection to an address that has been vetted; raises httpx.ConnectError, or OwnFault where it is ours."""
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    try:
        sock = socket.socket(family, socket.SOCK_STREAM)
    except OSError as error:
        raise_if_ours(error, version=address.version)
        raise httpx.ConnectError(f"{address}: {_words(error)}") from error
    connection = Connection(sock)
    try:
        await connection.open(address, port)
    except BaseException:
        connection.close()
        raise
    return connection


class Incoming(Protocol):
    """What is filled by an exchange: an HTTP reply, or a banner."""

    complete: bool
    reusable: bool

    @property
    def is_large(self) -> bool:
        """Whether it goes on past what is read of each without asking for room."""

    def feed(self, data: bytes) -> None:
        """Take what was read; raises httpx.TransportError where it makes no sense."""

    def finish(self) -> None:
        """The other side closed; raises httpx.TransportError where that is too early."""


class Connection:
    """A connection; `idle` ones watch their socket and close themselves when the other side does."""

    __slots__ = (
        "_done", "_fd", "_has_room", "_idle", "_loop", "_reply", "_seen_s", "_sent_all", "_sent_s", "_sock", "_stamped",
        "_trace", "_waiter", "address", "certificate", "closed", "connect_s", "fresh_until_s", "on_close",
    )  # fmt: skip

    def __init__(self, sock: socket.socket) -> None:
        self._loop = asyncio.get_running_loop()
        self._sock, self._fd = sock, sock.fileno()
        self._waiter: asyncio.Future[None] | None = None
        self._done: asyncio.Future[None] | None = None
        self._reply: Incoming | None = None
        self._trace: Trace | None = None
        self._sent_s = self._seen_s = 0.0
        self._idle = False  # between two exchanges: nothing may come
        self._stamped = self._sent_all = self._has_room = False
        self.address = ""
        self.connect_s = 0.0
        self.certificate: Certificate | None = None
        self.closed = False
        self.fresh_until_s = 0.0
        self.on_close: Callable[[Connection], None] | None = None

    async def open(self, address: Address, port: int) -> None:
        """Connect; raises httpx.ConnectError."""
        sock = self._sock
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._stamped = stamps.ask_for(sock)
        self.address = str(address)
        began_s = perf_counter()
        if code := sock.connect_ex((self.address, port)):
            self._check_begun(OSError(code, os.strerror(code)), address.version)
            await self._until_writable()
        if code := sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            raise httpx.ConnectError(f"{self.address}: {os.strerror(code).lower()}")
        self.connect_s = stamps.connect_s(sock, perf_counter() - began_s)
        self._loop.add_reader(self._fd, self._on_readable)

    async def start_tls(self, context: ssl.SSLContext, host: str) -> None:
        """Shake hands as a client of `host`; raises TlsFault."""
        try:
            sock = context.wrap_socket(self._sock, server_hostname=host, do_handshake_on_connect=False)
            self._sock = sock
            await self._shake_hands(sock)
        except ssl.SSLCertVerificationError as error:
            raise TlsFault(f"the certificate is not valid: {error.verify_message}") from None
        except ssl.SSLError as error:
            raise TlsFault(f"the TLS handshake failed: {_words(error)}") from None
        except OSError as error:
            raise TlsFault(f"the connection broke in the TLS handshake: {_words(error)}") from None
        except ValueError:  # ssl's word for a name that cannot be one
            raise TlsFault("the host is no name that a certificate could be for") from None
        self.certificate = certificate.read(sock)

    async def exchange(self, request: bytes, reply: Incoming, trace: Trace, room: Room) -> None:
        """Send a request and fill the reply; raises httpx.TransportError or NoRoom, and closes."""
        self._has_room = False
        self._done = self._loop.create_future()
        self._reply, self._trace, self._idle = reply, trace, False
        self.begin(trace)
        try:
            await self._send(request)
            await self._done
            if reply.is_large:
                async with room.place(trace):
                    await self._go_on(reply)
        except BaseException:
            self.close()
            raise
        finally:
            self._reply = self._trace = self._done = None
            self._idle = True
        if not (reply.reusable and self._sent_all):
            self.close()

    @property
    def protocol(self) -> str | None:
        """What was agreed upon in the TLS handshake (ALPN), such as h2."""
        return self._sock.selected_alpn_protocol() if isinstance(self._sock, ssl.SSLSocket) else None

    def begin(self, trace: Trace) -> float:
        """A request is about to be sent: from now on what comes is timed (clock of `perf_counter`)."""
        trace.phase = Phase.FIRST_BYTE
        self._seen_s, self._sent_s = 0.0, perf_counter()
        return self._sent_s

    def send_some(self, data: bytes) -> int:
        """How much of it the other side took at once; raises httpx.WriteError or TlsFault."""
        try:
            return self._sock.send(data)
        except WANTS:
            return 0
        except OSError as error:
            raise _broken(error, httpx.WriteError, "sending") from None

    def receive_some(self, most: int) -> tuple[bytes | None, float]:
        """What has come (None: nothing, empty: the other side closed), and when; raises httpx.ReadError or TlsFault."""
        try:
            arrived_s = self._arrival_s()
            return self._sock.recv(most), arrived_s
        except WANTS:
            return None, 0.0
        except OSError as error:
            raise _broken(error, httpx.ReadError, "reading") from None

    def stop_reading(self) -> None:
        """What comes waits in the kernel, and the other side is told so."""
        self._loop.remove_reader(self._fd)

    def read_on(self) -> None:
        """Look again at what comes."""
        self._loop.add_reader(self._fd, self._on_readable)

    async def until_ready(self, *, writable: bool) -> None:
        """Wait until something has come, or, where that is asked for, may be sent."""
        await (self._until_writable() if writable else self._until_readable())

    def alive(self) -> bool:
        """Whether an idle connection may carry another request, as far as this side can know."""
        if not self.closed and self._something_came():
            self._look_at_idle()
        return not self.closed and perf_counter() < self.fresh_until_s

    def close(self) -> None:
        """Close the socket at once; a second call does nothing."""
        if self.closed:
            return
        self.closed = True
        self._loop.remove_reader(self._fd)
        self._loop.remove_writer(self._fd)
        self._sock.close()
        if self.on_close is not None:
            self.on_close(self)

    def _check_begun(self, error: OSError, version: int) -> None:
        if error.errno == errno.EINPROGRESS:
            return
        raise_if_ours(error, version=version)  # no packet has been sent yet: this machine says it
        raise httpx.ConnectError(f"{self.address}: {_words(error)}") from error

    async def _shake_hands(self, sock: ssl.SSLSocket) -> None:
        while True:
            try:
                return sock.do_handshake()
            except ssl.SSLWantReadError:
                await self._until_readable()
            except ssl.SSLWantWriteError:
                await self._until_writable()

    async def _until_readable(self) -> None:
        waiter = self._waiter = self._loop.create_future()
        await waiter

    async def _until_writable(self) -> None:
        waiter = self._waiter = self._loop.create_future()
        self._loop.add_writer(self._fd, _wake, waiter)
        try:
            await waiter
        finally:
            self._waiter = None
            self._loop.remove_writer(self._fd)

    async def _send(self, request: bytes) -> None:
        """Send all of it, or as much as the other side takes before it answers."""
        left = memoryview(request)
        while left and self._reply is not None:
            try:
                left = left[self._sock.send(left) :]
            except WANTS:
                await self._until_writable()
            except OSError as error:
                raise _broken(error, httpx.WriteError, "sending") from None
        self._sent_all = not left

    async def _go_on(self, reply: Incoming) -> None:
        """Read the rest of a large reply; that it had to wait is no time of its own."""
        self._done, self._reply, self._has_room = self._loop.create_future(), reply, True
        self._seen_s = perf_counter()
        self.read_on()
        self._receive(reply)
        await self._done

    def _on_readable(self) -> None:
        if self._reply is not None:
            self._receive(self._reply)
        elif self._waiter is not None:
            waiter, self._waiter = self._waiter, None
            _wake(waiter)
        elif self._idle:
            self._look_at_idle()

    def _something_came(self) -> bool:
        """Whether there is anything to look at; a read that finds nothing costs ten times as much, in TLS."""
        poll = select.poll()
        poll.register(self._fd, select.POLLIN)
        return bool(poll.poll(0))

    def _look_at_idle(self) -> None:
        """An idle server may send TLS tickets; anything else, or its close, ends the connection."""
        try:
            self._sock.recv(1)
        except WANTS:
            return
        except OSError:
            pass
        self.close()

    def _receive(self, reply: Incoming) -> None:
        try:
            arrived_s = 0.0 if self._seen_s else self._arrival_s()
            while not (reply.complete or self._must_wait(reply)):
                if data := self._sock.recv(READ_SIZE):
                    self._seen_s = self._seen_s or self._saw_first_byte(arrived_s)
                    reply.feed(data)
                else:
                    reply.finish()
        except WANTS:
            return
        except OSError as error:
            self._end(_broken(error, httpx.ReadError, "reading"))
        except httpx.TransportError as error:
            self._end(error)
        else:
            if not reply.complete:
                self.stop_reading()
            self._end(None)

    def _must_wait(self, reply: Incoming) -> bool:
        return reply.is_large and not self._has_room

    def _arrival_s(self) -> float:
        """When the bytes now readable arrived, by the kernel where it says and the user clock bears it out.

        Under TLS they may turn out to be session tickets and no data: then nothing was seen, and this is asked again.
        """
        now_s = perf_counter()
        stamp_s = stamps.arrival_s(self._sock) if self._stamped else None
        return stamp_s if stamp_s is not None and self._sent_s <= stamp_s <= now_s else now_s

    def _saw_first_byte(self, arrived_s: float) -> float:
        seen_s = perf_counter()
        if self._trace is not None:
            self._trace.first_byte(arrived_s - self._sent_s, late_s=seen_s - arrived_s)
        return seen_s

    def _end(self, error: Exception | None) -> None:
        """The exchange is over: book the download, and wake who waits for it."""
        if self._trace is not None and error is None:
            self._trace.add(Phase.DOWNLOAD, perf_counter() - self._seen_s)
        self._reply = None  # what comes from now on is not of this response
        if self._waiter is not None:  # the answer came before all of the request was taken
            _wake(self._waiter)
        if self._done is not None and not self._done.done():
            if error is None:
                self._done.set_result(None)
            else:
                self._done.set_exception(error)


def _wake(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)


def _broken(error: OSError, kind: type[httpx.NetworkError], doing: str) -> httpx.TransportError:
    """What a connection that broke is; in TLS 1.3 a server refuses its client behind the handshake, and that is TLS."""
    if isinstance(error, ssl.SSLError) and not isinstance(error, ssl.SSLEOFError):
        return TlsFault(f"TLS broke while {doing}: {_words(error)}")
    return kind(f"the connection broke while {doing}: {_words(error)}")


def _words(error: OSError) -> str:
    if isinstance(error, ssl.SSLError):
        return (error.reason or "closed").replace("_", " ").lower()
    return os.strerror(error.errno).lower() if error.errno else "closed"
