"""History: reading it, rolling it up and dropping it, at a month of 1,000 monitors and at twice that.

The figures of uptime stand beside plain counts of the raw rows, which say less: no coverage, no bounds, no quorum.
BENCH_HISTORY_ROWS sets another size (default 25,920,000 rows).
"""

import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from statistics import median

from bench.report import REPEATS, Row, alternating, at_least, at_most, compared, measured
from bench.stage import stage
from local.fill import Filled, fill, fill_before
from vantage.store import figures, history, results, rollups
from vantage.store.connection import Connection
from vantage.store.looks import HOUR

ROWS, MONITORS = 25_920_000, 1_000
DAY = timedelta(days=1)
MONTH = timedelta(days=30)
_COUNTS = """
    SELECT monitor_id, region, count(*) FILTER (WHERE status IN ('up', 'degraded')),
           count(*) FILTER (WHERE status = 'down')
      FROM check_result WHERE checked_at >= %(first)s AND checked_at < %(until)s AND NOT extra {which} GROUP BY 1, 2"""
_TABLES = "check_rollup_hour, check_rollup_day, slot_rollup_hour, slot_rollup_day, rollup_hour, rollup_day"


def rows(quick: bool) -> list[Row]:
    """Fill a month and measure; fill as much again before it, measure beside it, and drop that half."""
    size = int(os.environ.get("BENCH_HISTORY_ROWS", ROWS // 20 if quick else ROWS))
    monitors = max(1, round(MONITORS * size / ROWS))
    with stage() as set_:
        connection = set_.database
        try:
            made = fill(connection, size, monitors=monitors)
            _say(f"filled {made.rows:,} rows in {made.seconds:.0f} s")
            connection.execute("VACUUM ANALYZE")
            reads, name = _Reads(connection, made), f"history, {made.rows:,} rows:"
            found = [*reads.rows(name), *_rollup(connection, made, name)]
            for row in found:
                _say(f"{row.name}: {row.value:.1f} {row.unit}")
            older = fill_before(connection, made, size)
            _say(f"filled {older.rows:,} more in {older.seconds:.0f} s")
            connection.execute("VACUUM ANALYZE")
            return [*found, *_growth(reads, older, name), *_retention(connection, older)]
        finally:
            connection.execute(f"TRUNCATE {_TABLES}")


def _say(what: str) -> None:
    print(f"bench history: {what}", file=sys.stderr, flush=True)


@dataclass(slots=True)
class _Reads:
    """What is read, of the last 30 days."""

    connection: Connection
    made: Filled

    @property
    def first(self) -> datetime:
        return rollups.hour_of(self.made.until - MONTH)

    def day(self) -> None:
        page = history.results(self.connection, 1, self.made.until - DAY, self.made.until, limit=1000)
        assert len(page.rows) > 800

    def one(self) -> None:
        with figures.one_sight(self.connection):
            assert figures.uptimes(self.connection, self._pieces(), [1])

    def percentiles(self) -> None:
        with figures.one_sight(self.connection):
            pieces = self._pieces()
            assert figures.uptimes(self.connection, pieces, [1])
            times, _ = figures.latencies(self.connection, pieces, 1)
            assert all(one.total.quantile_ms(share) for one in times.values() for share in (0.5, 0.95, 0.99))

    def all(self) -> None:
        with figures.one_sight(self.connection):
            assert len(figures.uptimes(self.connection, self._pieces())) == self.made.monitors

    def raw(self, which: str = "") -> None:
        asked = {"first": self.first, "until": self.made.until}
        assert self.connection.execute(_COUNTS.format(which=which), asked).fetchall()

    def failures(self) -> None:
        history.failures(self.connection, ["EU"], self.first, self.made.until)

    def times_ms(self) -> dict[str, float]:
        """Of each read."""
        named = {
            "last 24 h of a monitor": self.day, "a region's failures": self.failures,
            "uptime 30 d of a monitor": self.one, "uptime 30 d of all": self.all,
        }  # fmt: skip
        return {of: _median_ms(read) for of, read in named.items()}

    def rows(self, name: str) -> list[Row]:
        """With their limits."""
        raw_one_ms, one_ms, one_ratio = alternating(_ms(self.raw_one), _ms(self.one))
        raw_all_ms, all_ms, all_ratio = alternating(_ms(self.raw), _ms(self.all), 3)
        # Of fewer monitors, each one's rows lie side by side in few pages: counting them is cheap, and says nothing.
        one_limit = at_least(5) if self.made.monitors >= MONITORS else None
        return [
            measured(f"{name} last 24 h of a monitor", _median_ms(self.day), "ms", at_most(5)),
            measured(f"{name} the latest 100 failures of a region", _median_ms(self.failures), "ms"),
            measured(f"{name} uptime 30 d of a monitor", one_ms, "ms", at_most(10)),
            compared(f"{name} the same", one_ms, "ms", f"counting its rows: {raw_one_ms:.1f} ms", one_ratio, one_limit),
            measured(f"{name} with p50, p95 and p99", _median_ms(self.percentiles), "ms", at_most(25)),
            measured(f"{name} uptime 30 d of all monitors", all_ms, "ms", at_most(600)),
            compared(
                f"{name} the same", all_ms, "ms", f"counting all rows: {raw_all_ms:.0f} ms", all_ratio, at_least(5)
            ),
        ]

    def raw_one(self) -> None:
        self.raw("AND monitor_id = 1")

    def _pieces(self) -> figures.Cover:
        return figures.covered(self.connection, self.first, self.made.until)


def _rollup(connection: Connection, made: Filled, name: str) -> list[Row]:
    hour = rollups.hour_of(made.until) - 2 * HOUR
    count = connection.execute(
        "SELECT count(*) FROM check_result WHERE checked_at >= %s AND checked_at < %s", (hour, hour + HOUR)
    ).fetchone()
    took_ms = _median_ms(lambda: rollups.roll_hour(connection, hour))
    return [measured(f"{name} an hour's roll-up of {count[0] if count else 0:,} rows", took_ms, "ms", at_most(1000))]


def _growth(reads: _Reads, older: Filled, name: str) -> list[Row]:
    """The same reads with the older half there and taken away, in turns: on a shared machine two moments differ."""
    pairs = []
    for _ in range(REPEATS):
        twice = reads.times_ms()
        with _without(reads.connection, older):
            pairs.append((reads.times_ms(), twice))
    return [_grown(f"{name} {of}", [(once[of], twice[of]) for once, twice in pairs]) for of in pairs[0][0]]


@contextmanager
def _without(connection: Connection, older: Filled) -> Iterator[None]:
    """The results of these days are no part of the table for as long."""
    days = [older.first.date() + DAY * n for n in range((older.until.date() - older.first.date()).days)]
    for day in days:
        connection.execute(f"ALTER TABLE check_result DETACH PARTITION check_result_{day:%Y%m%d}")
    yield
    for day in days:
        connection.execute(
            f"ALTER TABLE check_result ATTACH PARTITION check_result_{day:%Y%m%d} "
            f"FOR VALUES FROM ('{day} 00:00+00') TO ('{day + DAY} 00:00+00')"
        )


def _retention(connection: Connection, older: Filled) -> list[Row]:
    """Drop the older half, day by day; one of these days is deleted first, for comparison."""
    oldest = older.first.date() + DAY
    with _wal(connection) as by_deleting, connection.transaction(force_rollback=True):
        connection.execute(
            "DELETE FROM check_result WHERE checked_at >= %s AND checked_at < %s", (oldest, oldest + DAY)
        )
    times_ms: list[float] = []
    wal: list[float] = []
    day: date = older.first.date()
    while day < older.until.date():
        day += DAY
        with _wal(connection) as by_dropping:
            began_s = time.perf_counter()
            results.drop_days_before(connection, day)
            times_ms.append((time.perf_counter() - began_s) * 1000)
        wal.append(by_dropping[0])
    ratio = by_deleting[0] / max(median(wal), 1)
    against = f"deleting it: {by_deleting[0] / 1e6:.1f} MB of WAL"
    return [
        measured("history: retention of a day", median(times_ms), "ms", at_most(100)),
        compared("history: retention of a day", median(wal) / 1e6, "MB", against, ratio, at_least(10)),
    ]


@contextmanager
def _wal(connection: Connection) -> Iterator[list[float]]:
    """How many bytes of WAL the block wrote, once it is left."""
    at = "SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn"
    before = connection.execute(at).fetchone()
    written: list[float] = []
    yield written
    after = connection.execute(at).fetchone()
    assert before
    assert after
    written.append(float(after[0] - before[0]))


def _grown(name: str, pairs: Sequence[tuple[float, float]]) -> Row:
    once_ms, twice_ms = (median(times) for times in zip(*pairs, strict=True))
    ratio = median(twice / once for once, twice in pairs)
    return compared(f"{name} at twice as many", twice_ms, "ms", f"{once_ms:.1f} ms", ratio, at_most(1.5))


def _median_ms(read: Callable[[], None]) -> float:
    read()
    return median(_ms(read)() for _ in range(REPEATS))


def _ms(read: Callable[[], None]) -> Callable[[], float]:
    def timed() -> float:
        began_s = time.perf_counter()
        read()
        return (time.perf_counter() - began_s) * 1000

    return timed
