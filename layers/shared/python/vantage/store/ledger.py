"""Table `tick_ledger`: what was scheduled in a tick and region, and where it ended."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from vantage.errors import TickTaken
from vantage.monitor import Region
from vantage.store.connection import Connection

OPEN_TICK_LOCK = (7301, 1)  # shared by whoever changes monitors (migration 0001), alone by who opens a tick


@dataclass(frozen=True, slots=True, order=True)
class Cursor:
    """The last slot whose page is committed: instant in epoch ms and monitor id; (0, 0) before the first."""

    at_ms: int = 0
    monitor_id: int = 0


@dataclass(frozen=True, slots=True)
class OwnedTick:
    """A tick this run may push: its regions, the spread it was opened with, and how far it is pushed."""

    tick_s: int
    owner: str
    regions: tuple[Region, ...]
    spread_s: int
    cursor: Cursor


def as_time(tick_s: float) -> datetime:
    """Epoch seconds as the timestamp PostgreSQL stores."""
    return datetime.fromtimestamp(tick_s, UTC)


def newest_tick(connection: Connection) -> int | None:
    """The greatest tick (epoch s) that was ever opened, None in a new installation."""
    row = connection.execute("SELECT extract(epoch FROM max(tick))::bigint FROM tick_ledger").fetchone()
    return row[0] if row else None


def incomplete_ticks(connection: Connection, from_s: int) -> tuple[int, ...]:
    """Ticks (epoch s) from `from_s` on that are not pushed completely and may still be, in order.

    One behind a complete tick stays a gap: Redis would refuse all of it, since ids only grow.
    """
    rows = connection.execute(
        """SELECT DISTINCT extract(epoch FROM tick)::bigint FROM tick_ledger
            WHERE tick >= %s AND pushed_at IS NULL
              AND tick > coalesce((SELECT max(tick) FROM tick_ledger WHERE pushed_at IS NOT NULL), '-infinity')
            ORDER BY 1""",
        (as_time(from_s),),
    ).fetchall()
    return tuple(tick for (tick,) in rows)


def open_ticks(connection: Connection, ticks_s: Sequence[int], spread_s: int) -> None:
    """Write the rows of ticks, one per enabled region, before anything of them is pushed.

    Holding the lock alone means: every change of a monitor is either in force in these ticks or comes after them.
    A tick older than one that is already there is not opened: ticks are pushed in order.
    """
    with connection.transaction():
        connection.execute("SET LOCAL lock_timeout = '20s'")
        connection.execute("SELECT pg_advisory_xact_lock(%s, %s)", OPEN_TICK_LOCK)
        connection.execute(
            """
            INSERT INTO tick_ledger (tick, region, spread_s)
            SELECT t, name, %s FROM unnest(%s::timestamptz[]) t, region
             WHERE enabled AND t > coalesce((SELECT max(tick) FROM tick_ledger), '-infinity')
            ON CONFLICT DO NOTHING""",
            (spread_s, [as_time(tick) for tick in ticks_s]),
        )


def take(connection: Connection, tick_s: int, owner: str, lease_s: float) -> OwnedTick | None:
    """Own a tick for `lease_s` real seconds; None where it is complete or has no rows.

    Raises TickTaken while another run holds its lease.
    """
    rows = connection.execute(
        """
        UPDATE tick_ledger SET owner = %(owner)s, lease_until = clock_timestamp() + make_interval(secs => %(lease)s)
         WHERE tick = %(tick)s AND pushed_at IS NULL
           AND (owner IS NULL OR owner = %(owner)s OR lease_until < clock_timestamp())
        RETURNING region::text, spread_s, cursor_ms, cursor_id""",
        {"owner": owner, "lease": lease_s, "tick": as_time(tick_s)},
    ).fetchall()
    if rows:
        _, spread_s, at_ms, monitor_id = rows[0]
        return OwnedTick(tick_s, owner, tuple(sorted(row[0] for row in rows)), spread_s, Cursor(at_ms, monitor_id))
    if incomplete_ticks(connection, tick_s)[:1] == (tick_s,):
        raise TickTaken(f"Another producer run holds tick {as_time(tick_s):%H:%M}; it will finish it or let it go.")
    return None


def commit_page(
    connection: Connection,
    tick: OwnedTick,
    cursor: Cursor,
    pushed: Mapping[Region, int],
    skipped: Mapping[Region, int],
    *,
    lease_s: float,
    complete: bool,
) -> None:
    """Book a page that is in the stream, renew the lease; raises TickTaken where another run owns the tick now."""
    regions = list(tick.regions)
    updated = connection.execute(
        """
        UPDATE tick_ledger l
           SET pushed = l.pushed + p.pushed, skipped = l.skipped + p.skipped,
               cursor_ms = %(at_ms)s, cursor_id = %(monitor)s,
               lease_until = clock_timestamp() + make_interval(secs => %(lease)s),
               pushed_at = CASE WHEN %(complete)s THEN clock_timestamp() END
          FROM unnest(%(regions)s::text[], %(pushed)s::int[], %(skipped)s::int[]) p (region, pushed, skipped)
         WHERE l.tick = %(tick)s AND l.region = p.region::location AND l.owner = %(owner)s AND l.pushed_at IS NULL""",
        {
            "at_ms": cursor.at_ms, "monitor": cursor.monitor_id, "lease": lease_s, "complete": complete,
            "regions": regions, "pushed": [pushed.get(region, 0) for region in regions],
            "skipped": [skipped.get(region, 0) for region in regions], "tick": as_time(tick.tick_s),
            "owner": tick.owner,
        },
    ).rowcount  # fmt: skip
    if updated != len(regions):
        raise TickTaken(f"Another producer run took tick {as_time(tick.tick_s):%H:%M} over.")


def closable_ticks(connection: Connection, before_s: float, limit: int) -> list[int]:
    """The oldest open ticks (epoch s) that began before an instant."""
    rows = connection.execute(
        """SELECT DISTINCT extract(epoch FROM tick)::bigint FROM tick_ledger
            WHERE closed_at IS NULL AND tick < %s ORDER BY 1 LIMIT %s""",
        (as_time(before_s), limit),
    ).fetchall()
    return [tick for (tick,) in rows]


def close_tick(connection: Connection, tick_s: int) -> None:
    """Close a tick's books: count what was due, and from then on what is missing is lost. Each tick once."""
    connection.execute(
        """
        WITH due AS (
            SELECT regions, sum(CASE WHEN interval_s < 60 THEN 60 / interval_s ELSE 1 END) AS n
              FROM monitor_schedule
             WHERE enabled AND NOT heartbeat AND from_tick <= %(tick)s AND %(tick)s < until_tick
               AND is_due(phase_s, interval_s, %(tick_s)s)
             GROUP BY regions)
        UPDATE tick_ledger l SET closed_at = clock_timestamp(),
               due = (SELECT coalesce(sum(n), 0) FROM due WHERE regions IS NULL OR l.region = ANY (regions))
         WHERE tick = %(tick)s AND closed_at IS NULL""",
        {"tick": as_time(tick_s), "tick_s": tick_s},
    )


def first_open_tick(connection: Connection) -> int | None:
    """The oldest tick (epoch s) whose books are open, None where all are closed."""
    row = connection.execute(
        "SELECT extract(epoch FROM min(tick))::bigint FROM tick_ledger WHERE closed_at IS NULL"
    ).fetchone()
    return row[0] if row else None
