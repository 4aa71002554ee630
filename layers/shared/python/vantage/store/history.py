"""What the regions saw, page by page, newest first: of one monitor, and what failed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, LiteralString, NamedTuple

from psycopg.rows import class_row

from vantage.errors import VantageError
from vantage.monitor import Region
from vantage.store.connection import Connection

Place = tuple[datetime, int, Region]
"""Where a page ends: instant, monitor, region; an instant alone is that of many rows."""


class CursorError(VantageError):
    """A cursor that no page gave."""


class Seen(NamedTuple):
    """A stored result; times in microseconds, None where a phase was not part of it."""

    monitor_id: int
    checked_at: datetime
    region: Region
    status: str
    reason: str | None
    http_status: int | None
    total_us: int | None
    dns_us: int | None
    connect_us: int | None
    tls_us: int | None
    first_byte_us: int | None
    download_us: int | None
    late_ms: int | None
    reused: bool
    cold: bool
    lagging: bool
    confirmed: bool
    extra: bool


@dataclass(frozen=True, slots=True)
class Page:
    """Results, newest first, and where the next page begins (None: this is the last)."""

    rows: Sequence[Seen]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class Flip:
    """A change of a monitor's state in a region."""

    checked_at: datetime
    region: Region
    from_state: str | None
    to_state: str


class Seconds(NamedTuple):
    """For how long (s) a site was down, and for how long it was so from some regions only."""

    down: int = 0
    regional: int = 0


_COLUMNS: LiteralString = """
    monitor_id, checked_at, c.region::text AS region, status::text, reason::text, http_status::integer, total_us,
    dns_us, connect_us, tls_us, first_byte_us, download_us, late_ms, reused, cold, lagging, confirmed, extra"""

# Both conditions on checked_at: one bounds the scan and the partitions, the other goes on within an instant.
_RESULTS: LiteralString = f"""
    SELECT {_COLUMNS} FROM check_result c
     WHERE monitor_id = %(monitor)s AND checked_at >= %(first)s AND checked_at <= %(at)s
       AND (checked_at < %(at)s OR (c.region < %(region)s::text::location) IS TRUE)
       AND (%(regions)s::text[] IS NULL OR c.region = ANY (%(regions)s::text[]::location[]))
     ORDER BY checked_at DESC, c.region DESC LIMIT %(limit)s"""  # noqa: S608  # ours

_FAILURES: LiteralString = f"""
    SELECT f.* FROM unnest(%(regions)s::text[]::location[]) r (region) CROSS JOIN LATERAL (
        SELECT {_COLUMNS} FROM check_result c
         WHERE c.region = r.region AND status = 'down' AND checked_at >= %(first)s AND checked_at <= %(at)s
           AND (checked_at < %(at)s OR ((monitor_id, c.region) < (%(monitor)s, %(region)s::text::location)) IS TRUE)
           AND EXISTS (SELECT FROM monitor m WHERE m.id = c.monitor_id AND m.deleted_at IS NULL AND NOT m.reference)
         ORDER BY checked_at DESC, monitor_id DESC LIMIT %(limit)s) f
     ORDER BY f.checked_at DESC, f.monitor_id DESC, r.region DESC LIMIT %(limit)s"""  # noqa: S608  # ours


# Advisories of several regions at once, and those that an incident absorbed, count once.
_VERDICT_SECONDS: LiteralString = """
WITH spans AS (
    SELECT monitor_id, true AS everywhere, began_at AS since, coalesce(resolved_at, %(until)s) AS over FROM incident
     WHERE began_at < %(until)s AND coalesce(resolved_at, 'infinity') > %(first)s
    UNION ALL
    SELECT monitor_id, false, opened_at, coalesce(closed_at, %(until)s) FROM advisory
     WHERE opened_at < %(until)s AND coalesce(closed_at, 'infinity') > %(first)s
), joined AS (
    SELECT monitor_id, coalesce(range_agg(at) FILTER (WHERE everywhere), '{}') AS down,
           coalesce(range_agg(at) FILTER (WHERE NOT everywhere), '{}') AS regional
      FROM (SELECT monitor_id, everywhere,
                   tstzrange(since, greatest(since, over)) * tstzrange(%(first)s, %(until)s) AS at FROM spans) s
     GROUP BY 1
)
SELECT monitor_id,
       coalesce((SELECT round(extract(epoch FROM sum(upper(r) - lower(r)))) FROM unnest(down) r), 0)::bigint,
       coalesce((SELECT round(extract(epoch FROM sum(upper(r) - lower(r)))) FROM unnest(regional - down) r), 0)::bigint
  FROM joined"""


def results(
    connection: Connection, monitor_id: int, first: datetime, until: datetime, *,
    regions: Sequence[Region] | None = None, cursor: str | None = None, limit: int = 100,
) -> Page:  # fmt: skip
    """A page of a monitor's results from `first` up to and without `until`; raises CursorError."""
    at, _, region = _place(cursor) if cursor else (until, 0, None)
    asked = {"monitor": monitor_id, "first": first, "at": at, "region": region, "regions": regions and list(regions)}
    return _page(connection, _RESULTS, asked, limit)


