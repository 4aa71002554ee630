"""Migrations on a living database: nobody waits for long, and nothing that is written meanwhile is lost."""

import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from bench.writer import ROW, Writer
from local.migrate import FOLDER, MigrationError, migrate
from local.servers import Servers
from tests.local.conftest import wait_until

ROWS = 40_000
FIRST_WITH_RESULTS = "0002_results.sql"
INDEXED = """
    SELECT count(*) FILTER (WHERE ci.indisvalid), (SELECT count(*) FROM pg_inherits
            WHERE inhparent = 'check_result'::regclass)
      FROM pg_inherits c JOIN pg_index ci ON ci.indexrelid = c.inhrelid
     WHERE c.inhparent = 'check_result_failures'::regclass"""


@pytest.fixture
def url(servers: Servers) -> Iterator[str]:
    """A new, empty database."""
    with psycopg.connect(servers.database_url, autocommit=True) as owner:
        owner.execute("CREATE DATABASE living")
        yield make_conninfo(servers.database_url, dbname="living")
        owner.execute("DROP DATABASE living WITH (FORCE)")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Migrations up to the one that makes results."""
    for path in sorted(FOLDER.glob("[0-9]*.sql")):
        if path.name <= FIRST_WITH_RESULTS:
            shutil.copy(path, tmp_path)
    return tmp_path


def test_every_migration_is_applied_beside_a_writer(url: str, folder: Path) -> None:
    """One after another, on a filled table; each row that was acknowledged is there, and no write waits long."""
    migrate(url, folder)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SELECT ensure_result_days(current_date - 1, current_date + 1)")
        connection.execute(
            "INSERT INTO tick_ledger (tick, region, spread_s) VALUES (date_trunc('minute', now()), 'EU', 10)"
        )
        connection.execute(ROW, (1, ROWS))
        writer = Writer(url)
        writer.start()
        wait_until(lambda: writer.written > 10 or writer.error)
        for path in sorted(FOLDER.glob("[0-9]*.sql")):
            if path.name > FIRST_WITH_RESULTS:
                shutil.copy(path, folder)
                before = writer.written
                assert migrate(url, folder) == [path.stem]
                wait_until(lambda before=before: writer.written > before + 5 or writer.error)  # type: ignore[misc]
        writer.stop()
        assert writer.error is None
        assert writer.longest_s < 5
        [(stored, booked)] = connection.execute(
            "SELECT (SELECT count(*) FROM check_result), (SELECT stored FROM tick_ledger)"
        ).fetchall()
        assert (stored, booked) == (ROWS + writer.written, writer.written)


def test_days_that_are_there_get_a_new_index_and_new_days_have_it(url: str, folder: Path) -> None:
    """Built beside writers, attached, valid; what a run that was killed left half done is done again (broken to see it
    fail: nothing done after the files)."""
    migrate(url, folder)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SELECT ensure_result_days(current_date - 2, current_date)")
        half: Any = connection.execute("SELECT 'check_result_' || to_char(current_date, 'YYYYMMDD')").fetchone()
        name = psycopg.sql.Identifier(f"{half[0]}_check_result_failures")
        connection.execute(
            psycopg.sql.SQL("CREATE INDEX {} ON {} (region)").format(name, psycopg.sql.Identifier(half[0]))
        )
        migrate(url)
        assert connection.execute(INDEXED).fetchone() == (3, 3)
        assert connection.execute("SELECT indisvalid FROM pg_index WHERE indexrelid = 'check_result_failures'::regclass"
                                  ).fetchone() == (True,)  # fmt: skip
        connection.execute("SELECT ensure_result_days(current_date + 1, current_date + 2)")
        assert connection.execute(INDEXED).fetchone() == (5, 5)


def test_a_day_made_in_an_empty_database_has_the_index(url: str) -> None:
    """Also where the parent's was made before any day was."""
    migrate(url)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SELECT ensure_result_days(current_date, current_date + 1)")
        assert connection.execute(INDEXED).fetchone() == (2, 2)
    assert migrate(url) == []


@pytest.fixture
def altering(tmp_path: Path) -> Path:
    """A migration that needs its table for itself."""
    (tmp_path / "0001_first.sql").write_text("CREATE TABLE first (n int);")
    return tmp_path


def test_who_holds_a_table_makes_a_migration_try_again(url: str, altering: Path) -> None:
    """It gives way to others and is applied once the table is free."""
    migrate(url, altering)
    (altering / "0002_second.sql").write_text("ALTER TABLE first ADD COLUMN m int;")
    with psycopg.connect(url, autocommit=True) as holder, psycopg.connect(url, autocommit=True) as other:
        applied: list[list[str]] = []
        thread = threading.Thread(target=lambda: applied.append(migrate(url, altering)), daemon=True)
        with holder.transaction():
            holder.execute("INSERT INTO first VALUES (1)")
            thread.start()
            wait_until(lambda: other.execute("SELECT count(*) FROM pg_locks WHERE NOT granted").fetchone() == (1,))
            # It waits in front of this one, for two seconds at most.
            other.execute("INSERT INTO first VALUES (2)")
            assert thread.is_alive()
        thread.join(20)
        assert applied == [["0002_second"]]
        assert other.execute("SELECT count(*) FROM first").fetchone() == (2,)


def test_a_table_that_is_never_free_is_said_to_be_held(url: str, altering: Path) -> None:
    """Nothing of the migration is left behind."""
    migrate(url, altering)
    (altering / "0002_second.sql").write_text("CREATE TABLE second (n int); ALTER TABLE first ADD COLUMN m int;")
    with psycopg.connect(url, autocommit=True) as holder:
        with holder.transaction():
            holder.execute("INSERT INTO first VALUES (1)")
            with pytest.raises(MigrationError, match="a transaction holds them"):
                migrate(url, altering, tries=1)
        assert holder.execute("SELECT to_regclass('second')").fetchone() == (None,)
