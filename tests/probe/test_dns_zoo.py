"""What name servers do, and what comes of it: the reason, the address, and nothing that the guard would not have."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator
from ipaddress import ip_address
from typing import Any

import dns.rcode
import pytest

from tests.probe import zoo
from tests.probe.names import Zone, fails, garbled, holds, in_turn, loops, name_server, silent
from tests.probe.probing import TIMEOUT_MS, check, little_memory, prober, text
from vantage.check import Reason, Result, Status
from vantage.probe.connection import connect
from vantage.probe.faults import NameFault
from vantage.probe.race import AT_ONCE, NEXT_ADDRESS_S, first_that_answers
from vantage.probe.resolve import Names

NAME = "www.site.test"
METADATA = "169.254.169.254"


async def ask(answer: Callable[..., Any], *, times: int = 1, confirm: bool = False, **spec: Any) -> list[Result]:
    """What is seen of a good server whose name is answered so, asked some times over fresh connections."""
    async with (
        zoo.target(zoo.says(zoo.OK)) as target,
        name_server({NAME: answer}) as server,
        prober(name_servers=[server]) as made,
    ):
        asked = check(f"http://{NAME}:{target.port}/", **spec)
        return [await made.probe(asked, confirm=confirm) for _ in range(times)]


FAULTS: dict[str, tuple[Callable[..., Any], str]] = {
    "no such name": (fails(dns.rcode.NXDOMAIN), "no such name"),
    "server failure": (fails(dns.rcode.SERVFAIL), "SERVFAIL"),
    "refused by the server": (fails(dns.rcode.REFUSED), "refused"),
    "no answer": (silent, "looking up the name"),
    "empty answer": (holds(), "no address"),
    "alias of itself": (loops, ""),
    "truncated, and no TCP": (garbled, ""),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_of_the_name_is_dns(fault: str) -> None:
    """Down with reason dns by the deadline and within little memory, and the text says what the name servers did."""
    answer, said = FAULTS[fault]
    began_s = time.perf_counter()
    with little_memory():
        (result,) = asyncio.run(ask(answer))
    assert time.perf_counter() - began_s < TIMEOUT_MS / 1000 + 0.5
    assert (result.status, result.reason) == (Status.DOWN, Reason.DNS), text(result)
    assert said in text(result)


def test_a_dead_name_server_ends_by_its_own_deadline() -> None:
    """A lookup has a deadline of its own, whatever the check's is."""

    async def look_up() -> None:
        async with name_server({NAME: silent}) as server:
            names = Names([server], deadline_s=0.2)
            try:
                with pytest.raises(NameFault, match="do not answer"):
                    await names.addresses(NAME, "any")
            finally:
                await names.aclose()

    asyncio.run(look_up())


@pytest.mark.parametrize("addresses", [("127.0.0.1",), ("::1", "127.0.0.1"), ("127.0.0.1", "127.0.0.2", "127.0.0.3")])
def test_any_address_that_answers_will_do(addresses: tuple[str, ...]) -> None:
    """One family or both, one address or many, of which one listens: up."""
    (result,) = asyncio.run(ask(holds(*addresses)))
    assert result.status is Status.UP, text(result)
    assert result.phases.dns_us is not None


def test_a_dead_address_costs_a_moment_and_no_failure() -> None:
    """The first of two addresses never accepts: the second is tried while it does not, and the time is counted."""

    async def ask_both() -> Result:
        zone: Zone = {NAME: holds("127.0.0.1", "127.0.0.9")}
        with zoo.full_backlog() as port:
            async with (
                zoo.target(zoo.says(zoo.OK), host="127.0.0.9", port=port),
                name_server(zone) as server,
                prober(name_servers=[server]) as made,
            ):
                checks = [check(f"http://{NAME}:{port}/", timeout_ms=2000, monitor_id=n) for n in range(4)]
                results = [await made.probe(each) for each in checks]
        assert {r.status for r in results} == {Status.UP}
        return max(results, key=lambda result: result.phases.connect_us or 0)

    result = asyncio.run(ask_both())
    assert result.detail is not None
    assert result.detail.address == "127.0.0.9"


def connecting() -> int:
    """How many sockets wait for a connection."""
    coroutines = [task.get_coro() for task in asyncio.all_tasks()]
    return sum(getattr(each, "__name__", "") == connect.__name__ for each in coroutines)


