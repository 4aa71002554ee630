"""A server that others wrote, as most sites run one: nginx."""

import asyncio
import shutil
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.conftest import require
from tests.probe import zoo
from tests.probe.certificates import Papers
from tests.probe.probing import check, prober, text
from vantage.check import Reason, Result, Status
from vantage.probe.resolve import Names
from vantage.probe.trace import KEY, Trace
from vantage.probe.transport import Transport

CONFIG = """
daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 64; }}
http {{
    access_log off; default_type text/plain; gzip on; gzip_min_length 1; gzip_types text/plain;
    client_body_temp_path {folder}/a; proxy_temp_path {folder}/b; fastcgi_temp_path {folder}/c;
    uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;
    server {{
        listen 127.0.0.1:{port};
        listen 127.0.0.1:{secure} ssl http2;
        ssl_certificate {folder}/server.pem; ssl_certificate_key {folder}/server.pem;
        location = /ok {{ return 200 "all is well\\n"; }}
        location = /moved {{ return 301 /ok; }}
        location = /loop {{ return 302 /loop; }}
        location = /gone {{ return 410; }}
        location = /closed {{ return 444; }}
        location = /json {{ default_type application/json; return 200 '{{"status": "ok", "items": [1, 2]}}'; }}
        location = /large {{ root {folder}; }}
        location = /upstream {{ proxy_pass http://127.0.0.1:{dead}; }}
        location / {{ root {folder}/nothing; }}
    }}
}}
"""


@pytest.fixture(scope="module")
def nginx(tmp_path_factory: pytest.TempPathFactory, papers: Papers) -> Iterator[dict[str, str]]:
    """Its URL by the protocol that is spoken there."""
    require("nginx", shutil.which("nginx") is not None or Path("/usr/sbin/nginx").exists())
    folder, port, secure = tmp_path_factory.mktemp("nginx"), zoo.closed_port(), zoo.closed_port()
    papers.written(folder / "server.pem")
    (folder / "large").write_bytes(b"x" * 3_000_000)
    (folder / "nginx.conf").write_text(CONFIG.format(folder=folder, port=port, secure=secure, dead=zoo.closed_port()))
    binary = shutil.which("nginx") or "/usr/sbin/nginx"
    with subprocess.Popen([binary, "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", "stderr"]) as process:
        deadline = time.monotonic() + 10
        while not (folder / "nginx.pid").exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        yield {"HTTP/1.1": f"http://127.0.0.1:{port}", "HTTP/2": f"https://127.0.0.1:{secure}"}
        process.terminate()


JSON = {"json": [{"path": "status", "equals": "ok"}, {"path": "length(items)", "at_least": 2}]}


@pytest.mark.parametrize("protocol", ["HTTP/1.1", "HTTP/2"])
@pytest.mark.parametrize(
    ("path", "spec", "status", "reason", "http_status"),
    [
        ("/ok", {}, "up", None, 200),
        ("/ok", {"method": "HEAD"}, "up", None, 200),
        ("/ok", {"method": "POST", "body": "a=1"}, "up", None, 200),
        ("/ok", {"method": "POST", "body": "a" * 300_000}, "up", None, 200),
        ("/ok", {"expect": {"body": {"contains": ["all is well"]}}}, "up", None, 200),
        ("/ok", {"expect": {"body": {"contains": ["absent"]}}}, "down", Reason.BODY, 200),
        ("/moved", {}, "up", None, 200),
        ("/loop", {}, "down", Reason.REDIRECT, 302),
        ("/gone", {}, "down", Reason.STATUS, 410),
        ("/gone", {"expect": {"status": [410]}}, "up", None, 410),
        ("/closed", {}, "down", Reason.PROTOCOL, None),
        ("/json", {"expect": JSON}, "up", None, 200),
        ("/large", {}, "up", None, 200),
        ("/large", {"expect": {"body": {"contains": ["x" * 1000]}}}, "up", None, 200),
        ("/large", {"expect": {"body": {"size": {"max": 1000}}}}, "down", Reason.TOO_LARGE, 200),
        ("/upstream", {}, "down", Reason.STATUS, 502),
        ("/missing", {}, "down", Reason.STATUS, 404),
    ],
)
def test_nginx_is_understood(  # noqa: PLR0917 - a row's columns
    nginx: dict[str, str],
    papers: Papers,
    protocol: str,
    path: str,
    spec: dict[str, Any],
    status: str,
    reason: Reason | None,
    http_status: int | None,
) -> None:
    """Each answer is what a person would call it, over either protocol."""

    async def ask() -> Result:
        async with prober(authorities=papers.file) as made:
            asked = check(nginx[protocol] + path, timeout_ms=3000, http2=protocol == "HTTP/2", **spec)
            return await made.probe(asked, confirm=False)

    result = asyncio.run(ask())
    if http_status:
        assert result.detail is not None
        assert result.detail.protocol == protocol
    assert (result.status, result.reason, result.http_status) == (Status(status), reason, http_status), text(result)


def test_plain_httpx_sees_the_same_over_http_2(nginx: dict[str, str], papers: Papers) -> None:
    """Status, body and headers of each page, by httpx with HTTP/2 and by ours."""
    context = ssl.create_default_context(cafile=papers.file)

    async def see(transport: httpx.AsyncBaseTransport, path: str) -> tuple[int, bytes, str, dict[str, str]]:
        async with httpx.AsyncClient(transport=transport, headers={"Accept-Encoding": "identity"}) as client:
            async with client.stream(
                "GET", nginx["HTTP/2"] + path, extensions={KEY: Trace(http2=True, read_most=4_000_000)}
            ) as answer:
                body = b"".join([piece async for piece in answer.aiter_raw()])
            told = {name: value for name, value in answer.headers.items() if name != "date"}
            return answer.status_code, body, answer.http_version, told

    async def both(path: str) -> None:
        plain = await see(httpx.AsyncHTTPTransport(http2=True, verify=context, trust_env=False), path)
        assert plain == await see(Transport(Names(), allow_private=True, authorities=papers.file), path)
        assert plain[2] == "HTTP/2"

    for path in ("/ok", "/moved", "/gone", "/json", "/large", "/upstream", "/missing"):
        asyncio.run(both(path))


def test_a_connection_to_nginx_is_kept(nginx: dict[str, str]) -> None:
    """The second check reuses it, and says so."""

    async def ask() -> list[bool]:
        async with prober() as made:
            return [(await made.probe(check(f"{nginx['HTTP/1.1']}/ok", timeout_ms=3000))).reused for _ in range(3)]

    assert asyncio.run(ask()) == [False, True, True]
