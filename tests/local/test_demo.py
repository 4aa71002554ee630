"""The demo targets behave as they say."""

import socket
import ssl
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from cryptography import x509

from local.demo import FLAP_EVERY_S, SLUGS
from local.demo_targets import DemoTargets, demo_targets
from tests.local.conftest import PYTHONPATH, is_running, script, wait_until
from vantage.monitors_file.read import read
from vantage.monitors_file.values import Here

IN_A_PARENT = """
import os, sys
from pathlib import Path
from local.demo_targets import demo_targets
with demo_targets(Path(sys.argv[1]), os.environ) as targets:
    print(targets.pid, flush=True)
    sys.stdin.read()
"""


@pytest.fixture(scope="module")
def targets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoTargets]:
    """The demo targets, running."""
    home = tmp_path_factory.mktemp("demo")
    (home / "logs").mkdir()
    with demo_targets(home, {"PYTHONPATH": PYTHONPATH}) as running:
        yield running


@pytest.fixture
def client(targets: DemoTargets) -> Iterator[httpx.Client]:
    """A client that trusts what a local worker trusts."""
    trusted = ssl.create_default_context(cafile=str(targets.trusted_certificates()))
    with httpx.Client(verify=trusted, base_url=targets.urls["http"], timeout=5, trust_env=False) as client:
        yield client


def test_the_healthy_one_answers_and_keeps_its_connection(client: httpx.Client) -> None:
    """200, to GET and HEAD, over one connection."""
    ports = {client.get("/healthy").extensions["network_stream"].get_extra_info("client_addr") for _ in range(3)}
    assert len(ports) == 1
    head = client.head("/healthy")
    assert (head.status_code, head.content) == (200, b"")


def test_the_slow_one_takes_more_than_a_second(client: httpx.Client) -> None:
    """And is well."""
    began_s = time.monotonic()
    assert client.get("/slow").status_code == 200
    assert time.monotonic() - began_s > 1.1


def test_the_failing_one_is_out_of_order(client: httpx.Client) -> None:
    """503."""
    assert client.get("/failing").status_code == 503


def test_the_flapping_one_changes_by_the_clock(client: httpx.Client) -> None:
    """Well in every other span of a few minutes."""
    expected = {200 if int(at // FLAP_EVERY_S) % 2 == 0 else 503 for at in (time.time(), time.time() + 1)}
    assert client.get("/flapping").status_code in expected


@pytest.mark.parametrize(("region", "status"), [("INDIA", 503), ("USA", 200), ("EU", 200)])
def test_one_fails_from_india_only(client: httpx.Client, region: str, status: int) -> None:
    """It knows a probe's region by its User-Agent."""
    headers = {"User-Agent": f"Vantage/0.1.0 ({region})"}
    assert client.get("/not-from-india", headers=headers).status_code == status


def test_the_hanging_one_never_answers(client: httpx.Client) -> None:
    """It takes the request and leaves the client waiting."""
    with pytest.raises(httpx.ReadTimeout):
        client.get("/hanging", timeout=0.5)


def test_the_certificate_is_trusted_here_and_ends_in_three_days(client: httpx.Client, targets: DemoTargets) -> None:
    """By workers that are given its authority, and by nobody else."""
    response = client.get(f"{targets.urls['https']}/healthy")
    tls = response.extensions["network_stream"].get_extra_info("ssl_object")
    ends = x509.load_der_x509_certificate(tls.getpeercert(True)).not_valid_after_utc
    assert timedelta(days=2, hours=23) < ends - datetime.now(UTC) <= timedelta(days=3)
    with pytest.raises(httpx.ConnectError, match=r"self-signed|unable to get"):
        httpx.get(f"{targets.urls['https']}/healthy", trust_env=False)


def test_nonsense_ends_the_connection_and_nothing_else(client: httpx.Client, targets: DemoTargets) -> None:
    """A stray client does no harm."""
    port = int(targets.urls["http"].rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port)) as stray:
        stray.sendall(b"\x16\x03\x01 nonsense\r\n\r\n")
        assert stray.recv(100) == b""
    assert client.get("/healthy").status_code == 200


def test_its_monitors_file_is_a_valid_one(targets: DemoTargets) -> None:
    """Every target is watched, one of them every 10 s."""
    reading = read([targets.monitors_file()], {}, Here(True, ("USA", "INDIA", "EU"), frozenset()))
    assert not reading.faults
    assert [item.slug for item in reading.monitors] == SLUGS
    assert {item.interval for item in reading.monitors} == {10_000, 60_000}


def test_killed_targets_come_back_on_their_ports(targets: DemoTargets) -> None:
    """What is in the stream still points at them."""
    urls, killed = targets.urls, targets.pid
    assert not targets.revive()
    targets.stop()
    assert targets.revive()
    assert targets.urls == urls
    assert targets.pid != killed


def test_they_end_with_their_parent(tmp_path: Path) -> None:
    """Even with a killed one."""
    (tmp_path / "logs").mkdir()
    with script(IN_A_PARENT, tmp_path) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert is_running(pid)
        parent.kill()
        wait_until(lambda: not is_running(pid))
