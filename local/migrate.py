"""Apply migrations/NNNN_what.sql, each once and in order.

Each file and the note that it was applied commit together, so a kill at any instruction leaves a migration either
done or not begun; an advisory lock on the same connection makes a second migration wait, and ends with the process.
(yoyo commits the two apart, from two connections, and its lock is a row that stays after a kill.)

The system goes on meanwhile. A migration that does not get a lock soon gives up what it has and tries again, so that
writers never queue up behind it; and an index that it makes ON ONLY the parent is made here for each partition
afterwards, which keeps nobody waiting.
"""

import time
from pathlib import Path
from typing import Any

import psycopg
from psycopg.sql import SQL, Identifier

from vantage.errors import ServerUnavailable, VantageError
from vantage.store.connection import trust

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "migrations"
ROLES = ROOT / "tools" / "roles.sql"
LOCK = "SELECT pg_advisory_lock(7301, 0)"
TRIES, PAUSE_S = 20, 0.5
LIMITS = "SET LOCAL lock_timeout = '2s'; SET LOCAL statement_timeout = '60s'"
TABLE = """
    CREATE TABLE IF NOT EXISTS migration (
        name text PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT clock_timestamp())
"""


class MigrationError(VantageError):
    """A migration cannot be applied, or the database is newer than this version."""


def migrate(database_url: str, folder: Path = FOLDER, *, tries: int = TRIES) -> list[str]:
    """Apply what is missing and return the names, each tried so often; raises MigrationError, ServerUnavailable."""
    try:
        with psycopg.connect(database_url, autocommit=True, connect_timeout=10, **trust(database_url)) as connection:
            connection.execute(LOCK)
            applied = _apply(connection, {path.stem: path for path in sorted(folder.glob("[0-9]*.sql"))}, tries)
            _index_partitions(connection)
            if applied and folder == FOLDER:
                _grant_anew(connection)
            return applied
    except psycopg.OperationalError as error:
        raise ServerUnavailable(f"PostgreSQL does not answer: {_first_line(error)}") from None


def _apply(connection: "psycopg.Connection[tuple[Any, ...]]", files: dict[str, Path], tries: int) -> list[str]:
    connection.execute("SET client_min_messages = warning")
    connection.execute(TABLE)
    applied = {name for (name,) in connection.execute("SELECT name FROM migration")}
    if unknown := sorted(applied - files.keys()):
        raise MigrationError(
            f"The database has migration {unknown[-1]}, which this version does not know. Update Vantage."
        )
    missing = [name for name in files if name not in applied]
    for name in missing:
        _apply_one(connection, name, files[name].read_bytes(), tries)
    return missing


def _apply_one(connection: "psycopg.Connection[tuple[Any, ...]]", name: str, sql: bytes, tries: int) -> None:
    try:
        for _ in range(tries):
            try:
                return _in_one_transaction(connection, name, sql)
            except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected):
                time.sleep(PAUSE_S)
    except psycopg.errors.QueryCanceled:
        raise MigrationError(f"Migration {name} took more than a minute. Nothing of it was applied.") from None
    except psycopg.OperationalError:
        raise
    except psycopg.Error as error:
        raise MigrationError(f"Migration {name} fails: {_first_line(error)} Nothing of it was applied.") from None
    raise MigrationError(
        f"Migration {name} does not get its tables: a transaction holds them. Nothing of it was applied; end that "
        "transaction (see pg_stat_activity) and try again."
    )


def _in_one_transaction(connection: "psycopg.Connection[tuple[Any, ...]]", name: str, sql: bytes) -> None:
    with connection.transaction():
        connection.execute(LIMITS)
        connection.execute(sql)
        connection.execute("INSERT INTO migration (name) VALUES (%s)", [name])


def _index_partitions(connection: "psycopg.Connection[tuple[Any, ...]]") -> None:
    """Give each partition the indexes that its parent has and it lacks, while it is written to."""
    missing = connection.execute(
        """SELECT p.relname, x.relname, p.relname || '_' || x.relname,
                  substring(pg_get_indexdef(i.indexrelid) FROM ' USING .*')
             FROM pg_index i
             JOIN pg_class x ON x.oid = i.indexrelid AND x.relkind = 'I'
                            AND x.relnamespace = current_schema()::regnamespace
             JOIN pg_inherits t ON t.inhparent = i.indrelid JOIN pg_class p ON p.oid = t.inhrelid
            WHERE NOT i.indisvalid AND NOT EXISTS (
                  SELECT FROM pg_inherits c JOIN pg_index ci ON ci.indexrelid = c.inhrelid
                   WHERE c.inhparent = i.indexrelid AND ci.indrelid = p.oid)
            ORDER BY 1 DESC"""
    ).fetchall()
    for partition, parent, name, definition in missing:
        # What a run that was killed left behind is invalid, and in the way.
        connection.execute(SQL("DROP INDEX CONCURRENTLY IF EXISTS {}").format(Identifier(name)))
        connection.execute(
            SQL("CREATE INDEX CONCURRENTLY {} ON {}").format(Identifier(name), Identifier(partition)) + SQL(definition)
        )
        connection.execute(SQL("ALTER INDEX {} ATTACH PARTITION {}").format(Identifier(parent), Identifier(name)))


def _grant_anew(connection: "psycopg.Connection[tuple[Any, ...]]") -> None:
    """Where each function has its role, the new tables are granted with the migration that brings them."""
    row = connection.execute("SELECT count(*) FROM pg_roles WHERE rolname = 'vantage_worker'").fetchone()
    if row and row[0]:
        try:
            connection.execute(ROLES.read_bytes())
        except psycopg.errors.InsufficientPrivilege as error:
            raise MigrationError(
                f"The functions' roles were not granted what is new ({_first_line(error)}). Run make roles as owner."
            ) from None


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
