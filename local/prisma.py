"""Monitors and results of a Prisma schema: Monitor(id, url), CheckResult(monitorId, status, Location, responseTimeMs,
checkedAt), whatever their exact case and naming (`@map`, `@@map`).

A result there is a moment, here it is a scheduled slot: each monitor gets the interval that its results had, and a
result the slot that it lies in; of two in one slot the first counts. What has no result stays unseen.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any, LiteralString
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import psycopg
from psycopg.sql import SQL, Identifier

from local.fill import NO_PHASES, ensure_regions
from local.past import Booked, book, days_kept, extend_schedules, results_copy, roll_past
from vantage.errors import VantageError
from vantage.monitor import Region
from vantage.schedule import is_due, offset_ms
from vantage.store.connection import Connection, connect
from vantage.store.looks import HOUR
from vantage.store.rollups import first_result_day, hour_of, midnight

TABLES: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "monitor": {"id": ("id",), "url": ("url",)},
    "checkresult": {
        "monitor": ("monitorid",), "status": ("status",), "region": ("location", "region"),
        "time": ("responsetimems", "responsetime", "latencyms"), "at": ("checkedat", "createdat"),
    },
}  # fmt: skip
STATUSES = {
    "up": "up", "ok": "up", "success": "up", "healthy": "up", "online": "up",
    "degraded": "degraded", "slow": "degraded",
    "down": "down", "fail": "down", "failed": "down", "failure": "down", "error": "down", "offline": "down",
    "unhealthy": "down", "unreachable": "down", "timeout": "down",
}  # fmt: skip
REGIONS = {
    "usa": "USA", "us": "USA", "useast1": "USA", "india": "INDIA", "in": "INDIA", "apsouth1": "INDIA",
    "eu": "EU", "europe": "EU", "eucentral1": "EU",
}  # fmt: skip
INTERVALS_S = (10, 15, 20, 30)
ROWS_A_TRIP = 20_000
SPREAD_S = 10
GONE = "a result of a day that is counted here and whose rows are gone"


class ImportFailed(VantageError):
    """What was given is not a database of that schema."""


@dataclass(slots=True)
class Imported:
    """What was taken over, and what was not and why."""

    monitors: int = 0
    results: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    first: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class _Watched:
    id: int
    interval_s: int
    phase_s: int
    first_s: int
    until_s: int
    """The minute (epoch s) of its first result there, and from when on it is watched here itself."""


_Names = dict[str, Identifier]


def import_prisma(connection: Connection, source_url: str) -> Imported:
    """Take over what is there; monitors that are here already (by URL) get the history that they lack.

    Raises ImportFailed, ServerUnavailable; without an error all of it is stored.
    """
    with days_kept(connection), _opened(source_url) as source:
        monitors, results = _names(source, "monitor"), _names(source, "checkresult")
        done, begin = Imported(), _countable_from(connection)
        watched = _take_monitors(connection, source, monitors, results, begin, done)
        if not watched:
            return done
        if _end(source, results) <= begin:
            done.skipped[GONE] = _count(source, results)
            return done
        done.first = datetime.fromtimestamp(min(one.first_s for one in watched.values()), UTC)
        done.until = _end(source, results)
        ensure_regions(connection)
        firsts = {one.id: datetime.fromtimestamp(one.first_s, UTC) for one in watched.values()}
        with connection.transaction():
            extend_schedules(connection, firsts, done.until)
            _take_results(connection, source, results, watched, done)
        # The hour that it ends in, too: where that is over for days, nobody else rolls it up.
        roll_past(connection, done.first, min(hour_of(done.until) + HOUR, datetime.now(UTC)))
    return done


def _countable_from(connection: Connection) -> datetime:
    """From when on hours can be counted anew: what is counted and has no rows any more is to stay as it is."""
    row = connection.execute(
        """SELECT min(day), max(day) FROM (
               SELECT day FROM rollup_day UNION SELECT (hour AT TIME ZONE 'UTC')::date FROM rollup_hour) counted"""
    ).fetchone()
    always = datetime.fromtimestamp(0, UTC)
    if row is None or row[0] is None:
        return always
    kept = first_result_day(connection) or row[1] + timedelta(days=1)
    return midnight(kept) if kept > row[0] else always


def _count(source: Connection, names: _Names) -> int:
    row = source.execute(_query("SELECT count(*) FROM {table}", names)).fetchone()
    assert row is not None
    return int(row[0])


@contextmanager
def _opened(url: str) -> Iterator[Connection]:
    parts = urlsplit(url)
    asked = dict(parse_qsl(parts.query))
    # Prisma's own parameters (schema, pgbouncer, connection_limit) mean nothing to libpq.
    known = {option.keyword.decode() for option in psycopg.pq.Conninfo.get_defaults()}
    theirs = urlencode({name: value for name, value in asked.items() if name in known})
    with connect(urlunsplit(parts._replace(query=theirs)), name="vantage-import") as source:
        source.execute("SELECT set_config('search_path', %s, false)", (asked.get("schema", "public"),))
        with source.transaction():
            source.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            yield source


def _names(source: Connection, table: str) -> _Names:
    """How the table and its columns are really named there."""
    columns = source.execute(
        """SELECT table_name, column_name FROM information_schema.columns
            WHERE table_schema = current_schema() ORDER BY table_name, ordinal_position"""
    ).fetchall()
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for its_table, column in columns:
        if _plain(its_table) in (table, f"{table}s"):
            found[its_table][_plain(column)] = column
    for its_table, known in found.items():
        wanted = TABLES[table].items()
        named = {ours: next((known[name] for name in names if name in known), None) for ours, names in wanted}
        if all(named.values()):
            return {"table": Identifier(its_table), **{ours: Identifier(its) for ours, its in named.items() if its}}
    columns_like = ", ".join(names[0] for names in TABLES[table].values())
    raise ImportFailed(f"There is no table like {table} with columns like {columns_like} in that database's schema.")


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _query(text: LiteralString, names: _Names) -> Any:
    return SQL(text).format(**names)


def _firsts(source: Connection, names: _Names) -> dict[str, datetime]:
    """When each monitor's results begin."""
    # A Prisma DateTime is a timestamp without zone that means UTC.
    source.execute("SET LOCAL timezone = 'UTC'")
    return dict(
        source.execute(
            _query("SELECT {monitor}::text, min({at})::timestamptz FROM {table} GROUP BY 1", names)
        ).fetchall()
    )


