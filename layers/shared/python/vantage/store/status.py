"""What a status page tells: monitors, how they stand as it was judged, and the newest results."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from psycopg.rows import class_row

from vantage.check import Phases, Status
from vantage.monitor import Region
from vantage.store.connection import Connection

WINDOW = timedelta(hours=1)
LOOKED_BACK = timedelta(hours=24)
Place = tuple[int, Region]
"""A monitor (by id) in a region."""


@dataclass(frozen=True, slots=True)
class Watched:
    """A monitor; `url` only where it may be shown, `regions` None: every enabled one; a heartbeat's is home."""

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
    public: bool = True
    limits: Mapping[str, float] = field(default_factory=dict)
    """Of its latency, in ms: degraded_over, down_over."""
    is_heartbeat: bool = False

    def limit_ms(self, *, failed: bool) -> float | None:
        """What an answer may take at most before it is slow, or down."""
        return self.limits.get("down_over" if failed else "degraded_over")


@dataclass(frozen=True, slots=True)
class Latest:
    """The newest result of a monitor in a region."""

    checked_at: datetime
    recorded_at: datetime
    interval_s: int
    status: str
    reason: str | None
    http_status: int | None
    reused: bool
    total_us: int | None
    phases: Phases


@dataclass(frozen=True, slots=True)
class Held:
    """A monitor's state in a region as it was judged: since the first check of the run that confirmed it."""

    state: Status
    since: datetime


@dataclass(frozen=True, slots=True)
class Standing:
    """What besides its states was judged of a monitor: an open incident, whether it flaps, announced work under way."""

    incident_since: datetime | None = None
    single_vantage: bool = False
    advisory: bool = False
    flapping: bool = False
    maintenance: str | None = None
    maintenance_until: datetime | None = None


