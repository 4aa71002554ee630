"""Uptime examples: histories written one character a slot, put into a database of their own, and counted from there.

The letters are those of `local.scenarios`; all numbers are slots; `UUD`, or in short `U x 2, D`.
"""

import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import accumulate, groupby
from pathlib import Path
from typing import Any

from psycopg.conninfo import make_conninfo
from psycopg.sql import SQL, Identifier

from local.migrate import migrate
from local.scenarios import STATUSES, ScenarioError, read_items
from vantage.check import Status
from vantage.monitor import Region
from vantage.store import figures
from vantage.store.connection import Connection, connect
from vantage.uptime import Slots, Uptime, sight, uptime

KEYS = {"id", "why", "results", "interval", "intervals", "maintenance", "vantage_fault", "incidents", "expect",
        "peers_would_print"}  # fmt: skip
_TABLES = "check_result, monitor_schedule, tick_ledger, region_fault, maintenance, incident, monitor"
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
SlotSpans = Sequence[Sequence[int]]


@dataclass(frozen=True, slots=True)
class Example:
    """One history: what each region saw in each slot, and the interval in force there."""

    id: str
    results: Mapping[Region, str]
    intervals_s: Sequence[int]
    maintenance: SlotSpans = ()
    incidents: SlotSpans = ()
    vantage_fault: Mapping[Region, SlotSpans] = field(default_factory=dict)

    def instants(self) -> list[datetime]:
        """When each slot is, and at last when the window ends."""
        return [EPOCH + timedelta(seconds=s) for s in accumulate(self.intervals_s, initial=0)]

    def statuses(self, slot: int) -> dict[Region, Status | None]:
        """What each region stored of a slot."""
        return {region: STATUSES.get(line[slot]) if slot < len(line) else None for region, line in self.results.items()}


def read_examples(path: Path) -> list[Example]:
    """The examples of a file; raises ScenarioError."""
    examples = []
    for item in read_items(path):
        try:
            examples.append(example(item))
        except (TypeError, ValueError, AttributeError) as error:
            raise ScenarioError(f"{item['id']}: {error}") from None
    return examples


def example(item: Mapping[str, Any]) -> Example:
    """One item of a file; raises ScenarioError."""
    name = str(item["id"])
    if unknown := sorted(set(item) - KEYS):
        raise ScenarioError(f"{name}: {', '.join(unknown)} is not known. Known are: {', '.join(sorted(KEYS))}.")
    results = {str(region): _spelled_out(name, str(line)) for region, line in item["results"].items()}
    length = max(map(len, results.values()))
    intervals = item.get("intervals") or [int(item.get("interval", 60))] * length
    if len(intervals) != length:
        raise ScenarioError(f"{name}: {length} slots and {len(intervals)} intervals.")
    return Example(
        name,
        results,
        intervals,
        item.get("maintenance") or (),
        item.get("incidents") or (),
        item.get("vantage_fault") or {},
    )


def as_slots(one: Example) -> Iterator[Slots]:
    """The slots of an example, without a database."""
    for slot, interval_s in enumerate(one.intervals_s):
        held = _holds(one.maintenance, slot)
        yield Slots(
            interval_s,
            {
                region: sight(status, in_maintenance=held, at_fault=_holds(one.vantage_fault.get(region, ()), slot))
                for region, status in one.statuses(slot).items()
            },
            _holds(one.incidents, slot),
        )


@contextmanager
def scratch(database_url: str) -> Iterator[Connection]:
    """A schema of its own in a database, migrated, and gone at the end: nothing else in there is touched."""
    name = f"vantage_dev_{secrets.token_hex(6)}"
    with connect(database_url, name="vantage-dev") as owner:
        owner.execute(SQL("CREATE SCHEMA {}").format(Identifier(name)))
        try:
            url = make_conninfo(database_url, options=f"-c search_path={name}")
            migrate(url)
            with connect(url, name="vantage-dev") as connection:
                yield connection
        finally:
            owner.execute("SET client_min_messages = warning")
            owner.execute(SQL("DROP SCHEMA {} CASCADE").format(Identifier(name)))


def counted(connection: Connection, one: Example) -> Uptime:
    """The figures of an example as any monitor's are counted, from tables that hold nothing else."""
    connection.execute(f"TRUNCATE {_TABLES} RESTART IDENTITY CASCADE")
    at = one.instants()
    monitor_id = _insert_monitor(connection, one)
    _insert_schedule(connection, monitor_id, one)
    _insert_ledger(connection, one)
    _insert_results(connection, monitor_id, one)
    _insert_spans(connection, monitor_id, one)
    connection.execute("ANALYZE monitor_schedule, tick_ledger, check_result")  # as autovacuum does in time
    with figures.one_sight(connection):
        pieces = figures.covered(connection, at[0], at[-1])
        return figures.uptimes(connection, pieces, [monitor_id]).get(monitor_id, uptime(()))


