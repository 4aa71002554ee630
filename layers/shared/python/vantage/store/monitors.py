"""Table `monitor`: what users configured. The trigger on it writes `monitor_schedule`."""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from difflib import get_close_matches
from typing import LiteralString, TypeVar

from psycopg.rows import class_row

from vantage.monitor import Json, Region
from vantage.store.connection import Connection

Item = TypeVar("Item")

# The trigger holds, until the commit, a lock that the producer waits for.
ROWS_PER_TRANSACTION = 1_000

# Writers of monitors go one after another; readers are not held up.
_LOCK = "LOCK TABLE monitor IN SHARE ROW EXCLUSIVE MODE"

_FIELDS: LiteralString = """
    SELECT slug, name, type, spec, interval_s, timeout_ms, regions::text[] AS regions, confirmations,
           enabled, public, show_url, group_name AS "group", tags, channels
      FROM monitor
     WHERE deleted_at IS NULL AND NOT reference"""

_LOAD = _FIELDS + " AND (%(slugs)s::text[] IS NULL OR slug = ANY(%(slugs)s)) ORDER BY slug"

_PAGE = (
    _FIELDS
    + """ AND slug > %(after)s AND (%(group)s::text IS NULL OR group_name = %(group)s)
     ORDER BY slug LIMIT %(limit)s"""
)

_NEAR = """
    (SELECT slug FROM monitor WHERE deleted_at IS NULL AND NOT reference AND slug < %(slug)s
      ORDER BY slug DESC LIMIT 50)
     UNION ALL
    (SELECT slug FROM monitor WHERE deleted_at IS NULL AND NOT reference AND slug > %(slug)s ORDER BY slug LIMIT 50)"""

# MERGE and not ON CONFLICT: that one spends an id on every row it updates, and ids are what phases are spread by.
_SAVE = """
    MERGE INTO monitor m
    USING (SELECT * FROM jsonb_to_recordset(%s) AS w(
        slug text, name text, type text, spec jsonb, interval_s integer, timeout_ms integer, regions location[],
        confirmations smallint, enabled boolean, public boolean, show_url boolean, "group" text, tags jsonb,
        channels text[])) w
    ON m.slug = w.slug
    WHEN MATCHED AND NOT m.reference THEN UPDATE SET
        name = w.name, type = w.type, spec = w.spec, interval_s = w.interval_s, timeout_ms = w.timeout_ms,
        regions = w.regions, confirmations = w.confirmations, enabled = w.enabled, public = w.public,
        show_url = w.show_url, group_name = w."group", tags = w.tags, channels = w.channels,
        deleted_at = NULL, updated_at = now()
    WHEN NOT MATCHED THEN INSERT
        (slug, name, type, spec, interval_s, timeout_ms, regions, confirmations, enabled,
            public, show_url, group_name, tags, channels)
        VALUES (w.slug, w.name, w.type, w.spec, w.interval_s, w.timeout_ms, w.regions, w.confirmations, w.enabled,
            w.public, w.show_url, w."group", w.tags, w.channels)"""

_DELETE = "UPDATE monitor SET deleted_at = now(), updated_at = now() WHERE true"
_PAUSE = "UPDATE monitor SET enabled = false, updated_at = now() WHERE enabled"
_RESUME = "UPDATE monitor SET enabled = true, updated_at = now() WHERE NOT enabled"
_LIVING = " AND slug = ANY(%s) AND deleted_at IS NULL AND NOT reference RETURNING slug"


@dataclass(frozen=True, slots=True)
class Definition:
    """Everything of a monitor that its user configures; identity is the slug. Credentials in it are references."""

    slug: str
    name: str
    type: str
    spec: Mapping[str, Json]
    interval_s: int
    timeout_ms: int
    regions: Sequence[Region] | None = None
    confirmations: int = 2
    enabled: bool = True
    public: bool = False
    show_url: bool = False
    group: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    channels: Sequence[str] = field(default_factory=list)


