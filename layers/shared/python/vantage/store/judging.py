"""What judging reads and writes: ticks, marks, memories, rows; everything of one tick in one transaction."""

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString

import psycopg

from vantage.check import Phases, Status
from vantage.monitor import Region
from vantage.store.connection import Connection
from vantage.store.ledger import as_time
from vantage.verdict.rows import Row
from vantage.verdict.windows import Window

FaultAt = tuple[Region, int]
"""A region and a tick (epoch s)."""
Record = Mapping[str, Any]

_LOCK_TIMEOUT = "SET LOCAL lock_timeout = '15s'"
FAULTS_KEPT_IN_MIND_S = 2 * 86_400
# A frozen Lambda holds its locks: PostgreSQL ends it, and whoever comes next judges.
_IDLE_TIMEOUT = "SET LOCAL idle_in_transaction_session_timeout = '15s'"
# Rows are found by key; a plan made while today's partition was empty would scan it whole for ever.
_BY_KEY = "SET LOCAL enable_seqscan = off"


@dataclass(frozen=True, slots=True)
class Told:
    """How a row's check went, as far as people are told."""

    reason: str | None
    http_status: int | None
    total_us: int | None
    phases: Phases
    reused: bool


@dataclass(frozen=True, slots=True)
class Seen:
    """A stored row of a monitor in a region; `was_judged`: before the monitor's last slot was judged."""

    monitor_id: int
    region: Region
    row: Row
    told: Told
    was_judged: bool


@dataclass(frozen=True, slots=True)
class Subject:
    """A monitor that is looked at, with its schedule in the tick; interval_s None: none is in force."""

    id: int
    slug: str
    name: str
    type: str
    url: str | None
    group: str | None
    tags: Mapping[str, str]
    confirmations: int
    timeout_ms: int
    is_deleted: bool
    is_reference: bool
    interval_s: int | None
    phase_s: int | None
    regions: Sequence[Region] | None
    is_public: bool


@dataclass(frozen=True, slots=True)
class HeldState:
    """A monitor's state in a region, as it is stored."""

    monitor_id: int
    region: Region
    state: Status
    since_ms: int
    confirmed_ms: int


def oldest_unjudged(connection: Connection) -> list[tuple[Any, ...]]:
    """The rows of the oldest tick that is not judged: tick (epoch s), spread, whether there are intervals below a
    minute, region, is_enabled, pushed, skipped, accounted, is_pushed, reported_before."""
    return connection.execute(
        """
        SELECT extract(epoch FROM l.tick)::bigint, l.spread_s,
               EXISTS (SELECT FROM monitor_schedule s
                        WHERE s.enabled AND s.interval_s < 60 AND s.from_tick <= l.tick AND l.tick < s.until_tick),
               l.region::text, coalesce(r.enabled, false), l.pushed, l.skipped, l.stored + l.expired + l.dead,
               l.pushed_at IS NOT NULL,
               coalesce(p.stored + p.expired + p.dead > 0 OR (p.pushed_at IS NOT NULL AND p.pushed + p.skipped = 0),
                        false)
          FROM tick_ledger l
          LEFT JOIN region r ON r.name = l.region
          LEFT JOIN tick_ledger p ON p.region = l.region
               AND p.tick = (SELECT max(tick) FROM tick_ledger b WHERE b.tick < l.tick)
         WHERE l.tick = (SELECT min(tick) FROM tick_ledger WHERE judged_at IS NULL)
         ORDER BY l.region"""
    ).fetchall()


def lock(connection: Connection, tick_s: int) -> list[FaultAt] | None:
    """Take a tick and every open one before it; returns where rows came late since they were judged.

    None: another judging is at work, has judged it meanwhile, or has left a rest. In a transaction of the caller's.
    """
    with _in_one_trip(connection):
        _settle(connection)
        cursor = connection.execute(
            "SELECT extract(epoch FROM tick)::bigint, region::text, is_judged, late_rows FROM lock_ticks(%s)",
            (as_time(tick_s),),
        )
    rows = cursor.fetchall()
    if [tick for tick, _, is_judged, _ in rows if not is_judged][:1] != [tick_s]:
        return None
    return [(region, tick) for tick, region, _, late in rows if late > 0 and tick < tick_s]