def test_many_dead_addresses_take_two_sockets_and_not_more() -> None:
    """Also not more than there are: a kept connection is closed for the second. Seen red: with all tried at once."""
    addresses = [ip_address(f"127.0.0.{n}") for n in range(11, 17)]
    lent = 0

    @contextlib.contextmanager
    def lend() -> Iterator[None]:
        nonlocal lent
        lent += 1
        try:
            yield
        finally:
            lent -= 1

    async def most_open(port: int) -> int:
        race = asyncio.create_task(first_that_answers(addresses, port, lend))
        most = 0
        for _ in range(25):
            await asyncio.sleep(NEXT_ADDRESS_S / 5)
            assert lent <= 1
            most = max(most, connecting())
        race.cancel()
        await asyncio.wait({race})
        assert (connecting(), lent) == (0, 0)
        return most

    with contextlib.ExitStack() as dead:
        port = dead.enter_context(zoo.full_backlog(str(addresses[0])))
        for address in addresses[1:]:
            dead.enter_context(zoo.full_backlog(str(address), port))
        assert asyncio.run(most_open(port)) == AT_ONCE


def test_an_inner_address_is_refused_and_never_down() -> None:
    """A public name that points to cloud metadata is refused. Seen red: with `_vetted` returning all, it is down."""
    (result,) = asyncio.run(ask(holds(METADATA)))
    assert (result.status, result.reason) == (Status.REFUSED, Reason.GUARD)
    assert METADATA in text(result)


def test_of_good_and_bad_addresses_a_good_one_is_taken() -> None:
    """A stray inner address beside a good one does not stop the check, and is not spoken to."""
    (result,) = asyncio.run(ask(holds(METADATA, "127.0.0.1")))
    assert result.status is Status.UP
    assert result.detail is not None
    assert result.detail.address == "127.0.0.1"


def test_a_name_that_changes_its_mind_is_judged_each_time() -> None:
    """The address that is connected is the one that was vetted: a second, inner answer is refused next time."""

    async def ask_twice() -> list[Result]:
        answers = in_turn(holds("127.0.0.1"), holds(METADATA))
        async with (
            zoo.target(zoo.says(b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n")) as target,
            name_server({NAME: answers}) as server,
            prober(name_servers=[server]) as made,
        ):
            first = await made.probe(check(f"http://{NAME}:{target.port}/"), confirm=False)
            confirmed = await made.probe(check(f"http://{NAME}:{target.port}/"), confirm=True)
            assert target.connections == 2  # the first probe, and the second's first attempt by the remembered name
            return [first, confirmed]

    first, confirmed = asyncio.run(ask_twice())
    assert first.status is Status.DOWN
    assert (confirmed.status, confirmed.confirmed) == (Status.REFUSED, True)


def test_a_confirmation_asks_the_name_again() -> None:
    """A name that failed and is back is up at the second try."""
    (result,) = asyncio.run(
        ask(
            in_turn(fails(dns.rcode.SERVFAIL), fails(dns.rcode.SERVFAIL), holds("127.0.0.1")),
            confirm=True,
            timeout_ms=3000,
        )
    )
    assert result.status is Status.UP


def test_a_family_can_be_chosen() -> None:
    """ip_family ipv6 asks for IPv6 only."""
    (result,) = asyncio.run(ask(holds("127.0.0.1"), ip_family="ipv6"))
    assert (result.status, result.reason) == (Status.DOWN, Reason.DNS)
    (result,) = asyncio.run(ask(holds("127.0.0.1", "::1"), ip_family="ipv4"))
    assert result.status is Status.UP


def test_black_holed_names_cost_only_themselves() -> None:
    """Three hundred names that nobody answers for, and good ones asked last: every good one is up.

    Seen red: with 64 lookups at once, as a pool of threads would have it.
    """

    async def ask_all() -> list[Result]:
        zone: Zone = {f"dead{n}.test": silent for n in range(300)} | {
            f"good{n}.test": holds("127.0.0.1") for n in range(50)
        }
        async with (
            zoo.target(zoo.says(zoo.OK)) as target,
            name_server(zone) as server,
            prober(name_servers=[server]) as made,
        ):
            dead = [
                asyncio.create_task(
                    made.probe(check(f"http://dead{n}.test/", timeout_ms=4000, monitor_id=n), confirm=False)
                )
                for n in range(300)
            ]
            await asyncio.sleep(0.2)
            good = await asyncio.gather(
                *(
                    made.probe(
                        check(f"http://good{n}.test:{target.port}/", timeout_ms=3900, monitor_id=1000 + n),
                        confirm=False,
                    )
                    for n in range(50)
                )
            )
            assert {(await task).reason for task in dead} == {Reason.DNS}
            return good

    assert {result.status for result in asyncio.run(ask_all())} == {Status.UP}
