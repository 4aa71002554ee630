"""Tables `check_rollup_*`, `slot_rollup_*`, `rollup_*`: hours and days of what was seen.

An hour is rolled up when its last tick is closed, and anew when its books say something else by then: a late row, a
gap found later, a region found at fault. A day follows from its hours. Both are recomputed whole: doing it twice
changes nothing.
"""

from datetime import UTC, date, datetime, timedelta
from typing import LiteralString

from vantage.store.connection import Connection
from vantage.store.looks import HOUR, LOOKS, MEDIANS, SEEN, TIMES, arguments

DAY = timedelta(days=1)
LOOKED_BACK = timedelta(days=2)
"""How long late rows amend an hour by themselves."""

FIRST_RESULT_DAY: LiteralString = """
    SELECT to_date(right(min(c.relname), 8), 'YYYYMMDD')
      FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = 'check_result'::regclass"""

_LOCK = "SELECT pg_advisory_xact_lock(7301, 10)"

# What an hour is rolled up from, in figures that change with it. Read before the rows are: whatever comes in between is
# seen as a difference by the next run.
_BOOKS: LiteralString = """
    SELECT b.hour, b.ticks, b.recorded, coalesce(f.n, 0)::integer AS faults, coalesce(h.s, 0)::bigint AS held_s,
           coalesce(i.s, 0)::bigint AS incident_s
      FROM (SELECT date_bin('1 hour', tick, 'epoch') AS hour, count(*)::integer AS ticks,
                   sum(stored + expired + dead) AS recorded
              FROM tick_ledger WHERE tick >= %(first)s AND tick < %(until)s
             GROUP BY 1 HAVING count(*) FILTER (WHERE closed_at IS NULL) = 0) b
      LEFT JOIN (SELECT date_bin('1 hour', tick, 'epoch') AS hour, count(*) AS n
                   FROM region_fault WHERE tick >= %(first)s AND tick < %(until)s GROUP BY 1) f USING (hour)
     CROSS JOIN LATERAL (
        SELECT sum(extract(epoch FROM least(until_at, b.hour + interval '1 hour') - greatest(from_at, b.hour))) AS s
          FROM maintenance_window WHERE until_at > b.hour AND from_at < b.hour + interval '1 hour') h
     CROSS JOIN LATERAL (
        SELECT sum(extract(epoch FROM least(resolved_at, b.hour + interval '1 hour') - greatest(began_at, b.hour))) AS s
          FROM incident WHERE coalesce(resolved_at, 'infinity') > b.hour AND began_at < b.hour + interval '1 hour') i"""

_ROLL_HOUR: LiteralString = f"""
WITH {SEEN}, {LOOKS}, {TIMES}, {MEDIANS}, counted AS (
    SELECT monitor_id, region, count(*)::integer AS scheduled,
           count(*) FILTER (WHERE status = 'up') AS up, count(*) FILTER (WHERE status = 'degraded') AS degraded,
           count(*) FILTER (WHERE status = 'down') AS down, count(*) FILTER (WHERE status = 'refused') AS refused,
           count(*) FILTER (WHERE status = 'expired') AS expired, count(*) FILTER (WHERE status = 'dead') AS dead
      FROM seen GROUP BY 1, 2
), looked AS (
    INSERT INTO slot_rollup_hour (hour, monitor_id, look, slots) SELECT %(first)s, monitor_id, look, slots FROM looks
)
INSERT INTO check_rollup_hour (hour, monitor_id, region, scheduled, up, degraded, down, refused, expired, dead,
    dns_us, connect_us, tls_us, download_us, total_i, total_n, first_byte_i, first_byte_n)
SELECT %(first)s, c.monitor_id, c.region, c.scheduled, c.up, c.degraded, c.down, c.refused, c.expired, c.dead,
       m.dns_us, m.connect_us, m.tls_us, m.download_us, t.i, t.n, f.i, f.n
  FROM counted c
  LEFT JOIN medians m USING (monitor_id, region)
  LEFT JOIN total t USING (monitor_id, region)
  LEFT JOIN first_byte f USING (monitor_id, region)"""  # noqa: S608  # ours

