"""Monitors of type tcp and dns: what they see, and what they refuse."""

import asyncio
from datetime import timedelta
from typing import Any

import dns.message
import dns.rrset
import pytest

from tests.probe import zoo
from tests.probe.certificates import HOST, Papers
from tests.probe.names import holds, loops, name_server, silent
from tests.probe.probing import TIMEOUT_MS, prober, text
from vantage.check import Check, Reason, Result, Status
from vantage.monitor import MonitorType

UP, DOWN, DEGRADED, REFUSED = Status.UP, Status.DOWN, Status.DEGRADED, Status.REFUSED


def greets(words: bytes) -> zoo.Serve:
    """A server that speaks first, in pieces."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for at in range(0, len(words), 3):
            writer.write(words[at : at + 3])
            await writer.drain()
            await asyncio.sleep(0.001)
        await zoo.stays_silent(reader, writer)

    return serve


async def ask(kind: MonitorType, spec: dict[str, Any], **options: Any) -> Result:
    """What a monitor of this type sees."""
    async with prober(**options) as made:
        return await made.probe(Check(1, 0, 60, TIMEOUT_MS, kind, spec), confirm=False)


def tcp(serve: zoo.Serve, papers: Papers | None = None, **spec: Any) -> Result:
    """What a tcp monitor sees of a server."""

    async def run() -> Result:
        context = papers.server(ends=timedelta(days=3)) if papers else None
        async with zoo.target(serve, context=context) as target:
            options = {"authorities": papers.file} if papers else {}
            return await ask(MonitorType.TCP, {"host": HOST, "port": target.port, **spec}, **options)

    return asyncio.run(run())


@pytest.mark.parametrize("kind", [MonitorType.TCP, MonitorType.DNS])
def test_a_name_of_any_script_is_asked_for_as_browsers_do(kind: MonitorType) -> None:
    """By IDNA 2008, as in a URL: faß.test is not fass.test. Seen red: with Python's own codec, for tcp."""

    async def run() -> Result:
        async with zoo.target(zoo.never_reads) as target, name_server({"xn--fa-hia.test": holds(HOST)}) as server:
            return await ask(kind, {"host": "fa\u00df.test", "port": target.port}, name_servers=[server])

    result = asyncio.run(run())
    assert result.status is UP, text(result)


def test_a_name_that_is_none_in_any_script_is_refused() -> None:
    """Which the guard's own look at its spelling lets pass."""
    result = asyncio.run(ask(MonitorType.TCP, {"host": "\u2603.test", "port": 80}))
    assert (result.status, result.reason) == (REFUSED, Reason.GUARD)


def test_an_open_port_is_up() -> None:
    """Connected is enough where nothing more is expected."""
    result = tcp(zoo.never_reads)
    assert (result.status, result.http_status) == (UP, None)
    assert result.phases.connect_us is not None
    assert result.detail is not None
    assert result.detail.address == HOST


def test_a_banner_is_waited_for() -> None:
    """In however many pieces it comes."""
    result = tcp(greets(b"* OK IMAP ready\r\n"), expect={"banner": "* OK"})
    assert result.status is UP, text(result)
    assert result.phases.first_byte_us is not None


def test_a_silent_server_is_a_timeout() -> None:
    """A banner that never comes, by the deadline."""
    result = tcp(zoo.never_reads, expect={"banner": "* OK"})
    assert (result.status, result.reason) == (DOWN, Reason.TIMEOUT)
    assert "first byte" in text(result)


def test_a_wrong_banner_is_named() -> None:
    """With what was said, escaped, and what was expected."""

    async def says_no(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"* BYE \x1b[31m too busy\r\n")
        await writer.drain()

    result = tcp(says_no, expect={"banner": "* OK"})
    assert (result.status, result.reason) == (DOWN, Reason.BANNER)
    assert "* BYE" in text(result)
    assert "* OK" in text(result)
    assert "\x1b" not in text(result)


def test_a_server_that_greets_with_other_words_and_waits_is_quoted() -> None:
    """As a mail server that is too busy does: what it said is told, and not that it was silent.

    Seen red: without a moment before the deadline; it was a timeout then.
    """
    result = tcp(greets(b"421 too busy\r\n"), expect={"banner": "220"})
    assert (result.status, result.reason) == (DOWN, Reason.BANNER), text(result)
    assert "421 too busy" in text(result)


