"""A database as minutes of life leave it: a letter for each check, the last one a few seconds old."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg

from vantage.judge.tick import Judge

REGIONS = {"USA": "us-east-1", "INDIA": "ap-south-1", "EU": "eu-central-1"}
# status, reason, HTTP status, total, dns, connect, tls, first byte, download (µs), connection reused
SEEN: dict[str, tuple[Any, ...]] = {
    "U": ("up", None, 200, 142_000, None, None, None, 141_000, 1_000, True),
    "F": ("up", None, 200, 90_000, 9_000, 20_000, 30_000, 30_000, 1_000, False),
    "S": ("degraded", "slow", 200, 1_240_000, None, None, None, 1_239_000, 1_000, True),
    "C": ("degraded", "certificate", 200, 120_000, None, None, None, 119_000, 1_000, True),
    "D": ("down", "status", 503, 80_000, None, None, None, 79_000, 1_000, True),
    "T": ("down", "timeout", None, 5_000_000, 9_000, 20_000, None, None, None, False),
    "M": ("down", "missed", None, None, None, None, None, None, None, False),
    "X": ("expired", None, None, None, None, None, None, None, None, False),
    "R": ("refused", "guard", None, 1_000, None, None, None, None, None, False),
}


def minute_now() -> datetime:
    """The minute that the newest checks of a filled database are of."""
    return (datetime.now(UTC) - timedelta(seconds=2)).replace(second=0, microsecond=0)


def add_regions(database: psycopg.Connection, *names: str) -> None:
    """Regions that exist and are enabled; all three where none is named."""
    for name in names or REGIONS:
        database.execute(
            "INSERT INTO region (name, aws_region, redis_group, last_seen) VALUES (%s, %s, %s, now())",
            (name, REGIONS[name], f"monitor-runners-{name.lower()}"),
        )


def add_monitor(database: psycopg.Connection, name: str, seen: Mapping[str, str], *, minutes_old: int | None = None,
                **columns: Any) -> int:  # fmt: skip
    """A public monitor, checked every minute, and what each region saw of it: `{"USA": "UUDD"}`; a dot for no row."""
    given = {
        "slug": name.lower().replace(" ", "-"), "name": name, "type": "http", "interval_s": 60, "timeout_ms": 5000,
        "spec": '{"url": "https://shop.example.com/health"}', "public": True, **columns,
    }  # fmt: skip
    query = f"INSERT INTO monitor ({', '.join(given)}) VALUES ({', '.join(['%s'] * len(given))}) RETURNING id"
    monitor_id = int(database.execute(query, list(given.values())).fetchall()[0][0])
    longest = max((len(letters) for letters in seen.values()), default=0)
    lasted = max(longest - 1, 0) * max(given["interval_s"], 60) // 60
    begin = minute_now() - timedelta(minutes=minutes_old if minutes_old is not None else lasted)
    database.execute(
        "UPDATE monitor_schedule SET from_tick = %s, phase_s = %s WHERE monitor_id = %s",
        (begin, int(minute_now().timestamp()) % given["interval_s"], monitor_id),
    )
    for region, letters in seen.items():
        store(database, monitor_id, region, letters, given["interval_s"])
    return monitor_id


def store(database: psycopg.Connection, monitor_id: int, region: str, letters: str, interval_s: int = 60) -> None:
    """What a region saw of a monitor, a letter for each check."""
    newest = minute_now()
    rows = [
        (monitor_id, newest - timedelta(seconds=(len(letters) - 1 - k) * max(interval_s, 60)), region, interval_s,
         *SEEN[letter])
        for k, letter in enumerate(letters)
        if letter != "."
    ]  # fmt: skip
    with database.cursor() as cursor:
        cursor.executemany(
            """INSERT INTO check_result (monitor_id, checked_at, recorded_at, region, interval_s, status, reason,
                   http_status, total_us, dns_us, connect_us, tls_us, first_byte_us, download_us, reused, cold, lagging,
                   confirmed, extra)
               VALUES (%s, %s, now(), %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, false, false, false, false)""",
            rows,
        )


def add_ticks(database: psycopg.Connection, minutes: int, **columns: Any) -> None:
    """The ledger of so many minutes until now, in all regions: 5 checks each, all stored."""
    given = {"spread_s": 10, "pushed": 5, "stored": 5, **columns}
    names, values = ", ".join(given), ", ".join(["%s"] * len(given))
    database.execute(
        f"""INSERT INTO tick_ledger (tick, region, pushed_at, {names})
            SELECT t, r.name, t, {values}
              FROM generate_series(%s - %s * interval '1 minute', %s, interval '1 minute') t, region r""",
        (*given.values(), minute_now(), minutes - 1, minute_now()),
    )


def settle(database: psycopg.Connection[Any]) -> None:
    """Have all minutes judged that have results, as the workers would have; those in the ledger are accounted for."""
    database.execute(
        """INSERT INTO tick_ledger (tick, region, spread_s, pushed, stored, pushed_at)
           SELECT date_trunc('minute', checked_at), region, 1, count(*), count(*), min(checked_at)
             FROM check_result GROUP BY 1, 2 ON CONFLICT DO NOTHING"""
    )
    database.execute(
        """INSERT INTO mark (tick, monitor_id, region)
           SELECT DISTINCT date_trunc('minute', checked_at), monitor_id, region FROM (
               SELECT *, concat_ws(' ', lag(status, 1, 'down') OVER w, lag(status, 2, 'up') OVER w) AS before
                 FROM check_result WHERE status IN ('up', 'degraded', 'down')
               WINDOW w AS (PARTITION BY monitor_id, region ORDER BY checked_at)) c
            WHERE status <> 'up' OR before <> 'up up' ON CONFLICT DO NOTHING"""
    )
    database.execute("UPDATE tick_ledger SET judged_at = NULL, spread_s = 1")
    later_ms = int((datetime.now(UTC) + timedelta(hours=1)).timestamp() * 1000)
    while Judge(database).run(later_ms).ticks:
        pass


def add_maintenance(database: psycopg.Connection[Any], name: str, begin_min: int, end_min: int,
                    *slugs: str) -> None:  # fmt: skip
    """Announced work on these monitors (none: on all), so many minutes from the newest one."""
    database.execute(
        """WITH new AS (INSERT INTO maintenance (name, starts, duration_s, timezone, slugs)
                        VALUES (%s, 'epoch', 1, 'UTC', %s) RETURNING id)
           INSERT INTO maintenance_window SELECT id, %s, %s FROM new""",
        (name, list(slugs), minute_now() + timedelta(minutes=begin_min), minute_now() + timedelta(minutes=end_min)),
    )


def add_many(database: psycopg.Connection[Any], count: int) -> None:
    """So many public monitors with 90 days behind them, one in fifty down from the EU now; states as they are judged.

    Two of five have a day with an outage, with a failure in one region, or one that was slow and not wholly observed.
    """
    hour = dict.fromkeys(("USA", "INDIA", "EU"), "U" * 10)
    first = add_monitor(database, "Monitor 000", hour)
    database.execute(
        """INSERT INTO monitor (slug, name, type, spec, interval_s, timeout_ms, public)
           SELECT 'monitor-' || n, 'Monitor ' || 100 + n, 'http', '{}', 60, 5000, true FROM generate_series(1, %s) n""",
        [count - 1],
    )
    database.execute("UPDATE monitor_schedule SET from_tick = now() - interval '90 days', phase_s = 0")
    database.execute(
        """INSERT INTO check_result
           SELECT m.id, c.checked_at, c.recorded_at, c.region, CASE WHEN m.id %% 50 = 3 AND c.region = 'EU'
                  THEN 'down' ELSE c.status END, c.reason, c.interval_s, c.total_us, c.dns_us, c.connect_us, c.tls_us,
                  c.first_byte_us, c.download_us, c.late_ms, c.http_status, c.reused, c.cold, c.lagging, c.confirmed,
                  c.extra
             FROM check_result c, monitor m WHERE m.id <> %s""",
        [first],
    )
    database.execute(
        """INSERT INTO region_state
           SELECT m.id, r.name, CASE WHEN m.id % 50 = 3 AND r.name = 'EU' THEN 'down' ELSE 'up' END::check_status,
                  now() - interval '20 minutes', now() FROM monitor m, region r"""
    )
    database.execute(
        """INSERT INTO slot_rollup_day (day, monitor_id, look, slots)
           SELECT current_date - d, id, '60 USA:up INDIA:up EU:up',
                  CASE WHEN d = 7 + id::integer % 80 AND id % 5 < 2 THEN 1400 ELSE 1440 END
             FROM generate_series(1, 89) d, monitor
            UNION ALL
           SELECT current_date - (7 + id::integer % 80), id, CASE id % 3
                      WHEN 0 THEN '60 USA:down INDIA:down EU:down incident'
                      WHEN 1 THEN '60 USA:up INDIA:down EU:up' ELSE '60 USA:- INDIA:up EU:degraded' END, 40
             FROM monitor WHERE id % 5 < 2"""
    )
    database.execute("INSERT INTO rollup_day SELECT current_date - d FROM generate_series(1, 89) d")
    database.execute("ANALYZE")
