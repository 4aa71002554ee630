"""Every fault of a TLS server gets reason tls, and a text that names it."""

import asyncio
import contextlib
import socket
import ssl
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import trustme

from tests.probe import zoo
from tests.probe.certificates import HOST, Papers
from tests.probe.probing import check, little_memory, probe, prober, text
from vantage.check import Reason, Result, Status

DAY = timedelta(days=1)
Contexts = Callable[[Papers], ssl.SSLContext]


def old_tls(papers: Papers) -> ssl.SSLContext:
    """A server that knows TLS 1.0 and 1.1 only."""
    context = papers.server()
    context.set_ciphers("ALL:@SECLEVEL=0")
    with contextlib.suppress(ssl.SSLError, ValueError):
        context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    return context


def wants_our_certificate(papers: Papers) -> ssl.SSLContext:
    """A server that talks to clients with a certificate only."""
    context = papers.server()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(papers.file)
    return context


ROWS: dict[str, tuple[Contexts, str]] = {
    "expired": (lambda papers: papers.server(ends=-DAY), "expired"),
    "not yet valid": (lambda papers: papers.server(begins=DAY), "not yet valid"),
    "for another host": (lambda papers: papers.server("www.example.com"), "mismatch"),
    "by an unknown authority": (lambda papers: papers.server(authority=trustme.CA()), "unable to get local issuer"),
    "old TLS only": (old_tls, "handshake"),
    "wants our certificate": (wants_our_certificate, "handshake"),
}


async def ask(context: ssl.SSLContext, papers: Papers, **spec: Any) -> Result:
    """What is seen of a good server with this context, within little memory."""
    async with zoo.target(zoo.says(zoo.OK), context=context) as target:
        with little_memory():
            return await probe(f"https://{HOST}:{target.port}/", options={"authorities": papers.file}, **spec)


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
@pytest.mark.parametrize("fault", ROWS)
def test_a_tls_fault_is_named(fault: str, papers: Papers) -> None:
    """Down with reason tls, and the text says which fault. Seen red: with verification off, the first four are up."""
    context, said = ROWS[fault]
    result = asyncio.run(ask(context(papers), papers))
    assert (result.status, result.reason) == (Status.DOWN, Reason.TLS), text(result)
    assert said in text(result)


def test_a_good_certificate_is_up_and_read(papers: Papers) -> None:
    """Up, with all phases, and the certificate's end, issuer and names."""
    ends = datetime.now(UTC) + 3 * DAY
    result = asyncio.run(ask(papers.server(ends=3 * DAY), papers))
    assert result.status is Status.UP
    assert result.phases.tls_us is not None
    assert result.phases.connect_us is not None
    assert result.detail is not None
    assert result.detail.certificate_expires_at is not None
    assert abs(result.detail.certificate_expires_at - ends) < timedelta(minutes=1)
    assert result.detail.certificate_names == (HOST, "localhost")
    assert result.detail.certificate_issuer is not None
    assert "trustme" in result.detail.certificate_issuer


def test_an_unverified_certificate_still_tells_its_end(papers: Papers) -> None:
    """With verify_tls off an expired certificate is up, and its end is read all the same."""
    result = asyncio.run(ask(papers.server(ends=-DAY), papers, verify_tls=False))
    assert result.status is Status.UP
    assert result.detail is not None
    assert result.detail.certificate_expires_at is not None
    assert result.detail.certificate_expires_at < datetime.now(UTC)


