"""From a name to addresses, by c-ares: no thread waits for a name server, so a dead one costs only its own names."""

import asyncio
import functools
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from ipaddress import ip_address
from time import monotonic
from typing import TypeVar

import aiodns
import pycares
from aiodns import error as ares

from vantage.guard import Address
from vantage.probe.faults import NameFault

DEADLINE_S = 5.0
TRY_S, TRIES = 2.0, 2
REMEMBER_S = 30.0
FAMILIES = {"any": socket.AF_UNSPEC, "ipv4": socket.AF_INET, "ipv6": socket.AF_INET6}
RECORDS = ("A", "AAAA", "CAA", "CNAME", "MX", "NS", "PTR", "SOA", "SRV", "TXT")
Answer = TypeVar("Answer")
WORDS = {
    ares.ARES_ENOTFOUND: "there is no such name",
    ares.ARES_ENODATA: "the name has no address",
    ares.ARES_ESERVFAIL: "the name servers failed (SERVFAIL)",
    ares.ARES_EREFUSED: "the name servers refused to answer",
    ares.ARES_ETIMEOUT: "the name servers do not answer",
    ares.ARES_ECONNREFUSED: "the name servers cannot be reached",
    ares.ARES_EBADNAME: "this is no name",
}


@dataclass(slots=True)
class _Asker:
    """A c-ares channel. It remembers what it was told, so a fresh answer takes a fresh one."""

    resolver: aiodns.DNSResolver
    made_s: float
    asking: int = 0


class Names:
    """Resolves names and remembers answers for `remember_s`, as a run needs; made without a loop, used on one."""

    def __init__(
        self,
        servers: Sequence[str] | None = None,
        *,
        deadline_s: float = DEADLINE_S,
        remember_s: float = REMEMBER_S,
    ) -> None:
        self._servers, self._deadline_s, self._remember_s = servers, deadline_s, remember_s
        self._current: _Asker | None = None

    async def addresses(self, host: str, family: str, *, since_s: float = 0.0) -> list[Address]:
        """The addresses of a host, the best first (RFC 6724); never empty. Raises NameFault.

        Nothing that was learnt before `since_s` (on the clock of `monotonic`) is used.
        """
        # With no port and one socket type, c-ares gives each address once.
        kind, family_code = socket.SOCK_STREAM, FAMILIES[family]
        found = await self._ask(host, since_s, lambda asker: asker.getaddrinfo(host, family=family_code, type=kind))
        if not found.nodes:
            raise NameFault(f"{host}: {WORDS[ares.ARES_ENODATA]}")
        return [ip_address(node.addr[0].decode().partition("%")[0]) for node in found.nodes]

    async def records(self, host: str, record: str, *, since_s: float = 0.0) -> list[str]:
        """The values of a record, each as a line of a zone file has it; never empty. Raises NameFault."""
        found = await self._ask(host, since_s, lambda asker: asker.query_dns(host, record))
        values = [_line(each.data) for each in found.answer if each.type == aiodns.query_type_map[record]]
        if not values:
            raise NameFault(f"{host}: it has no {record} record")
        return values

    async def aclose(self) -> None:
        """Stop asking."""
        if self._current is not None:
            await self._current.resolver.close()
            self._current = None

    async def _ask(
        self, host: str, since_s: float, ask: Callable[[aiodns.DNSResolver], asyncio.Future[Answer]]
    ) -> Answer:
        asker = await self._asker(max(since_s, monotonic() - self._remember_s))
        asker.asking += 1
        try:
            async with asyncio.timeout(self._deadline_s):
                return await ask(asker.resolver)
        except TimeoutError:
            raise NameFault(f"{host}: {WORDS[ares.ARES_ETIMEOUT]}") from None
        except ares.DNSError as error:
            raise NameFault(f"{host}: {WORDS.get(error.args[0], str(error.args[-1]).lower())}") from None
        finally:
            asker.asking -= 1
            if asker is not self._current:
                await _close_unused(asker)

    async def _asker(self, newer_than_s: float) -> _Asker:
        former = self._current
        if former is not None and former.made_s > newer_than_s:
            return former
        # NOSEARCH: a search domain of this machine must not turn a dead name into a living one.
        resolver = aiodns.DNSResolver(self._servers, timeout=TRY_S, tries=TRIES, flags=pycares.ARES_FLAG_NOSEARCH)
        self._current = _Asker(resolver, monotonic())
        if former is not None:
            await _close_unused(former)
        return self._current


async def _close_unused(asker: _Asker) -> None:
    """Close a channel that has been replaced, as soon as nobody waits for it."""
    if not asker.asking:
        await asker.resolver.close()


def _line(data: object) -> str:
    parts = [getattr(data, field.name) for field in fields(data)]  # type: ignore[arg-type]  # every record is a dataclass
    return " ".join(part.decode("utf-8", errors="replace") if isinstance(part, bytes) else str(part) for part in parts)


@functools.lru_cache(maxsize=4096)  # asked for each connection
def literal(host: str) -> Address | None:
    """The address that a host already is."""
    try:
        return ip_address(host)
    except ValueError:
        return None
