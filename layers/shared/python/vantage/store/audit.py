"""Table `audit`: a row per change, written with it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from vantage.store.connection import Connection


@dataclass(frozen=True, slots=True)
class Change:
    """Who did what to what, and when; `detail` holds no secret, for nothing that is configured does."""

    id: int
    at: datetime
    actor: str
    action: str
    subject: str
    detail: Mapping[str, Any]


def write_audit(connection: Connection, actor: str, action: str, subject: str, **detail: Any) -> None:
    """Note a change, such as `monitor.update` of `monitor/website`; within the change's own transaction."""
    connection.execute(
        "INSERT INTO audit (actor, action, subject, detail) VALUES (%s, %s, %s, %s)",
        (actor, action, subject, Jsonb(detail)),
    )


def list_audit(connection: Connection, *, before_id: int | None = None, limit: int = 100) -> Sequence[Change]:
    """The newest changes first."""
    with connection.cursor(row_factory=class_row(Change)) as cursor:
        return cursor.execute(
            """SELECT id, at, actor, action, subject, detail FROM audit
                WHERE %(before)s::bigint IS NULL OR id < %(before)s ORDER BY id DESC LIMIT %(limit)s""",
            {"before": before_id, "limit": limit},
        ).fetchall()
