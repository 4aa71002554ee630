"""The books of a region's ticks that were closed and not told yet, as sums."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from vantage.monitor import Region
from vantage.store.connection import AsyncConnection

OLDEST = timedelta(hours=3)  # what was closed earlier, or closed later than this, is history and no alarm's business


@dataclass(frozen=True, slots=True)
class ClosedBooks:
    """Where the checks of the closed ticks ended; `difference` is scheduled less what monitor_schedule says was due."""

    ticks: int = 0
    scheduled: int = 0
    unseen: int = 0
    lost: int = 0
    difference: int = 0


async def untold(connection: AsyncConnection, region: Region, until: datetime) -> ClosedBooks:
    """The sums of a region's ticks that were closed until then and that no run has told; `unseen` is expired, skipped,
    dead and lost."""
    cursor = await connection.execute(
        """
        WITH told AS (
            SELECT greatest(books_told_until, %(until)s - %(oldest)s) AS until
              FROM region WHERE name::text = %(region)s)
        SELECT count(*), coalesce(sum(scheduled), 0)::bigint, coalesce(sum(expired + skipped + dead + lost), 0)::bigint,
               coalesce(sum(lost), 0)::bigint, coalesce(sum(scheduled - due), 0)::bigint
          FROM tick_ledger, told
         WHERE region = %(region)s::text::location AND tick > told.until - %(oldest)s
           AND tick > %(until)s::timestamptz - 2 * %(oldest)s::interval  -- implied, and known to the planner
           AND closed_at > told.until AND closed_at <= %(until)s""",
        {"region": region, "until": until, "oldest": OLDEST},
    )
    row = await cursor.fetchone()
    return ClosedBooks(*row) if row else ClosedBooks()


async def note_told(connection: AsyncConnection, region: Region, until: datetime) -> None:
    """A region's books that were closed until then are told: no later run tells them again."""
    await connection.execute(
        """UPDATE region SET books_told_until = %(until)s
            WHERE name::text = %(region)s AND coalesce(books_told_until, '-infinity') < %(until)s""",
        {"region": region, "until": until},
    )
