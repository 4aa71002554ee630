"""The httpx transport of the probe: a kept or a new connection to a vetted address, and one exchange over it."""

import asyncio
from collections.abc import Sequence
from itertools import chain, zip_longest
from time import perf_counter

import httpx

from vantage.guard import Address, why_refused
from vantage.probe import tls
from vantage.probe.connection import Connection, connect
from vantage.probe.faults import AddressRefused, NoIPv6
from vantage.probe.kept import MOST, Kept, Origin
from vantage.probe.reply import Reply
from vantage.probe.resolve import Names, literal
from vantage.probe.trace import KEY, Phase, Trace

CONNECT_MOST_S = 5.0
NEXT_ADDRESS_S = 0.25  # RFC 8305: the next address is tried while the first may still answer
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
        self, names: Names, *, allow_private: bool = False, authorities: str | None = None, keep_most: int = MOST
    ) -> None:
        self._names = names
        self._allow_private = allow_private
        self._authorities = authorities
        self._kept = Kept(keep_most)
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
        reply = await self._over_kept(request.method, wire, origin, trace)
        if reply is None:
            connection = await self.open(origin, trace)
            reply = await self._exchange(connection, request.method, wire, origin, trace)
        trace.protocol = f"HTTP/{reply.version}"
        body = b"".join(reply.chunks)
        extensions = {"http_version": trace.protocol.encode(), "body": body, "cut": reply.cut}
        return Answer(reply.status, headers=reply.headers, stream=httpx.ByteStream(body), extensions=extensions)

    async def aclose(self) -> None:
        """Close every kept connection and stop resolving."""
        self._kept.close()
        await self._names.aclose()

    async def _over_kept(self, method: str, wire: bytes, origin: Origin, trace: Trace) -> Reply | None:
        """The reply over a kept connection; None: there is none, or it was dead, which is no fault of the site."""
        if trace.fresh_since_s is not None or method not in REUSABLE:
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
        await connection.exchange(wire, reply, trace)
        if not connection.closed:
            self._kept.put(origin, connection)
        return reply

    async def open(self, origin: Origin, trace: Trace) -> Connection:
        """A new connection to a vetted address of an origin, ready to speak; raises httpx.TransportError."""
        addresses = self._vetted(origin.host, await self._addresses(origin, trace))
        trace.phase = Phase.CONNECT
        connection = await _first_that_answers(addresses, origin.port)
        trace.opened += 1
        trace.add(Phase.CONNECT, connection.connect_s)
        trace.address = connection.address
        connection.fresh_until_s = perf_counter() + LONGEST_LIFE_S
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
        try:
            place = await self._gate.enter(trace)
            try:
                with trace.timed(Phase.TLS):
                    await connection.start_tls(tls.context(origin.verify, self._authorities), origin.host)
                trace.certificate = connection.certificate
            finally:
                place.leave()
        except BaseException:
            connection.close()
            raise


async def _first_that_answers(addresses: list[Address], port: int) -> Connection:
    """A connection to the first address that takes one; raises the first address's error when none does."""
    try:
        async with asyncio.timeout(CONNECT_MOST_S):
            if len(addresses) == 1:
                return await connect(addresses[0], port)
            return await _race(_alternating(addresses), port)
    except TimeoutError:
        raise httpx.ConnectTimeout(f"{addresses[0]}: no connection within {CONNECT_MOST_S:g} s") from None


async def _race(waiting: list[Address], port: int) -> Connection:
    """Try addresses one after the other, the next one when the last failed or after NEXT_ADDRESS_S."""
    began_s, failures = perf_counter(), list[BaseException]()
    trying: set[asyncio.Task[Connection]] = set()
    try:
        while waiting or trying:
            if waiting:
                trying.add(asyncio.create_task(connect(waiting.pop(0), port)))
            pause_s = NEXT_ADDRESS_S if waiting else None
            done, trying = await asyncio.wait(trying, timeout=pause_s, return_when=asyncio.FIRST_COMPLETED)
            winner, lost = _sorted_out(done)
            failures += lost
            if winner is not None:
                if failures or trying:  # the wait for a dead address is part of what a visitor feels
                    winner.connect_s = perf_counter() - began_s
                return winner
        raise next((failure for failure in failures if not isinstance(failure, NoIPv6)), failures[0])
    finally:
        await _abandon(trying)


def _sorted_out(done: set[asyncio.Task[Connection]]) -> tuple[Connection | None, list[BaseException]]:
    """One connection of those that came about (the others are closed), and the failures."""
    failures = [failure for task in done if (failure := task.exception()) is not None]
    connections = [task.result() for task in done if task.exception() is None]
    for surplus in connections[1:]:
        surplus.close()
    return connections[0] if connections else None, failures


async def _abandon(tasks: set[asyncio.Task[Connection]]) -> None:
    for task in tasks:
        task.cancel()
    for outcome in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(outcome, Connection):  # it connected in the same moment as the winner
            outcome.close()


def _alternating(addresses: list[Address]) -> list[Address]:
    """Families in turn, the resolver's first choice first: a dead family costs one pause and not one per address."""
    first = addresses[0].version
    same = [address for address in addresses if address.version == first]
    other = [address for address in addresses if address.version != first]
    return [address for address in chain.from_iterable(zip_longest(same, other)) if address is not None]


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