QUIET = Standing()


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All of it, at one instant of PostgreSQL's time; `regions` are the enabled ones.

    `counted` is the newest result that counts of each place: instant (epoch s) and interval (s); without a recent one
    a state is held, and does not vote.
    """

    now: datetime
    regions: Sequence[Region]
    monitors: Sequence[Watched]
    states: Mapping[Place, Held] = field(default_factory=dict)
    standing: Mapping[int, Standing] = field(default_factory=dict)
    latest: Mapping[Place, Latest] = field(default_factory=dict)
    counted: Mapping[Place, tuple[int, int]] = field(default_factory=dict)
    faults: frozenset[tuple[int, Region]] = frozenset()
    """The ticks (epoch s) of the last hours in which a region was at fault."""


def read_snapshot(connection: Connection, slug: str | None = None, *, private: bool = False) -> Snapshot:
    """Read how public monitors (`private`: all, with their addresses) stand, or the one of that slug.

    In a handful of statements.
    """
    now, regions = _frame(connection)
    monitors = _monitors(connection, slug, private=private)
    ids = [monitor.id for monitor in monitors]
    faults = _faults(connection, now)
    latest = _latest(connection, monitors)
    return Snapshot(
        now,
        regions,
        monitors,
        _states(connection, ids),
        _standing(connection, ids),
        latest,
        _counted(connection, latest, faults),
        faults,
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


def _monitors(connection: Connection, slug: str | None, *, private: bool) -> list[Watched]:
    query = """
        SELECT id, slug, name, group_name AS group, CASE WHEN show_url OR %(private)s THEN spec ->> 'url' END AS url,
               coalesce(spec ->> 'url', '') LIKE 'https:%%' AS secure, interval_s, timeout_ms, confirmations, enabled,
               (CASE type WHEN 'heartbeat' THEN ARRAY[home_region()] ELSE regions END)::text[] AS regions, public,
               type = 'heartbeat' AS is_heartbeat,
               coalesce(spec #> '{expect,latency}', '{}') AS limits
          FROM monitor
         WHERE (public OR %(private)s) AND deleted_at IS NULL AND NOT reference
           AND (%(slug)s::text IS NULL OR slug = %(slug)s)
         ORDER BY name, id"""
    with connection.cursor(row_factory=class_row(Watched)) as cursor:
        return cursor.execute(query, {"slug": slug, "private": private}).fetchall()


def _states(connection: Connection, monitors: Sequence[int]) -> dict[Place, Held]:
    query = "SELECT monitor_id, region::text, state::text, since FROM region_state WHERE monitor_id = ANY (%s)"
    return {
        (monitor_id, region): Held(Status(state), since)
        for monitor_id, region, state, since in connection.execute(query, (monitors,))
    }


def _standing(connection: Connection, monitors: Sequence[int]) -> dict[int, Standing]:
    """Of those monitors of which there is anything to say."""
    query = """
        SELECT m.id, i.began_at, coalesce(i.single_vantage, false),
               EXISTS (SELECT FROM advisory a WHERE a.monitor_id = m.id AND a.closed_at IS NULL) AS advisory,
               coalesce(j.memory #>> '{flapping,0}' = 'true', false) AS flapping, w.name, w.until_at
          FROM unnest(%s::bigint[]) u (id) JOIN monitor m USING (id)
          LEFT JOIN incident i ON i.monitor_id = m.id AND i.resolved_at IS NULL
          LEFT JOIN judged_memory j ON j.monitor_id = m.id
          LEFT JOIN LATERAL (
            SELECT x.name, w.until_at FROM maintenance_window w JOIN maintenance x ON x.id = w.maintenance_id
             WHERE w.from_at <= now() AND now() < w.until_at
               AND (cardinality(x.groups) + cardinality(x.slugs) = 0
                    OR m.group_name = ANY (x.groups) OR m.slug = ANY (x.slugs))
             ORDER BY w.until_at DESC LIMIT 1) w ON true
         WHERE i.id IS NOT NULL OR j.monitor_id IS NOT NULL OR w.name IS NOT NULL"""
    return {monitor_id: Standing(*columns) for monitor_id, *columns in connection.execute(query, (monitors,))}


def _faults(connection: Connection, now: datetime) -> frozenset[tuple[int, Region]]:
    query = "SELECT extract(epoch FROM tick)::bigint, region::text FROM region_fault WHERE tick > %s"
    return frozenset(connection.execute(query, (now - 3 * WINDOW,)).fetchall())


def _counted(connection: Connection, latest: Mapping[Place, Latest],
             faults: frozenset[tuple[int, Region]]) -> dict[Place, tuple[int, int]]:  # fmt: skip
    """The newest result that counts; it is looked for only where the newest one does not."""
    found, unsure = {}, []
    for place, one in latest.items():
        at_s = int(one.checked_at.timestamp())
        if one.status in ("up", "degraded", "down") and (at_s - at_s % 60, place[1]) not in faults:
            found[place] = (at_s, one.interval_s)
        else:
            unsure.append(place)
    if not unsure:
        return found
    query = """
        SELECT u.id, u.region, extract(epoch FROM c.checked_at)::bigint, c.interval_s
          FROM unnest(%s::bigint[], %s::text[]) u (id, region) CROSS JOIN LATERAL (
            SELECT checked_at, interval_s FROM check_result
             WHERE monitor_id = u.id AND region = u.region::location AND status IN ('up', 'degraded', 'down')
               AND checked_at > now() - %s
               AND NOT EXISTS (SELECT FROM region_fault f
                                WHERE f.region = check_result.region AND f.tick = date_trunc('minute', checked_at))
             ORDER BY checked_at DESC LIMIT 1) c"""
    arguments = ([monitor_id for monitor_id, _ in unsure], [region for _, region in unsure], LOOKED_BACK)
    return found | {
        (monitor_id, region): (at_s, interval_s)
        for monitor_id, region, at_s, interval_s in connection.execute(query, arguments)
    }


def _latest(connection: Connection, monitors: Sequence[Watched]) -> dict[Place, Latest]:
    """The newest result of each place, a day or two intervals back at most."""
    query = """
        SELECT w.id, r.name::text, c.* FROM unnest(%s::bigint[], %s::integer[]) w (id, interval_s)
         CROSS JOIN region r CROSS JOIN LATERAL (
            SELECT checked_at, recorded_at, interval_s, status::text, reason::text, http_status::integer, reused,
                   total_us,
                   dns_us, connect_us, tls_us, first_byte_us, download_us
              FROM check_result
             WHERE monitor_id = w.id AND region = r.name AND status NOT IN ('expired', 'dead')
               AND checked_at > now() - greatest(%s, 2 * w.interval_s * interval '1 second')
             ORDER BY checked_at DESC LIMIT 1) c
         WHERE r.enabled"""
    arguments = ([m.id for m in monitors], [m.interval_s for m in monitors], LOOKED_BACK)
    return {
        (monitor_id, region): _with_phases(columns)
        for monitor_id, region, *columns in connection.execute(query, arguments)
    }


def _with_phases(columns: Sequence[Any]) -> Latest:
    at, recorded_at, interval_s, status, reason, http_status, reused, total_us, *phases = columns
    return Latest(at, recorded_at, interval_s, status, reason, http_status, reused, total_us, Phases(*phases))