def test_a_flood_instead_of_a_banner_is_cut() -> None:
    """4 KiB without it is enough."""

    async def floods(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            writer.write(b"x" * 65536)
            await writer.drain()

    assert tcp(floods, expect={"banner": "* OK"}).reason is Reason.BANNER


def test_tls_on_a_port_is_checked(papers: Papers) -> None:
    """Shaken hands, certificate read, banner behind it; and a plain server there is down with reason tls."""
    result = tcp(greets(b"* OK"), papers, tls=True, expect={"banner": "* OK", "certificate": {"days": 14}})
    assert (result.status, result.reason) == (DEGRADED, Reason.CERTIFICATE)
    assert result.phases.tls_us is not None
    assert result.detail is not None
    assert result.detail.certificate_expires_at is not None
    assert tcp(greets(b"* OK plain"), tls=True).reason is Reason.TLS


def test_a_closed_port_is_connect() -> None:
    """Nobody listens."""
    result = asyncio.run(ask(MonitorType.TCP, {"host": HOST, "port": zoo.closed_port()}))
    assert (result.status, result.reason) == (DOWN, Reason.CONNECT)


@pytest.mark.parametrize(
    "spec",
    [
        {"host": "169.254.169.254", "port": 80},
        {"host": "2130706433", "port": 80},
        {"host": "::ffff:169.254.169.254", "port": 80},
        {"host": HOST, "port": 0},
        {"host": HOST, "port": 80, "ip_family": "ipv5"},
        {"host": HOST, "port": 80, "expect": {"banner": ""}},
        {"host": HOST, "port": 80, "expect": {"banner": 5}},
        {"port": 80},
        {"host": HOST},
    ],
)
def test_a_tcp_monitor_that_must_not_be_probed_is_refused(spec: dict[str, Any]) -> None:
    """One guard for all types."""
    result = asyncio.run(ask(MonitorType.TCP, spec))
    assert (result.status, result.reason) == (REFUSED, Reason.GUARD), text(result)


def test_a_name_that_leads_inside_is_refused_for_tcp_too() -> None:
    """The address is vetted at the connection, whatever the type."""

    async def run() -> Result:
        async with name_server({"mail.test": holds("169.254.169.254")}) as server:
            return await ask(MonitorType.TCP, {"host": "mail.test", "port": 25}, name_servers=[server])

    assert asyncio.run(run()).status is REFUSED


def zone_of(name: str, kind: str, *values: str) -> Any:
    """A name with records of one kind."""

    def answer(query: dns.message.Message, _: int) -> dns.message.Message:
        response = dns.message.make_response(query)
        if dns.rdatatype.to_text(query.question[0].rdtype) == kind:
            response.answer.append(dns.rrset.from_text(query.question[0].name, 60, "IN", kind, *values))
        return response

    return answer


RECORDS = [
    ("A", ("192.0.2.1", "192.0.2.2"), ["192.0.2.2"]),
    ("AAAA", ("2001:db8::1",), ["2001:DB8:0:0::1"]),
    ("CNAME", ("target.test.",), ["Target.test"]),
    ("MX", ("10 mail.test.",), ["10 mail.test."]),
    ("NS", ("a.test.", "b.test."), ["b.test"]),
    ("TXT", ('"v=spf1 -all"',), ["v=spf1 -all"]),
    ("CAA", ('0 issue "ca.test"',), ["0 issue ca.test"]),
]


def look_up(answer: Any, **spec: Any) -> Result:
    """What a dns monitor sees."""

    async def run() -> Result:
        async with name_server({"zone.test": answer}) as server:
            return await ask(MonitorType.DNS, {"host": "zone.test", **spec}, name_servers=[server])

    return asyncio.run(run())


@pytest.mark.parametrize(("record", "values", "expected"), RECORDS)
def test_a_record_is_compared_by_its_meaning(record: str, values: tuple[str, ...], expected: list[str]) -> None:
    """Up when every expected value is there, in whatever spelling and order; else down with reason record."""
    answer = zone_of("zone.test", record, *values)
    fine = look_up(answer, record=record, expect={"values": expected})
    assert (fine.status, fine.reason) == (UP, None), text(fine)
    assert fine.phases.dns_us is not None
    wrong = look_up(answer, record=record, expect={"values": [*expected, "gone.test"]})
    assert (wrong.status, wrong.reason) == (DOWN, Reason.RECORD)
    assert "gone.test" in text(wrong)


@pytest.mark.parametrize(("limit", "status"), [("degraded_over", DEGRADED), ("down_over", DOWN)])
def test_a_slow_answer_is_named(limit: str, status: Status) -> None:
    """The time of the lookup is judged; in time it is up. Seen red: where latency was taken and never looked at."""
    answer = zone_of("zone.test", "A", "192.0.2.1")
    slow = look_up(answer, expect={"values": ["192.0.2.1"], "latency": {limit: 0.000001}})
    assert (slow.status, slow.reason) == (status, Reason.SLOW), text(slow)
    fine = look_up(answer, expect={"latency": {limit: 10_000}})
    assert (fine.status, text(fine)) == (UP, "A is 192.0.2.1")


def test_a_changed_record_is_seen_long_before_its_ttl() -> None:
    """Each check asks the name servers. Seen red: with the memory for http, which told the former record for 30 s."""
    zone = {"zone.test": zone_of("zone.test", "A", "192.0.2.1")}

    async def run() -> None:
        async with name_server(zone) as server, prober(name_servers=[server]) as made, asyncio.timeout(8):
            asked = Check(1, 0, 60, TIMEOUT_MS, MonitorType.DNS, {"host": "zone.test"})
            assert text(await made.probe(asked)) == "A is 192.0.2.1"
            zone["zone.test"] = zone_of("zone.test", "A", "192.0.2.2")
            while text(await made.probe(asked)) != "A is 192.0.2.2":
                await asyncio.sleep(0.05)

    asyncio.run(run())


@pytest.mark.parametrize("answer", [holds(), silent, loops, zone_of("zone.test", "MX", "10 mail.test.")])
def test_no_record_is_dns(answer: Any) -> None:
    """No such record, or no answer."""
    result = look_up(answer, record="A")
    assert (result.status, result.reason) == (DOWN, Reason.DNS)


@pytest.mark.parametrize("spec", [{"host": "a..b"}, {"host": "zone.test", "record": "AXFR"}, {}])
def test_a_dns_monitor_that_cannot_be_meant_is_refused(spec: dict[str, Any]) -> None:
    """With the guard's words."""
    assert asyncio.run(ask(MonitorType.DNS, spec)).status is REFUSED


def test_a_heartbeat_is_not_probed() -> None:
    """It calls us."""
    assert asyncio.run(ask(MonitorType.HEARTBEAT, {})).status is REFUSED
