"""One attempt at a tcp monitor: connect, shake hands where TLS is asked for, and wait for a banner where one is."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import httpx

from vantage.check import Reason
from vantage.guard import GuardError, check_host, check_port
from vantage.monitor import Json
from vantage.probe.connection import Connection
from vantage.probe.expect import Expectations, compile_timing
from vantage.probe.families import check_family, over_each
from vantage.probe.kept import Origin
from vantage.probe.outcome import Outcome, down
from vantage.probe.seen import Seen
from vantage.probe.trace import Trace
from vantage.probe.transport import Transport

BANNER_MOST = 4096
SHOWN_MOST = 80
TELL_S = 0.05  # left of the deadline when the listening ends


@dataclass(slots=True)
class Banner:
    """What a server says first, until it holds what is expected of it."""

    expected: bytes
    said: bytes = b""
    complete: bool = False
    reusable: bool = False
    is_large: bool = False

    def feed(self, data: bytes) -> None:
        """Take what was read."""
        self.said += data
        self.complete = self.expected in self.said or len(self.said) >= BANNER_MOST

    def finish(self) -> None:
        """The other side closed: what it said is all."""
        self.complete = True


async def attempt(transport: Transport, spec: Mapping[str, Json], trace: Trace, *, allow_private: bool) -> Outcome:
    """What the port does now; raises httpx.TransportError where nothing takes the connection, and GuardError."""
    origin, expect = _origin(spec, allow_private), spec.get("expect") or {}
    timing, banner = compile_timing(expect), _banner(expect)

    async def over(family: str) -> Outcome:
        heard = replace(banner) if banner else None
        return await _attempt(transport, origin._replace(family=family), heard, timing, trace)

    return await over_each(origin.family, trace, over)


async def _attempt(
    transport: Transport, origin: Origin, banner: Banner | None, timing: Expectations, trace: Trace
) -> Outcome:
    connection = await transport.open(origin, trace)
    try:
        if banner is not None:
            await _listen(connection, banner, transport, trace)
    finally:
        connection.close()
    if banner is not None and banner.expected not in banner.said:
        said = banner.said[:SHOWN_MOST].decode("utf-8", errors="replace").strip()
        return down(Reason.BANNER, f"says {said!r}, expected {banner.expected.decode()!r}")
    return timing.judge(_seen(origin, trace))


async def _listen(connection: Connection, banner: Banner, transport: Transport, trace: Trace) -> None:
    """Hear the banner; what was said until shortly before the deadline is all, so that it can be told.

    A server that greets with other words waits for ours, and would look as if it said nothing.
    """
    ends_s = trace.deadline.when() if trace.deadline else None
    try:
        async with asyncio.timeout_at(ends_s - TELL_S if ends_s else None):
            await connection.exchange(b"", banner, trace, transport.room)
    except TimeoutError:
        if not banner.said:
            raise


def _origin(spec: Mapping[str, Json], allow_private: bool) -> Origin:
    host, port, family = spec["host"], spec["port"], spec.get("ip_family") or "any"
    check_host(f"[{host}]" if ":" in host else host, allow_private)
    check_port(port)
    check_family(family, host)
    scheme = "https" if spec.get("tls") else "tcp"
    return Origin(scheme, _name(host).lower().removesuffix("."), int(port), bool(spec.get("verify_tls", True)), family)


def _name(host: str) -> str:
    """A host as it is asked for in DNS: as in an http monitor's URL, where ß stays ß."""
    if host.isascii():
        return host
    try:
        return httpx.URL(scheme="https", host=host).raw_host.decode("ascii")
    except httpx.InvalidURL:
        raise GuardError("The host is not a host name: check its spelling.") from None


def _banner(expect: Mapping[str, Json]) -> Banner | None:
    text = expect.get("banner")
    if text is None:
        return None
    if not isinstance(text, str) or not 0 < len(text.encode()) <= BANNER_MOST:
        raise GuardError(f"expect.banner: must be text of 1 to {BANNER_MOST} bytes.")
    return Banner(text.encode())


def _seen(origin: Origin, trace: Trace) -> Seen:
    return Seen(
        status=0,
        url=httpx.URL(scheme=origin.scheme, host=origin.host, port=origin.port),
        headers=httpx.Headers(),
        body=b"",
        cut=False,
        total_ms=trace.total_s * 1000,
        certificate_expires_at=trace.certificate.expires_at if trace.certificate else None,
        now=datetime.now(UTC),
    )
