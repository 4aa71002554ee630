"""Histories put into the database as they would have come there, and judged there tick by tick."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg

from local.scenarios import SUBJECT, Scenario, stored, ticks, watched
from vantage.check import Status
from vantage.judge.tick import Judge, Judged
from vantage.notify.message import message_of
from vantage.store.ledger import as_time
from vantage.store.outbox import Letter
from vantage.verdict.fleet import Stored, tick_of
from vantage.verdict.rows import Row
from vantage.verdict.rules import Rules

REGIONS = ("USA", "INDIA", "EU")
STATUSES = {"U": Status.UP, "D": Status.DOWN}
ENDS = {"incident.resolved", "advisory.closed", "monitor.settled", "operator.closed"}
EVENTS = ["down", "up", "regional", "degraded", "certificate", "flapping"]
COLUMNS = ("int", "int", "int", "int", "int", "int", "int", "int", "smallint", "bool", "bool", "bool", "bool")


def record(database: "psycopg.Connection[Any]", rows: Iterable[Stored]) -> None:
    """Store rows as the workers do, per region."""
    by_region: dict[str, list[Stored]] = defaultdict(list)
    for one in rows:
        by_region[one.region].append(one)
    for region, mine in sorted(by_region.items()):
        mine.sort(key=lambda one: (one.monitor_id, one.row.at_ms))
        count = len(mine)
        nothing: list[None] = [None] * count
        database.execute(
            """SELECT record_results(%s::text::location, %s::bigint[], %s::timestamptz[], %s::text[]::check_status[],
                %s::text[]::check_reason[], %s::int[], %s::int[], %s::int[], %s::int[], %s::int[], %s::int[], %s::int[],
                %s::int[], %s::smallint[], %s::bool[], %s::bool[], %s::bool[], %s::bool[], %s::bool[])""",
            (
                region, [one.monitor_id for one in mine], [as_time(one.row.at_ms / 1000) for one in mine],
                [one.row.status.value for one in mine], ["timeout" if one.row.failed else None for one in mine],
                [one.row.interval_s for one in mine], *([nothing] * 8), *([[False] * count] * 4),
                [one.row.extra for one in mine],
            ),
        )  # fmt: skip


def see(
    database: "psycopg.Connection[Any]", tick_s: int, seen: Mapping[str, str], *, interval_s: int = 60,
    rules: Rules = Rules(),
) -> Judged:  # fmt: skip
    """A tick in which each of these regions sees monitor 1 up (U) or hang in TLS (D), the others nothing; judged."""
    database.execute(
        """INSERT INTO tick_ledger (tick, region, spread_s, pushed, pushed_at)
           SELECT %s, name, 10, 1, now() FROM region""",
        (as_time(tick_s),),
    )
    rows = [(region, Row(tick_s * 1000, STATUSES[letter], interval_s)) for region, letter in seen.items()]
    record(database, [Stored(1, region, row) for region, row in rows])
    database.execute("UPDATE check_result SET dns_us = 9, connect_us = 9, total_us = 5000000 WHERE status = 'down'")
    judged = Judge(database, rules=rules).run((tick_s + 600) * 1000)
    assert judged.ticks == [tick_s]
    return judged


def prepare(database: "psycopg.Connection[Any]", one: Scenario) -> None:
    """The scenario's monitors, all due at the beginning of their tick since long ago, and a channel for everything."""
    database.execute("SELECT ensure_result_days('1970-01-01', '1970-01-03')")
    database.execute(
        "INSERT INTO channel (name, type, config, events, operator) VALUES ('all', 'webhook', '{}', %s, true)",
        (EVENTS,),
    )
    for region in one.results:
        database.execute("INSERT INTO region (name, aws_region, redis_group) VALUES (%s, '', %s)", (region, region))
    for monitor_id, monitor in watched(one).items():
        database.execute(
            """INSERT INTO monitor (id, slug, name, type, spec, interval_s, timeout_ms, confirmations, reference,
                                    channels)
               OVERRIDING SYSTEM VALUE VALUES (%s, %s, 'M', 'http', '{}', %s, 1000, %s, %s, '{all}')""",
            (monitor_id, f"m{monitor_id}", one.interval_s, monitor.rules.confirm_down, monitor.is_reference),
        )
    database.execute("UPDATE monitor SET channels = '{}' WHERE id <> %s", (SUBJECT,))
    database.execute("UPDATE monitor_schedule SET from_tick = '1960-01-01', phase_s = 0")
    for begin, end in one.maintenance:
        database.execute(
            """WITH new AS (INSERT INTO maintenance (name, starts, duration_s, timezone, slugs)
                            VALUES ('W', 'epoch', 1, 'UTC', '{m0}') RETURNING id)
               INSERT INTO maintenance_window SELECT id, at_ms(%s), at_ms(%s) FROM new""",
            (one.at_ms(begin), one.at_ms(end)),
        )


