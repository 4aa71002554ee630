"""Table `heartbeat`: what jobs say of themselves, by a key that only they and their owner know."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

from vantage.store.connection import Connection
from vantage.store.ledger import as_time


class Ping(StrEnum):
    """What a job says: that it has done its work, that it could not, that it begins."""

    SUCCESS = "success"
    FAIL = "fail"
    START = "start"


_PING = """
UPDATE heartbeat h SET first_at = coalesce(first_at, x.at),
       success_at = CASE WHEN x.kind = 'success' THEN x.at ELSE success_at END,
       fail_at = CASE WHEN x.kind = 'fail' THEN x.at ELSE fail_at END,
       start_at = CASE WHEN x.kind = 'start' THEN x.at ELSE start_at END
  FROM (SELECT %s::text AS kind, coalesce(%s::timestamptz, clock_timestamp()) AS at) x, monitor m
 WHERE h.key = %s AND m.id = h.monitor_id AND m.deleted_at IS NULL AND m.type = 'heartbeat'"""


def ping(connection: Connection, key: str, kind: Ping = Ping.SUCCESS, at: datetime | None = None) -> bool:
    """Note what a job says (`at`: now); False where nobody has this key. A paused monitor's job may call as well."""
    return connection.execute(_PING, (kind, at, key)).rowcount == 1


def ping_paths(connection: Connection, slugs: Sequence[str]) -> dict[str, str]:
    """By slug, the path that a heartbeat's job calls, behind the page's URL; for nobody but the monitor's owner."""
    rows = connection.execute(
        """SELECT m.slug, '/ping/' || h.key FROM monitor m JOIN heartbeat h ON h.monitor_id = m.id
            WHERE m.slug = ANY (%s) AND m.deleted_at IS NULL AND m.type = 'heartbeat'""",
        (list(slugs),),
    )
    return dict(rows.fetchall())


def record_heartbeats(connection: Connection, now_s: float) -> int:
    """Write what has become of heartbeats by an instant (epoch s), in the home region; returns how many rows."""
    # Found by their keys, which few have: the schedule of all monitors is long.
    away = connection.execute(
        """SELECT monitor_id FROM heartbeat h JOIN monitor_schedule s USING (monitor_id)
            WHERE s.heartbeat AND s.until_tick = 'infinity' AND s.regions <> ARRAY[home_region()]"""
    ).fetchall()
    if away:  # the home region has changed; the trigger writes their schedule anew
        connection.execute("UPDATE monitor SET updated_at = now() WHERE id = ANY (%s)", ([one for (one,) in away],))
    row = connection.execute(  # not while one is in force that was made before there was any region: it has none yet
        """SELECT record_heartbeats(%(now)s) WHERE NOT EXISTS (
               SELECT FROM heartbeat h JOIN monitor_schedule s USING (monitor_id)
                WHERE s.heartbeat AND s.enabled AND s.regions[1] IS NULL
                  AND s.from_tick <= %(now)s AND %(now)s < s.until_tick)""",
        {"now": as_time(now_s)},
    ).fetchone()
    return int(row[0]) if row else 0
