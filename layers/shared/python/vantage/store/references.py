"""Reference monitors, which tell a region's fault from a site's: built in, in no list, judged by nobody."""

from collections.abc import Sequence

from vantage.check import Check
from vantage.monitor import MonitorType, Region
from vantage.store.connection import AsyncConnection, Connection
from vantage.store.ledger import as_time

INTERVAL_S, TIMEOUT_MS = 60, 5000
_SLUG = "vantage-reference-"


def keep_references(connection: Connection, urls: Sequence[str]) -> int:
    """Have exactly these of the built-in ones; returns how many came or went, and writes nothing where that is none."""
    rows = connection.execute(
        "SELECT spec ->> 'url' FROM monitor WHERE reference AND deleted_at IS NULL AND starts_with(slug, %s)", (_SLUG,)
    )
    wanted, there = set(urls), {url for (url,) in rows}
    if gone := there - wanted:
        connection.execute(
            """UPDATE monitor SET deleted_at = now()
                WHERE reference AND starts_with(slug, %s) AND spec ->> 'url' = ANY (%s)""",
            (_SLUG, sorted(gone)),
        )
    if come := wanted - there:
        connection.execute(
            """INSERT INTO monitor (slug, name, type, spec, interval_s, timeout_ms, confirmations, reference)
               SELECT %s || left(md5(u), 12), u, 'http', jsonb_build_object('url', u), %s, %s, 1, true
                 FROM unnest(%s::text[]) u
                   ON CONFLICT (slug) DO UPDATE SET deleted_at = NULL WHERE monitor.reference""",
            (_SLUG, INTERVAL_S, TIMEOUT_MS, sorted(come)),
        )
    return len(gone) + len(come)


async def references(connection: AsyncConnection) -> list[Check]:
    """The reference targets, as checks of no instant."""
    cursor = await connection.execute(
        "SELECT id, timeout_ms, type, spec FROM monitor WHERE reference AND deleted_at IS NULL AND enabled ORDER BY id"
    )
    return [
        Check(monitor_id, 0, INTERVAL_S, timeout_ms, MonitorType(kind), spec)
        for monitor_id, timeout_ms, kind, spec in await cursor.fetchall()
    ]


async def note_cut(connection: AsyncConnection, region: Region, tick_s: int, asked: int) -> None:
    """Note that a region's way out was found cut in a tick; once is enough."""
    await connection.execute(
        """INSERT INTO egress_cut (tick, region, asked) VALUES (%s, %s::text::location, %s) ON CONFLICT DO NOTHING""",
        (as_time(tick_s), region, asked),
    )
