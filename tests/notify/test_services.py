"""Channels of type apprise: what really goes over the wire to a service, caught by a proxy that speaks for its host."""

import asyncio
import json
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import trustme
from apprise.manager_plugins import NotificationManager

from tests.notify.sending import send
from tests.notify.test_sending import add_incidents, waiting
from vantage.notify.post import NotTaken
from vantage.notify.service import SERVICES, check
from vantage.store.channels import Channel, save_channels

Database = Any
PAGERDUTY = "pagerduty://" + "a" * 32 + "@" + "b" * 32


@dataclass
class Internet:
    """Requests as (host, path, body); all are answered with `status`."""

    status: int = 202
    asked: list[tuple[str, str, Any]] = field(default_factory=list)


@contextmanager
def internet(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Internet]:
    """A proxy that requests uses, with certificates for any host by an authority that it trusts."""
    authority, here = trustme.CA(), Internet()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            host = self.rfile.readline().split()[1].decode().partition(":")[0]
            _head(self.rfile)
            self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            authority.issue_cert(host).configure_cert(context)
            with context.wrap_socket(self.request, server_side=True) as sock, sock.makefile("rwb") as file:
                path = file.readline().split()[1].decode()
                body = file.read(int(_head(file)["content-length"]))
                here.asked.append((host, path, json.loads(body)))
                file.write(b"HTTP/1.1 %d X\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}" % here.status)

    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{server.server_address[1]}")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(folder / "ca.pem"))
    try:
        yield here
    finally:
        server.shutdown()
        server.server_close()


def _head(file: Any) -> dict[str, str]:
    lines = iter(file.readline, b"\r\n")
    return {name.lower(): value.strip() for name, _, value in (line.decode().partition(":") for line in lines)}


def test_pagerduty_hears_of_an_incident_and_its_end_as_one(
    database: Database, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By one key, so that it resolves by itself; `verify=no` in the URL is of no use. Red without the key."""
    with internet(tmp_path, monkeypatch) as net:
        save_channels(database, [Channel("duty", "apprise", {"url": f"{PAGERDUTY}?verify=no"})])
        add_incidents(database, "duty", 1)
        done = asyncio.run(send(database_url))
    (host, path, opened), (_, _, resolved) = net.asked
    assert (done.sent, host, path) == (2, "events.pagerduty.com", "/v2/enqueue")
    assert [event["event_action"] for event in (opened, resolved)] == ["trigger", "resolve"]
    assert opened["dedup_key"] == resolved["dedup_key"] == "vantage-incident-1"
    assert opened["payload"]["summary"].startswith("Shop is down. Since 08:00 UTC.")
    assert opened["payload"]["severity"] == "critical"


def test_every_service_that_keeps_alerts_closes_what_was_opened_and_others_get_no_message_for_programs(
    database: Database, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its own name for the key; what people are spared is not written into a chat. That a monitor flaps is over also
    where it has settled down: its incident says that. Red without each of the keys, and without the question."""
    urls = [
        PAGERDUTY, "splunk://routing@12345678-1234-1234-1234-123456789abc", "pagertree://int_" + "a" * 12,
        "signl4://" + "a" * 8, "discord://" + "1" * 18 + "/" + "a" * 60,
    ]  # fmt: skip
    facts = {"kind": "flapping_over_down", "monitor": {"slug": "m", "name": "M"}, "at": "2026-11-24T08:00:00Z",
             "regions": [{"region": "EU", "state": "down", "reason": None}], "quiet": True}  # fmt: skip
    with internet(tmp_path, monkeypatch) as net:
        net.status = 200
        for number, url in enumerate(urls):
            save_channels(database, [Channel(f"c{number}", "apprise", {"url": url})])
            database.execute(
                "INSERT INTO outbox (channel, subject, key, type, facts) VALUES (%s, '1', 'k', 'monitor.settled', %s)",
                (f"c{number}", json.dumps(facts)),
            )
        done = asyncio.run(send(database_url))
    assert (done.troubles, done.sent) == ({}, len(urls))
    said = {host: f"{path} {json.dumps(body)}" for host, path, body in net.asked}
    assert len(said) == len(urls) - 1
    for host, end in (("pagerduty", '"resolve"'), ("victorops", "RECOVERY"), ("pagertree", '"resolve"'),
                      ("signl4", '"resolved"')):  # fmt: skip
        [one] = [text for where, text in said.items() if host in where]
        assert "vantage-monitor-m" in one
        assert end in one


def test_what_a_service_refuses_is_tried_again(
    database: Database, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And no part of the URL is in the reason."""
    with internet(tmp_path, monkeypatch) as net:
        net.status = 500
        save_channels(database, [Channel("duty", "apprise", {"url": PAGERDUTY})])
        add_incidents(database, "duty", 1)
        done = asyncio.run(send(database_url))
    assert (done.troubles, waiting(database)) == ({"duty": "PagerDuty did not take it"}, 2)


@pytest.mark.parametrize("url", [
    "json://127.0.0.1/", "workflows://host.example.com/a/b", "mailto://u:p@mail.example.com", "syslog://", "dbus://",
    "ntfy://10.0.0.1/topic", "https://example.com/", "pagerduty", "",
])  # fmt: skip
def test_a_service_whose_host_its_user_names_is_refused_with_the_reason(url: str) -> None:
    """apprise's client keeps no guard."""
    with pytest.raises(NotTaken, match="none of the services whose host is their own"):
        check(url)


def test_of_the_services_that_are_taken_none_has_a_host_that_can_be_named() -> None:
    """As apprise describes their URLs. Red with `ntfy` among them."""
    manager: Any = NotificationManager
    plugins = {scheme: manager()[scheme] for scheme in SERVICES}
    assert [scheme for scheme, plugin in plugins.items() if "host" in plugin.template_tokens] == []