def _insert_monitor(connection: Connection, one: Example) -> int:
    rows = connection.execute(
        """INSERT INTO monitor (slug, name, type, spec, interval_s, timeout_ms)
           VALUES ('example', %s, 'http', '{"url": "https://example.com/"}', 60, 10000) RETURNING id""",
        [one.id],
    ).fetchall()
    return int(rows[0][0])


def _insert_schedule(connection: Connection, monitor_id: int, one: Example) -> None:
    """A version for each run of slots with the same interval."""
    connection.execute("DELETE FROM monitor_schedule")
    begins_s = list(accumulate(one.intervals_s, initial=0))
    for interval_s, run in groupby(range(len(one.intervals_s)), key=one.intervals_s.__getitem__):
        some = list(run)
        begin_s, end_s = begins_s[some[0]], begins_s[some[-1] + 1]
        if begin_s % 60:
            raise ScenarioError(f"{one.id}: an interval can only change at a full minute, and not at {begin_s} s.")
        since_epoch_s = int(EPOCH.timestamp()) + begin_s
        connection.execute(
            """INSERT INTO monitor_schedule (monitor_id, from_tick, until_tick, interval_s, phase_s, regions, enabled)
               VALUES (%s, %s, %s, %s, %s, %s::text[]::location[], true)""",
            (monitor_id, EPOCH + timedelta(seconds=begin_s), EPOCH + timedelta(seconds=end_s), interval_s,
             since_epoch_s % interval_s, list(one.results)),
        )  # fmt: skip


def _insert_ledger(connection: Connection, one: Example) -> None:
    connection.execute(
        """INSERT INTO tick_ledger (tick, region, spread_s)
           SELECT tick, region::location, 10
             FROM generate_series(%s, %s, interval '1 minute') tick, unnest(%s::text[]) region""",
        (EPOCH, one.instants()[-1] - timedelta(seconds=1), list(one.results)),
    )


def _insert_results(connection: Connection, monitor_id: int, one: Example) -> None:
    at = one.instants()
    connection.execute("SELECT ensure_result_days(%s, %s)", (at[0].date(), at[-1].date()))
    columns = "monitor_id, checked_at, recorded_at, region, status, interval_s, reused, cold, lagging, confirmed, extra"
    with connection.cursor() as cursor, cursor.copy(f"COPY check_result ({columns}) FROM STDIN") as copy:
        for slot, interval_s in enumerate(one.intervals_s):
            for region, status in one.statuses(slot).items():
                if status:
                    copy.write_row((monitor_id, at[slot], at[slot], region, status.value, interval_s, *[False] * 5))


def _insert_spans(connection: Connection, monitor_id: int, one: Example) -> None:
    """Announced work on everything, incidents, and the ticks in which a region was at fault."""
    at = one.instants()
    connection.execute(
        """WITH work AS (INSERT INTO maintenance (name, starts, duration_s, timezone) VALUES ('Work', %s, 60, 'UTC')
                         RETURNING id)
           INSERT INTO maintenance_window (maintenance_id, from_at, until_at)
           SELECT id, u.* FROM work, unnest(%s::timestamptz[], %s::timestamptz[]) u""",
        (EPOCH, *_ends(at, one.maintenance)),
    )
    connection.execute(
        """INSERT INTO incident (monitor_id, began_at, opened_at, resolved_at, single_vantage, facts)
           SELECT %s, u.began, u.began, u.resolved, false, '{}'
             FROM unnest(%s::timestamptz[], %s::timestamptz[]) u (began, resolved)""",
        (monitor_id, *_ends(at, one.incidents)),
    )
    for region, spans in one.vantage_fault.items():
        connection.execute(
            """INSERT INTO region_fault (tick, region)
               SELECT DISTINCT t, %s::location FROM unnest(%s::timestamptz[], %s::timestamptz[]) u (a, b),
                      generate_series(a, b - interval '1 second', interval '1 minute') t""",
            (region, *_ends(at, spans)),
        )


def _ends(at: Sequence[datetime], spans: SlotSpans) -> tuple[list[datetime], list[datetime]]:
    """When spans of slots begin and end."""
    return [at[begin] for begin, _ in spans], [at[min(end, len(at) - 1)] for _, end in spans]


def _holds(spans: SlotSpans, slot: int) -> bool:
    return any(begin <= slot < end for begin, end in spans)


def _spelled_out(name: str, line: str) -> str:
    """`U x 2, D` is `UUD`."""
    parts = []
    for part in line.split(","):
        letters, _, times = part.strip().partition(" x ")
        parts.append(letters.strip() * int(times or 1))
    spelled = "".join(parts)
    if strange := sorted(set(spelled) - {*STATUSES, "."}):
        raise ScenarioError(f"{name}: {', '.join(strange)} in {line[:40]!r}; only U D G X R and a dot mean something.")
    return spelled