_ROLL_DAY: LiteralString = """
WITH looked AS (
    INSERT INTO slot_rollup_day (day, monitor_id, look, slots)
    SELECT %(day)s, monitor_id, look, sum(slots) FROM slot_rollup_hour
     WHERE hour >= %(first)s AND hour < %(until)s GROUP BY 2, 3
), part AS MATERIALIZED (
    SELECT * FROM check_rollup_hour WHERE hour >= %(first)s AND hour < %(until)s
), total AS (
    SELECT monitor_id, region, array_agg(i ORDER BY i) AS i, array_agg(n ORDER BY i) AS n
      FROM (SELECT monitor_id, region, u.i, sum(u.n)::integer AS n
              FROM part, unnest(total_i, total_n) AS u (i, n) GROUP BY 1, 2, 3) b GROUP BY 1, 2
), first_byte AS (
    SELECT monitor_id, region, array_agg(i ORDER BY i) AS i, array_agg(n ORDER BY i) AS n
      FROM (SELECT monitor_id, region, u.i, sum(u.n)::integer AS n
              FROM part, unnest(first_byte_i, first_byte_n) AS u (i, n) GROUP BY 1, 2, 3) b GROUP BY 1, 2
), counted AS (
    SELECT monitor_id, region, sum(scheduled) AS scheduled, sum(up) AS up, sum(degraded) AS degraded, sum(down) AS down,
           sum(refused) AS refused, sum(expired) AS expired, sum(dead) AS dead
      FROM part GROUP BY 1, 2
)
INSERT INTO check_rollup_day (day, monitor_id, region, scheduled, up, degraded, down, refused, expired, dead,
    total_i, total_n, first_byte_i, first_byte_n)
SELECT %(day)s, c.monitor_id, c.region, c.scheduled, c.up, c.degraded, c.down, c.refused, c.expired, c.dead,
       t.i, t.n, f.i, f.n
  FROM counted c
  LEFT JOIN total t USING (monitor_id, region)
  LEFT JOIN first_byte f USING (monitor_id, region)"""


def due_hours(connection: Connection, now: datetime, close_after_s: float, limit: int) -> list[datetime]:
    """The oldest hours that are over, have closed books, and are not rolled up, or of what the books do not say now.

    Looks as far back as the last hour that is rolled up, and two days at least; never at hours whose results are gone.
    """
    rows = connection.execute(
        f"""SELECT b.hour FROM ({_BOOKS}) b LEFT JOIN rollup_hour r USING (hour)
             WHERE r.hour IS NULL OR (r.ticks, r.recorded, r.faults, r.held_s, r.incident_s)
                                     <> (b.ticks, b.recorded, b.faults, b.held_s, b.incident_s)
             ORDER BY 1 LIMIT %(limit)s""",  # noqa: S608  # ours
        {
            "first": _first_looked_at(connection, now),
            "until": hour_of(now - timedelta(seconds=close_after_s)), "limit": limit,
        },
    ).fetchall()  # fmt: skip
    return [hour for (hour,) in rows]


def roll_hour(connection: Connection, hour: datetime) -> None:
    """Roll one hour up, whatever was there before."""
    asked = arguments(hour, hour + HOUR)
    with connection.transaction():
        connection.execute(_LOCK)
        connection.execute(
            f"""INSERT INTO rollup_hour AS r (hour, ticks, recorded, faults, held_s, incident_s) {_BOOKS}
                    ON CONFLICT (hour) DO UPDATE SET ticks = excluded.ticks, recorded = excluded.recorded,
                       faults = excluded.faults, held_s = excluded.held_s, incident_s = excluded.incident_s,
                       rolled_at = clock_timestamp()""",
            asked,
        )
        connection.execute("DELETE FROM check_rollup_hour WHERE hour = %s", (hour,))
        connection.execute("DELETE FROM slot_rollup_hour WHERE hour = %s", (hour,))
        # The tables behind it change size from hour to hour; a prepared plan would be that of the first.
        connection.execute(_ROLL_HOUR, asked, prepare=False)


