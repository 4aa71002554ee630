"""The books of a region's ticks that were closed lately, as sums."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from vantage.monitor import Region
from vantage.store.connection import AsyncConnection

OLDEST = timedelta(hours=3)  # ticks that close later than this are history, and no alarm's business


@dataclass(frozen=True, slots=True)
class ClosedBooks:
    """Where the checks of the closed ticks ended; `difference` is scheduled less what monitor_schedule says was due."""

    ticks: int = 0
    scheduled: int = 0
    unseen: int = 0
    lost: int = 0
    difference: int = 0


async def closed_between(connection: AsyncConnection, region: Region, after: datetime, until: datetime) -> ClosedBooks:
    """The sums of a region's ticks that were closed in (after, until]; `unseen` is expired, skipped, dead and lost."""
    cursor = await connection.execute(
        """
        SELECT count(*), coalesce(sum(scheduled), 0)::bigint, coalesce(sum(expired + skipped + dead + lost), 0)::bigint,
               coalesce(sum(lost), 0)::bigint, coalesce(sum(scheduled - due), 0)::bigint
          FROM tick_ledger
         WHERE region = %(region)s::text::location AND tick > %(oldest)s
           AND closed_at > %(after)s AND closed_at <= %(until)s""",
        {"region": region, "oldest": after - OLDEST, "after": after, "until": until},
    )
    row = await cursor.fetchone()
    return ClosedBooks(*row) if row else ClosedBooks()