def _settle(connection: Connection) -> None:
    for setting in (_LOCK_TIMEOUT, _IDLE_TIMEOUT, _BY_KEY):
        connection.execute(setting)


@dataclass(frozen=True, slots=True)
class Rest:
    """A portion of a tick that is decided on as a whole; `judged_at`: rows recorded later are not looked at."""

    tick_s: int
    spread_s: int
    regions: Sequence[Region]
    judged_at: datetime
    ids: Sequence[int]


def is_anything_left(connection: Connection) -> bool:
    """Whether monitors of a tick that is decided on still have to be judged."""
    row = connection.execute("SELECT EXISTS (SELECT FROM judging_rest)").fetchone()
    return bool(row and row[0])


def take_rest(connection: Connection, most: int) -> Rest | None:
    """Take some of the monitors that are left, which others then pass by; None where there are none to be had.

    In a transaction of the caller's, with whose end they are judged.
    """
    with _in_one_trip(connection):
        _settle(connection)
        taken = connection.execute(
            """DELETE FROM judging_rest WHERE (tick, monitor_id) IN (
                   SELECT tick, monitor_id FROM judging_rest ORDER BY 1, 2 LIMIT %s FOR UPDATE SKIP LOCKED)
            RETURNING extract(epoch FROM tick)::bigint, monitor_id""",
            (most,),
        )
    rows = taken.fetchall()
    if not rows:
        return None
    tick_s = rows[0][0]
    frame = connection.execute(
        "SELECT region::text, spread_s, judged_at FROM tick_ledger WHERE tick = %s ORDER BY region", (as_time(tick_s),)
    ).fetchall()
    return Rest(
        tick_s, frame[0][1], [region for region, *_ in frame], max(judged for *_, judged in frame),
        sorted(monitor_id for _, monitor_id in rows),
    )  # fmt: skip


def leave_rest(connection: Connection, tick_s: int, ids: Sequence[int]) -> None:
    """Leave a tick's monitors to be judged in portions."""
    connection.execute(
        "INSERT INTO judging_rest (tick, monitor_id) SELECT %s, unnest(%s::bigint[])", (as_time(tick_s), list(ids))
    )


def known_faults(connection: Connection, tick_s: int) -> frozenset[FaultAt]:
    """The regions that were at fault, in the two days up to a tick."""
    rows = connection.execute(_FAULTS, (as_time(tick_s - FAULTS_KEPT_IN_MIND_S),))
    return frozenset((region, tick) for region, tick in rows)


_FAULTS = "SELECT region::text, extract(epoch FROM tick)::bigint FROM region_fault WHERE tick > %s"


@dataclass(frozen=True, slots=True)
class Heard:
    """What came of a tick: the reference targets' answers, as (tick, region, failed), where a region found its own way
    out cut, the rows stored per region, the operator's memory, and the faults that are known."""

    references: Sequence[tuple[int, Region, bool]]
    cut: frozenset[FaultAt]
    stored: Mapping[Region, int]
    operator: Record | None
    faults: frozenset[FaultAt]


def hear(connection: Connection, tick_s: int, late: Sequence[FaultAt]) -> Heard:
    """Read what is asked of a tick before any monitor is looked at; `late` ticks' references are read too."""
    ticks = [as_time(tick) for tick in sorted({tick_s, *(tick for _, tick in late)})]
    with _in_one_trip(connection):
        references = connection.execute(
            """SELECT extract(epoch FROM t)::bigint, c.region::text, c.status = 'down'
                 FROM unnest(%s::timestamptz[]) t, monitor m
                CROSS JOIN LATERAL (
                    SELECT region, status FROM check_result
                     WHERE monitor_id = m.id AND checked_at >= t AND checked_at < t + interval '1 minute'
                       AND status IN ('up', 'degraded', 'down')) c
                WHERE m.reference AND m.deleted_at IS NULL""",
            (ticks,),
        )
        cut = connection.execute(
            "SELECT region::text, extract(epoch FROM tick)::bigint FROM egress_cut WHERE tick = ANY (%s)", (ticks,)
        )
        stored = connection.execute("SELECT region::text, stored FROM tick_ledger WHERE tick = %s", (as_time(tick_s),))
        operator = connection.execute("SELECT memory FROM judged_operator")
        faults = connection.execute(_FAULTS, (as_time(tick_s - FAULTS_KEPT_IN_MIND_S),))
    row = operator.fetchone()
    return Heard(
        [(tick, region, failed) for tick, region, failed in references],
        frozenset((region, tick) for region, tick in cut),
        dict(stored.fetchall()),
        row[0] if row else None,
        frozenset((region, tick) for region, tick in faults),
    )