def test_plain_http_where_tls_is_spoken_is_tls(papers: Papers) -> None:
    """A plain server behind an https URL."""

    async def ask_plain() -> Result:
        async with zoo.target(zoo.says(zoo.OK)) as target:
            return await probe(f"https://{HOST}:{target.port}/", options={"authorities": papers.file})

    async def answers_anything(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()

    async def ask_chatty() -> Result:
        async with zoo.target(answers_anything) as target:
            return await probe(f"https://{HOST}:{target.port}/", options={"authorities": papers.file})

    assert asyncio.run(ask_chatty()).reason is Reason.TLS
    assert asyncio.run(ask_plain()).reason in (Reason.TIMEOUT, Reason.TLS)


@pytest.mark.parametrize(("serve", "reason"), [(zoo.closes_at_once, Reason.TLS), (zoo.never_reads, Reason.TIMEOUT)])
def test_a_handshake_that_goes_nowhere_ends_by_the_deadline(serve: zoo.Serve, reason: Reason, papers: Papers) -> None:
    """Closed is tls, stalled is a timeout that says where."""

    async def ask_raw() -> Result:
        async with zoo.target(serve) as target:
            return await probe(f"https://{HOST}:{target.port}/", options={"authorities": papers.file})

    result = asyncio.run(ask_raw())
    assert (result.status, result.reason) == (Status.DOWN, reason)
    assert "TLS" in text(result)


def test_who_is_refused_behind_the_handshake_meets_a_fault_of_tls(papers: Papers) -> None:
    """A server that wants a certificate of ours says so, in TLS 1.3, when the client thinks that all is well.

    Seen red: with every break of the connection taken for protocol.
    """
    context = papers.server()
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(papers.file)

    over = threading.Event()

    def serve(listener: socket.socket) -> None:
        accepted, _ = listener.accept()
        with context.wrap_socket(accepted, server_side=True, do_handshake_on_connect=False) as server:
            with contextlib.suppress(ssl.SSLError):
                server.do_handshake()
            over.wait(5)  # closed now, with a request unread, it would reset the connection

    with socket.create_server((HOST, 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,), daemon=True)
        thread.start()
        url = f"https://{HOST}:{listener.getsockname()[1]}/"
        result = asyncio.run(probe(url, options={"authorities": papers.file}))
        over.set()
        thread.join(5)
    assert (result.status, result.reason) == (Status.DOWN, Reason.TLS), text(result)
    assert "certificate required" in text(result)


def test_the_name_is_sent_and_checked(papers: Papers) -> None:
    """A server that goes by SNI gets the host's name, without the root's dot."""
    asked: list[str | None] = []

    async def ask_by_name() -> Result:
        context = papers.server("localhost")
        context.sni_callback = lambda _, name, __: asked.append(name)
        async with zoo.target(zoo.says(zoo.OK), context=context) as target:
            return await probe(f"https://localhost.:{target.port}/", options={"authorities": papers.file})

    assert asyncio.run(ask_by_name()).status is Status.UP
    assert asked == ["localhost"]


def test_stalled_handshakes_do_not_starve_the_others(papers: Papers) -> None:
    """A hundred servers that stall in the handshake, and one that does not, asked last: it is up, in its own time.

    Seen red: with HOLD_MOST_S at 60 the last one waits for the stalled ones' deadlines.
    """

    async def ask_all() -> tuple[Result, float]:
        loop = asyncio.get_running_loop()
        async with (
            zoo.target(zoo.never_reads) as stalled,
            zoo.target(zoo.says(zoo.OK), context=papers.server()) as good,
            prober(authorities=papers.file) as made,
        ):
            hanging = [
                asyncio.create_task(
                    made.probe(check(f"https://{HOST}:{stalled.port}/", timeout_ms=6000, monitor_id=n), confirm=False)
                )
                for n in range(100)
            ]
            await asyncio.sleep(0.1)
            began_s = loop.time()
            result = await made.probe(check(f"https://{HOST}:{good.port}/"))
            took_s = loop.time() - began_s
            for task in hanging:
                task.cancel()
            await asyncio.gather(*hanging, return_exceptions=True)
            return result, took_s

    result, took_s = asyncio.run(ask_all())
    assert result.status is Status.UP
    assert took_s < 4
    assert result.total_us is not None
    assert result.total_us < 400_000
