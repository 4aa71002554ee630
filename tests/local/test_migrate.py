"""Migrations: each once, in order, whole or not at all."""

import threading
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from local.migrate import FOLDER, MigrationError, migrate
from local.servers import Servers
from tests.local.conftest import script, wait_until
from vantage.errors import ServerUnavailable

MIGRATE = (
    "import sys; from pathlib import Path; from local.migrate import migrate; migrate(sys.argv[1], Path(sys.argv[2]))"
)


@pytest.fixture
def empty_url(servers: Servers) -> Iterator[str]:
    """A new, empty database."""
    name = f"migrate_{uuid4().hex}"
    with psycopg.connect(servers.database_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        yield (
            servers.database_url.replace("/vantage?", f"/{name}?")
            if "?" in servers.database_url
            else (servers.database_url.rpartition("/")[0] + f"/{name}")
        )
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two small migrations."""
    (tmp_path / "0001_first.sql").write_text("CREATE TABLE first (n int); INSERT INTO first VALUES (1);")
    (tmp_path / "0002_second.sql").write_text("ALTER TABLE first ADD COLUMN m int;")
    return tmp_path


def rows(url: str, query: str) -> list[tuple[object, ...]]:
    """The answer to a query."""
    with psycopg.connect(url) as connection:
        return connection.execute(query).fetchall()


def test_ours_apply_from_nothing_and_again_without_effect(empty_url: str) -> None:
    """All files of migrations/, in the order of their numbers, each noted by its name."""
    names = [path.stem for path in sorted(FOLDER.glob("*.sql"))]
    assert migrate(empty_url) == names
    assert migrate(empty_url) == []
    assert [name for (name,) in rows(empty_url, "SELECT name FROM migration ORDER BY applied_at")] == names


def test_only_what_is_missing_is_applied(empty_url: str, folder: Path) -> None:
    """A later file comes on top."""
    migrate(empty_url, folder)
    (folder / "0003_third.sql").write_text("UPDATE first SET n = n + 1;")
    assert migrate(empty_url, folder) == ["0003_third"]
    assert rows(empty_url, "SELECT n FROM first") == [(2,)]


@pytest.mark.parametrize("then", ["SELECT no_such_function();", "DROP TABLE migration;"])
def test_a_migration_that_fails_leaves_nothing_of_itself(empty_url: str, folder: Path, then: str) -> None:
    """Nor does one whose note cannot be written, and the ones before it stay; red without the transaction."""
    (folder / "0002_second.sql").write_text(f"CREATE TABLE half (n int);\n{then}")
    with pytest.raises(MigrationError, match=r"0002_second.*Nothing of it was applied"):
        migrate(empty_url, folder)
    assert rows(empty_url, "SELECT to_regclass('half'), to_regclass('first')::text") == [(None, "first")]
    (folder / "0002_second.sql").write_text("CREATE TABLE half (n int);")
    assert migrate(empty_url, folder) == ["0002_second"]


def test_a_killed_migration_is_repeated_whole_and_holds_nobody_up(empty_url: str, folder: Path) -> None:
    """kill -9 in its middle leaves neither a table nor a lock; yoyo's lock would have stayed."""
    (folder / "0002_second.sql").write_text("CREATE TABLE second (n int); SELECT pg_sleep(60);")
    asleep = "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()"
    with script(MIGRATE, empty_url, folder) as process:
        wait_until(lambda: rows(empty_url, asleep))
        process.kill()
    with psycopg.connect(empty_url, autocommit=True) as connection:  # what TCP keepalive or a timeout does elsewhere
        connection.execute(
            f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid IN ({asleep.replace('1', 'pid', 1)})"
        )
    (folder / "0002_second.sql").write_text("CREATE TABLE second (n int);")
    assert migrate(empty_url, folder) == ["0002_second"]


def test_two_at_once_apply_each_migration_once(empty_url: str, folder: Path) -> None:
    """The second waits for the first and finds nothing to do."""
    applied: list[list[str]] = []
    threads = [threading.Thread(target=lambda: applied.append(migrate(empty_url, folder))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(applied) == [[], [], [], ["0001_first", "0002_second"]]


def test_a_database_from_the_future_is_refused(empty_url: str, folder: Path) -> None:
    """An older version touches nothing of it."""
    (folder / "0003_future.sql").write_text("SELECT 1;")
    migrate(empty_url, folder)
    (folder / "0003_future.sql").unlink()
    with pytest.raises(MigrationError, match=r"0003_future.*Update Vantage"):
        migrate(empty_url, folder)


def test_an_unreachable_database_is_a_sentence() -> None:
    """Without the password in it."""
    with pytest.raises(ServerUnavailable) as error:
        migrate("postgresql://me:s3cret@127.0.0.1:9/x")
    assert "s3cret" not in str(error.value)
