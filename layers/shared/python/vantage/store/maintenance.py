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
    everything. `next_at` is when it begins next, or began where it is under way."""

    name: str
    starts: datetime
    duration_s: int
    timezone: str = "UTC"
    rrule: str | None = None
    groups: Sequence[str] = ()
    slugs: Sequence[str] = ()
    id: int = 0
    ended_at: datetime | None = None
    next_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class WorkedOut:
    """Windows, and up to when there are no others; None: there are no more at all."""

    windows: Sequence[Window]
    until: datetime | None


def add(connection: Connection, one: Maintenance, worked_out: WorkedOut) -> int:
    """Announce it; returns its id."""
    with connection.transaction():
        row = connection.execute(
            """INSERT INTO maintenance (name, starts, duration_s, timezone, rrule, groups, slugs, worked_out_until)
                VALUES (%s, %s, %s, %s, %s, %s, %s, coalesce(%s, 'infinity'::timestamptz)) RETURNING id""",
            (*_values(one), worked_out.until),
        ).fetchone()
        number = int(row[0]) if row else 0
        _put_windows(connection, number, worked_out.windows)
    return number


def change(connection: Connection, one: Maintenance, worked_out: WorkedOut) -> None:
    """Announce it anew, by its id; what of it has passed stays as it was. On other monitors it is other work under the
    same name: past windows weigh on what they were announced for."""
    with connection.transaction():
        if not _is_on_the_same(connection, one):
            end(connection, one.id)
            add(connection, one, worked_out)
            return
        connection.execute(
            """UPDATE maintenance
                  SET (name, starts, duration_s, timezone, rrule, groups, slugs, worked_out_until, ended_at)
                    = (%s, %s, %s, %s, %s, %s, %s, coalesce(%s, 'infinity'::timestamptz), NULL) WHERE id = %s""",
            (*_values(one), worked_out.until, one.id),
        )
        _end_windows(connection, one.id)
        _put_windows(connection, one.id, worked_out.windows)


def go_on(connection: Connection, number: int, worked_out: WorkedOut) -> None:
    """Add windows to those that are known."""
    with connection.transaction():
        connection.execute(
            "UPDATE maintenance SET worked_out_until = coalesce(%s, 'infinity'::timestamptz) WHERE id = %s",
            (worked_out.until, number),
        )
        _put_windows(connection, number, worked_out.windows)


def end(connection: Connection, number: int) -> bool:
    """It is over now: what of it lies ahead is taken away, what was stays; False where there is no such one."""
    with connection.transaction():
        found = connection.execute(
            "UPDATE maintenance SET ended_at = clock_timestamp() WHERE id = %s AND ended_at IS NULL", (number,)
        ).rowcount
        _end_windows(connection, number)
    return found == 1


def list_maintenance(connection: Connection, *, only_coming: bool = False) -> list[Maintenance]:
    """What was announced, the newest first; `only_coming`: what is not over for good."""
    with connection.cursor(row_factory=class_row(Maintenance)) as cursor:
        return cursor.execute(
            """SELECT name, starts, duration_s, timezone, rrule, groups, slugs, id, ended_at, next_at
                 FROM maintenance x, LATERAL (
                      SELECT min(from_at) AS next_at FROM maintenance_window w
                       WHERE w.maintenance_id = x.id AND w.until_at > clock_timestamp()) w
                 WHERE NOT %s OR (ended_at IS NULL AND (next_at IS NOT NULL OR worked_out_until < 'infinity'))
                 ORDER BY id DESC""",
            (only_coming,),
        ).fetchall()


def on_nobody(connection: Connection, one: Maintenance) -> list[str]:
    """Which of its groups and slugs no monitor has now: a slip of the pen, or one that is still to come."""
    rows: list[tuple[str]] = connection.execute(
        """SELECT x FROM unnest(%s::text[]) x
            WHERE NOT EXISTS (SELECT FROM monitor m WHERE m.group_name = x AND m.deleted_at IS NULL)
           UNION ALL SELECT x FROM unnest(%s::text[]) x
            WHERE NOT EXISTS (SELECT FROM monitor m WHERE m.slug = x AND m.deleted_at IS NULL)""",
        (list(one.groups), list(one.slugs)),
    ).fetchall()
    return [name for (name,) in rows]


def worked_out_before(connection: Connection, before: datetime) -> list[Maintenance]:
    """Recurring work whose windows are known up to an instant before this one."""
    with connection.cursor(row_factory=class_row(Maintenance)) as cursor:
        return cursor.execute(
            """SELECT name, starts, duration_s, timezone, rrule, groups, slugs, id FROM maintenance
                WHERE worked_out_until < %s AND ended_at IS NULL ORDER BY id""",
            (before,),
        ).fetchall()


def _values(one: Maintenance) -> Sequence[object]:
    return one.name, one.starts, one.duration_s, one.timezone, one.rrule, list(one.groups), list(one.slugs)


def _is_on_the_same(connection: Connection, one: Maintenance) -> bool:
    return bool(
        connection.execute(
            "SELECT FROM maintenance WHERE id = %s AND groups = %s::text[] AND slugs = %s::text[]",
            (one.id, list(one.groups), list(one.slugs)),
        ).rowcount
    )


def _put_windows(connection: Connection, number: int, windows: Iterable[Window]) -> None:
    spans = list(windows)
    connection.execute(
        """INSERT INTO maintenance_window (maintenance_id, from_at, until_at)
           SELECT %s, at_ms(f), at_ms(u) FROM unnest(%s::bigint[], %s::bigint[]) x (f, u)
               ON CONFLICT (maintenance_id, from_at) DO UPDATE SET until_at = excluded.until_at""",
        (number, [span.from_ms for span in spans], [span.until_ms for span in spans]),
    )


def _end_windows(connection: Connection, number: int) -> None:
    connection.execute(
        "DELETE FROM maintenance_window WHERE maintenance_id = %s AND from_at >= clock_timestamp()", (number,)
    )
    connection.execute(
        """UPDATE maintenance_window SET until_at = clock_timestamp()
            WHERE maintenance_id = %s AND until_at > clock_timestamp()""",
        (number,),
    )
