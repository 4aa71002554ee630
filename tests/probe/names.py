"""A name server of our own, with every habit of the DNS zoo."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from itertools import count
from typing import cast

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

Zone = dict[str, Callable[[dns.message.Message, int], dns.message.Message | None]]


def holds(*addresses: str) -> Callable[[dns.message.Message, int], dns.message.Message]:
    """A name with these addresses of either family."""

    def answer(query: dns.message.Message, _: int) -> dns.message.Message:
        response = dns.message.make_response(query)
        question = query.question[0]
        wanted = [a for a in addresses if (":" in a) == (question.rdtype == dns.rdatatype.AAAA)]
        if wanted:
            kind = dns.rdatatype.to_text(question.rdtype)
            response.answer.append(dns.rrset.from_text(question.name, 60, "IN", kind, *wanted))
        return response

    return answer


def fails(code: dns.rcode.Rcode) -> Callable[[dns.message.Message, int], dns.message.Message]:
    """A name whose server answers with an error."""

    def answer(query: dns.message.Message, _: int) -> dns.message.Message:
        response = dns.message.make_response(query)
        response.set_rcode(code)
        return response

    return answer


def in_turn(
    *answers: Callable[[dns.message.Message, int], dns.message.Message | None],
) -> Callable[..., dns.message.Message | None]:
    """A name that is answered differently each time; the last answer stays."""
    turns = {dns.rdatatype.A: count(), dns.rdatatype.AAAA: count()}

    def answer(query: dns.message.Message, asked: int) -> dns.message.Message | None:
        turn = min(next(turns[query.question[0].rdtype]), len(answers) - 1)
        return answers[turn](query, asked)

    return answer


def loops(query: dns.message.Message, _: int) -> dns.message.Message:
    """A name that is only another name for itself."""
    response = dns.message.make_response(query)
    name = query.question[0].name
    response.answer.append(dns.rrset.from_text(name, 60, "IN", "CNAME", name.to_text()))
    return response


def silent(_: dns.message.Message, __: int) -> None:
    """A name that nobody answers for."""


def garbled(query: dns.message.Message, _: int) -> dns.message.Message:
    """A truncated answer; over TCP nobody listens."""
    response = dns.message.make_response(query)
    response.flags |= dns.flags.TC
    return response


class _Server(asyncio.DatagramProtocol):
    def __init__(self, zone: Zone) -> None:
        self.zone, self.asked = zone, count()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.DatagramTransport", transport)  # which 3.11's is, but does not inherit

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        query = dns.message.from_wire(data)
        name = query.question[0].name.to_text(omit_final_dot=True).lower()
        answer = self.zone.get(name, fails(dns.rcode.NXDOMAIN))(query, next(self.asked))
        if answer is not None:
            self.transport.sendto(answer.to_wire(), addr)


@contextlib.asynccontextmanager
async def name_server(zone: Zone) -> AsyncIterator[str]:
    """Serve a zone over UDP on loopback while the block runs; yields host:port."""
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: _Server(zone), local_addr=("127.0.0.1", 0))
    try:
        yield "127.0.0.1:{}".format(transport.get_extra_info("sockname")[1])
    finally:
        transport.close()