def load_definitions(connection: Connection, slugs: Collection[str] | None = None) -> list[Definition]:
    """The living monitors (of these slugs, or all), in the order of their slugs; reference monitors are in no list."""
    with connection.cursor(row_factory=class_row(Definition)) as cursor:
        return cursor.execute(_LOAD, {"slugs": None if slugs is None else list(slugs)}).fetchall()


def definitions_after(
    connection: Connection, after: str, limit: int, group: str | None = None
) -> tuple[list[Definition], str | None]:
    """A page of the living monitors behind a slug (of one group, or all), by slug; and behind which the next begins."""
    with connection.cursor(row_factory=class_row(Definition)) as cursor:
        rows = cursor.execute(_PAGE, {"after": after, "limit": limit + 1, "group": group}).fetchall()
    return rows[:limit], rows[limit - 1].slug if len(rows) > limit else None


def near_slug(connection: Connection, slug: str) -> str | None:
    """The living monitor whose slug is most like this one, among those that stand beside it in their order."""
    beside = [each for (each,) in connection.execute(_NEAR, {"slug": slug})]
    return next(iter(get_close_matches(slug, beside, 1)), None)


def told_by(connection: Connection, channel: str, limit: int = 10) -> list[str]:
    """The slugs of living monitors that name a channel, so many at the most."""
    query = """
        SELECT slug FROM monitor WHERE deleted_at IS NULL AND NOT reference AND %s = ANY (channels)
         ORDER BY slug LIMIT %s"""
    return [slug for (slug,) in connection.execute(query, (channel, limit))]


def unnamed_slugs(connection: Connection, named: Collection[str]) -> list[str]:
    """The slugs of living monitors that are not among these, sorted."""
    query = """
        SELECT slug FROM monitor m
         WHERE deleted_at IS NULL AND NOT reference
           AND NOT EXISTS (SELECT FROM unnest(%s::text[]) AS n(slug) WHERE n.slug = m.slug)
         ORDER BY slug"""
    return [slug for (slug,) in connection.execute(query, [list(named)])]


def deleted_slugs(connection: Connection, among: Collection[str]) -> set[str]:
    """Which of these belong to deleted monitors, whose history a monitor of that slug takes up again."""
    query = "SELECT slug FROM monitor WHERE deleted_at IS NOT NULL AND slug = ANY(%s)"
    return {slug for (slug,) in connection.execute(query, [list(among)])}


def reference_slugs(connection: Connection) -> set[str]:
    """The slugs of the built-in reference monitors, which nobody else can take."""
    return {slug for (slug,) in connection.execute("SELECT slug FROM monitor WHERE reference")}


def save(connection: Connection, definitions: Sequence[Definition]) -> None:
    """Insert or change these monitors, a deleted one comes back with its id; a transaction per thousand rows."""
    for batch in _batches(definitions):
        rows = json.dumps([asdict(definition) for definition in batch])
        with connection.transaction():
            connection.execute(_LOCK)
            connection.execute(_SAVE, [rows])


def delete(connection: Connection, slugs: Sequence[str]) -> None:
    """Delete these softly: their slots end with the next tick that is opened, their history stays."""
    _change(connection, _DELETE, slugs)


def pause(connection: Connection, slugs: Sequence[str]) -> list[str]:
    """Take these out of the schedule; returns which of them were in it."""
    return _change(connection, _PAUSE, slugs)


def resume(connection: Connection, slugs: Sequence[str]) -> list[str]:
    """Put these into the schedule again; returns which of them were paused."""
    return _change(connection, _RESUME, slugs)


def _change(connection: Connection, statement: LiteralString, slugs: Sequence[str]) -> list[str]:
    changed: list[str] = []
    for batch in _batches(slugs):
        with connection.transaction():
            connection.execute(_LOCK)
            changed += [slug for (slug,) in connection.execute(statement + _LIVING, [batch])]
    return changed


def _batches(items: Sequence[Item]) -> Iterator[list[Item]]:
    for start in range(0, len(items), ROWS_PER_TRANSACTION):
        yield list(items[start : start + ROWS_PER_TRANSACTION])