_IS_HELD: LiteralString = """
    EXISTS (SELECT FROM maintenance_window w
             WHERE w.until_at > %(tick)s AND w.from_at < %(tick)s + interval '1 minute')
    AND is_in_maintenance(m.group_name, m.slug, c.checked_at)"""

# Failing rows have an index of their own, so those that fail in one region alone are found without all the others.
_FAILING_ALONE: LiteralString = """
SELECT c.region::text, count(*)
  FROM check_result c
  JOIN monitor m ON m.id = c.monitor_id AND NOT m.reference
 WHERE c.status = 'down' AND c.region = ANY (enum_range(NULL::location)) AND NOT ({is_held})
   AND c.checked_at >= %(tick)s AND c.checked_at < %(tick)s + interval '1 minute'
   AND EXISTS (
    SELECT FROM check_result o
     WHERE o.monitor_id = c.monitor_id AND o.checked_at = c.checked_at AND o.region <> c.region
       AND o.region <> ALL (%(blind)s::text[]::location[]) AND o.status IN ('up', 'degraded'))
 GROUP BY 1"""

_COMPARABLE: LiteralString = """
SELECT count(*), count(DISTINCT monitor_id) FROM (
    SELECT c.monitor_id FROM check_result c JOIN monitor m ON m.id = c.monitor_id AND NOT m.reference
     WHERE c.checked_at >= %(tick)s AND c.checked_at < %(tick)s + interval '1 minute'
       AND c.region = %(region)s::text::location AND c.status IN ('up', 'degraded', 'down')
       AND NOT ({is_held})
       AND EXISTS (
        SELECT FROM check_result o
         WHERE o.monitor_id = c.monitor_id AND o.checked_at = c.checked_at AND o.region <> c.region
           AND o.region <> ALL (%(blind)s::text[]::location[]) AND o.status IN ('up', 'degraded', 'down'))
     LIMIT %(most)s) x"""


def failing_alone(connection: Connection, tick_s: int, blind: Collection[Region]) -> dict[Region, int]:
    """By region, how many checks of a tick failed there and were up in another region that is not `blind`."""
    given = {"tick": as_time(tick_s), "blind": list(blind)}
    return dict(connection.execute(_sql(_FAILING_ALONE), given).fetchall())


def comparable(
    connection: Connection, tick_s: int, region: Region, blind: Collection[Region], most: int
) -> tuple[int, int]:
    """How many checks of a tick were seen in a region and in another that is not `blind`, and of how many monitors.

    Counts `most` at the most, so that its cost follows the failing ones; what is in maintenance is left out.
    """
    given = {"tick": as_time(tick_s), "region": region, "blind": list(blind), "most": most}
    row = connection.execute(_sql(_COMPARABLE), given).fetchone()
    return (row[0], row[1]) if row else (0, 0)


# A new monitor that is up wherever it is seen: state and flip follow without looking at each, and they come in crowds.
_WELCOME: LiteralString = """
WITH fresh AS (
    SELECT monitor_id FROM mark WHERE fresh AND tick <= %(tick)s GROUP BY 1 HAVING min(tick) = %(tick)s
), seen AS (
    SELECT c.monitor_id, c.region, c.checked_at,
           bool_and(c.status = 'up' AND NOT ({is_held})) OVER (PARTITION BY c.monitor_id) AS is_well
      FROM fresh f
      JOIN monitor m ON m.id = f.monitor_id AND NOT m.reference AND m.deleted_at IS NULL
      JOIN check_result c ON c.monitor_id = f.monitor_id
           AND c.checked_at >= %(tick)s AND c.checked_at < %(tick)s + interval '1 minute'
     WHERE c.status IN ('up', 'degraded', 'down')
       AND NOT EXISTS (SELECT FROM judged_memory j WHERE j.monitor_id = f.monitor_id)
       AND NOT EXISTS (SELECT FROM region_state s WHERE s.monitor_id = f.monitor_id AND s.state <> 'up')
), stated AS (
    INSERT INTO region_state (monitor_id, region, state, since, confirmed_at)
    SELECT monitor_id, region, 'up', min(checked_at), min(checked_at) FROM seen
     WHERE is_well AND region <> ALL (%(at_fault)s::text[]::location[]) GROUP BY 1, 2
        ON CONFLICT DO NOTHING
    RETURNING monitor_id, region, since
), flipped AS (
    INSERT INTO flip (monitor_id, region, checked_at, to_state, since)
    SELECT monitor_id, region, since, 'up', since FROM stated ON CONFLICT DO NOTHING
)
SELECT DISTINCT monitor_id FROM seen WHERE is_well"""


