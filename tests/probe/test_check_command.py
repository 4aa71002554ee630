"""`vantage check` as a person and as a program sees it; some are run as they run it, the others without a process."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from local.cli import cli
from local.system import SHARED
from tests.probe import zoo
from tests.probe.certificates import HOST, Papers
from vantage.check import Result, Status
from vantage.errors import EventError
from vantage.probe.report import check_of, expected, in_full

ROOT = Path(__file__).parents[2]
Command = Callable[..., Awaitable[tuple[int, str, str]]]


async def process(*arguments: str) -> tuple[int, str, str]:
    """Exit code, output and errors of a command, run as people run it."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", "from local.cli import main; main()", *arguments,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT,
    )  # fmt: skip
    out, err = await process.communicate()
    return process.returncode or 0, out.decode(), err.decode()


async def vantage(*arguments: str) -> tuple[int, str, str]:
    """The same here, on a thread of its own beside the target; errors are in the output."""
    done = await asyncio.to_thread(CliRunner().invoke, cli, arguments, catch_exceptions=False)
    return done.exit_code, done.output, ""


def run(serve: zoo.Serve, *options: str, command: Command = vantage) -> tuple[int, str, str]:
    """`vantage check` of a target."""

    async def ask() -> tuple[int, str, str]:
        async with zoo.target(serve) as target:
            return await command("check", target.url, *options)

    return asyncio.run(ask())


def test_json_has_every_field_and_nothing_else() -> None:
    """The object that programs read, and exit code 0 for up."""
    code, out, _ = run(zoo.says(zoo.OK), "--allow-private", "--json", command=process)
    seen: dict[str, Any] = json.loads(out)
    assert code == 0
    assert list(seen) == [
        "status", "reason", "http_status", "latency_ms", "phases", "connection_reused", "address",
        "certificate_expires_at", "detail",
    ]  # fmt: skip
    assert list(seen["phases"]) == ["dns_ms", "connect_ms", "tls_ms", "first_byte_ms", "download_ms"]
    assert (seen["status"], seen["reason"], seen["http_status"], seen["address"]) == ("up", None, 200, "127.0.0.1")
    assert seen["latency_ms"] > 0


