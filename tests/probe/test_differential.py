"""For every server of the zoo plain httpx sees the same, except where a row says why ours differs."""

import asyncio

import httpx
import pytest

from tests.probe import zoo
from tests.probe.test_http_zoo import ROWS
from vantage.probe.resolve import Names
from vantage.probe.transport import Transport

Seen = tuple[int, bytes] | str

ENDLESS = "ours stops at 64 KiB, or at 100 KiB of headers; plain httpx reads until the deadline"
DIFFERENT = {
    "endless body": ENDLESS,
    "10 GB body": ENDLESS,
    "endless chunks": ENDLESS,
    "endless trailer": ENDLESS,
    "endless 103": ENDLESS,
    "endless chunk extension": "h11 refuses a long chunk extension; a browser shows the page, and so it is up",
}


async def see(transport: httpx.AsyncBaseTransport, url: str) -> Seen:
    """Status and raw body, or the class of the error."""
    async with httpx.AsyncClient(transport=transport, timeout=0.4, headers={"Accept-Encoding": "identity"}) as client:
        try:
            async with asyncio.timeout(0.5), client.stream("GET", url) as response:
                return response.status_code, b"".join([chunk async for chunk in response.aiter_raw()])
        except (TimeoutError, httpx.TimeoutException):
            return "timeout"
        except (httpx.ReadError, httpx.RemoteProtocolError):
            return "protocol"


@pytest.mark.parametrize("habit", ROWS)
def test_plain_httpx_sees_the_same(habit: str) -> None:
    """Status, body and class of error agree; a row that does not is listed with its reason, and must really differ."""

    async def both() -> tuple[Seen, Seen]:
        async with zoo.target(ROWS[habit][0]) as target:
            plain = await see(httpx.AsyncHTTPTransport(trust_env=False), target.url)
            ours = await see(Transport(Names(), allow_private=True), target.url)
            return plain, ours

    plain, ours = asyncio.run(both())
    assert (plain == ours) == (habit not in DIFFERENT), (plain, ours)


def test_the_rows_of_the_list_exist() -> None:
    """A row that went away takes its excuse with it."""
    assert set(DIFFERENT) <= set(ROWS)
