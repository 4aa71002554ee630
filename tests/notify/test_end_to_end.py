"""A site goes down in a local system, and a webhook hears of it; it comes up again, and hears of that."""

import base64
import hashlib
import hmac
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.local.conftest import wait_until
from tests.local.test_system import vantage_local
from tests.notify.receivers import receiver

MONITORS = """\
version: 1
defaults: {{channels: [hook]}}
channels:
  - {{name: hook, type: webhook, url: "{hook}/x", secret: "env:HOOK_SECRET"}}
monitors:
  - {{slug: shop, name: Shop, interval: 10s, timeout: 2s, url: "{url}/"}}
"""
FASTER = 20  # than life
SECRET = "whsec_" + base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()


class Site:
    """A web site that can be broken."""

    def __init__(self, url: str) -> None:
        self.url, self.status = url, 200


@contextmanager
def site() -> Iterator[Site]:
    """A site that is well, until told otherwise."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.send_response(here.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    here = Site(f"http://127.0.0.1:{server.server_address[1]}")
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield here
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # the system is killed at the end
def test_a_site_that_goes_down_is_told_and_so_is_that_it_is_up_again(tmp_path: Path) -> None:
    """As the monitors file says, one signed message when it opens and one when it resolves, with what, from where,
    since when, and why; and the terminal says so too."""
    with site() as target, receiver() as hook:
        (tmp_path / "monitors.yaml").write_text(MONITORS.format(url=target.url, hook=hook.url))
        data = tmp_path / "data"
        env = {"VANTAGE_PACE": f"{FASTER}@{time.time()}", "HOOK_SECRET": SECRET}
        with vantage_local(data, "--no-demo", "--monitors", str(tmp_path / "monitors.yaml"), env=env) as running:
            wait_until(lambda: running.count("SELECT count(*) FROM region_state WHERE state = 'up'") == 3, 150)
            target.status = 503
            wait_until(lambda: bool(hook.received), 150)
            target.status = 200
            wait_until(lambda: len(hook.received) == 2, 150)
            said = running.said_until("UTC).")
    assert [line for line in said if line.startswith("told hook: Shop is ")][1:] == [said[-1]]
    opened, resolved = (one.json for one in hook.received)
    assert (opened["type"], resolved["type"]) == ("incident.opened", "incident.resolved")
    assert opened["dedup_key"] == resolved["dedup_key"] == "vantage-incident-1"
    assert opened["text"].startswith("Shop is down from USA, India and EU: status 503. Since ")
    assert resolved["text"].startswith("Shop is up again, after ")
    assert opened["data"]["incident"]["status"] == "open"
    assert resolved["data"]["incident"]["status"] == "resolved"
    assert {seen["region"]: seen["http_status"] for seen in opened["data"]["regions"]} == {
        "USA": 503, "INDIA": 503, "EU": 503,
    }  # fmt: skip
    assert all(seen["detail"] for seen in opened["data"]["regions"])
    first = hook.received[0]
    signed = f"{first.headers['webhook-id']}.{first.headers['webhook-timestamp']}.".encode() + first.body
    digest = hmac.digest(b"0123456789abcdef0123456789abcdef", signed, hashlib.sha256)
    assert first.headers["webhook-signature"] == f"v1,{base64.b64encode(digest).decode()}"