def failures(
    connection: Connection, regions: Sequence[Region], first: datetime, until: datetime, *,
    cursor: str | None = None, limit: int = 100,
) -> Page:  # fmt: skip
    """A page of what failed in these regions, of all monitors; raises CursorError."""
    at, monitor_id, region = _place(cursor) if cursor else (until, 0, None)
    asked = {"regions": list(regions), "first": first, "at": at, "monitor": monitor_id, "region": region}
    return _page(connection, _FAILURES, asked, limit)


def elsewhere(connection: Connection, rows: Sequence[Seen]) -> dict[tuple[int, datetime], dict[Region, str]]:
    """What every region saw at the same instants of the same monitors."""
    if not rows:
        return {}
    found: dict[tuple[int, datetime], dict[Region, str]] = {}
    instants = [row.checked_at for row in rows]
    query = """
        SELECT c.monitor_id, c.checked_at, c.region::text, c.status::text
          FROM (SELECT DISTINCT * FROM unnest(%s::bigint[], %s::timestamptz[]) u (monitor_id, checked_at)) k
          JOIN check_result c USING (monitor_id, checked_at)
         WHERE c.checked_at >= %s AND c.checked_at <= %s"""
    asked = ([row.monitor_id for row in rows], instants, min(instants), max(instants))
    for monitor_id, at, region, status in connection.execute(query, asked):
        found.setdefault((monitor_id, at), {})[region] = status
    return found


def flips(connection: Connection, monitor_id: int, first: datetime, until: datetime, limit: int = 100) -> list[Flip]:
    """The latest changes of a monitor's states within a span, newest first."""
    query = """
        SELECT checked_at, region::text, from_state::text, to_state::text FROM flip
         WHERE monitor_id = %s AND checked_at >= %s AND checked_at < %s ORDER BY checked_at DESC, region LIMIT %s"""
    with connection.cursor(row_factory=class_row(Flip)) as cursor:
        return cursor.execute(query, (monitor_id, first, until, limit)).fetchall()


def verdict_seconds(connection: Connection, first: datetime, until: datetime) -> dict[int, Seconds]:
    """For how long each monitor had a verdict within a span, by what was opened and closed; absent: it had none."""
    rows = connection.execute(_VERDICT_SECONDS, {"first": first, "until": until})
    return {monitor_id: Seconds(down, regional) for monitor_id, down, regional in rows.fetchall()}


def names(connection: Connection, monitors: Sequence[int] | None = None) -> dict[int, tuple[str, str]]:
    """(slug, name) of these monitors, or (None) of all, by slug; without deleted ones and our own references."""
    rows = connection.execute(
        """SELECT id, slug, name FROM monitor WHERE deleted_at IS NULL AND NOT reference
              AND (%(ids)s::bigint[] IS NULL OR id = ANY (%(ids)s)) ORDER BY slug""",
        {"ids": monitors if monitors is None else list(monitors)},
    )
    return {id_: (slug, name) for id_, slug, name in rows}


def named(connection: Connection, slug: str) -> tuple[int, str] | None:
    """A living monitor's id and name, by its slug."""
    query = "SELECT id, name FROM monitor WHERE slug = %s AND deleted_at IS NULL AND NOT reference"
    rows: list[tuple[int, str]] = connection.execute(query, [slug]).fetchall()
    return rows[0] if rows else None


def names_after(connection: Connection, after: str, limit: int) -> tuple[dict[int, tuple[str, str]], str | None]:
    """(slug, name) of a page of monitors behind a slug, by slug; and behind which the next page begins."""
    query = """
        SELECT id, slug, name FROM monitor WHERE deleted_at IS NULL AND NOT reference AND slug > %s
         ORDER BY slug LIMIT %s"""
    rows = connection.execute(query, (after, limit + 1)).fetchall()
    return {id_: (slug, name) for id_, slug, name in rows[:limit]}, rows[limit - 1][1] if len(rows) > limit else None


def _page(connection: Connection, query: LiteralString, asked: Mapping[str, Any], limit: int) -> Page:
    with connection.cursor(binary=True) as cursor:
        rows = [Seen(*row) for row in cursor.execute(query, {**asked, "limit": limit + 1}).fetchall()]
    return Page(rows[:limit], _cursor(rows[limit - 1]) if len(rows) > limit else None)


def _cursor(row: Seen) -> str:
    return f"{int(row.checked_at.timestamp() * 1_000_000)}-{row.monitor_id}-{row.region}"


def _place(cursor: str) -> Place:
    try:
        at_us, monitor_id, region = cursor.split("-")
        seconds, micros = divmod(int(at_us), 1_000_000)
        return datetime.fromtimestamp(seconds, UTC).replace(microsecond=micros), int(monitor_id), region
    except (ValueError, OverflowError, OSError):
        raise CursorError(f"{cursor[:40]!r} is no cursor of a page; leave it out to begin with the newest.") from None
