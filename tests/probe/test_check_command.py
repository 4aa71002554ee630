"""`vantage check` as a person and as a program sees it, run as they run it."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.probe import zoo

ROOT = Path(__file__).parents[2]


async def vantage(*arguments: str) -> tuple[int, str, str]:
    """Exit code, output and errors of a command."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", "from local.cli import main; main()", *arguments,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT,
    )  # fmt: skip
    out, err = await process.communicate()
    return process.returncode or 0, out.decode(), err.decode()


def run(serve: zoo.Serve, *options: str) -> tuple[int, str, str]:
    """`vantage check` of a target."""

    async def ask() -> tuple[int, str, str]:
        async with zoo.target(serve) as target:
            return await vantage("check", target.url, *options)

    return asyncio.run(ask())


def test_json_has_every_field_and_nothing_else() -> None:
    """The object that programs read, and exit code 0 for up."""
    code, out, _ = run(zoo.says(zoo.OK), "--allow-private", "--json")
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
    code, out, err = asyncio.run(vantage("check", url, "--json"))
    assert (code, json.loads(out)["status"], json.loads(out)["reason"]) == (2, "refused", "guard")
    code, out, plain_err = asyncio.run(vantage("check", url))
    assert code == 2
    assert "REFUSED" in out
    assert "hunter2" not in out + err + plain_err


def test_a_person_sees_phases_as_bars() -> None:
    """Status, answer, address, and a bar per phase."""
    code, out, _ = run(zoo.says(zoo.OK), "--allow-private")
    assert code == 0
    for words in ("UP", "200 HTTP/1.1", "127.0.0.1", "connect", "first byte", "━", "total"):
        assert words in out


def test_a_region_is_not_yet() -> None:
    """Named, one line, exit code 2."""
    code, out, err = asyncio.run(vantage("check", "http://example.com/", "--region", "EU"))
    assert (code, out) == (2, "")
    assert "--region" in err
    assert "not built yet" in err
    assert len(err.splitlines()) == 1