def look(connection: Connection, tick_s: int, faults: Collection[FaultAt]) -> list[int]:
    """The monitors (ids, in order) that must be looked at: those with fresh marks up to a tick that are not from a
    region at fault there, and those that are remembered. New ones that are simply up are seen to on the way."""
    at_fault = [region for region, tick in faults if tick == tick_s]
    with _in_one_trip(connection):
        welcomed = connection.execute(_sql(_WELCOME), {"tick": as_time(tick_s), "at_fault": at_fault})
        marks = connection.execute(
            """UPDATE mark SET fresh = false WHERE fresh AND tick <= %s
            RETURNING monitor_id, region::text, extract(epoch FROM tick)::bigint""",
            (as_time(tick_s),),
        )
        remembered = connection.execute("SELECT monitor_id FROM judged_memory")
    ids = {monitor_id for monitor_id, region, tick in marks if (region, tick) not in faults}
    ids.difference_update(monitor_id for (monitor_id,) in welcomed)
    return sorted(ids.union(monitor_id for (monitor_id,) in remembered))


def _sql(statement: LiteralString) -> psycopg.sql.Composed:
    """A statement with the test for announced work put in: a look at each row only while there is any."""
    return psycopg.sql.SQL(statement).format(is_held=psycopg.sql.SQL(_IS_HELD))


def memories(connection: Connection, ids: Sequence[int]) -> dict[int, tuple[Record, str]]:
    """What is remembered of these monitors, and the verdict before."""
    rows = connection.execute(
        "SELECT monitor_id, memory, verdict FROM judged_memory WHERE monitor_id = ANY(%s)", (list(ids),)
    ).fetchall()
    return {monitor_id: (memory, verdict) for monitor_id, memory, verdict in rows}


_SUBJECTS = """
SELECT m.id, m.slug, m.name, m.type, m.spec ->> 'url', m.group_name, m.tags, m.confirmations::int, m.timeout_ms,
       m.deleted_at IS NOT NULL, m.reference, s.interval_s, s.phase_s, s.regions::text[], m.public
  FROM unnest(%(ids)s::bigint[]) x (id)
  JOIN monitor m ON m.id = x.id
  LEFT JOIN monitor_schedule s
       ON s.monitor_id = m.id AND s.from_tick <= %(tick)s AND %(tick)s < s.until_tick AND s.enabled"""

_STATES = """
SELECT monitor_id, region::text, state::text, ms_of(since), ms_of(confirmed_at) FROM region_state
 WHERE monitor_id = ANY(%(ids)s)"""

# A monitor that was quiet is looked at from three intervals back (its rows' own): what is older votes no more and joins
# no streak. One that is remembered, from its last judged row on, and no further than a row may lie behind its tick; a
# heartbeat's slots are written when their grace is over.
_ROWS = """
SELECT c.monitor_id, c.region::text, ms_of(c.checked_at), c.status::text, c.interval_s, c.extra,
       c.reason::text, c.http_status::int, c.total_us, c.dns_us, c.connect_us, c.tls_us, c.first_byte_us, c.download_us,
       c.reused, coalesce(c.recorded_at <= l.judged_at AND c.checked_at < l.tick + interval '1 minute', false)
  FROM unnest(%(ids)s::bigint[], %(since)s::timestamptz[], %(newest)s::jsonb[]) x (id, since, newest)
  LEFT JOIN monitor_schedule s
       ON s.monitor_id = x.id AND s.from_tick <= %(tick)s AND %(tick)s < s.until_tick AND s.enabled
 CROSS JOIN LATERAL (
    SELECT * FROM check_result
     WHERE monitor_id = x.id AND checked_at < %(tick)s + interval '1 minute' AND checked_at >= greatest(
           x.since, %(tick)s - make_interval(secs => greatest(3 * coalesce(s.interval_s, 60), CASE
               WHEN x.since IS NULL THEN 600 WHEN s.heartbeat THEN 2 * 86400 ELSE %(reach)s END)))
       AND (x.newest IS NULL OR ms_of(checked_at) >= coalesce((x.newest ->> region::text)::bigint, 0))
       AND recorded_at <= %(until)s::timestamptz
       AND (x.since IS NOT NULL OR checked_at >=
            %(tick)s - make_interval(secs => 3 * greatest(interval_s, coalesce(s.interval_s, 60))))) c
  LEFT JOIN tick_ledger l
       ON l.region = c.region AND l.tick = tick_due_before(%(tick)s, coalesce(s.interval_s, 60), coalesce(s.phase_s, 0))
 ORDER BY c.monitor_id, c.checked_at, c.region"""