@dataclass
class Lived:
    """A scenario lived in the database; `at_once`: that many ticks are judged together where nothing forbids it."""

    database: "psycopg.Connection[Any]"
    one: Scenario
    judges: Sequence[Judge]

    def live(self) -> None:
        """Store and judge, in the order in which it was."""
        prepare(self.database, self.one)
        waiting = sorted(stored(self.one), key=lambda one: one.row.recorded_ms)
        for number, tick in enumerate(ticks(self.one)):
            for region in self.one.results:
                self.database.execute(
                    "INSERT INTO tick_ledger (tick, region, spread_s) VALUES (%s, %s, 1)",
                    (as_time(tick.tick_s), region),
                )
            now = [one for one in waiting if one.row.recorded_ms <= tick.judged_ms and tick_of(one.row) <= tick.tick_s]
            waiting = [one for one in waiting if one not in now]
            record(self.database, now)
            judged = self.judges[number % len(self.judges)].run(tick.judged_ms + 60_000)
            assert judged.ticks == [tick.tick_s]

    def outcome(self) -> dict[str, Any]:
        """What stands in the tables, in the notation of the scenarios' `expect`."""
        return {
            "incidents": [
                {
                    "opened": self._slot(opened),
                    "began": self._slot(began),
                    "resolved": self._slot(resolved),
                    "single": single,
                }
                for opened, began, resolved, single in self._rows(
                    """SELECT ms_of(opened_at), ms_of(began_at), ms_of(resolved_at), single_vantage FROM incident
                        WHERE monitor_id = 0 ORDER BY opened_at"""
                )
            ],
            "advisories": [
                {"region": region, "opened": self._slot(opened), "closed": self._slot(closed)}
                for region, opened, closed in self._rows(
                    """SELECT region::text, ms_of(opened_at), ms_of(closed_at) FROM advisory WHERE monitor_id = 0
                        ORDER BY opened_at, region"""
                )
            ],
            "notices": [
                f"{self._slot(at)}:{kind}" + (f"_{region}" if region else "")
                for at, kind, region in self._rows(
                    """SELECT ms_of((facts ->> 'at')::timestamptz), facts ->> 'kind', facts ->> 'region'
                         FROM outbox WHERE subject <> 'operator' AND NOT facts ? 'quiet' ORDER BY id"""
                )
            ],
            "operator": [
                f"{self._slot(at)}:{kind}" + (f"_{region}" if region else "")
                for at, kind, region in self._rows(
                    """SELECT ms_of((facts ->> 'at')::timestamptz), facts ->> 'kind', facts ->> 'region'
                         FROM outbox WHERE subject = 'operator' ORDER BY id"""
                )
            ],
        }

    def alerts(self) -> set[str]:
        """What a program holds open that was sent every message: the keys of all that was opened and not closed."""
        held: set[str] = set()
        for row in self._rows("SELECT id, channel, subject, type, facts, created_at, 1, 'webhook', '{}' FROM outbox"
                              " ORDER BY id"):  # fmt: skip
            message = message_of(Letter(*row))
            held = held - {message.dedup_key} if message.type in ENDS else held | {message.dedup_key}
        return held

    def open_things(self) -> set[str]:
        """The keys of all that is open, and may be told: not of what began while the monitor flaps."""
        return {
            key
            for (key,) in self._rows(
                """SELECT 'vantage-incident-' || i.id FROM incident i
                     LEFT JOIN judged_memory j ON j.monitor_id = i.monitor_id
                    WHERE i.monitor_id = 0 AND resolved_at IS NULL
                      AND (NOT coalesce((j.memory #>> '{flapping,0}')::boolean, false) OR EXISTS (
                           SELECT FROM outbox WHERE key = 'site_down:0:' || ms_of(opened_at)))
                    UNION ALL
                   SELECT 'vantage-advisory-m0-' || region FROM advisory
                    WHERE monitor_id = 0 AND closed_at IS NULL AND told
                    UNION ALL
                   SELECT 'vantage-monitor-m0' FROM judged_memory
                    WHERE monitor_id = 0 AND (memory #>> '{flapping,0}')::boolean
                    UNION ALL
                   SELECT 'vantage-operator-vantage_fault-' || jsonb_object_keys(memory -> 'episodes')
                     FROM judged_operator
                    UNION ALL
                   SELECT 'vantage-operator-blind-all' FROM judged_operator WHERE (memory ->> 'blind')::boolean"""
            )
        }

    def verdicts(self) -> list[str]:
        """The stored verdict at each slot."""
        changes = dict(self._rows("SELECT ms_of(checked_at), verdict FROM verdict WHERE monitor_id = 0 ORDER BY 1"))
        now, said = "up", []
        for slot in self.one.slots:
            now = changes.get(self.one.at_ms(slot), now)
            said.append(now)
        return said

    def flips(self) -> list[tuple[Any, ...]]:
        """All flips of the monitor under test."""
        return self._rows(
            """SELECT region::text, ms_of(checked_at), from_state::text, to_state::text, ms_of(since) FROM flip
                WHERE monitor_id = 0 ORDER BY checked_at, region"""
        )

    def _slot(self, at_ms: int | None) -> int | None:
        return None if at_ms is None else self.one.slot_of(at_ms)

    def _rows(self, query: str) -> list[tuple[Any, ...]]:
        return self.database.execute(query).fetchall()
