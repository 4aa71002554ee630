"""What /metrics tells of every monitor: the newest checks, verdicts, certificates; and where checks ended."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from psycopg.rows import class_row

from vantage.monitor import Region
from vantage.store.connection import Connection


@dataclass(frozen=True, slots=True)
class Newest:
    """The newest check of a monitor in a region, while it is fresh; times in microseconds."""

    slug: str
    region: Region
    status: str
    total_us: int | None
    dns_us: int | None
    connect_us: int | None
    tls_us: int | None
    first_byte_us: int | None
    download_us: int | None


def newest_checks(connection: Connection) -> list[Newest]:
    """Of each living monitor in each enabled region; absent where nothing was seen for two intervals."""
    with connection.cursor(row_factory=class_row(Newest)) as cursor:
        return cursor.execute(
            """SELECT m.slug, r.name::text AS region, c.* FROM monitor m
                 JOIN region r ON r.enabled AND (m.regions IS NULL OR r.name = ANY (m.regions))
                CROSS JOIN LATERAL (
                   SELECT status::text, total_us, dns_us, connect_us, tls_us, first_byte_us, download_us
                     FROM check_result
                    WHERE monitor_id = m.id AND region = r.name AND status IN ('up', 'degraded', 'down')
                      AND checked_at > now() - make_interval(secs => 2 * m.interval_s + 75)
                    ORDER BY checked_at DESC LIMIT 1) c
                WHERE m.enabled AND m.deleted_at IS NULL AND NOT m.reference ORDER BY m.slug, r.name"""
        ).fetchall()


def verdicts(connection: Connection) -> dict[str, str]:
    """The verdict of each living monitor, by slug; absent: it was never checked."""
    rows = connection.execute(
        """SELECT m.slug, CASE
                  WHEN NOT m.enabled THEN 'paused'
                  WHEN is_in_maintenance(m.group_name, m.slug, now()) THEN 'maintenance'
                  WHEN NOT EXISTS (
                      SELECT FROM check_result c
                       WHERE c.monitor_id = m.id AND c.status IN ('up', 'degraded', 'down')
                         AND c.checked_at > now() - make_interval(secs => 2 * m.interval_s + 75)) THEN 'no_data'
                  ELSE coalesce(j.verdict, 'up') END
             FROM monitor m LEFT JOIN judged_memory j ON j.monitor_id = m.id
            WHERE m.deleted_at IS NULL AND NOT m.reference
              AND (NOT m.enabled OR EXISTS (SELECT FROM region_state s WHERE s.monitor_id = m.id)
                   OR EXISTS (
                       SELECT FROM check_result c
                        WHERE c.monitor_id = m.id AND c.checked_at > now() - '1 day'::interval))
            ORDER BY m.slug"""
    )
    return dict(rows.fetchall())


def certificates(connection: Connection) -> list[tuple[str, Region, datetime]]:
    """Until when each monitor's certificate is valid, as each region saw it last."""
    return connection.execute(
        """SELECT m.slug, d.region::text, d.certificate_expires_at
             FROM probe_detail d JOIN monitor m ON m.id = d.monitor_id
            WHERE d.certificate_expires_at IS NOT NULL AND m.enabled AND m.deleted_at IS NULL AND NOT m.reference
            ORDER BY m.slug, d.region"""
    ).fetchall()


def ended(connection: Connection) -> Mapping[Region, Mapping[str, int]]:
    """Where the checks of all closed ticks ended, by region.

    What closed in the last five minutes is left out: a late row would make a counter go back.
    """
    rows = connection.execute(
        """SELECT region::text, sum(stored), sum(expired), sum(skipped), sum(dead), sum(greatest(lost, 0))
             FROM tick_ledger WHERE closed_at < now() - interval '5 minutes' GROUP BY region ORDER BY region"""
    )
    names = ("stored", "expired", "skipped", "dead", "lost")
    return {region: dict(zip(names, map(int, counts), strict=True)) for region, *counts in rows}
