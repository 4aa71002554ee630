"""What a status page tells: public monitors, the regions, the last hour's results, the newest one of each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from psycopg.rows import class_row

from vantage.check import Phases
from vantage.monitor import Region
from vantage.store.connection import Connection

WINDOW = timedelta(hours=1)
LOOKED_BACK = timedelta(hours=24)
Place = tuple[int, Region]
"""A monitor (by id) in a region."""


@dataclass(frozen=True, slots=True)
class Watched:
    """A public monitor; `url` only where it may be shown, `regions` None: every enabled one."""

    id: int
    slug: str
    name: str
    group: str | None
    url: str | None
    secure: bool
    interval_s: int
    timeout_ms: int
    confirmations: int
    enabled: bool
    regions: Sequence[Region] | None


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
    """Results of a monitor in a region, oldest first: instants (epoch s), statuses, total times (µs)."""

    at_s: Sequence[int] = ()
    statuses: Sequence[str] = ()
    total_us: Sequence[int | None] = ()


@dataclass(frozen=True, slots=True)
class Latest:
    """The newest result of a monitor in a region."""

    checked_at: datetime
    recorded_at: datetime
    status: str
    reason: str | None
    http_status: int | None
    reused: bool
    total_us: int | None
    phases: Phases


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All of it, at one instant of PostgreSQL's time; `regions` are the enabled ones."""

    now: datetime
    regions: Sequence[Region]
    monitors: Sequence[Watched]
    versions: Mapping[int, Sequence[Version]] = field(default_factory=dict)
    rows: Mapping[Place, Rows] = field(default_factory=dict)
    latest: Mapping[Place, Latest] = field(default_factory=dict)
    opened: frozenset[tuple[int, Region]] = frozenset()
    """The ticks (epoch s) of the last hour that exist, by region; and the newest one, however old."""


def read_snapshot(connection: Connection) -> Snapshot:
    """Read what the page tells, in a handful of statements."""
    now, regions = _frame(connection)
    monitors = _monitors(connection)
    return Snapshot(
        now,
        regions,
        monitors,
        _versions(connection, monitors, now),
        _rows(connection, monitors, now),
        _latest(connection, monitors),
        _opened(connection, now),
    )


def count_private(connection: Connection) -> int:
    """How many monitors no public page shows."""
    query = "SELECT count(*) FROM monitor WHERE NOT public AND deleted_at IS NULL AND NOT reference"
    rows: list[tuple[int]] = connection.execute(query).fetchall()
    return rows[0][0]


def _frame(connection: Connection) -> tuple[datetime, list[Region]]:
    """What time it is for PostgreSQL, and the enabled regions in the enum's order."""
    query = """
        SELECT clock_timestamp(),
               (SELECT coalesce(array_agg(name::text ORDER BY name), '{}') FROM region WHERE enabled)"""
    rows: list[tuple[datetime, list[Region]]] = connection.execute(query).fetchall()
    return rows[0]


def _monitors(connection: Connection) -> list[Watched]:
    query = """
        SELECT id, slug, name, group_name AS group, CASE WHEN show_url THEN spec ->> 'url' END AS url,
               coalesce(spec ->> 'url', '') LIKE 'https:%' AS secure, interval_s, timeout_ms, confirmations, enabled,
               regions::text[] AS regions
          FROM monitor WHERE public AND deleted_at IS NULL AND NOT reference ORDER BY name, id"""
    with connection.cursor(row_factory=class_row(Watched)) as cursor:
        return cursor.execute(query).fetchall()


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
    """The last hour's results, and of a monitor that is checked more rarely as many as decide its state."""
    query = """
        SELECT w.id, r.* FROM unnest(%s::bigint[], %s::timestamptz[]) w (id, start) CROSS JOIN LATERAL (
            SELECT region::text, array_agg(extract(epoch FROM checked_at)::bigint), array_agg(status::text),
                   array_agg(total_us)
              FROM (SELECT region, checked_at, status, total_us FROM check_result
                     WHERE monitor_id = w.id AND checked_at > w.start ORDER BY region, checked_at) o
             GROUP BY region) r"""
    starts = [now - max(WINDOW, timedelta(seconds=(m.confirmations + 2) * m.interval_s)) for m in monitors]
    with connection.cursor(binary=True) as cursor:
        found = cursor.execute(query, ([m.id for m in monitors], starts))
        return {(monitor_id, region): Rows(*columns) for monitor_id, region, *columns in found}


def _latest(connection: Connection, monitors: Sequence[Watched]) -> dict[Place, Latest]:
    """The newest result of each place, a day or two intervals back at most."""
    query = """
        SELECT w.id, r.name::text, c.* FROM unnest(%s::bigint[], %s::integer[]) w (id, interval_s)
         CROSS JOIN region r CROSS JOIN LATERAL (
            SELECT checked_at, recorded_at, status::text, reason::text, http_status::integer, reused, total_us,
                   dns_us, connect_us, tls_us, first_byte_us, download_us
              FROM check_result
             WHERE monitor_id = w.id AND region = r.name AND status NOT IN ('expired', 'dead')
               AND checked_at > now() - greatest(%s, 2 * w.interval_s * interval '1 second')
             ORDER BY checked_at DESC LIMIT 1) c
         WHERE r.enabled"""
    arguments = ([m.id for m in monitors], [m.interval_s for m in monitors], LOOKED_BACK)
    return {
        (monitor_id, region): Latest(at, recorded_at, status, reason, http, reused, total_us, Phases(*phases))
        for monitor_id, region, at, recorded_at, status, reason, http, reused, total_us, *phases in connection.execute(
            query, arguments
        )
    }


def _opened(connection: Connection, now: datetime) -> frozenset[tuple[int, Region]]:
    query = """
        SELECT extract(epoch FROM tick)::bigint, region::text FROM tick_ledger
         WHERE tick >= least(%s, (SELECT max(tick) FROM tick_ledger))"""
    return frozenset(connection.execute(query, (now - WINDOW - timedelta(minutes=1),)).fetchall())


def began(connection: Connection, places: Sequence[Place], status: str) -> dict[Place, datetime]:
    """Since when these have had nothing but this status (rows not observed aside); absent: for more than a day."""
    query = """
        SELECT w.id, w.region, min(c.checked_at)
          FROM unnest(%(ids)s::bigint[], %(regions)s::text[]) w (id, region) CROSS JOIN LATERAL (
            SELECT max(checked_at) AS at FROM check_result
             WHERE monitor_id = w.id AND region::text = w.region AND checked_at > now() - %(back)s
               AND status IN ('up', 'degraded', 'down') AND status::text <> %(status)s) other
          JOIN check_result c ON c.monitor_id = w.id AND c.region::text = w.region AND c.checked_at > other.at
                             AND c.status::text = %(status)s
         GROUP BY 1, 2"""
    ids, regions = [place[0] for place in places], [place[1] for place in places]
    found = connection.execute(query, {"ids": ids, "regions": regions, "status": status, "back": LOOKED_BACK})
    return {(monitor_id, region): at for monitor_id, region, at in found}