_WINDOWS = """
SELECT m.id, ms_of(w.from_at), ms_of(w.until_at)
  FROM maintenance_window w
  JOIN maintenance x ON x.id = w.maintenance_id
  JOIN monitor m ON m.id = ANY (%(ids)s)
   AND (cardinality(x.groups) + cardinality(x.slugs) = 0 OR m.group_name = ANY (x.groups) OR m.slug = ANY (x.slugs))
 WHERE w.until_at > %(tick)s - interval '2 days' AND w.from_at < %(tick)s + interval '1 minute'"""


@dataclass(frozen=True, slots=True)
class Material:
    """What is known of the monitors that are looked at."""

    subjects: Sequence[Subject]
    states: Sequence[HeldState]
    rows: Sequence[Seen]
    windows: Mapping[int, Sequence[Window]]


def read(
    connection: Connection,
    tick_s: int,
    newest_ms: Mapping[int, Mapping[Region, int] | None],
    reach_s: int,
    judged_at: datetime | None,
) -> Material:
    """Read of each monitor (by id) its schedule in the tick, its states, and its rows from each region's last judged
    one on (epoch ms; None: it was quiet) up to the end of the tick, of those that were recorded by `judged_at` (None:
    by now).

    None is read that lies further behind the tick than `reach_s` and three intervals, whatever is silent for hours.
    """
    ids = sorted(newest_ms)
    kept = [newest_ms[key] for key in ids]
    given = {
        "ids": ids,
        "since": [None if one is None else as_time(min(one.values(), default=0) / 1000) for one in kept],
        "newest": [None if one is None else json.dumps(one) for one in kept],
        "tick": as_time(tick_s),
        "reach": reach_s,
        "until": judged_at or "infinity",
    }
    with _in_one_trip(connection):
        subjects = connection.execute(_SUBJECTS, given)
        states = connection.execute(_STATES, given)
        rows = connection.execute(_ROWS, given)
        spans = connection.execute(_WINDOWS, given)
    windows: dict[int, list[Window]] = defaultdict(list)
    for monitor_id, from_ms, until_ms in spans:
        windows[monitor_id].append(Window(from_ms, until_ms))
    return Material(
        [Subject(*row) for row in subjects],
        [HeldState(monitor_id, region, Status(state), *rest) for monitor_id, region, state, *rest in states],
        [_seen(row) for row in rows],
        windows,
    )


def _seen(row: Sequence[Any]) -> Seen:
    monitor_id, region, at_ms, status, interval_s, extra, reason, http_status, total_us, *phases, reused, judged = row
    told = Told(reason, http_status, total_us, Phases(*phases), reused)
    return Seen(monitor_id, region, Row(at_ms, Status(status), interval_s, extra=extra), told, judged)


@dataclass(frozen=True, slots=True)
class Decided:
    """What was decided of some monitors, as records of the tables' columns; instants are epoch ms.

    `forgotten` are quiet from now on, by id; of `left` not even a state is held.
    """

    states: Sequence[Record] = ()
    flips: Sequence[Record] = ()
    verdicts: Sequence[Record] = ()
    opened: Sequence[Record] = ()
    resolved: Sequence[Record] = ()
    events: Sequence[Record] = ()
    advisories_opened: Sequence[Record] = ()
    advisories_closed: Sequence[Record] = ()
    notices: Sequence[Record] = ()
    sooner: Sequence[Record] = ()
    memories: Sequence[Record] = ()
    forgotten: Collection[int] = ()
    left: Collection[int] = ()


