"""Tables `maintenance` and `maintenance_window`: announced work, and when it is in UTC."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg.rows import class_row

from vantage.store.connection import Connection
from vantage.verdict.windows import Window


@dataclass(frozen=True, slots=True)
class Maintenance:
    """Announced work: `starts` is what the clocks of the IANA zone show (naive). Without groups and slugs it is on
    everything."""

    name: str
    starts: datetime
    duration_s: int
    timezone: str = "UTC"
    rrule: str | None = None
    groups: Sequence[str] = ()
    slugs: Sequence[str] = ()
    id: int = 0
    ended_at: datetime | None = None


def add(connection: Connection, one: Maintenance, windows: Iterable[Window]) -> int:
    """Announce it, with its windows so far; returns its id."""
    with connection.transaction():
        row = connection.execute(
            """INSERT INTO maintenance (name, starts, duration_s, timezone, rrule, groups, slugs)
               VALUES (%s, %s, %s, %s, %s, %s, %s) RETURNING id""",
            (one.name, one.starts, one.duration_s, one.timezone, one.rrule, list(one.groups), list(one.slugs)),
        ).fetchone()
        number = int(row[0]) if row else 0
        put_windows(connection, number, windows)
    return number


def put_windows(connection: Connection, number: int, windows: Iterable[Window]) -> None:
    """Add windows to those that are known."""
    spans = list(windows)
    connection.execute(
        """INSERT INTO maintenance_window (maintenance_id, from_at, until_at)
           SELECT %s, at_ms(f), at_ms(u) FROM unnest(%s::bigint[], %s::bigint[]) x (f, u) ON CONFLICT DO NOTHING""",
        (number, [span.from_ms for span in spans], [span.until_ms for span in spans]),
    )


def end(connection: Connection, number: int) -> bool:
    """It is over now: what of it lies ahead is taken away, what was stays; False where there is no such one."""
    with connection.transaction():
        found = connection.execute(
            "UPDATE maintenance SET ended_at = clock_timestamp() WHERE id = %s AND ended_at IS NULL", (number,)
        ).rowcount
        connection.execute(
            "DELETE FROM maintenance_window WHERE maintenance_id = %s AND from_at >= clock_timestamp()", (number,)
        )
        connection.execute(
            """UPDATE maintenance_window SET until_at = clock_timestamp()
                WHERE maintenance_id = %s AND until_at > clock_timestamp()""",
            (number,),
        )
    return found == 1


def list_maintenance(connection: Connection, *, only_coming: bool = False) -> list[Maintenance]:
    """What was announced, the newest first; `only_coming`: what is not over for good."""
    with connection.cursor(row_factory=class_row(Maintenance)) as cursor:
        return cursor.execute(
            """SELECT id, name, starts, duration_s, timezone, rrule, groups, slugs, ended_at FROM maintenance x
                WHERE NOT %s OR (ended_at IS NULL AND (rrule IS NOT NULL OR EXISTS (
                      SELECT FROM maintenance_window w
                       WHERE w.maintenance_id = x.id AND w.until_at > clock_timestamp())))
                ORDER BY id DESC""",
            (only_coming,),
        ).fetchall()
