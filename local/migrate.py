"""Apply migrations/NNNN_what.sql, each once and in order.

Each file and the note that it was applied commit together, so a kill at any instruction leaves a migration either
done or not begun; an advisory lock on the same connection makes a second migration wait, and ends with the process.
(yoyo commits the two apart, from two connections, and its lock is a row that stays after a kill.)
"""

from pathlib import Path

import psycopg

from vantage.errors import ServerUnavailable, VantageError

FOLDER = Path(__file__).resolve().parent.parent / "migrations"
LOCK = "SELECT pg_advisory_lock(7301, 0)"
TABLE = """
    CREATE TABLE IF NOT EXISTS migration (
        name text PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT clock_timestamp())
"""


class MigrationError(VantageError):
    """A migration cannot be applied, or the database is newer than this version."""


def migrate(database_url: str, folder: Path = FOLDER) -> list[str]:
    """Apply what is missing and return the names; raises MigrationError, ServerUnavailable."""
    try:
        with psycopg.connect(database_url, autocommit=True, connect_timeout=10) as connection:
            connection.execute(LOCK)
            return _apply(connection, {path.stem: path for path in sorted(folder.glob("[0-9]*.sql"))})
    except psycopg.OperationalError as error:
        raise ServerUnavailable(f"PostgreSQL does not answer: {_first_line(error)}") from None


def _apply(connection: "psycopg.Connection[tuple[str]]", files: dict[str, Path]) -> list[str]:
    connection.execute("SET client_min_messages = warning")
    connection.execute(TABLE)
    applied = {name for (name,) in connection.execute("SELECT name FROM migration")}
    if unknown := sorted(applied - files.keys()):
        raise MigrationError(
            f"The database has migration {unknown[-1]}, which this version does not know. Update Vantage."
        )
    missing = [name for name in files if name not in applied]
    for name in missing:
        _apply_one(connection, name, files[name].read_bytes())
    return missing


def _apply_one(connection: "psycopg.Connection[tuple[str]]", name: str, sql: bytes) -> None:
    try:
        with connection.transaction():
            connection.execute(sql)
            connection.execute("INSERT INTO migration (name) VALUES (%s)", [name])
    except psycopg.OperationalError:
        raise
    except psycopg.Error as error:
        raise MigrationError(f"Migration {name} fails: {_first_line(error)} Nothing of it was applied.") from None


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
