"""Tables `incident` and `incident_event`: what was down, and what happened meanwhile."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from psycopg.rows import class_row

from vantage.store.connection import Connection


@dataclass(frozen=True, slots=True)
class IncidentRow:
    """A confirmed span of site down; `began_at` is its first failing check, `opened_at` and `resolved_at` are slots."""

    id: int
    slug: str
    name: str
    began_at: datetime
    opened_at: datetime
    resolved_at: datetime | None
    single_vantage: bool
    reason: str | None
    phase: str | None
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    events: Sequence[dict[str, Any]] = field(default_factory=list)
    """Oldest first: at, kind (opened, region, resolved, acknowledged, note, closed), region, author, detail."""
    last_failed_at: datetime | None = None
    """The last failing check; known of an incident that is looked at by itself, while its results are kept."""


_LIST = """
SELECT i.id, m.slug, m.name, i.began_at, i.opened_at, i.resolved_at, i.single_vantage, i.reason::text, i.phase,
       i.acknowledged_at, i.acknowledged_by, coalesce((
           SELECT jsonb_agg(jsonb_build_object('at', e.at, 'kind', e.kind, 'region', e.region, 'author', e.author,
                                               'detail', e.detail) ORDER BY e.at, e.id)
             FROM incident_event e WHERE e.incident_id = i.id), '[]') AS events,
       CASE WHEN %(id)s::bigint IS NOT NULL THEN (
           SELECT c.checked_at FROM check_result c
            WHERE c.monitor_id = i.monitor_id AND c.status = 'down' AND c.checked_at >= i.began_at
              AND c.checked_at <= coalesce(i.resolved_at, clock_timestamp())
            ORDER BY c.checked_at DESC LIMIT 1) END AS last_failed_at
  FROM incident i JOIN monitor m ON m.id = i.monitor_id
 WHERE (%(slug)s::text IS NULL OR m.slug = %(slug)s)
   AND (NOT %(public)s OR (m.public AND m.deleted_at IS NULL AND NOT m.reference))
   AND (NOT %(open)s OR i.resolved_at IS NULL)
   AND (%(id)s::bigint IS NULL OR i.id = %(id)s) AND (%(before)s::bigint IS NULL OR i.id < %(before)s)
 ORDER BY i.id DESC LIMIT %(limit)s"""


def list_incidents(
    connection: Connection, *, slug: str | None = None, only_open: bool = False, only_public: bool = False,
    before_id: int | None = None, limit: int = 50,
) -> list[IncidentRow]:  # fmt: skip
    """The newest incidents first, with their timelines; of one monitor, or of all."""
    given = {
        "slug": slug, "open": only_open, "public": only_public, "id": None, "before": before_id, "limit": limit,
    }  # fmt: skip
    with connection.cursor(row_factory=class_row(IncidentRow)) as cursor:
        return cursor.execute(_LIST, given).fetchall()


def find_incident(connection: Connection, incident_id: int) -> IncidentRow | None:
    """One incident."""
    given = {"slug": None, "open": False, "public": False, "id": incident_id, "before": None, "limit": 1}
    with connection.cursor(row_factory=class_row(IncidentRow)) as cursor:
        return cursor.execute(_LIST, given).fetchone()


# Its channels hear of it as they heard that it opened, and only once.
_ACKNOWLEDGE = """
WITH taken AS (
    UPDATE incident SET acknowledged_at = clock_timestamp(), acknowledged_by = %(author)s
     WHERE id = %(id)s AND acknowledged_at IS NULL AND resolved_at IS NULL
    RETURNING *
), event AS (
    INSERT INTO incident_event (incident_id, at, kind, author)
    SELECT id, acknowledged_at, 'acknowledged', acknowledged_by FROM taken
), told AS (
    INSERT INTO outbox (channel, subject, key, type, facts)
    SELECT c.name, m.id::text, 'acknowledged:' || t.id, 'incident.acknowledged', jsonb_build_object(
               'incident_id', t.id, 'kind', 'acknowledged', 'author', t.acknowledged_by, 'verdict', 'site_down',
               'reason', t.reason, 'phase', t.phase, 'single_vantage', t.single_vantage,
               'at', moment_of(t.acknowledged_at), 'began_at', moment_of(t.began_at),
               'opened_at', moment_of(t.opened_at), 'acknowledged_at', moment_of(t.acknowledged_at),
               'resolved_at', NULL, 'regions', with_details(m.id, t.facts -> 'regions'),
               'monitor', monitor_facts(m))
      FROM taken t JOIN monitor m ON m.id = t.monitor_id
      JOIN channel c ON c.name = ANY (m.channels) AND c.enabled AND 'down' = ANY (c.events)
        ON CONFLICT (channel, key) DO NOTHING
    RETURNING 1
)
SELECT (SELECT count(*) FROM taken), (SELECT count(*) FROM told)"""


def acknowledge(connection: Connection, incident_id: int, author: str) -> bool:
    """Somebody looks after an open incident; False where it is not open, not there, or acknowledged already."""
    row = connection.execute(_ACKNOWLEDGE, {"id": incident_id, "author": author}).fetchone()
    if row and row[1]:
        connection.execute("SELECT pg_notify('vantage_outbox', '')")
    return bool(row and row[0])


def add_note(connection: Connection, incident_id: int, author: str, text: str) -> bool:
    """Write a note into an incident's timeline; False where there is no such incident."""
    cursor = connection.execute(
        """INSERT INTO incident_event (incident_id, at, kind, author, detail)
           SELECT id, clock_timestamp(), 'note', %s, jsonb_build_object('text', %s::text)
             FROM incident WHERE id = %s""",
        (author, text, incident_id),
    )
    return cursor.rowcount == 1
