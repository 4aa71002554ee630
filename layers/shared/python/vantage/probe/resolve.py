"""From a name to addresses, by c-ares: no thread waits for a name server, so a dead one costs only its own names."""

import asyncio
import socket
from collections.abc import Sequence
from ipaddress import ip_address
from time import monotonic

import aiodns
import pycares
from aiodns import error as ares

from vantage.guard import Address
from vantage.probe.faults import NameFault

DEADLINE_S = 5.0
TRY_S, TRIES = 2.0, 2
REMEMBER_S = 30.0
REMEMBER_MOST = 10_000
FAMILIES = {"any": socket.AF_UNSPEC, "ipv4": socket.AF_INET, "ipv6": socket.AF_INET6}
WORDS = {
    ares.ARES_ENOTFOUND: "there is no such name",
    ares.ARES_ENODATA: "the name has no address",
    ares.ARES_ESERVFAIL: "the name servers failed (SERVFAIL)",
    ares.ARES_EREFUSED: "the name servers refused to answer",
    ares.ARES_ETIMEOUT: "the name servers do not answer",
    ares.ARES_ECONNREFUSED: "the name servers cannot be reached",
    ares.ARES_EBADNAME: "this is no name",
}


class Names:
    """Resolves names and remembers the answers for the length of a run; failures are never remembered."""

    def __init__(self, servers: Sequence[str] | None = None, *, deadline_s: float = DEADLINE_S) -> None:
        self._servers, self._deadline_s = servers, deadline_s
        self._resolver: aiodns.DNSResolver | None = None
        self._remembered: dict[tuple[str, str], tuple[float, list[Address]]] = {}

    async def addresses(self, host: str, family: str, *, fresh: bool) -> list[Address]:
        """The addresses of a host, the best first (RFC 6724); never empty. Raises NameFault."""
        until_s, known = self._remembered.get((host, family), (0.0, []))
        if not fresh and monotonic() < until_s:
            return known
        found = await self._ask(host, family)
        if len(self._remembered) >= REMEMBER_MOST:
            self._remembered.clear()
        self._remembered[host, family] = (monotonic() + REMEMBER_S, found)
        return found

    async def aclose(self) -> None:
        """Stop asking."""
        if self._resolver is not None:
            await self._resolver.close()

    async def _ask(self, host: str, family: str) -> list[Address]:
        # With no port and one socket type, c-ares gives each address once.
        asked = self._channel().getaddrinfo(host, family=FAMILIES[family], type=socket.SOCK_STREAM)
        try:
            async with asyncio.timeout(self._deadline_s):
                found = (await asked).nodes
        except TimeoutError:
            raise NameFault(f"{host}: {WORDS[ares.ARES_ETIMEOUT]}") from None
        except ares.DNSError as error:
            raise NameFault(f"{host}: {WORDS.get(error.args[0], str(error.args[-1]).lower())}") from None
        addresses = [ip_address(node.addr[0].decode().partition("%")[0]) for node in found]
        if not addresses:
            raise NameFault(f"{host}: {WORDS[ares.ARES_ENODATA]}")
        return addresses

    def _channel(self) -> aiodns.DNSResolver:
        if self._resolver is None:
            # NOSEARCH: a search domain of this machine must not turn a dead name into a living one.
            flags = pycares.ARES_FLAG_NOSEARCH
            self._resolver = aiodns.DNSResolver(self._servers, timeout=TRY_S, tries=TRIES, flags=flags)
        return self._resolver


def literal(host: str) -> Address | None:
    """The address that a host already is."""
    try:
        return ip_address(host)
    except ValueError:
        return None
