"""A server that others wrote, as most sites run one: nginx."""

import asyncio
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import require
from tests.probe import zoo
from tests.probe.probing import check, prober, text
from vantage.check import Reason, Result, Status

CONFIG = """
daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 64; }}
http {{
    access_log off; default_type text/plain; gzip on; gzip_min_length 1; gzip_types text/plain;
    client_body_temp_path {folder}/a; proxy_temp_path {folder}/b; fastcgi_temp_path {folder}/c;
    uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;
    server {{
        listen 127.0.0.1:{port};
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
def nginx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Its URL."""
    require("nginx", shutil.which("nginx") is not None or Path("/usr/sbin/nginx").exists())
    folder, port = tmp_path_factory.mktemp("nginx"), zoo.closed_port()
    (folder / "large").write_bytes(b"x" * 3_000_000)
    (folder / "nginx.conf").write_text(CONFIG.format(folder=folder, port=port, dead=zoo.closed_port()))
    binary = shutil.which("nginx") or "/usr/sbin/nginx"
    with subprocess.Popen([binary, "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", "stderr"]) as process:
        deadline = time.monotonic() + 10
        while not (folder / "nginx.pid").exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        yield f"http://127.0.0.1:{port}"
        process.terminate()


JSON = {"json": [{"path": "status", "equals": "ok"}, {"path": "length(items)", "at_least": 2}]}


@pytest.mark.parametrize(
    ("path", "spec", "status", "reason", "http_status"),
    [
        ("/ok", {}, "up", None, 200),
        ("/ok", {"method": "HEAD"}, "up", None, 200),
        ("/ok", {"method": "POST", "body": "a=1"}, "up", None, 200),
        ("/ok", {"expect": {"body": {"contains": ["all is well"]}}}, "up", None, 200),
        ("/ok", {"expect": {"body": {"contains": ["absent"]}}}, "down", Reason.BODY, 200),
        ("/moved", {}, "up", None, 200),
        ("/loop", {}, "down", Reason.REDIRECT, 302),
        ("/gone", {}, "down", Reason.STATUS, 410),
        ("/gone", {"expect": {"status": [410]}}, "up", None, 410),
        ("/closed", {}, "down", Reason.PROTOCOL, None),
        ("/json", {"expect": JSON}, "up", None, 200),
        ("/large", {}, "up", None, 200),
        ("/large", {"expect": {"body": {"size": {"max": 1000}}}}, "down", Reason.TOO_LARGE, 200),
        ("/upstream", {}, "down", Reason.STATUS, 502),
        ("/missing", {}, "down", Reason.STATUS, 404),
    ],
)
def test_nginx_is_understood(
    nginx: str, path: str, spec: dict[str, Any], status: str, reason: Reason | None, http_status: int | None
) -> None:
    """Each answer is what a person would call it."""

    async def ask() -> Result:
        async with prober() as made:
            return await made.probe(check(nginx + path, timeout_ms=3000, **spec), confirm=False)

    result = asyncio.run(ask())
    assert (result.status, result.reason, result.http_status) == (Status(status), reason, http_status), text(result)


def test_a_connection_to_nginx_is_kept(nginx: str) -> None:
    """The second check reuses it, and says so."""

    async def ask() -> list[bool]:
        async with prober() as made:
            return [(await made.probe(check(f"{nginx}/ok", timeout_ms=3000))).reused for _ in range(3)]

    assert asyncio.run(ask()) == [False, True, True]
