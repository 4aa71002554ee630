"""A site that others wrote, under a WSGI server that others wrote: httpbin and waitress."""

import asyncio
import importlib.util
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.conftest import require
from tests.probe import zoo
from tests.probe.probing import check, prober, text
from vantage.check import Reason, Result, Status

SERVE = "import sys, waitress, httpbin; waitress.serve(httpbin.app, host='127.0.0.1', port=int(sys.argv[1]), threads=4)"


@pytest.fixture(scope="module")
def httpbin() -> Iterator[str]:
    """Its URL."""
    require("httpbin (Python 3.12 or later, on Linux)", importlib.util.find_spec("httpbin") is not None)
    port = zoo.closed_port()
    with subprocess.Popen([sys.executable, "-c", SERVE, str(port)], stderr=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 20
        while not _listens(port) and time.monotonic() < deadline:
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
        process.terminate()


def _listens(port: int) -> bool:
    try:
        asyncio.run(_connect(port))
    except OSError:
        return False
    return True


async def _connect(port: int) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.close()
    await writer.wait_closed()


def json(path: str, wanted: Any) -> dict[str, Any]:
    """An expectation of one value."""
    return {"json": [{"path": path, "equals": wanted}]}


ROWS: list[tuple[str, dict[str, Any], Reason | None, int | None]] = [
    ("/get?a=b", {"expect": json("args.a", "b")}, None, 200),
    ("/headers", {"headers": {"X-Team": "web"}, "expect": json('headers."X-Team"', "web")}, None, 200),
    ("/post", {"method": "POST", "body": "a=1", "expect": json("data", "a=1")}, None, 200),
    ("/get", {"method": "HEAD"}, None, 200),
    ("/status/503", {}, Reason.STATUS, 503),
    ("/status/418", {"expect": {"status": [418]}}, None, 418),
    ("/redirect/5", {}, None, 200),
    ("/absolute-redirect/3", {}, None, 200),
    ("/redirect/12", {}, Reason.REDIRECT, 302),
    ("/gzip", {"expect": json("gzipped", True)}, None, 200),
    ("/deflate", {"expect": json("deflated", True)}, None, 200),
    ("/encoding/utf8", {"expect": {"body": {"contains": ["∮"]}}}, None, 200),
    ("/html", {"expect": {"body": {"contains": ["Moby-Dick"], "no_error_page": True}}}, None, 200),
    ("/json", {"expect": {"json": [{"path": "length(slideshow.slides)", "at_least": 2}]}}, None, 200),
    ("/xml", {"expect": json("a", 1)}, Reason.JSON, 200),
    ("/bytes/100000", {"expect": {"body": {"size": {"min": 100_000, "max": 100_000}}}}, None, 200),
    ("/stream-bytes/80000?chunk_size=100", {"expect": {"body": {"size": {"min": 80_000}}}}, None, 200),
    ("/drip?numbytes=5&duration=0.3&delay=0", {}, None, 200),
    ("/delay/2", {}, Reason.TIMEOUT, None),
    ("/response-headers?X-Release=7", {"expect": {"headers": [{"name": "x-release", "at_least": 7}]}}, None, 200),
    ("/basic-auth/bot/s3cret", {}, Reason.STATUS, 401),
    ("/basic-auth/bot/s3cret", {"auth": {"basic": {"user": "bot", "password": "ssm:/pw"}}}, None, 200),
    ("/bearer", {"auth": {"bearer": "ssm:/pw"}}, None, 200),
]


@pytest.mark.parametrize("row", range(len(ROWS)))
def test_httpbin_is_understood(httpbin: str, row: int) -> None:
    """Each answer is what a person would call it, and a secret is not in its text."""
    path, spec, reason, http_status = ROWS[row]

    async def secret(_: str) -> str:
        return "s3cret"

    async def ask() -> Result:
        async with prober(resolve=secret) as made:
            return await made.probe(check(httpbin + path, timeout_ms=1500, **spec), confirm=False)

    result = asyncio.run(ask())
    assert (result.reason, result.http_status) == (reason, http_status), text(result)
    assert result.status is (Status.DOWN if reason else Status.UP)
    assert "s3cret" not in text(result)


def test_a_connection_to_it_is_kept(httpbin: str) -> None:
    """The second check reuses it."""

    async def ask() -> list[bool]:
        async with prober() as made:
            return [(await made.probe(check(f"{httpbin}/get", timeout_ms=3000))).reused for _ in range(2)]

    assert asyncio.run(ask()) == [False, True]