def test_down_is_exit_code_1() -> None:
    """And the reason and the text say why."""
    code, out, _ = run(zoo.says(b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n"), "--allow-private", "--json")
    seen = json.loads(out)
    assert (code, seen["status"], seen["reason"], seen["http_status"]) == (1, "down", "status", 503)
    assert "503" in seen["detail"]


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1/", "http://2130706433/", "http://bot:hunter2@example.com/", "nonsense"]
)
def test_refused_and_bad_input_are_exit_code_2(url: str) -> None:
    """Nothing is asked, and no password is repeated."""
    command = process if "hunter2" in url else vantage
    code, out, err = asyncio.run(command("check", url, "--json"))
    assert (code, json.loads(out)["status"], json.loads(out)["reason"]) == (2, "refused", "guard")
    code, out, plain_err = asyncio.run(command("check", url))
    assert code == 2
    assert "REFUSED" in out
    assert "hunter2" not in out + err + plain_err


def test_a_person_sees_phases_as_bars() -> None:
    """Status, answer, address, and a bar per phase."""
    code, out, _ = run(zoo.says(zoo.OK), "--allow-private")
    assert code == 0
    for words in ("UP", "200 HTTP/1.1", "127.0.0.1", "connect", "first byte", "━", "total"):
        assert words in out


def test_a_person_sees_what_was_expected_and_what_came() -> None:
    """Side by side, and as it was asked."""
    no = zoo.says(b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n")
    code, out, _ = run(no, "--allow-private", "--timeout", "2.5")
    assert code == 1
    assert "expected    a status of 200-299 within 2.5 s, after at most 10 redirects" in out
    assert "came        answered 503, expected 200-299" in out


def test_who_is_refused_a_private_address_is_told_of_the_switch() -> None:
    """The first thing tried is often one's own machine; where the switch does not help, nothing is said of it."""
    code, out, _ = run(zoo.says(zoo.OK))
    assert code == 2
    assert "cure        --allow-private" in out
    code, out, _ = asyncio.run(vantage("check", "http://169.254.169.254/"))
    assert code == 2
    assert "--allow-private" not in out


def test_each_expectation_is_told() -> None:
    """Whatever the check asks for."""
    spec = {
        "url": "http://x.test/",
        "redirects": {"follow": 0},
        "expect": {"status": [200, "300-399"], "latency": {"down_over": 5}},
    }
    assert expected(check_of({"spec": spec})) == 'a status of 200, 300-399 within 10 s; latency {"down_over": 5}'
    assert expected(check_of({"type": "tcp", "timeout_ms": 1000, "spec": {"expect": {"banner": "OK"}}})) == (
        'an answer within 1 s; banner "OK"'
    )


@pytest.fixture
def system(tmp_path: Path) -> Path:
    """The place of a local system whose servers are away: who asked them would fail."""
    urls = {
        "DATABASE_URL": "postgresql:///?host=/nowhere", "REDIS_URL": "unix:///nowhere",
        "ALLOW_PRIVATE_ADDRESSES": "true",
    }  # fmt: skip
    (tmp_path / "urls.json").write_text(json.dumps(urls))
    return tmp_path


def test_a_region_s_worker_probes_once_and_stores_nothing(system: Path) -> None:
    """It is the worker's own handler, and neither Redis nor PostgreSQL is asked."""
    code, out, _ = run(zoo.says(zoo.OK), "--region", "EU", "--data-dir", str(system))
    assert code == 0
    assert out.startswith("From EU:\nUP ")


def test_the_workers_trust_what_their_system_trusts(system: Path, papers: Papers) -> None:
    """The demo's authority, say. Seen red: with SSL_CERT_FILE not handed on."""
    urls = json.loads((system / "urls.json").read_text())
    (system / "urls.json").write_text(json.dumps({**urls, "SSL_CERT_FILE": papers.file}))

    async def ask() -> tuple[int, str, str]:
        async with zoo.target(zoo.says(zoo.OK), context=papers.server()) as target:
            words = ("--region", "EU", "--data-dir", str(system), "--json")
            return await vantage("check", f"https://{HOST}:{target.port}/", *words)

    code, out, _ = asyncio.run(ask())
    assert (code, json.loads(out)["reason"]) == (0, None)
    assert set(urls) | {"SSL_CERT_FILE"} == set(SHARED)


def test_all_regions_are_asked_and_one_that_is_down_counts(system: Path) -> None:
    """A result per region, which its user agent tells apart; exit code 1 where one of them is down."""

    async def not_from_india(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await zoo.head_of(reader)
        writer.write(b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n" if b"(INDIA)" in head else zoo.OK)

    code, out, _ = run(not_from_india, "--region", "all", "--data-dir", str(system), "--json")
    assert code == 1
    assert {region: seen["status"] for region, seen in json.loads(out).items()} == {
        "USA": "up", "INDIA": "down", "EU": "up",
    }  # fmt: skip


def test_without_a_local_system_the_lambda_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker's function of that region, with the event of events/check.json."""
    answer = json.dumps(in_full(Result(0, 0, "EU", Status.UP, http_status=200))).encode()
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(answer)

    async def ask() -> tuple[int, str, bytes]:
        async with zoo.target(zoo.says(head + answer)) as lambda_:
            for name, value in {
                "AWS_ENDPOINT_URL": lambda_.url, "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x",
            }.items():  # fmt: skip
                monkeypatch.setenv(name, value)
            words = ("--region", "EU", "--data-dir", str(tmp_path), "--json")
            code, out, _ = await vantage("check", "https://www.example.com/", *words)
            return code, out, lambda_.requests[0]

    code, out, request = asyncio.run(ask())
    assert (code, json.loads(out)["http_status"]) == (0, 200)
    assert b"/functions/vantage-worker/invocations" in request


def test_a_region_that_is_none_is_bad_input(system: Path) -> None:
    """Named, one line, exit code 2."""
    code, out, err = asyncio.run(process("check", "http://example.com/", "--region", "MARS", "--data-dir", str(system)))
    assert (code, out) == (2, "")
    assert "there is no region MARS; there are USA, INDIA, EU, and all" in err
    assert len(err.splitlines()) == 1


def test_the_event_of_the_folder_is_a_check() -> None:
    """events/check.json is what the command sends."""
    event = json.loads((ROOT / "events" / "check.json").read_text())
    assert check_of(event["check"]).spec == {"url": "https://www.example.com/"}
    with pytest.raises(EventError, match="must be like"):
        check_of({"spec": "https://www.example.com/"})
