"""The last hour, check by check: schedules in force, results, the ticks that exist, announced work."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from vantage.monitor import Region
from vantage.store.connection import Connection
from vantage.store.status import WINDOW, Place, Snapshot, Watched


@dataclass(frozen=True, slots=True)
class Version:
    """What was in force for a monitor, from one tick until (and without) another (epoch s; None: still)."""

    from_s: int
    until_s: int | None
    interval_s: int
    phase_s: int
    regions: Sequence[Region] | None
    enabled: bool


@dataclass(frozen=True, slots=True)
class Rows:
    """Results of a monitor in a region, oldest first: instants (epoch s), statuses, total times (µs).

    A status is `certificate` where a check is degraded only because a certificate ends soon.
    """

    at_s: Sequence[int] = ()
    statuses: Sequence[str] = ()
    total_us: Sequence[int | None] = ()


@dataclass(frozen=True, slots=True)
class LastHour:
    """What the last hour was made of: schedules in force, results, and the ticks (epoch s) that exist, by region; of
    these the newest one, however old; and announced work, as (epoch s, epoch s)."""

    versions: Mapping[int, Sequence[Version]] = field(default_factory=dict)
    rows: Mapping[Place, Rows] = field(default_factory=dict)
    opened: frozenset[tuple[int, Region]] = frozenset()
    held: Mapping[int, Sequence[tuple[int, int]]] = field(default_factory=dict)


def read_last_hour(connection: Connection, snapshot: Snapshot) -> LastHour:
    """Read what the last hour of these monitors was made of."""
    monitors, now = snapshot.monitors, snapshot.now
    return LastHour(
        _versions(connection, monitors, now),
        _rows(connection, monitors, now),
        _opened(connection, now),
        _windows(connection, [monitor.id for monitor in monitors], now),
    )


def _versions(connection: Connection, monitors: Sequence[Watched], now: datetime) -> dict[int, list[Version]]:
    query = """
        SELECT monitor_id, extract(epoch FROM from_tick)::bigint,
               CASE WHEN until_tick <> 'infinity' THEN extract(epoch FROM until_tick)::bigint END,
               interval_s, phase_s, regions::text[], enabled
          FROM monitor_schedule WHERE monitor_id = ANY (%s) AND until_tick > %s ORDER BY monitor_id, from_tick"""
    found: dict[int, list[Version]] = {}
    for monitor_id, *version in connection.execute(query, ([m.id for m in monitors], now - WINDOW)):
        found.setdefault(monitor_id, []).append(Version(*version))
    return found


def _rows(connection: Connection, monitors: Sequence[Watched], now: datetime) -> dict[Place, Rows]:
    """The last hour's results, and of a monitor that is checked more rarely the newest one."""
    query = """
        SELECT w.id, r.* FROM unnest(%s::bigint[], %s::timestamptz[]) w (id, start) CROSS JOIN LATERAL (
            SELECT region::text, array_agg(extract(epoch FROM checked_at)::bigint), array_agg(status),
                   array_agg(total_us)
              FROM (SELECT region, checked_at, total_us,
                           CASE WHEN status = 'degraded' AND reason = 'certificate' THEN 'certificate'
                                ELSE status::text END AS status
                      FROM check_result
                     WHERE monitor_id = w.id AND checked_at > w.start ORDER BY region, checked_at) o
             GROUP BY region) r"""
    starts = [now - max(WINDOW, timedelta(seconds=m.interval_s + 120)) for m in monitors]
    with connection.cursor(binary=True) as cursor:
        found = cursor.execute(query, ([m.id for m in monitors], starts))
        return {(monitor_id, region): Rows(*columns) for monitor_id, region, *columns in found}


def _opened(connection: Connection, now: datetime) -> frozenset[tuple[int, Region]]:
    query = """
        SELECT extract(epoch FROM tick)::bigint, region::text FROM tick_ledger
         WHERE tick >= least(%s, (SELECT max(tick) FROM tick_ledger))"""
    return frozenset(connection.execute(query, (now - WINDOW - timedelta(minutes=1),)).fetchall())


def _windows(connection: Connection, monitors: Sequence[int], now: datetime) -> dict[int, list[tuple[int, int]]]:
    """Announced work of the last hour, by monitor."""
    query = """
        SELECT m.id, extract(epoch FROM w.from_at)::bigint, extract(epoch FROM w.until_at)::bigint
          FROM maintenance_window w JOIN maintenance x ON x.id = w.maintenance_id
          JOIN monitor m ON m.id = ANY (%s)
           AND (cardinality(x.groups) + cardinality(x.slugs) = 0 OR m.group_name = ANY (x.groups)
                OR m.slug = ANY (x.slugs))
         WHERE w.until_at > %s AND w.from_at <= %s"""
    found: dict[int, list[tuple[int, int]]] = {}
    for monitor_id, from_s, until_s in connection.execute(query, (monitors, now - WINDOW, now)):
        found.setdefault(monitor_id, []).append((from_s, until_s))
    return found
