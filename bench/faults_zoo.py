"""Sites with a fault each, on loopback, and what a real probe says of them."""

import asyncio
import ssl
import struct
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from local.certificates import Authority
from vantage.check import Check
from vantage.monitor import MonitorType
from vantage.probe import Prober

HOST = "127.0.0.1"
NXDOMAIN, SERVFAIL = 3, 2
_ERROR_PAGE = b"<html><body><h1>Error establishing a database connection</h1></body></html>"


def reasons() -> tuple[int, int, list[str]]:
    """How many faults are told with their right reason, of how many, and what was told of the others."""
    with tempfile.TemporaryDirectory() as directory:
        told = asyncio.run(_told(Path(directory)))
    wrong = [f"{name}: {saw} and not {wanted}" for name, (saw, wanted) in told.items() if saw != wanted]
    return len(told) - len(wrong), len(told), wrong


async def _told(directory: Path) -> dict[str, tuple[str, str]]:
    authority = Authority.of(directory / "ca")
    async with AsyncExitStack() as stack:
        plain = await stack.enter_async_context(_web())
        old = await stack.enter_async_context(_web(_certificate(authority, HOST, days=0)))
        wrong = await stack.enter_async_context(_web(_certificate(authority, "127.0.0.9", days=30)))
        good = await stack.enter_async_context(_web(_certificate(authority, HOST, days=30)))
        names = await stack.enter_async_context(_names())
        prober = Prober("EU", allow_private=True, name_servers=[names], authorities=str(authority.certificate_file),
                        confirm_after_s=0.01)  # fmt: skip
        faults: Mapping[str, tuple[dict[str, Any], str]] = {
            "healthy": ({"url": f"http://{HOST}:{plain}/"}, "up"),
            "no answer": ({"url": f"http://{HOST}:{plain}/hangs"}, "down timeout"),
            "slow first byte": ({"url": f"http://{HOST}:{plain}/slow", "expect": {"latency": {"down_over": 200}}},
                                "down slow"),
            "redirect loop": ({"url": f"http://{HOST}:{plain}/loop"}, "down redirect"),
            "downgrade": ({"url": f"https://{HOST}:{good}/downgrade"}, "down redirect"),
            "NXDOMAIN": ({"url": f"http://nxdomain.test:{plain}/"}, "down dns"),
            "SERVFAIL": ({"url": f"http://servfail.test:{plain}/"}, "down dns"),
            "certificate expired": ({"url": f"https://{HOST}:{old}/"}, "down tls"),
            "certificate of another": ({"url": f"https://{HOST}:{wrong}/"}, "down tls"),
            "200 with an error page": (
                {"url": f"http://{HOST}:{plain}/error", "expect": {"body": {"no_error_page": True}}}, "down body"
            ),
            "empty body": (
                {"url": f"http://{HOST}:{plain}/empty", "expect": {"body": {"size": {"min": 1}}}}, "down body"
            ),
            "status 500": ({"url": f"http://{HOST}:{plain}/500"}, "down status"),
            "one family dead, either will do": ({"url": f"http://both.test:{plain}/"}, "up"),
            "one family dead, both are asked for": ({"url": f"http://both.test:{plain}/", "ip_family": "both"},
                                                    "down connect"),
            "nobody listens": ({"url": f"http://{HOST}:1/"}, "down connect"),
        }  # fmt: skip
        told = {}
        for number, (name, (spec, wanted)) in enumerate(faults.items()):
            result = await prober.probe(Check(number, 0, 60, 1000, MonitorType.HTTP, spec))
            told[name] = (f"{result.status} {result.reason or ''}".strip(), wanted)
        await prober.aclose()
        return told


@asynccontextmanager
async def _web(context: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            path = (await reader.readuntil(b"\r\n\r\n")).split()[1].decode()
            if path == "/hangs":
                await asyncio.sleep(5)
            if path == "/slow":
                await asyncio.sleep(0.4)
            writer.write(_answer(path))
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass  # the other side has gone, which is what some of these are for
        finally:
            writer.close()

    server = await asyncio.start_server(serve, HOST, 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


def _answer(path: str) -> bytes:
    status, headers, body = "200 OK", "Content-Type: text/html\r\n", b"fine"
    if path == "/loop":
        status, headers = "302 Found", "Location: /loop\r\n"
    elif path == "/downgrade":
        status, headers = "302 Found", f"Location: http://{HOST}/\r\n"
    elif path == "/error":
        body = _ERROR_PAGE
    elif path == "/empty":
        body = b""
    elif path == "/500":
        status = "500 Internal Server Error"
    return f"HTTP/1.1 {status}\r\n{headers}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body


def _certificate(authority: Authority, address: str, *, days: int) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_to(context, address, days=days)
    return context


class _Names(asyncio.DatagramProtocol):
    """Answers A and AAAA of any name with loopback, and two names with an error."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        end = data.index(0, 12) + 5
        question, kind = data[12:end], struct.unpack("!H", data[end - 4 : end - 2])[0]
        code = NXDOMAIN if b"nxdomain" in question else SERVFAIL if b"servfail" in question else 0
        address = {1: bytes([127, 0, 0, 1]), 28: bytes(15) + b"\x01"}.get(kind)
        answer = b"" if code or address is None else struct.pack("!HHHIH", 0xC00C, kind, 1, 60, len(address)) + address
        head = data[:2] + struct.pack("!HHHHH", 0x8180 | code, 1, int(bool(answer)), 0, 0)
        self._transport.sendto(head + question + answer, addr)


@asynccontextmanager
async def _names() -> AsyncIterator[str]:
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(_Names, local_addr=(HOST, 0))
    try:
        yield "{}:{}".format(*transport.get_extra_info("sockname"))
    finally:
        transport.close()
