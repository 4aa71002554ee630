"""The build, and the stand-in for AWS, that the tests of this folder share."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from local.emulator import free_port
from tests.aws.templates import ROOT
from tests.conftest import require

# `make test-aws` runs these, which take minutes, and `make test` runs the others.
SLOW = ("test_checkov.py", "test_deploy.py", "test_local_invoke.py")
ASKED = bool(os.environ.get("VANTAGE_TEST_AWS"))
collect_ignore = [path.name for path in Path(__file__).parent.glob("test_*.py") if (path.name in SLOW) != ASKED]


KEPT = ROOT / ".aws-sam" / "tested"
MADE_OF = ("template.yaml", "functions", "layers", "tools/build-aws", "requirements-dev.lock")  # the last brings sam


@pytest.fixture(scope="session")
def built() -> Path:
    """What `make build` makes: `arm64/` and `x86_64/`."""
    return build("arm64", "x86_64")


def build(*architectures: str) -> Path:
    """The folder that holds what is built for these architectures, to be read only.

    It is built once, for every process and run that asks, until anything changes that it is made of.
    """
    require("Python 3.13, which Lambda runs", sys.version_info[:2] == (3, 13))
    with (ROOT / "tools" / "build-aws").open() as alone:
        fcntl.flock(alone, fcntl.LOCK_EX)  # sam keeps notes of a build in the project's folder, of one at a time
        folder = KEPT / what_it_is_made_of()
        if not folder.exists():
            shutil.rmtree(KEPT, ignore_errors=True)
        for architecture in architectures:
            if not (whole := folder / f"{architecture}.whole").exists():
                _build(folder, architecture)
                whole.touch()
    return folder


def _build(folder: Path, architecture: str) -> None:
    command = [str(ROOT / "tools" / "build-aws"), architecture]
    env = {**os.environ, "BUILD_INTO": str(folder)}
    run = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr


def what_it_is_made_of() -> str:
    """A word for every file that a build reads, and for the Python that compiles: as long as it is the same, so is
    the build."""
    found = hashlib.sha256(sys.version.encode())
    for place in MADE_OF:
        for path in [ROOT / place, *sorted((ROOT / place).rglob("*"))]:
            if path.is_file() and path.parent.name != "__pycache__":
                found.update(f"{path.relative_to(ROOT)} {path.stat().st_size} ".encode() + path.read_bytes())
    return found.hexdigest()[:16]


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """A stand-in for AWS on loopback, empty; the variables that make any client speak to it."""
    from moto.server import ThreadedMotoServer

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
