"""Sites on IPv4 and IPv6, of which one may be dead."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

import pytest

from tests.conftest import require
from tests.probe import zoo
from tests.probe.names import holds, name_server
from tests.probe.probing import check, prober, text
from vantage.check import Check, Reason, Result, Status
from vantage.guard import GuardError
from vantage.monitor import MonitorType
from vantage.probe.plan import read

NAME = "both.test"


@pytest.fixture(autouse=True)
def _ipv6() -> None:
    """This machine's loopback must have both families."""
    with socket.socket(socket.AF_INET6) as sock:
        try:
            sock.bind(("::1", 0))
        except OSError:
            require("IPv6 on loopback", False)


@contextlib.asynccontextmanager
async def site(*families: str) -> AsyncIterator[tuple[int, str]]:
    """A site with both addresses that answers on these families only; its port, and its name server."""
    serve = zoo.says(zoo.OK)
    async with contextlib.AsyncExitStack() as stack:
        first = await stack.enter_async_context(zoo.target(serve, host=families[0]))
        for host in families[1:]:
            await stack.enter_async_context(zoo.target(serve, host=host, port=first.port))
        server = await stack.enter_async_context(name_server({NAME: holds("127.0.0.1", "::1")}))
        yield first.port, server


def seen(*families: str, kind: MonitorType = MonitorType.HTTP, ip_family: str = "both") -> Result:
    """What the prober sees of such a site."""

    async def ask() -> Result:
        async with site(*families) as (port, server), prober(name_servers=[server]) as made:
            if kind is MonitorType.TCP:
                spec = {"host": NAME, "port": port, "ip_family": ip_family}
                return await made.probe(Check(1, 0, 60, 2000, kind, spec), confirm=False)
            return await made.probe(
                check(f"http://{NAME}:{port}/", timeout_ms=2000, ip_family=ip_family), confirm=False
            )

    return asyncio.run(ask())


@pytest.mark.parametrize("kind", [MonitorType.HTTP, MonitorType.TCP])
def test_both_families_must_answer(kind: MonitorType) -> None:
    """Each is asked, and both addresses are named."""
    result = seen("127.0.0.1", "::1", kind=kind)
    assert result.status is Status.UP
    assert result.detail is not None
    assert result.detail.address == "127.0.0.1, ::1"


@pytest.mark.parametrize("kind", [MonitorType.HTTP, MonitorType.TCP])
@pytest.mark.parametrize(("alive", "dead"), [("127.0.0.1", "IPv6"), ("::1", "IPv4")])
def test_a_dead_family_is_named(kind: MonitorType, alive: str, dead: str) -> None:
    """Down, by the name of the family that does not answer."""
    result = seen(alive, kind=kind)
    assert (result.status, result.reason) == (Status.DOWN, Reason.CONNECT)
    assert text(result).startswith(f"over {dead}: ")


@pytest.mark.parametrize("alive", ["127.0.0.1", "::1"])
def test_any_family_will_do_where_none_is_asked_for(alive: str) -> None:
    """A visitor's browser takes the address that answers, and so does the probe."""
    assert seen(alive, ip_family="any").status is Status.UP


def test_an_address_has_one_family() -> None:
    """Asking for the other, or for both, is refused when it is saved."""
    for family, host in (("both", "127.0.0.1"), ("ipv6", "127.0.0.1"), ("ipv4", "[::1]")):
        with pytest.raises(GuardError, match="but the host is an IPv"):
            read({"url": f"http://{host}/", "ip_family": family}, user_agent="x", allow_private=True)
