"""What systems stand on: a Redis for each, databases of a shared PostgreSQL or one of their own, wires to cut."""

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import redis
from psycopg.conninfo import conninfo_to_dict

from local.migrate import migrate
from local.postgres import create_database, database_url, postgres_server
from local.server import Server, quiet
from local.valkey import redis_url, valkey_server
from tests.faults.proxy import Proxy
from tests.faults.system import Stand
from tests.servers import empty
from vantage.clock import Pace
from vantage.errors import ServerUnavailable

REDIS = shutil.which("redis-server")
PGBOUNCER = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")


@contextmanager
def a_redis(home: Path, program: str | None = None) -> Iterator[Server]:
    """One Valkey (or another program of its kind) that forgets everything when it is stopped."""
    home.mkdir(parents=True)
    (home / "logs").mkdir()
    lock = os.open(home / "lock", os.O_RDWR | os.O_CREAT)
    server = valkey_server(home, lock, fast=True, temporary=False)
    server.command = [program or server.command[0], *server.command[1:]]
    try:
        server.start()
        yield server
    finally:
        server.begin_stop()
        server.end_stop()
        os.close(lock)


@contextmanager
def a_postgres(home: Path, *options: str) -> Iterator[Server]:
    """One PostgreSQL of its own, migrated."""
    home.mkdir(parents=True)
    home.chmod(0o711)
    (home / "logs").mkdir()
    lock = os.open(home / "lock", os.O_RDWR | os.O_CREAT)
    server = postgres_server(home, lock, fast=True, temporary=False, say=quiet)
    server.command = [*server.command, *(word for option in options for word in ("-c", option))]
    try:
        server.start()
        create_database(database_url(server))
        migrate(database_url(server))
        empty(database_url(server))
        yield server
    finally:
        server.begin_stop()
        server.end_stop()
        os.close(lock)


@contextmanager
def a_pgbouncer(database_url: str) -> Iterator[str]:
    """PgBouncer in transaction mode with two server connections; yields its URL."""
    where = conninfo_to_dict(database_url)
    home = Path(tempfile.mkdtemp(prefix="vantage-pgbouncer-", dir="/tmp"))  # a short path, as a socket needs
    (home / "users.txt").write_text('"postgres" ""\n')
    (home / "pgbouncer.ini").write_text(
        f"""[databases]
* = host={where["host"]} user=postgres
[pgbouncer]
listen_addr =
unix_socket_dir = {home}
listen_port = 6432
auth_type = any
pool_mode = transaction
default_pool_size = 2
ignore_startup_parameters = extra_float_digits
"""
    )
    nobody = pwd.getpwnam("nobody") if os.geteuid() == 0 else None  # as root it refuses to run
    for path in (home, *home.iterdir()) if nobody else ():
        os.chown(path, nobody.pw_uid, nobody.pw_gid)  # type: ignore[union-attr]  # not None here
    process = subprocess.Popen(
        [PGBOUNCER or "", str(home / "pgbouncer.ini")], stderr=subprocess.PIPE, user=nobody and nobody.pw_uid
    )
    deadline_s = time.monotonic() + 10
    try:
        while not (home / ".s.PGSQL.6432").exists():
            if process.poll() is not None or time.monotonic() > deadline_s:
                raise ServerUnavailable(f"PgBouncer does not start: {process.communicate()[1].decode()}")
            time.sleep(0.01)
        yield f"postgresql://postgres@/{where['dbname']}?host={home}&port=6432"
    finally:
        process.terminate()
        process.communicate()
        shutil.rmtree(home, ignore_errors=True)


@asynccontextmanager
async def wires(stand: Stand, names: tuple[str, ...]) -> AsyncIterator[Mapping[str, str]]:
    """A wire to Redis for each of these functions or regions; yields their URLs."""
    for name in names:
        stand.wires[name] = Proxy(redis_url(stand.redis).removeprefix("unix://"))
        await stand.wires[name].start()
    try:
        yield {name: f"redis://127.0.0.1:{wire.port}" for name, wire in stand.wires.items()}
    finally:
        for wire in stand.wires.values():
            await wire.close()


def users(url: str, names: tuple[str, ...]) -> Mapping[str, str]:
    """A Redis user for each of these functions, that may do everything; their URLs."""
    with redis.Redis.from_url(url) as client:
        for name in names:
            client.acl_setuser(name, enabled=True, nopass=True, keys=["*"], channels=["*"], commands=["+@all"])
    return {name: url.replace("unix://", f"unix://{name}:x@") for name in names}


def pace_from(scale: float, in_s: float) -> tuple[Pace, int]:
    """A pace whose first minute begins in so many real seconds, and that minute (epoch s)."""
    begins_s = time.time() + in_s
    first_tick_s = int(begins_s // 60 + 1) * 60
    return Pace(scale, (begins_s * scale - first_tick_s) / (scale - 1)), first_tick_s