_WRITES: Mapping[str, LiteralString] = {
    "states": """
        INSERT INTO region_state AS s
        SELECT monitor_id, region::location, state::check_status, at_ms(since), at_ms(confirmed)
          FROM jsonb_to_recordset(%s) AS x (monitor_id bigint, region text, state text, since bigint, confirmed bigint)
            ON CONFLICT (monitor_id, region) DO UPDATE
           SET state = excluded.state, since = excluded.since, confirmed_at = excluded.confirmed_at""",
    "flips": """
        INSERT INTO flip
        SELECT monitor_id, region::location, at_ms(at), before::check_status, after::check_status, at_ms(since)
          FROM jsonb_to_recordset(%s)
            AS x (monitor_id bigint, region text, at bigint, before text, after text, since bigint)
            ON CONFLICT DO NOTHING""",
    "verdicts": """
        INSERT INTO verdict SELECT monitor_id, at_ms(at), verdict
          FROM jsonb_to_recordset(%s) AS x (monitor_id bigint, at bigint, verdict text)
            ON CONFLICT (monitor_id, checked_at) DO UPDATE SET verdict = excluded.verdict""",
    "resolved": """
        UPDATE incident i SET resolved_at = at_ms(x.resolved)
          FROM jsonb_to_recordset(%s) AS x (monitor_id bigint, opened bigint, resolved bigint)
         WHERE i.monitor_id = x.monitor_id AND i.opened_at = at_ms(x.opened) AND i.resolved_at IS NULL""",
    "opened": """
        INSERT INTO incident (monitor_id, began_at, opened_at, resolved_at, single_vantage, reason, phase, facts)
        SELECT monitor_id, at_ms(began), at_ms(opened), at_ms(resolved), single, reason::check_reason, phase, facts
          FROM jsonb_to_recordset(%s)
            AS x (monitor_id bigint, began bigint, opened bigint, resolved bigint, single boolean, reason text,
                  phase text, facts jsonb)
            ON CONFLICT (monitor_id) WHERE resolved_at IS NULL DO NOTHING""",
    "events": """
        INSERT INTO incident_event (incident_id, at, kind, region, detail)
        SELECT i.id, at_ms(x.at), x.kind, x.region::location, x.detail
          FROM jsonb_to_recordset(%s)
            AS x (monitor_id bigint, opened bigint, at bigint, kind text, region text, detail jsonb)
          JOIN incident i ON i.monitor_id = x.monitor_id AND i.opened_at = at_ms(x.opened)""",
    "advisories_opened": """
        INSERT INTO advisory (monitor_id, region, opened_at, told)
        SELECT monitor_id, region::location, at_ms(opened), told
          FROM jsonb_to_recordset(%s) AS x (monitor_id bigint, region text, opened bigint, told boolean)
            ON CONFLICT (monitor_id, region) WHERE closed_at IS NULL DO NOTHING""",
    "advisories_closed": """
        UPDATE advisory a SET closed_at = at_ms(x.closed)
          FROM jsonb_to_recordset(%s) AS x (monitor_id bigint, region text, closed bigint)
         WHERE a.monitor_id = x.monitor_id AND a.region = x.region::location AND a.closed_at IS NULL""",
    "notices": """
        INSERT INTO outbox (channel, subject, key, type, facts)
        WITH given AS (
            SELECT * FROM jsonb_to_recordset(%s)
                AS x (n int, monitor_id bigint, key text, type text, event text, incident bigint, facts jsonb,
                      quiet boolean, told text)
        )
        SELECT c.name, x.monitor_id::text, x.key, x.type, x.facts || jsonb_build_object(
               'regions', with_details(x.monitor_id, x.facts -> 'regions'), 'incident_id', (
               SELECT i.id FROM incident i WHERE i.monitor_id = x.monitor_id AND i.opened_at = at_ms(x.incident)))
          FROM given x
          JOIN monitor m ON m.id = x.monitor_id
          JOIN channel c ON c.name = ANY (m.channels) AND c.enabled AND x.event = ANY (c.events)
         WHERE (x.quiet IS NOT TRUE OR keeps_alerts(c.type))
           AND (x.told IS NULL OR EXISTS (SELECT FROM outbox o WHERE o.channel = c.name AND o.key = x.told)
                OR EXISTS (SELECT FROM given g WHERE g.key = x.told))
         ORDER BY x.n, c.name
            ON CONFLICT (channel, key) DO NOTHING""",
    "sooner": """
        MERGE INTO sooner s USING jsonb_to_recordset(%s) AS x (monitor_id bigint, wanted boolean)
           ON s.monitor_id = x.monitor_id
         WHEN MATCHED AND NOT x.wanted THEN DELETE
         WHEN NOT MATCHED AND x.wanted THEN INSERT VALUES (x.monitor_id)""",
    "memories": """
        INSERT INTO judged_memory AS j SELECT monitor_id, memory, verdict
          FROM jsonb_to_recordset(%s) AS x (monitor_id bigint, memory jsonb, verdict text)
            ON CONFLICT (monitor_id) DO UPDATE SET memory = excluded.memory, verdict = excluded.verdict""",
}


