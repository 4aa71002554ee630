"""A database as minutes of life leave it: a letter for each check, the last one a few seconds old."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg

REGIONS = {"USA": "us-east-1", "INDIA": "ap-south-1", "EU": "eu-central-1"}
# status, reason, HTTP status, total, dns, connect, tls, first byte, download (µs), connection reused
SEEN: dict[str, tuple[Any, ...]] = {
    "U": ("up", None, 200, 142_000, None, None, None, 141_000, 1_000, True),
    "F": ("up", None, 200, 90_000, 9_000, 20_000, 30_000, 30_000, 1_000, False),
    "S": ("degraded", "slow", 200, 1_240_000, None, None, None, 1_239_000, 1_000, True),
    "D": ("down", "status", 503, 80_000, None, None, None, 79_000, 1_000, True),
    "T": ("down", "timeout", None, 5_000_000, 9_000, 20_000, None, None, None, False),
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
    begin = minute_now() - timedelta(minutes=minutes_old if minutes_old is not None else max(longest - 1, 0))
    database.execute("UPDATE monitor_schedule SET from_tick = %s WHERE monitor_id = %s", (begin, monitor_id))
    for region, letters in seen.items():
        _store(database, monitor_id, region, letters, given["interval_s"])
    return monitor_id


def _store(database: psycopg.Connection, monitor_id: int, region: str, letters: str, interval_s: int) -> None:
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
