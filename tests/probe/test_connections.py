"""Kept connections: they save handshakes, never make a failure, and are bounded."""

import asyncio
import contextlib
import resource
import socket
import sys
import threading
import time
from collections.abc import Iterator
from ipaddress import ip_address

import pytest

from tests.probe import zoo
from tests.probe.certificates import HOST, Papers
from tests.probe.probing import check, probe, prober, text
from vantage.check import Check, Reason, Result, Status
from vantage.monitor import MonitorType
from vantage.probe import OwnFault, stamps
from vantage.probe.connection import Connection, connect
from vantage.probe.reply import Reply
from vantage.probe.room import Room
from vantage.probe.trace import Phase, Trace
from vantage.probe.transport import LONGEST_LIFE_S

KEEPS = zoo.says(zoo.OK, close=False)
FAILS = b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n"


def test_a_connection_is_kept_and_says_so(papers: Papers) -> None:
    """The second check reuses it: no connect, no TLS, the same certificate."""

    async def ask() -> tuple[Result, Result, int]:
        async with zoo.target(KEEPS, context=papers.server()) as target, prober(authorities=papers.file) as made:
            url = f"https://{HOST}:{target.port}/"
            return await made.probe(check(url)), await made.probe(check(url)), target.connections

    first, second, connections = asyncio.run(ask())
    assert (first.reused, second.reused, connections) == (False, True, 1)
    assert first.phases.connect_us is not None
    assert second.phases.connect_us is None
    assert second.phases.tls_us is None
    assert first.detail is not None
    assert second.detail is not None
    assert second.detail.certificate_expires_at == first.detail.certificate_expires_at


def test_a_dead_kept_connection_is_never_a_failure() -> None:
    """Closed while idle, or closed when asked: one silent retry.

    Seen red: with both retries out, the one in `_over_kept` and the one in `probe`.
    """

    async def ask() -> list[Result]:
        async with (
            zoo.target(zoo.hangs_up_on_the_second) as on_request,
            zoo.target(zoo.says(zoo.OK)) as at_once,
            prober() as made,
        ):
            return [await made.probe(check(t.url), confirm=False) for t in (on_request, at_once) for _ in range(3)]

    results = asyncio.run(ask())
    assert {result.status for result in results} == {Status.UP}
    assert not any(result.reused or result.confirmed for result in results)


