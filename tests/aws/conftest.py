"""The build, and the stand-in for AWS, that the tests of this folder share."""

import fcntl
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from moto.server import ThreadedMotoServer

from local.emulator import free_port
from tests.aws.templates import ROOT
from tests.conftest import require

# `make test-aws` runs these, which take minutes, and `make test` runs the others.
SLOW = ("test_checkov.py", "test_deploy.py", "test_local_invoke.py")
ASKED = bool(os.environ.get("VANTAGE_TEST_AWS"))
collect_ignore = [path.name for path in Path(__file__).parent.glob("test_*.py") if (path.name in SLOW) != ASKED]


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `make build` makes, in a folder of its own: `arm64/` and `x86_64/`."""
    return build(tmp_path_factory.mktemp("built"))


def build(folder: Path, *architectures: str) -> Path:
    """Build into a folder: for these architectures, or for both."""
    require("Python 3.13, which Lambda runs", sys.version_info[:2] == (3, 13))
    env = {**os.environ, "BUILD_INTO": str(folder)}
    command = [str(ROOT / "tools" / "build-aws"), *architectures]
    with (ROOT / "tools" / "build-aws").open() as alone:
        fcntl.flock(alone, fcntl.LOCK_EX)  # sam keeps notes of a build in the project's folder, of one at a time
        run = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    return folder


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """A stand-in for AWS on loopback, empty; the variables that make any client speak to it."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=free_port(), verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    env = {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}", "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x",
        "AWS_EC2_METADATA_DISABLED": "true",
    }  # fmt: skip
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    httpx.post(f"{env['AWS_ENDPOINT_URL']}/moto-api/reset", trust_env=False)  # what an earlier one of this process held
    yield env
    server.stop()
