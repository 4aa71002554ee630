"""What the terminal of a local run shows: the latest result of each monitor in each region, and since when."""

from dataclasses import dataclass
from datetime import datetime

from psycopg.rows import class_row

from vantage.monitor import Region
from vantage.store.connection import Connection


@dataclass(frozen=True, slots=True)
class Cell:
    """A monitor in a region: its latest result (null without any), and since when it has had this status."""

    slug: str
    name: str
    region: Region
    status: str | None
    reason: str | None
    http_status: int | None
    latency_ms: float | None
    since: datetime | None


def latest_cells(connection: Connection) -> list[Cell]:
    """Every living monitor in every enabled region that it is for; `since` looks back a day."""
    query = """
        SELECT m.slug, m.name, r.name::text AS region, c.status::text, c.reason::text, c.http_status::integer,
               c.total_us / 1000.0::float AS latency_ms, s.since
          FROM monitor m
          JOIN region r ON r.enabled AND (m.regions IS NULL OR r.name = ANY (m.regions))
          LEFT JOIN LATERAL (
            SELECT status, reason, http_status, total_us FROM check_result
             WHERE monitor_id = m.id AND region = r.name AND status NOT IN ('expired', 'dead')
               AND checked_at > now() - interval '1 day'
             ORDER BY checked_at DESC LIMIT 1) c ON true
          LEFT JOIN LATERAL (
            SELECT min(x.checked_at) AS since FROM check_result x
             WHERE x.monitor_id = m.id AND x.region = r.name AND x.status = c.status
               AND x.checked_at > coalesce((
                    SELECT max(y.checked_at) FROM check_result y
                     WHERE y.monitor_id = m.id AND y.region = r.name AND y.status NOT IN (c.status, 'expired', 'dead')
                       AND y.checked_at > now() - interval '1 day'), now() - interval '1 day')) s ON true
         WHERE m.deleted_at IS NULL AND m.enabled AND NOT m.reference
         ORDER BY m.name, r.name"""
    with connection.cursor(row_factory=class_row(Cell)) as cursor:
        return cursor.execute(query).fetchall()