def _end(source: Connection, names: _Names) -> datetime:
    row = source.execute(_query("SELECT max({at})::timestamptz FROM {table}", names)).fetchone()
    assert row is not None
    newest: datetime = row[0] + timedelta(minutes=1)
    return min(newest, datetime.now(UTC)).replace(second=0, microsecond=0)


def _take_monitors(
    connection: Connection, source: Connection, monitors: _Names, results: _Names, begin: datetime, done: Imported
) -> dict[str, _Watched]:
    """The monitors by their ids there."""
    urls = source.execute(_query("SELECT {id}::text, {url} FROM {table} ORDER BY 1", monitors)).fetchall()
    intervals, firsts = _intervals_s(source, results), _firsts(source, results)
    watched = {}
    for its_id, url in urls:
        if urlsplit(url or "").scheme not in ("http", "https") or not urlsplit(url).hostname:
            done.skipped["a monitor whose url is not http(s)"] += 1
            continue
        id_ = _monitor(connection, url, intervals.get(its_id, 60))
        done.monitors += 1
        if its_id in firsts:
            watched[its_id] = _watched(connection, id_, max(begin, firsts[its_id]))
    return watched


def _watched(connection: Connection, id_: int, first: datetime) -> _Watched:
    row = connection.execute(
        """SELECT interval_s, phase_s, extract(epoch FROM from_tick)::bigint FROM monitor_schedule
            WHERE monitor_id = %s ORDER BY from_tick LIMIT 1""",
        (id_,),
    ).fetchone()
    assert row is not None
    interval_s, phase_s, until_s = row
    return _Watched(id_, interval_s, phase_s, _slot_s(phase_s, interval_s, first) // 60 * 60, until_s)


def _monitor(connection: Connection, url: str, interval_s: int) -> int:
    known = connection.execute(
        "SELECT id FROM monitor WHERE type = 'http' AND spec ->> 'url' = %s AND deleted_at IS NULL ORDER BY id LIMIT 1",
        (url,),
    ).fetchone()
    if known:
        return int(known[0])
    parts = urlsplit(url)
    name = f"{parts.hostname}{parts.path.rstrip('/')}"
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:60]
    row = connection.execute(
        """INSERT INTO monitor (slug, name, type, spec, interval_s, timeout_ms)
           VALUES (%(slug)s || CASE WHEN EXISTS (SELECT FROM monitor WHERE slug = %(slug)s)
                                    THEN '-' || (SELECT max(id) + 1 FROM monitor) ELSE '' END,
                   %(name)s, 'http', jsonb_build_object('url', %(url)s::text), %(interval)s, 10000) RETURNING id""",
        {"slug": slug, "name": name, "url": url, "interval": interval_s},
    ).fetchone()
    assert row is not None
    return int(row[0])


