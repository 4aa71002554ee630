"""The data directory of a local run: one run at a time, its process ids, and how other commands reach it."""

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from vantage.errors import VantageError


class Occupied(VantageError):
    """Something else has what this run needs."""


@contextmanager
def occupied(directory: Path) -> Iterator[None]:
    """Have the directory for this process alone; the lock ends with the process, however that ends. Raises Occupied."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        lock = os.open(directory / "lock", os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise Occupied(f"Cannot write to {directory}: {error.strerror}. Take another --data-dir.") from None
    try:
        _take(lock, directory)
        yield
    finally:
        os.close(lock)


def _take(lock: int, directory: Path) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.read(lock, 20).decode() or "unknown"
        raise Occupied(
            f"Another vantage local (process {holder}) is running on {directory}. Stop it, or take another --data-dir."
        ) from None
    os.ftruncate(lock, 0)
    os.write(lock, str(os.getpid()).encode())


def write_pids(directory: Path, pids: Mapping[str, int]) -> None:
    """Who runs here: `pids.json`."""
    _replace(directory / "pids.json", pids, mode=0o644)


def write_urls(directory: Path, env: Mapping[str, str]) -> None:
    """Where other commands find this system: `urls.json`, for this user only."""
    _replace(directory / "urls.json", env, mode=0o600)


def tidy(directory: Path) -> None:
    """Nothing runs here any more."""
    for name in ("pids.json", "urls.json"):
        (directory / name).unlink(missing_ok=True)


def _replace(path: Path, content: Mapping[str, object], *, mode: int) -> None:
    """At once: a reader sees the old or the new, never half."""
    fresh = path.with_suffix(".new")
    fresh.touch(mode=mode)
    fresh.write_text(json.dumps(content, indent=1) + "\n")
    fresh.replace(path)
