"""The httpx transport of the probe: a kept or a new connection to a vetted address, and one exchange over it."""

from collections.abc import Sequence
from time import perf_counter
from typing import TYPE_CHECKING

import httpx

from vantage.guard import Address, why_refused
from vantage.probe import tls
from vantage.probe.connection import Connection
from vantage.probe.faults import AddressRefused
from vantage.probe.kept import MOST, Kept, Origin
from vantage.probe.race import first_that_answers
from vantage.probe.reply import Reply
from vantage.probe.resolve import Names, literal
from vantage.probe.room import Room
from vantage.probe.trace import KEY, Phase, Trace

if TYPE_CHECKING:
    from vantage.probe.http2 import Talk

LONGEST_LIFE_S = 3600.0  # so that a monitor's certificate is read in a full handshake at least once an hour
REUSABLE = ("GET", "HEAD")  # a lost answer on a kept connection is asked for again, which no POST may be
PORTS = {"http": 80, "https": 443}


class Answer(httpx.Response):
    """A response whose redirect is not httpx's to follow: each hop is vetted by the prober."""

    @property
    def has_redirect_location(self) -> bool:
        """Never; the prober reads the header itself."""
        return False


class Transport(httpx.AsyncBaseTransport):
    """Sends requests to public addresses only; keeps connections, shares nothing else between requests."""

    def __init__(
        self,
        names: Names,
        *,
        allow_private: bool = False,
        authorities: str | None = None,
        keep_most: int = MOST,
        keep_longest_s: float = LONGEST_LIFE_S,
    ) -> None:
        self._names = names
        self._allow_private = allow_private
        self._authorities = authorities
        self._keep_longest_s = keep_longest_s
        self._kept = Kept(keep_most)
        self.lent = self._kept.lent
        self.room = Room()
        self._gate = tls.Gate()

    @property
    def kept(self) -> int:
        """How many idle connections are kept now."""
        return len(self._kept)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer a request, its body read up to the trace's limit; raises httpx.TransportError (see faults.py)."""
        trace = request.extensions.get(KEY) or Trace()
        trace.answered = False
        wire, origin = _serialise(request), _origin(request.url, trace)
        reply: Reply | Talk | None = await self._over_kept(request.method, wire, origin, trace)
        if reply is None:
            connection = await self.open(origin, trace)
            if trace.http2 and connection.protocol == "h2":
                reply = await _over_http2(connection, request, trace, self.room)
            else:
                reply = await self._exchange(connection, request.method, wire, origin, trace)
        trace.protocol = f"HTTP/{reply.version}"
        body = reply.taken()
        extensions = {"http_version": trace.protocol.encode(), "body": body, "cut": reply.cut}
        return Answer(reply.status, headers=reply.headers, stream=httpx.ByteStream(body), extensions=extensions)

    async def aclose(self) -> None:
        """Close every kept connection and stop resolving."""
        self._kept.close()
        await self._names.aclose()

    async def _over_kept(self, method: str, wire: bytes, origin: Origin, trace: Trace) -> Reply | None:
        """The reply over a kept connection; None: there is none, or it was dead, which is no fault of the site."""
        if trace.fresh_since_s is not None or trace.http2 or method not in REUSABLE:
            return None
        connection = self._kept.take(origin)
        if connection is None:
            return None
        trace.reused = True
        try:
            return await self._exchange(connection, method, wire, origin, trace)
        except httpx.TransportError:
            if trace.answered:
                raise
            trace.reused = False
            return None

    async def _exchange(self, connection: Connection, method: str, wire: bytes, origin: Origin, trace: Trace) -> Reply:
        trace.address, trace.certificate = connection.address, connection.certificate
        reply = Reply(head_only=method == "HEAD", read_most=trace.read_most)
        try:
            await connection.exchange(wire, reply, trace, self.room)
        except BaseException:
            reply.taken()
            raise
        if not connection.closed:
            self._kept.put(origin, connection)
        return reply

    async def open(self, origin: Origin, trace: Trace) -> Connection:
        """A new connection to a vetted address of an origin, ready to speak; raises httpx.TransportError."""
        addresses = self._vetted(origin.host, await self._addresses(origin, trace))
        trace.phase = Phase.CONNECT
        connection = await first_that_answers(addresses, origin.port, self.lent)
        trace.opened += 1
        trace.add(Phase.CONNECT, connection.connect_s)
        trace.address = connection.address
        connection.fresh_until_s = perf_counter() + self._keep_longest_s
        if origin.scheme == "https":
            await self._start_tls(connection, origin, trace)
        return connection

    async def _addresses(self, origin: Origin, trace: Trace) -> list[Address]:
        if (address := literal(origin.host)) is not None:
            return [address]
        with trace.timed(Phase.DNS):
            return await self._names.addresses(origin.host, origin.family, since_s=trace.fresh_since_s or 0.0)

    def _vetted(self, host: str, addresses: Sequence[Address]) -> list[Address]:
        """The addresses that may be spoken to, and one of which will be; raises AddressRefused when none may."""
        whys = {address: why_refused(address, allow_private=self._allow_private) for address in addresses}
        good = [address for address, why in whys.items() if why is None]
        if not good:
            address, why = next(iter(whys.items()))
            raise AddressRefused(f"{host} is at {address}, which is {why}; only public addresses are probed")
        return good

    async def _start_tls(self, connection: Connection, origin: Origin, trace: Trace) -> None:
        trace.phase = Phase.TLS
        context = tls.context(origin.verify, self._authorities, http2=trace.http2)
        try:
            place = await self._gate.enter(trace)
            try:
                with trace.timed(Phase.TLS):
                    await connection.start_tls(context, origin.host)
                trace.certificate = connection.certificate
            finally:
                place.leave()
        except BaseException:
            connection.close()
            raise


async def _over_http2(connection: Connection, request: httpx.Request, trace: Trace, room: Room) -> "Talk":
    from vantage.probe import http2  # noqa: PLC0415 - 25 ms of a cold start, for what few monitors ask for

    return await http2.exchange(connection, request, trace, room)


def _origin(url: httpx.URL, trace: Trace) -> Origin:
    host = url.raw_host.decode("ascii").strip("[]").lower().removesuffix(".")  # the root's dot is in no certificate
    return Origin(url.scheme, host, url.port or PORTS[url.scheme], trace.verify, trace.family)


def _serialise(request: httpx.Request) -> bytes:
    """The request as it goes over the wire; raises httpx.LocalProtocolError where a header would break it apart."""
    lines = [b"%s %s HTTP/1.1" % (request.method.encode("ascii"), request.url.raw_path)]
    lines += [b"%s: %s" % header for header in request.headers.raw]
    head = b"\r\n".join(lines)
    if head.count(b"\n") != len(lines) - 1 or head.count(b"\r") != len(lines) - 1:
        raise httpx.LocalProtocolError("a header holds a line break")
    body = b"".join(request.stream) if isinstance(request.stream, httpx.ByteStream) else b""
    return head + b"\r\n\r\n" + body
