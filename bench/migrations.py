"""Migrations on a living table: each one in turn on a million results, while somebody writes all the time.

What is measured is what the writer sees: how long one of its writes had to wait, and whether each that was acknowledged
is there in the end, in the rows and in the books.
"""

import shutil
import tempfile
import time
from pathlib import Path

import psycopg
from psycopg.conninfo import make_conninfo

from bench.report import Row, at_most, measured
from bench.stage import stage
from bench.writer import ROW, Writer
from local.migrate import FOLDER, migrate

ROWS = 1_000_000
FIRST_WITH_RESULTS = "0002_results.sql"
WAIT_MOST_MS = 5000  # a migration gives way after two seconds, and tries again


def rows(quick: bool) -> list[Row]:
    """In a database of its own, which is dropped at the end."""
    with stage() as set_, psycopg.connect(set_.database_url, autocommit=True) as owner:
        owner.execute("CREATE DATABASE migrated")
        try:
            return _measure(make_conninfo(set_.database_url, dbname="migrated"), ROWS // 20 if quick else ROWS)
        finally:
            owner.execute("DROP DATABASE migrated WITH (FORCE)")


def _measure(url: str, count: int) -> list[Row]:
    files = sorted(FOLDER.glob("[0-9]*.sql"))
    waits_ms: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as name, psycopg.connect(url, autocommit=True) as connection:
        folder = Path(name)
        for path in files:
            if path.name <= FIRST_WITH_RESULTS:
                shutil.copy(path, folder)
        migrate(url, folder)
        connection.execute("SELECT ensure_result_days(current_date - 1, current_date + 1)")
        connection.execute(
            "INSERT INTO tick_ledger (tick, region, spread_s) VALUES (date_trunc('minute', now()), 'EU', 10)"
        )
        connection.execute(ROW, (1, count))
        connection.execute("VACUUM ANALYZE")
        writer = Writer(url)
        writer.start()
        for path in files:
            if path.name > FIRST_WITH_RESULTS:
                shutil.copy(path, folder)
                writer.longest_s = 0.0
                migrate(url, folder)
                _one_more(writer)
                waits_ms[path.stem] = writer.longest_s * 1000
        writer.stop()
        if writer.error is not None:
            raise writer.error
        [(stored, booked)] = connection.execute(
            "SELECT (SELECT count(*) FROM check_result), (SELECT stored FROM tick_ledger)"
        ).fetchall()
    name = f"migrations at {count:,} rows:"
    longest = max(waits_ms, key=waits_ms.__getitem__)
    lost = abs(count + writer.written - stored) + abs(writer.written - booked)
    return [
        measured(f"{name} of {writer.written:,} writes meanwhile, not there", lost, "", at_most(0)),
        measured(f"{name} the longest a write waited ({longest})", waits_ms[longest], "ms", at_most(WAIT_MOST_MS)),
    ]


def _one_more(writer: Writer) -> None:
    """Wait until the write that was waiting then is over."""
    before = writer.written
    while writer.written < before + 2 and writer.error is None:
        time.sleep(0.001)
