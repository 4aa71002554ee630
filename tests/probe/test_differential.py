"""Plain httpx sees the same of every server of the zoos, and dnspython of every name, or a row says why not."""

import asyncio
import gc
import ssl
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import dns.asyncresolver
import dns.exception
import dns.rcode
import httpx
import pytest

from tests.probe import zoo
from tests.probe.certificates import HOST, Papers
from tests.probe.names import fails, holds, name_server
from tests.probe.test_dns_zoo import FAULTS, NAME
from tests.probe.test_http_zoo import ROWS
from tests.probe.test_tls_zoo import ROWS as TLS_ROWS
from vantage.probe.faults import NameFault
from vantage.probe.resolve import Names
from vantage.probe.transport import Transport

Seen = tuple[int, bytes] | str
DEADLINE_S = 1.0

ENDLESS = "ours stops at 64 KiB, or at 100 KiB of headers; plain httpx reads until the deadline"
DIFFERENT = {
    "endless body": ENDLESS,
    "10 GB body": ENDLESS,
    "endless chunks": ENDLESS,
    "endless trailer": ENDLESS,
    "endless 103": ENDLESS,
    "endless chunk extension": "h11 refuses a long chunk extension; a browser shows the page, and so it is up",
    "no coding, as a coding": "h11 refuses every coding but chunked; a browser shows the page, and so it is up",
}


async def see(transport: httpx.AsyncBaseTransport, url: str) -> Seen:
    """Status and raw body, or the class of the error."""
    headers = {"Accept-Encoding": "identity"}
    async with httpx.AsyncClient(transport=transport, timeout=DEADLINE_S, headers=headers) as client:
        try:
            async with asyncio.timeout(DEADLINE_S + 0.1), client.stream("GET", url) as response:
                return response.status_code, b"".join([chunk async for chunk in response.aiter_raw()])
        except (TimeoutError, httpx.TimeoutException):
            return "timeout"
        except httpx.ConnectError:
            return "connect"
        except (httpx.ReadError, httpx.RemoteProtocolError):
            return "protocol"


@pytest.mark.parametrize("habit", ROWS)
def test_plain_httpx_sees_the_same(habit: str) -> None:
    """Status, body and class of error agree; a row that does not is listed with its reason, and must really differ."""

    async def both() -> tuple[Seen, Seen]:
        async with zoo.target(ROWS[habit][0]) as target:
            return await asyncio.gather(
                see(httpx.AsyncHTTPTransport(trust_env=False), target.url),
                see(Transport(Names(), allow_private=True), target.url),
            )

    plain, ours = asyncio.run(both())
    assert (plain == ours) == (habit not in DIFFERENT), (plain, ours)


def test_the_rows_of_the_list_exist() -> None:
    """A row that went away takes its excuse with it."""
    assert set(DIFFERENT) <= set(ROWS)
    assert set(OTHERWISE) <= set(ANSWERED)


Serving = Callable[[Papers], AbstractAsyncContextManager[zoo.Target]]
OVER_TLS: dict[str, Serving] = {
    "good": lambda papers: zoo.target(zoo.says(zoo.OK), context=papers.server()),
    **{
        fault: lambda papers, context=context: zoo.target(zoo.says(zoo.OK), context=context(papers))  # type: ignore[misc]
        for fault, (context, _) in TLS_ROWS.items()
    },
    "plain HTTP": lambda _: zoo.target(zoo.says(zoo.OK)),
    "an answer to anything": lambda _: zoo.target(answers_anything),
    "closes at once": lambda _: zoo.target(zoo.closes_at_once),
    "stalls": lambda _: zoo.target(zoo.never_reads),
}


async def answers_anything(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A plain server that does not wait for a request."""
    writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
    await writer.drain()


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
@pytest.mark.parametrize("habit", OVER_TLS)
def test_plain_httpx_sees_the_same_over_tls(habit: str, papers: Papers) -> None:
    """What it trusts is trusted, what it refuses is refused, and what stalls is a timeout.

    Seen red: with verification off on one side, four rows differ.
    """

    async def both() -> tuple[Seen, Seen]:
        async with OVER_TLS[habit](papers) as target:
            url = f"https://{HOST}:{target.port}/"
            context = ssl.create_default_context(cafile=papers.file)
            return await asyncio.gather(
                see(httpx.AsyncHTTPTransport(verify=context, trust_env=False), url),
                see(Transport(Names(), allow_private=True, authorities=papers.file), url),
            )

    plain, ours = asyncio.run(both())
    assert plain == ours
    assert (plain == (200, b"ok")) == (habit == "good")


Found = set[str] | str
ANSWERED: dict[str, Callable[..., Any]] = {
    "one": holds("127.0.0.1"),
    "IPv6 only": holds("::1"),
    "both families": holds("127.0.0.1", "::1"),
    "forty": holds(*(f"127.0.1.{n}" for n in range(40))),
    "format error": fails(dns.rcode.FORMERR),
    **{fault: answer for fault, (answer, _) in FAULTS.items()},
}
CLASSES = {  # of Names' words, in those of dnspython
    "there is no such name": "NXDOMAIN",
    "the name has no address": "NoAnswer",
    "the name servers do not answer": "LifetimeTimeout",
    "the name servers failed (SERVFAIL)": "NoNameservers",
    "the name servers refused to answer": "NoNameservers",
    "the name servers cannot be reached": "NoNameservers",
    "dns server claims query was misformatted": "NoNameservers",
}
OTHERWISE = {"alias of itself": "to c-ares a circle of names is no address, to dnspython an answer that makes no sense"}


async def by_ours(server: str) -> Found:
    """The addresses, or the class of the fault."""
    names = Names([server], deadline_s=DEADLINE_S)
    try:
        return {str(address) for address in await names.addresses(NAME, "any")}
    except NameFault as error:
        return CLASSES[str(error).removeprefix(f"{NAME}: ")]
    finally:
        await names.aclose()


async def by_dnspython(server: str) -> Found:
    """The addresses, or the class of the fault."""
    host, _, port = server.partition(":")
    resolver = dns.asyncresolver.Resolver(configure=False)
    resolver.nameservers, resolver.port, resolver.lifetime = [host], int(port), DEADLINE_S
    try:
        return set((await resolver.resolve_name(NAME)).addresses())
    except dns.exception.DNSException as error:
        return type(error).__name__


# Cut off by the deadline in the middle of TCP, dnspython leaves it open; ours has no transports to leave.
@pytest.mark.filterwarnings("ignore:Exception ignored in.*Transport:pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings("ignore:Exception ignored in.*socket:pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("habit", ANSWERED)
def test_another_resolver_finds_the_same(habit: str) -> None:
    """dnspython, asked of the same name server: the same addresses, or the same class of fault.

    Seen red: with IPv4 alone asked for, two rows differ.
    """

    async def both() -> tuple[Found, Found]:
        async with name_server({NAME: ANSWERED[habit]}) as server:
            return await asyncio.gather(by_dnspython(server), by_ours(server))

    theirs, ours = asyncio.run(both())
    if "TCP" in habit:
        gc.collect()  # while that is this test's
    assert (theirs == ours) == (habit not in OTHERWISE), (theirs, ours)
