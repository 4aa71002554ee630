"""Incidents and advisories side by side, as a page tells them: without notes and names; private ones where asked."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from psycopg.rows import class_row

from vantage.monitor import Region
from vantage.store.connection import Connection


@dataclass(frozen=True, slots=True)
class Trouble:
    """A span in which a monitor was down: for all (`region` None, an incident), or seen so by one region (an advisory).

    `seen` is what the regions saw when it opened: region, state, reason, http_status, phase, latency_ms, timeout_ms; of
    an advisory its last failing check before that, with `reused` and the phases (µs) instead of the phase.
    """

    slug: str
    name: str
    region: Region | None
    began_at: datetime
    ended_at: datetime | None
    single_vantage: bool
    seen: Sequence[dict[str, Any]]
    events: Sequence[dict[str, Any]]
    """Of an incident, oldest first: at, kind (opened, region, resolved, acknowledged, closed), region, detail."""
    timeout_ms: int
    secure: bool


@dataclass(frozen=True, slots=True)
class Place:
    """A place in the list of troubles: its order in whole, as many may begin at one instant."""

    began_at: datetime | None
    slug: str = ""
    region: Region = ""
    is_past: bool = True


@dataclass(frozen=True, slots=True)
class Work:
    """Announced work, now or to come; without groups and slugs it is on everything."""

    name: str
    from_at: datetime
    until_at: datetime
    groups: Sequence[str]
    monitors: Sequence[str]


# An advisory that an incident absorbed is told by the incident; one that stood before it is told as well.
_TROUBLES = """
SELECT m.slug, m.name, x.region, x.began_at, x.ended_at, x.single_vantage, x.seen, x.events, m.timeout_ms,
       coalesce(m.spec ->> 'url', '') LIKE 'https:%%' AS secure FROM (
    SELECT i.monitor_id, NULL AS region, i.began_at, i.resolved_at AS ended_at, i.single_vantage,
           coalesce(i.facts -> 'regions', '[]') AS seen, coalesce((
               SELECT jsonb_agg(jsonb_build_object('at', e.at, 'kind', e.kind, 'region', e.region, 'detail', e.detail)
                                ORDER BY e.at, e.id)
                 FROM incident_event e WHERE e.incident_id = i.id AND e.kind <> 'note'), '[]') AS events
      FROM incident i WHERE i.opened_at >= %(first)s OR i.resolved_at IS NULL
    UNION ALL
    SELECT a.monitor_id, a.region::text, coalesce((
               SELECT max(f.since) FROM flip f
                WHERE f.monitor_id = a.monitor_id AND f.region = a.region AND f.to_state = 'down'
                  AND f.checked_at <= a.opened_at AND f.checked_at > a.opened_at - interval '7 days'), a.opened_at),
           a.closed_at, false, coalesce((
               SELECT jsonb_build_array(jsonb_build_object(
                          'region', c.region, 'state', 'down', 'reason', c.reason, 'http_status', c.http_status,
                          'latency_ms', c.total_us / 1000.0, 'reused', c.reused, 'dns_us', c.dns_us,
                          'connect_us', c.connect_us, 'tls_us', c.tls_us, 'first_byte_us', c.first_byte_us,
                          'download_us', c.download_us))
                 FROM check_result c
                WHERE c.monitor_id = a.monitor_id AND c.region = a.region AND c.status = 'down'
                  AND c.checked_at <= a.opened_at AND c.checked_at > a.opened_at - interval '1 day'
                ORDER BY c.checked_at DESC LIMIT 1), '[]'), '[]'
      FROM advisory a WHERE a.opened_at >= %(first)s OR a.closed_at IS NULL) x
  JOIN monitor m ON m.id = x.monitor_id
 WHERE (m.public OR %(private)s) AND m.deleted_at IS NULL AND NOT m.reference
   AND (%(slug)s::text IS NULL OR m.slug = %(slug)s)
   AND (%(at)s::timestamptz IS NULL
        OR (x.ended_at IS NOT NULL, -extract(epoch FROM x.began_at), m.slug, coalesce(x.region, ''))
         > (%(is_past)s, -extract(epoch FROM %(at)s::timestamptz), %(after)s::text, %(region)s::text))
 ORDER BY x.ended_at IS NOT NULL, x.began_at DESC, m.slug, coalesce(x.region, '') LIMIT %(limit)s"""

_WORK = """
SELECT x.name, w.from_at, w.until_at, ARRAY(
           SELECT DISTINCT m.group_name FROM monitor m
            WHERE m.group_name = ANY (x.groups) AND (m.public OR %(private)s) AND m.deleted_at IS NULL
              AND NOT m.reference
            ORDER BY m.group_name) AS groups, ARRAY(
           SELECT m.name FROM monitor m
            WHERE m.slug = ANY (x.slugs) AND (m.public OR %(private)s) AND m.deleted_at IS NULL AND NOT m.reference
            ORDER BY m.name) AS monitors
  FROM maintenance_window w JOIN maintenance x ON x.id = w.maintenance_id
 WHERE w.until_at > now() AND w.from_at < now() + %(ahead)s
   AND EXISTS (SELECT FROM monitor m
                WHERE (m.public OR %(private)s) AND m.deleted_at IS NULL AND NOT m.reference
                  AND (cardinality(x.groups) + cardinality(x.slugs) = 0
                       OR m.group_name = ANY (x.groups) OR m.slug = ANY (x.slugs)))
 ORDER BY w.from_at, x.name LIMIT 10"""


def list_troubles(
    connection: Connection, first: datetime, *, slug: str | None = None, after: Place | None = None, limit: int = 10,
    private: bool = False,
) -> list[Trouble]:  # fmt: skip
    """What is open, then what was opened since an instant, newest first; only what comes after a place in that list."""
    place = after or Place(None)
    given = {"first": first, "slug": slug, "at": place.began_at, "after": place.slug, "region": place.region,
             "is_past": place.is_past, "limit": limit, "private": private}  # fmt: skip
    with connection.cursor(row_factory=class_row(Trouble)) as cursor:
        return cursor.execute(_TROUBLES, given).fetchall()


def coming_work(connection: Connection, ahead: timedelta, *, private: bool = False) -> list[Work]:
    """Announced work that is under way, or begins within a span, on anything public (`private`: on anything)."""
    with connection.cursor(row_factory=class_row(Work)) as cursor:
        return cursor.execute(_WORK, {"ahead": ahead, "private": private}).fetchall()
