"""Which checks a tick has, page by page, from `monitor_schedule` as it was in force in that tick; and an extra one of
each monitor that is to be looked at sooner."""

from vantage.monitor import Region
from vantage.schedule import offset_ms
from vantage.store.connection import Connection
from vantage.store.ledger import Cursor, OwnedTick, as_time

DueRow = tuple[int, int, list[Region] | None, int, bool, str]
"""at_ms, monitor_id, regions or None for all, interval_s, whether it is an extra, body as JSON text."""

_BELOW_A_MINUTE = (10, 15, 20, 30)

# Each source is an index scan in the order of its own instants; the outer sort merges them.
# The server renders the body in a scalar subquery, which is always a look-up by primary key, never a hash of all. Put
# together by hand: json_build_array costs it more, and a type is one of a few plain words.
_PAGE = """
SELECT d.at_ms, d.monitor_id, d.regions::text[], d.interval_s, d.extra,
       (SELECT '[' || m.timeout_ms || ',"' || m.type || '",' || m.spec || ']' FROM monitor m WHERE m.id = d.monitor_id)
  FROM (
    (SELECT %(tick_s)s::bigint * 1000 + offset_ms(phase_s, interval_s, %(spread)s) AS at_ms,
            monitor_id, regions, interval_s, false AS extra
       FROM monitor_schedule
      WHERE enabled AND interval_s >= 60 AND NOT heartbeat AND from_tick <= %(tick)s AND %(tick)s < until_tick
        AND is_due(phase_s, interval_s, %(tick_s)s)
        AND (phase_s %% 60, monitor_id) > (%(phase)s, %(monitor)s)
      ORDER BY phase_s %% 60, monitor_id LIMIT %(limit)s)
    UNION ALL
    (SELECT s.* FROM unnest(%(intervals)s::int[], %(begins)s::bigint[], %(phases)s::int[], %(monitors)s::bigint[])
            AS v (interval_s, begin_ms, phase_s, monitor_id),
       LATERAL (SELECT v.begin_ms + offset_ms(phase_s, interval_s, %(spread)s) AS at_ms, monitor_id, regions,
                       interval_s, false
                  FROM monitor_schedule m
                 WHERE enabled AND interval_s < 60 AND m.interval_s = v.interval_s
                   AND from_tick <= %(tick)s AND %(tick)s < until_tick
                   AND (m.phase_s, m.monitor_id) > (v.phase_s, v.monitor_id)
                 ORDER BY m.phase_s, m.monitor_id LIMIT %(limit)s) s)
    UNION ALL
    (SELECT %(tick_s)s::bigint * 1000 + offset_ms(phase_s, interval_s, %(spread)s),
            monitor_id, regions, interval_s, true
       FROM sooner JOIN monitor_schedule USING (monitor_id)
      WHERE enabled AND interval_s > 60 AND NOT heartbeat AND from_tick <= %(tick)s AND %(tick)s < until_tick
        AND NOT is_due(phase_s, interval_s, %(tick_s)s)
        AND (phase_s %% 60, monitor_id) > (%(phase)s, %(monitor)s)
      ORDER BY phase_s %% 60, monitor_id LIMIT %(limit)s)
  ) d ORDER BY at_ms, monitor_id LIMIT %(limit)s"""


def due_rows(connection: Connection, tick: OwnedTick, after: Cursor, limit: int) -> list[DueRow]:
    """The next slots of a tick behind `after`, in the order of (instant, monitor id); fewer than `limit` rows are the
    last ones."""
    sources = [(i, (tick.tick_s + k) * 1000) for i in _BELOW_A_MINUTE for k in range(0, 60, i)]
    bounds = [_bound(after, begin_ms, tick.spread_s) for _, begin_ms in sources]
    phase, monitor = _bound(after, tick.tick_s * 1000, tick.spread_s)
    return connection.execute(
        _PAGE,
        {
            "tick_s": tick.tick_s, "tick": as_time(tick.tick_s), "spread": tick.spread_s, "limit": limit,
            "phase": phase, "monitor": monitor,
            "intervals": [interval for interval, _ in sources], "begins": [begin for _, begin in sources],
            "phases": [phase for phase, _ in bounds], "monitors": [monitor for _, monitor in bounds],
        },
    ).fetchall()  # fmt: skip


def has_intervals_below_a_minute(connection: Connection, tick: OwnedTick) -> bool:
    """Whether any check of a tick has an interval below a minute: workers then stay until the next run takes over."""
    row = connection.execute(
        """SELECT EXISTS (SELECT FROM monitor_schedule
                           WHERE enabled AND interval_s < 60 AND from_tick <= %(tick)s AND %(tick)s < until_tick)""",
        {"tick": as_time(tick.tick_s)},
    ).fetchone()
    return bool(row and row[0])


def _bound(after: Cursor, begin_ms: int, spread_s: int) -> tuple[int, int]:
    """The (phase, monitor id) behind which a source that begins at `begin_ms` goes on: offsets grow strictly with the
    phase, so the smallest phase whose offset reaches the cursor is the place."""
    wanted_ms = after.at_ms - begin_ms
    if wanted_ms < 0:
        return -1, 0
    phase = -(-wanted_ms * 60 // (spread_s * 1000))
    reached = offset_ms(phase, 60, spread_s) if phase < 60 else wanted_ms + 1
    return phase, after.monitor_id if reached == wanted_ms else -1
