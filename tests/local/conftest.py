"""What the tests of the local system share: a data directory as a user has one, processes, conditions to wait for."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PYTHONPATH = os.pathsep.join([str(ROOT), str(ROOT / "layers" / "shared" / "python")])


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """A directory that others may pass through, as in a home or a checkout; pytest's own are closed to everyone."""
    home = Path(tempfile.mkdtemp(prefix="vt-", dir="/tmp"))
    home.chmod(0o755)
    yield home / ".vantage"
    shutil.rmtree(home, ignore_errors=True)


def wait_until(condition: Callable[[], object], within_s: float = 20.0) -> None:
    """Return as soon as the condition holds; fail when it does not in time."""
    deadline_s = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline_s, f"not within {within_s} s: {condition}"
        time.sleep(0.02)


def is_running(pid: int) -> bool:
    """Is there such a process, and not only what is left of one that nobody has asked after."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{pid}/stat")
    return not state.exists() or state.read_text().rpartition(")")[2].split()[0] != "Z"


@contextmanager
def script(
    text: str, *arguments: object, env: dict[str, str] | None = None, **options: object
) -> Iterator[subprocess.Popen[str]]:
    """Run a Python text in a process of its own, its standard output a pipe; it is killed at the end."""
    process = subprocess.Popen(
        [sys.executable, "-c", text, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": PYTHONPATH, **(env or {})},
        **options,  # type: ignore[call-overload]  # Popen's own
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()
