"""The sheet: what was scheduled, tick by tick and region by region, and where it ended."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass, field
from datetime import datetime

from vantage.monitor import Region
from vantage.store.connection import Connection

_COUNTS = "scheduled, stored, expired, skipped, dead"


@dataclass(frozen=True, slots=True)
class Counts:
    """Where scheduled checks ended: `scheduled = stored + expired + skipped + dead + lost`.

    `lost` is what is missing, negative where more came back than was sent; before the tick closes it may yet come.
    """

    scheduled: int = 0
    stored: int = 0
    expired: int = 0
    skipped: int = 0
    dead: int = 0

    @property
    def lost(self) -> int:
        """What is in no other column."""
        return self.scheduled - self.stored - self.expired - self.skipped - self.dead

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(*(mine + its for mine, its in zip(astuple(self), astuple(other), strict=True)))

    def as_dict(self) -> dict[str, int]:
        """For a person's or a program's eyes."""
        counts = dict(zip(_COUNTS.split(", "), astuple(self), strict=True))
        return {**counts, "lost": self.lost}


@dataclass(frozen=True, slots=True)
class TickSheet:
    """One tick's counts in each of its regions; `due` is what monitor_schedule says, counted when the tick closes."""

    tick: datetime
    complete: bool
    closed: bool
    regions: Mapping[Region, Counts]
    gap: bool = False
    due: Mapping[Region, int | None] = field(default_factory=dict)

    @property
    def is_accounted_for(self) -> bool:
        """All of it is pushed and each check has ended somewhere."""
        return self.complete and all(counts.lost <= 0 for counts in self.regions.values())


@dataclass(frozen=True, slots=True)
class RunSheet:
    """The ticks of one local run, and how late their checks started (ms, null without any)."""

    ticks: int
    regions: Mapping[Region, Counts]
    late_p50_ms: float | None = None
    late_p99_ms: float | None = None


def latest_ticks(connection: Connection, count: int) -> list[TickSheet]:
    """The newest ticks, newest first."""
    return _ticks(
        connection,
        "tick IN (SELECT DISTINCT tick FROM tick_ledger ORDER BY tick DESC LIMIT %(count)s)",
        {"count": count},
    )


def one_tick(connection: Connection, tick: datetime) -> TickSheet | None:
    """One tick; None where it was never opened."""
    return next(iter(_ticks(connection, "tick = %(tick)s", {"tick": tick})), None)


def run_ticks(connection: Connection, first_tick: datetime, began_at: datetime) -> list[TickSheet]:
    """The ticks from `first_tick` on that were opened or completed since `began_at` (PostgreSQL's time)."""
    return _ticks(
        connection,
        "tick >= %(first)s AND (opened_at >= %(began)s OR pushed_at >= %(began)s)",
        {"first": first_tick, "began": began_at},
    )


def run_sheet(connection: Connection, ticks: Iterable[TickSheet]) -> RunSheet:
    """The sum over these ticks."""
    sums: dict[Region, Counts] = defaultdict(Counts)
    instants = []
    for sheet in ticks:
        instants.append(sheet.tick)
        for region, counts in sheet.regions.items():
            sums[region] += counts
    return RunSheet(len(instants), dict(sums), *_lateness_ms(connection, instants))


def database_time(connection: Connection) -> datetime:
    """What time it is for PostgreSQL."""
    rows: list[tuple[datetime]] = connection.execute("SELECT clock_timestamp()").fetchall()
    return rows[0][0]


def _ticks(connection: Connection, condition: str, arguments: Mapping[str, object]) -> list[TickSheet]:
    # Ticks are pushed in order: one that is incomplete behind a complete one stays so.
    query = f"""
        SELECT tick, region::text, pushed_at IS NOT NULL, closed_at IS NOT NULL,
               pushed_at IS NULL AND (closed_at IS NOT NULL OR EXISTS (
                   SELECT FROM tick_ledger later WHERE later.tick > l.tick AND later.pushed_at IS NOT NULL)),
               due, {_COUNTS}
          FROM tick_ledger l WHERE {condition} ORDER BY tick DESC, l.region"""  # noqa: S608  # ours
    found: dict[datetime, _Found] = {}
    for tick, region, complete, closed, gap, due, *counts in connection.execute(query, arguments):
        one = found.setdefault(tick, _Found())
        one.complete, one.closed = one.complete and complete, one.closed and closed
        one.gap = one.gap or gap
        one.due[region] = due
        one.regions[region] = Counts(*counts)
    return [TickSheet(tick, one.complete, one.closed, one.regions, one.gap, one.due) for tick, one in found.items()]


@dataclass(slots=True)
class _Found:
    complete: bool = True
    closed: bool = True
    gap: bool = False
    due: dict[Region, int | None] = field(default_factory=dict)
    regions: dict[Region, Counts] = field(default_factory=dict)


def _lateness_ms(connection: Connection, ticks: list[datetime]) -> tuple[float | None, float | None]:
    row = connection.execute(
        """
        SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY late_ms),
               percentile_cont(0.99) WITHIN GROUP (ORDER BY late_ms)
          FROM unnest(%s::timestamptz[]) t JOIN check_result r
            ON r.checked_at >= t AND r.checked_at < t + interval '1 minute' AND r.status NOT IN ('expired', 'dead')""",
        [ticks],
    ).fetchone()
    return (row[0], row[1]) if row else (None, None)