def _intervals_s(source: Connection, names: _Names) -> dict[str, int]:
    """Of each monitor the usual distance of its last results in a region, as an interval that there is here."""
    rows = source.execute(
        _query(
            """SELECT m, extract(epoch FROM at - lag(at) OVER (PARTITION BY m, r ORDER BY at))::float8 FROM (
                   SELECT {monitor}::text AS m, {region}::text AS r, {at} AS at,
                          row_number() OVER (PARTITION BY {monitor}, {region} ORDER BY {at} DESC) AS n FROM {table}) x
                WHERE n <= 50""",
            names,
        )
    )
    gaps: dict[str, list[float]] = defaultdict(list)
    for its_id, gap_s in rows:
        if gap_s:
            gaps[its_id].append(gap_s)
    return {its_id: _interval_s(median(of)) for its_id, of in gaps.items()}


def _interval_s(gap_s: float) -> int:
    if gap_s < 45:
        return min(INTERVALS_S, key=lambda one: abs(one - gap_s))
    return min(86_400, max(60, round(gap_s / 60) * 60))


def _take_results(
    connection: Connection, source: Connection, names: _Names, watched: Mapping[str, _Watched], done: Imported
) -> None:
    assert done.first
    assert done.until
    booked = _slots(watched.values(), done.first, done.until)
    query = _query(
        """SELECT {monitor}::text, {status}::text, {region}::text, {time}::float8, {at}::timestamptz
             FROM {table} ORDER BY {at}""",
        names,
    )
    last_s: dict[tuple[int, Region], int] = {}
    with (
        psycopg.ServerCursor(source, "results") as cursor,
        results_copy(connection, done.first, done.until) as copy,
    ):
        cursor.itersize = ROWS_A_TRIP
        for its_id, status, place, time_ms, at in cursor.execute(query):
            ours, region = STATUSES.get(_plain(status or "")), REGIONS.get(_plain(place or ""))
            one = watched.get(its_id)
            if one is None or ours is None or region is None:
                done.skipped[_why(one, ours, status, place)] += 1
                continue
            slot_s = _slot_s(one.phase_s, one.interval_s, at)
            if slot_s < one.first_s:
                done.skipped[GONE] += 1
                continue
            sheet = booked.get((slot_s // 60 * 60, region)) if slot_s < one.until_s else None
            if sheet is None or last_s.get((one.id, region)) == slot_s:
                done.skipped["a result of a slot that has one"] += 1
                continue
            last_s[one.id, region] = slot_s
            sheet.stored += 1
            done.results += 1
            copy.write(_line(one, slot_s, at, region, ours, time_ms))
    book(connection, booked)


def _why(one: _Watched | None, status: str | None, its_status: str, place: str | None) -> str:
    if one is None:
        return "a result of a monitor that is not taken over"
    return f"a result with status {its_status}" if status is None else f"a result with location {place}"


def _slots(watched: Iterable[_Watched], first: datetime, until: datetime) -> dict[tuple[int, Region], Booked]:
    """What was due in each minute that is taken over, in every region."""
    booked: dict[tuple[int, Region], Booked] = defaultdict(Booked)
    first_s, until_s = int(first.timestamp()), int(until.timestamp())
    for tick_s in range(first_s, until_s, 60):
        for region in dict.fromkeys(REGIONS.values()):
            booked[tick_s, region] = Booked()
    for one in watched:
        for tick_s in range(max(first_s, one.first_s), min(until_s, one.until_s), 60):
            if is_due(one.phase_s, one.interval_s, tick_s):
                for region in dict.fromkeys(REGIONS.values()):
                    booked[tick_s, region].slots += max(1, 60 // one.interval_s)
    return dict(booked)


def _slot_s(phase_s: int, interval_s: int, at: datetime) -> int:
    """When (epoch s, without the offset) the slot began that a moment lies in."""
    return int(at.timestamp() - (at.timestamp() - phase_s + phase_s % 60) % interval_s)


def _line(one: _Watched, slot_s: int, at: datetime, region: Region, status: str, time_ms: float | None) -> str:
    slot = datetime.fromtimestamp(slot_s, UTC) + timedelta(
        milliseconds=offset_ms(one.phase_s, one.interval_s, SPREAD_S)
    )
    total = "\\N" if time_ms is None else str(min(round(time_ms * 1000), 2**31 - 1))
    return (
        f"{one.id}\t{slot.isoformat()}\t{at.isoformat()}\t{region}\t{status}\t\\N\t{one.interval_s}\t{total}"
        f"\t{NO_PHASES}\t\\N\t\\N\tf\tf\tf\tf\tf\n"
    )
