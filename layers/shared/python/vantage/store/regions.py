"""Table `region`: the vantage points that exist."""

from dataclasses import dataclass
from datetime import datetime

import psycopg

from vantage.errors import SettingsError
from vantage.monitor import Region
from vantage.store.connection import AsyncConnection, Connection


@dataclass(frozen=True, slots=True)
class RegionRow:
    """A vantage point as it is stored; `last_seen` is when its worker last started."""

    name: Region
    aws_region: str
    redis_group: str
    enabled: bool
    first_seen: datetime | None
    last_seen: datetime | None


def list_regions(connection: Connection) -> list[RegionRow]:
    """All vantage points, in the enum's order."""
    rows = connection.execute(
        "SELECT name::text, aws_region, redis_group, enabled, first_seen, last_seen FROM region r ORDER BY r.name"
    ).fetchall()
    return [RegionRow(*row) for row in rows]


def known_regions(connection: Connection) -> tuple[Region, ...]:
    """The names that the enum `location` knows; a region needs one before it can have a row."""
    rows = connection.execute("SELECT unnest(enum_range(NULL::location))::text").fetchall()
    return tuple(name for (name,) in rows)


def insert_region(connection: Connection, name: Region, aws_region: str, redis_group: str) -> None:
    """Make a region exist before its worker has run once; does nothing where it does."""
    connection.execute(
        "INSERT INTO region (name, aws_region, redis_group) VALUES (%s::text::location, %s, %s) ON CONFLICT DO NOTHING",
        (name, aws_region, redis_group),
    )


def set_enabled(connection: Connection, name: Region, enabled: bool) -> bool:
    """Enable or disable a region from the next tick on; returns False where it has no row."""
    cursor = connection.execute("UPDATE region SET enabled = %s WHERE name::text = %s", (enabled, name))
    return cursor.rowcount == 1


async def report_in(
    connection: AsyncConnection, name: Region, aws_region: str, redis_group: str, now: datetime
) -> bool:
    """A worker's run says that it is there (its first one makes the row); returns whether the region is enabled.

    Raises SettingsError where the enum does not know the name or another region has the group.
    """
    try:
        cursor = await connection.execute(
            """
            INSERT INTO region AS r (name, aws_region, redis_group, first_seen, last_seen)
            VALUES (%(name)s::text::location, %(aws)s, %(group)s, %(now)s, %(now)s)
            ON CONFLICT (name) DO UPDATE SET first_seen = coalesce(r.first_seen, excluded.first_seen),
                last_seen = excluded.last_seen, aws_region = excluded.aws_region, redis_group = excluded.redis_group
            RETURNING enabled""",
            {"name": name, "aws": aws_region, "group": redis_group, "now": now},
        )
    except psycopg.errors.InvalidTextRepresentation:
        raise SettingsError(f"REGION is {name!r}, which the database's enum `location` does not know.") from None
    except psycopg.errors.UniqueViolation:
        raise SettingsError(f"REDIS_GROUP {redis_group!r} already belongs to another region than {name}.") from None
    row = await cursor.fetchone()
    return bool(row and row[0])