def test_a_kept_connection_that_goes_silent_is_asked_about_again() -> None:
    """No answer on a kept connection: asked anew on a fresh one, even for a monitor that is known to be down."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await zoo.head_of(reader)
        writer.write(zoo.OK)
        await zoo.stays_silent(reader, writer)

    async def ask() -> tuple[Result, Result]:
        async with zoo.target(serve) as target, prober() as made:
            return await made.probe(check(target.url), confirm=False), await made.probe(
                check(target.url), confirm=False
            )

    first, second = asyncio.run(ask())
    assert (first.status, second.status, second.reused) == (Status.UP, Status.UP, False)


def test_a_post_never_goes_over_a_kept_connection() -> None:
    """A POST that got no answer may have been done: it must not be sent twice."""

    async def ask() -> int:
        async with zoo.target(KEEPS) as target, prober() as made:
            for _ in range(3):
                assert (await made.probe(check(target.url, method="POST", body="x"))).status is Status.UP
            return target.connections

    assert asyncio.run(ask()) == 3


def test_a_failure_is_confirmed_on_a_fresh_connection() -> None:
    """Asked twice, over two connections; the result is the last attempt and says that it was confirmed."""
    answers = iter([FAILS, zoo.OK, FAILS, FAILS, FAILS])

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await zoo.head_of(reader)
            writer.write(next(answers))

    async def ask() -> None:
        async with zoo.target(serve) as target, prober() as made:
            back = await made.probe(check(target.url))
            assert (back.status, back.confirmed, target.connections) == (Status.UP, True, 2)
            still = await made.probe(check(target.url))
            assert (still.status, still.confirmed, still.reused, still.http_status) == (Status.DOWN, True, False, 500)
            known = await made.probe(check(target.url), confirm=False)
            assert (known.status, known.confirmed) == (Status.DOWN, False)

    asyncio.run(ask())


def test_a_kept_connection_makes_room_for_a_second_socket() -> None:
    """Lambda has 1,024 file descriptors: what a check takes for another address is not also kept."""

    async def ask() -> list[int]:
        async with contextlib.AsyncExitStack() as stack:
            targets = [await stack.enter_async_context(zoo.target(zoo.says(zoo.OK, close=False))) for _ in range(4)]
            async with prober(keep_most=3) as made:
                seen = []
                for number, target in enumerate(targets[:3]):
                    await made.probe(check(target.url, monitor_id=number))
                with made.transport.lent():
                    seen.append(made.transport.kept)
                    await made.probe(check(targets[3].url))
                    seen.append(made.transport.kept)
                await made.probe(check(targets[0].url))
                return [*seen, made.transport.kept]

    assert asyncio.run(ask()) == [2, 2, 3]


def test_at_most_so_many_connections_are_kept() -> None:
    """The one idle for longest makes room. Seen red: without the limit all twenty stay."""

    async def ask() -> None:
        async with zoo.target(KEEPS) as target, prober(keep_most=5) as made:
            for name in range(20):
                host = f"n{name}.localhost"
                await made.probe(check(f"http://{host}:{target.port}/", monitor_id=name), confirm=False)
            assert made.transport.kept == 5
            newest = await made.probe(check(f"http://n19.localhost:{target.port}/"))
            oldest = await made.probe(check(f"http://n0.localhost:{target.port}/"))
            assert (newest.reused, oldest.reused) == (True, False)

    asyncio.run(ask())


def test_what_comes_unasked_ends_a_kept_connection() -> None:
    """A second response behind the first one is not the answer to the next check."""
    evil = b"HTTP/1.1 500 Smuggled\r\nContent-Length: 0\r\n\r\n"

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await zoo.head_of(reader)
            writer.write(zoo.OK)
            await writer.drain()
            await asyncio.sleep(0.02)
            writer.write(evil)

    async def ask() -> list[Result]:
        async with zoo.target(serve) as target, prober() as made:
            results = []
            for _ in range(3):
                results.append(await made.probe(check(target.url), confirm=False))
                await asyncio.sleep(0.05)
            return results

    assert {result.http_status for result in asyncio.run(ask())} == {200}


def test_what_came_while_the_loop_stood_still_is_no_answer_either() -> None:
    """As after Lambda froze the environment: the loop has not heard of it when the next check asks.

    Seen red: with `_something_came` always false.
    """
    asked, sent = threading.Event(), threading.Event()

    def serve(listener: socket.socket) -> None:
        for evil in (b"HTTP/1.1 500 Smuggled\r\nContent-Length: 0\r\n\r\n", b""):
            sock = open_here.enter_context(listener.accept()[0])
            sock.recv(1024)
            sock.sendall(zoo.OK)
            asked.wait()
            sock.sendall(evil)
            sent.set()

    async def ask(port: int) -> list[Result]:
        async with prober() as made:
            first = await made.probe(check(f"http://{HOST}:{port}/"), confirm=False)
            asked.set()
            assert sent.wait(5)  # and this loop with it
            return [first, await made.probe(check(f"http://{HOST}:{port}/"), confirm=False)]

    with contextlib.ExitStack() as open_here:
        listener = open_here.enter_context(socket.create_server((HOST, 0)))
        thread = threading.Thread(target=serve, args=(listener,), daemon=True)
        thread.start()
        results = asyncio.run(ask(listener.getsockname()[1]))
        thread.join(5)
    assert [(result.http_status, result.reused) for result in results] == [(200, False), (200, False)]


def test_monitors_of_one_site_share_nothing_but_the_connection() -> None:
    """No cookie that one monitor was given, and no header of one, is sent for another."""
    sets = b"HTTP/1.1 200 OK\r\nSet-Cookie: session=s3cret; Path=/\r\nContent-Length: 0\r\n\r\n"

    async def ask() -> list[bytes]:
        async with zoo.target(zoo.says(sets, close=False)) as target, prober() as made:
            await made.probe(check(target.url, monitor_id=1, headers={"X-Api-Key": "s3cret"}))
            await made.probe(check(target.url, monitor_id=2))
            await made.probe(check(target.url, monitor_id=1))
            assert target.connections == 1
            return target.requests

    first, second, third = asyncio.run(ask())
    assert b"s3cret" in first
    assert b"s3cret" not in second
    assert b"ookie" not in second + third
    assert b"s3cret" not in third  # the monitor's spec changed: what it was is not remembered


async def answers_late(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answers after 50 ms, and then the loop, which is the prober's too, stands still for 200 ms more."""
    await zoo.head_of(reader)
    await asyncio.sleep(0.05)
    writer.write(zoo.OK)
    await writer.drain()
    # The answer is in the kernel's hands: now this very loop stands still.
    time.sleep(0.2)  # noqa: ASYNC251 - a loop that stands still is what is tested
    await zoo.stays_silent(reader, writer)  # an end of the connection would renew the stamp


@pytest.mark.skipif(sys.platform != "linux", reason="needs Linux, whose kernel stamps what it receives")
def test_the_first_byte_is_timed_by_the_target_and_not_by_us() -> None:
    """The figure stays the target's, and the result says lagging. Seen red: without kernel stamps."""

    async def ask() -> Result:
        async with zoo.target(answers_late) as target:
            return await probe(target.url, timeout_ms=2000)

    result = asyncio.run(ask())
    assert result.status is Status.UP
    assert result.phases.first_byte_us is not None
    assert 45_000 < result.phases.first_byte_us < 120_000
    assert result.lagging