def due_days(connection: Connection, until: date, limit: int) -> list[date]:
    """The oldest days before one that are not rolled up, or one of whose hours was rolled up since."""
    rows = connection.execute(
        """SELECT (h.hour AT TIME ZONE 'UTC')::date AS of
             FROM rollup_hour h LEFT JOIN rollup_day d ON d.day = (h.hour AT TIME ZONE 'UTC')::date
            WHERE h.hour < %s AND (d.day IS NULL OR h.rolled_at > d.rolled_at)
            GROUP BY 1 ORDER BY 1 LIMIT %s""",
        (midnight(until), limit),
    ).fetchall()
    return [day for (day,) in rows]


def roll_day(connection: Connection, day: date) -> None:
    """Roll one day up from its hours, whatever was there before."""
    with connection.transaction():
        connection.execute(_LOCK)
        connection.execute(
            """INSERT INTO rollup_day (day) VALUES (%s)
                   ON CONFLICT (day) DO UPDATE SET rolled_at = clock_timestamp()""",
            (day,),
        )
        connection.execute("DELETE FROM check_rollup_day WHERE day = %s", (day,))
        connection.execute("DELETE FROM slot_rollup_day WHERE day = %s", (day,))
        asked = {"day": day, "first": midnight(day), "until": midnight(day) + DAY}
        connection.execute(_ROLL_DAY, asked, prepare=False)


def roll_up(connection: Connection, now: datetime, close_after_s: float, most_hours: int) -> tuple[int, int]:
    """Roll up what is due, oldest first: (hours, days) that were. The next run goes on where this one ends."""
    hours = due_hours(connection, now, close_after_s, most_hours + 1)
    for hour in hours[:most_hours]:
        roll_hour(connection, hour)
    # A day waits for the last of its hours.
    open_from = hours[most_hours] if len(hours) > most_hours else now - timedelta(seconds=close_after_s)
    days = due_days(connection, day_of(open_from), most_hours)
    for day in days:
        roll_day(connection, day)
    return min(len(hours), most_hours), len(days)


def drop_hours_before(connection: Connection, first_kept: date, most: int) -> int:
    """Delete hours of days before one, hour by hour, once their day is rolled up; returns how many."""
    rows = connection.execute(
        """SELECT h.hour FROM rollup_hour h JOIN rollup_day d ON d.day = (h.hour AT TIME ZONE 'UTC')::date
            WHERE h.hour < %s AND d.rolled_at >= h.rolled_at ORDER BY 1 LIMIT %s""",
        (midnight(first_kept), most),
    ).fetchall()
    for (hour,) in rows:
        with connection.transaction():
            connection.execute("DELETE FROM check_rollup_hour WHERE hour = %s", (hour,))
            connection.execute("DELETE FROM slot_rollup_hour WHERE hour = %s", (hour,))
            connection.execute("DELETE FROM rollup_hour WHERE hour = %s", (hour,))
    return len(rows)


def first_result_day(connection: Connection) -> date | None:
    """The oldest day whose results are kept; None where there is none."""
    row = connection.execute(FIRST_RESULT_DAY).fetchone()
    return row[0] if row else None


def hour_of(instant: datetime) -> datetime:
    """When the hour of an instant began."""
    return instant.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def day_of(instant: datetime) -> date:
    """The day of an instant, as all days here: UTC."""
    return instant.astimezone(UTC).date()


def midnight(day: date) -> datetime:
    """When a day begins."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _first_looked_at(connection: Connection, now: datetime) -> datetime:
    row = connection.execute("SELECT max(hour) FROM rollup_hour").fetchone()
    known = row[0] + HOUR if row and row[0] else datetime.min.replace(tzinfo=UTC)
    oldest = first_result_day(connection)
    return max(min(hour_of(now - LOOKED_BACK), known), midnight(oldest) if oldest else known)
