"""A past of its own for each test: monitors, minutes and rows as it wants them, rolled up or not."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import psycopg
import pytest

from vantage.store import rollups

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
REGIONS = ("USA", "INDIA", "EU")


def at(minutes: float) -> datetime:
    """Minutes after noon of a day that is over."""
    return NOON + timedelta(minutes=minutes)


def beside(url: str, name: str) -> str:
    """The URL of another database of the same server."""
    return urlsplit(url)._replace(path=f"/{name}").geturl()


class Past:
    """Empty tables to begin with; the ledger of a row follows it, as record_results keeps it."""

    def __init__(self, connection: "psycopg.Connection") -> None:
        self.connection = connection
        connection.execute(
            "SELECT ensure_result_days(%s, %s)", (at(0).date() - timedelta(2), at(0).date() + timedelta(2))
        )

    def monitor(self, first: float, until: float, interval_s: int = 60, *, phase_s: int = 0) -> int:
        """A monitor that was checked from one minute on until (and without) another."""
        row = self.connection.execute(
            """INSERT INTO monitor (slug, name, type, spec, interval_s, timeout_ms)
               VALUES ('m-' || nextval('monitor_id_seq'), 'M', 'http', '{"url": "https://example.com/"}', 60, 10000)
               RETURNING id"""
        ).fetchone()
        assert row is not None
        self.connection.execute("DELETE FROM monitor_schedule WHERE monitor_id = %s", row)
        self.in_force(row[0], first, until, interval_s, phase_s=phase_s)
        return int(row[0])

    def in_force(self, monitor: int, first: float, until: float, interval_s: int, *, phase_s: int = 0,
                 regions: Sequence[str] | None = None) -> None:  # fmt: skip
        """A version of its schedule."""
        self.connection.execute(
            """INSERT INTO monitor_schedule (monitor_id, from_tick, until_tick, interval_s, phase_s, regions, enabled)
               VALUES (%s, %s, %s, %s, %s, %s::text[]::location[], true)""",
            (monitor, at(first), at(until), interval_s, phase_s, regions),
        )

    def ticks(self, first: int, until: int, regions: Sequence[str] = REGIONS, *, closed: bool = True) -> None:
        """Ledger rows of these minutes."""
        self.connection.execute(
            """INSERT INTO tick_ledger (tick, region, spread_s, closed_at)
               SELECT t, r::location, 10, CASE WHEN %s THEN t END
                 FROM generate_series(%s, %s, interval '1 minute') t, unnest(%s::text[]) r""",
            (closed, at(first), at(until - 1), list(regions)),
        )

    def row(self, monitor: int, minutes: float, region: str = "USA", status: str = "up", *, total_us: int | None = None,
            extra: bool = False, cold: bool = False, dns_us: int | None = None) -> None:  # fmt: skip
        """A stored result, booked."""
        self.connection.execute(
            """WITH booked AS (UPDATE tick_ledger SET stored = stored + 1
                                WHERE tick = date_trunc('minute', %(at)s::timestamptz) AND region = %(region)s)
               INSERT INTO check_result (monitor_id, checked_at, recorded_at, region, status, interval_s, total_us,
                   first_byte_us, dns_us, reused, cold, lagging, confirmed, extra)
               VALUES (%(monitor)s, %(at)s, %(at)s, %(region)s, %(status)s, 60, %(total)s, %(total)s / 2, %(dns)s,
                   false, %(cold)s, false, false, %(extra)s)""",
            {
                "monitor": monitor, "at": at(minutes), "region": region, "status": status, "total": total_us,
                "dns": dns_us, "cold": cold, "extra": extra,
            },
        )  # fmt: skip

    def roll_up(self, now: datetime | None = None, most: int = 100) -> tuple[int, int]:
        """What the housekeeper does, a day and an hour later if nothing else is said."""
        return rollups.roll_up(self.connection, now or at(25 * 60), 660, most)

    def rows(self, query: str) -> list[tuple[object, ...]]:
        """The answer to a query."""
        return self.connection.execute(query).fetchall()


@pytest.fixture
def past(database: "psycopg.Connection") -> Past:
    """Empty tables."""
    return Past(database)