def test_where_no_stamp_comes_the_user_clock_times_the_first_byte() -> None:
    """The loop's lateness is in it then. Linux is told to give none; other systems never do.

    Seen red: with the stamps left on, and with 0 taken where there is none.
    """

    async def ask() -> float:
        trace, sock = Trace(), socket.socket()
        async with zoo.target(answers_late) as target:
            with contextlib.closing(Connection(sock)) as connection:
                await connection.open(ip_address(HOST), target.port)
                if sys.platform == "linux":
                    sock.setsockopt(socket.SOL_SOCKET, stamps.SO_TIMESTAMPING, 0)
                request = f"GET / HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode()
                await connection.exchange(request, Reply(head_only=False, read_most=100), trace, Room())
        return trace.spent_s[Phase.FIRST_BYTE]

    assert asyncio.run(ask()) > 0.2


def test_what_the_kernel_cannot_say_is_not_made_up() -> None:
    """Of a socket that is closed it stamps nothing, of one that is not connected it knows no round trip.

    Seen red: with the error raised, and with a round trip of 0 believed.
    """
    with socket.socket() as sock:
        assert stamps.connect_s(sock, 0.25) == 0.25
    assert not stamps.ask_for(sock)


def test_a_stamp_from_before_the_request_is_not_believed() -> None:
    """What the target says unasked is timed by the user clock, from the request on.

    Seen red: with any stamp believed, it took no time at all.
    """

    async def ask() -> float:
        trace = Trace()
        with socket.create_server((HOST, 0)) as listener:
            connection = await connect(ip_address(HOST), listener.getsockname()[1])
            with contextlib.closing(connection), listener.accept()[0] as server:
                server.sendall(zoo.OK)
                await connection.exchange(b"GET /", Reply(head_only=False, read_most=100), trace, Room())
        return trace.spent_s[Phase.FIRST_BYTE]

    assert asyncio.run(ask()) > 0


@pytest.fixture
def few_files() -> Iterator[None]:
    """Leave this process no file descriptors beyond the next few."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with socket.socket() as probe_socket:
        here = probe_socket.fileno()
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (here + 8, hard))
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_running_out_of_sockets_is_our_fault(few_files: None) -> None:
    """Out of file descriptors: OwnFault is raised, and no target is called down."""

    async def ask() -> None:
        async with prober() as made:
            spare = []
            try:
                while True:
                    spare.append(socket.socket())
            except OSError:
                pass
            try:
                with pytest.raises(OwnFault, match="open files"):
                    await made.probe(check(f"http://{HOST}:9/"))
            finally:
                for sock in spare:
                    sock.close()

    asyncio.run(ask())


def test_a_cancelled_probe_leaves_nothing_behind() -> None:
    """Cancelled from outside, as at a run's end: it is raised on, and its connection is closed and not kept."""

    async def ask() -> None:
        async with zoo.target(zoo.stays_silent) as target, prober() as made:
            task = asyncio.create_task(made.probe(check(target.url, timeout_ms=5000)))
            while not target.connections:
                await asyncio.sleep(0.01)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert made.transport.kept == 0

    asyncio.run(ask())


@pytest.mark.parametrize(
    "spec",
    [
        {"url": "http://127.0.0.1/", "method": "DELETE"},
        {"url": "http://127.0.0.1/", "headers": {"X": "a\r\nY: b"}},
        {"url": "http://127.0.0.1:65536/"},
        {"url": "http://xn--/"},
        {"url": "http://\u2603-\u0301.example.com/"},
        {"url": "http://127.0.0.1/", "expect": {"status": ["soon"]}},
        {"url": "http://127.0.0.1/", "ip_family": "ipv5"},
        {"url": "http://127.0.0.1/", "redirects": {"follow": "many"}},
        {"url": 7},
        {},
    ],
    ids=str,
)
def test_a_monitor_that_cannot_be_probed_is_refused_and_never_down(spec: dict[str, object]) -> None:
    """A fault of the configuration says nothing about the site, and nothing is raised."""

    async def ask() -> Result:
        async with prober() as made:
            return await made.probe(Check(1, 0, 60, 400, MonitorType.HTTP, spec))

    result = asyncio.run(ask())
    assert (result.status, result.reason) == (Status.REFUSED, Reason.GUARD), text(result)


def test_a_connection_lives_an_hour_at_most(papers: Papers) -> None:
    """So that a certificate is read anew at least hourly: after a time that is given here as none at all."""
    assert LONGEST_LIFE_S == 3600

    async def ask() -> int:
        async with (
            zoo.target(KEEPS, context=papers.server()) as target,
            prober(authorities=papers.file, keep_longest_s=0) as made,
        ):
            for _ in range(2):
                assert not (await made.probe(check(f"https://{HOST}:{target.port}/"))).reused
            return target.connections

    assert asyncio.run(ask()) == 2