def write(connection: Connection, decided: Decided) -> int:
    """Write what was decided; returns how many outbox rows came of it."""
    notices = None
    with _in_one_trip(connection):
        for part, statement in _WRITES.items():
            if records := getattr(decided, part):
                cursor = connection.execute(statement, (json.dumps(records),))
                notices = cursor if part == "notices" else notices
        connection.execute("DELETE FROM judged_memory WHERE monitor_id = ANY(%s)", (list(decided.forgotten),))
        if decided.left:
            connection.execute("DELETE FROM region_state WHERE monitor_id = ANY(%s)", (list(decided.left),))
    return notices.rowcount if notices else 0


@dataclass(frozen=True, slots=True)
class Closing:
    """What ends the judging of a tick: faults found, late rows seen, and what the operator hears."""

    tick_s: int
    faults: Collection[FaultAt]
    late: Collection[FaultAt]
    operator: Record | None
    operator_notices: Sequence[Record]


_OPERATOR_NOTICES = """
INSERT INTO outbox (channel, subject, key, type, facts)
SELECT c.name, 'operator', x.key, x.type, x.facts
  FROM jsonb_to_recordset(%s) AS x (key text, type text, facts jsonb)
  JOIN channel c ON c.operator AND c.enabled
    ON CONFLICT (channel, key) DO NOTHING"""


def close(connection: Connection, closing: Closing, notices: int) -> int:
    """Note that a tick is judged, and by `judged_at` which rows were; returns how many outbox rows there are by now."""
    with _in_one_trip(connection):
        told = connection.execute(_OPERATOR_NOTICES, (json.dumps(closing.operator_notices),))
        _insert_faults(connection, closing.faults)
        _note_late_rows_seen(connection, closing.late)
        if closing.operator is not None:
            connection.execute(
                """INSERT INTO judged_operator (memory) VALUES (%s)
                       ON CONFLICT (id) DO UPDATE SET memory = excluded.memory""",
                (json.dumps(closing.operator),),
            )
        connection.execute(
            "UPDATE tick_ledger SET judged_at = clock_timestamp() WHERE tick = %s", (as_time(closing.tick_s),)
        )
    notices += told.rowcount
    tell(connection, notices)
    return notices


def tell(connection: Connection, notices: int) -> None:
    """Wake who listens to the outbox, if anything was put there."""
    if notices:
        connection.execute("SELECT pg_notify('vantage_outbox', '')")


def _insert_faults(connection: Connection, faults: Iterable[FaultAt]) -> None:
    for region, tick in sorted(faults):
        connection.execute(
            "INSERT INTO region_fault (tick, region) VALUES (%s, %s::text::location) ON CONFLICT DO NOTHING",
            (as_time(tick), region),
        )


def _note_late_rows_seen(connection: Connection, late: Iterable[FaultAt]) -> None:
    for region, tick in late:
        connection.execute(
            "UPDATE tick_ledger SET late_rows = 0 WHERE tick = %s AND region = %s::text::location",
            (as_time(tick), region),
        )


def drop_marks_before(connection: Connection, tick_s: int) -> int:
    """Marks of ticks whose books are closed are of no use any more; returns how many went."""
    return connection.execute("DELETE FROM mark WHERE tick < %s AND NOT fresh", (as_time(tick_s),)).rowcount


def _in_one_trip(connection: Connection) -> Any:
    """Statements inside go to the server together; their results are there at the end of the block."""
    return connection.pipeline() if psycopg.Pipeline.is_supported() else nullcontext()
