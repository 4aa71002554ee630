"""What the operator's page tells beside the sheet: each region's lateness, health and faults, and what waits."""

from dataclasses import dataclass
from datetime import datetime

from psycopg.rows import class_row

from vantage.monitor import Region
from vantage.store.connection import Connection

SAMPLE = 50_000
"""Rows that lateness is counted from at most: minutes of a small installation, a part of a minute of a large one."""


@dataclass(frozen=True, slots=True)
class Health:
    """A region: when its worker last started and last stored, how late its checks begin (ms), its reference targets
    that are up, and in how many of the last day's minutes it was at fault."""

    region: Region
    enabled: bool
    last_seen: datetime | None
    last_stored: datetime | None
    late_p50_ms: int | None
    late_p99_ms: int | None
    references: int
    references_up: int
    faults: int


@dataclass(frozen=True, slots=True)
class Waiting:
    """Monitors that are checked, messages that wait or were given up in a day, entries that nobody could read."""

    monitors: int
    messages: int
    given_up: int
    dead_letters: int
    judged_until: datetime | None
    newest_tick: datetime | None


_HEALTH = """
WITH late AS (
    SELECT region, max(recorded_at) AS last_stored,
           percentile_disc(0.5) WITHIN GROUP (ORDER BY late_ms) AS p50,
           percentile_disc(0.99) WITHIN GROUP (ORDER BY late_ms) AS p99
      FROM (SELECT region, recorded_at, late_ms FROM check_result
             WHERE checked_at > now() - interval '5 minutes' AND status NOT IN ('expired', 'dead') LIMIT %s) x
     GROUP BY 1
), targets AS (
    SELECT r.name AS region, count(c.status) AS known, count(c.status) FILTER (WHERE c.status <> 'down') AS well
      FROM region r JOIN monitor m ON m.reference AND m.deleted_at IS NULL
      LEFT JOIN LATERAL (
        SELECT status FROM check_result WHERE monitor_id = m.id AND region = r.name
           AND checked_at > now() - interval '10 minutes' AND status IN ('up', 'degraded', 'down')
         ORDER BY checked_at DESC LIMIT 1) c ON true
     GROUP BY 1
)
SELECT r.name::text AS region, r.enabled, r.last_seen, l.last_stored, l.p50::int AS late_p50_ms,
       l.p99::int AS late_p99_ms, coalesce(t.known, 0)::int AS references, coalesce(t.well, 0)::int AS references_up,
       (SELECT count(*) FROM region_fault f
         WHERE f.region = r.name AND f.tick > now() - interval '1 day')::int AS faults
  FROM region r LEFT JOIN late l ON l.region = r.name LEFT JOIN targets t ON t.region = r.name ORDER BY r.name"""

_WAITING = """
SELECT (SELECT count(*) FROM monitor WHERE enabled AND deleted_at IS NULL AND NOT reference)::int AS monitors,
       (SELECT count(*) FROM outbox WHERE sent_at IS NULL AND given_up_at IS NULL)::int AS messages,
       (SELECT count(*) FROM outbox WHERE given_up_at > now() - interval '1 day')::int AS given_up,
       (SELECT count(*) FROM dead_letter WHERE recorded_at > now() - interval '1 day')::int AS dead_letters,
       (SELECT max(tick) FROM tick_ledger
         WHERE judged_at IS NOT NULL AND tick > now() - interval '1 day') AS judged_until,
       (SELECT max(tick) FROM tick_ledger WHERE tick <= now()) AS newest_tick"""


def read_health(connection: Connection) -> list[Health]:
    """Each region, in the enum's order."""
    with connection.cursor(row_factory=class_row(Health)) as cursor:
        return cursor.execute(_HEALTH, (SAMPLE,)).fetchall()


def read_waiting(connection: Connection) -> Waiting:
    """What waits, and how far judging has come."""
    with connection.cursor(row_factory=class_row(Waiting)) as cursor:
        return cursor.execute(_WAITING).fetchall()[0]
