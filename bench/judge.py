"""Judging: what a tick costs when few fail and when half of them do, what a mark costs who records, how soon one hears.

A tick's results are recorded by record_results, as the workers do; the judging is theirs too.
"""

import asyncio
import re
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from statistics import median

from bench.report import Row, at_most, compared, measured
from bench.stage import Stage, stage
from vantage.check import Reason, Result, Status
from vantage.clock import Clock
from vantage.drain.recorder import BATCH, Recorder
from vantage.durations import Durations
from vantage.judge.aside import JudgeAside
from vantage.judge.tick import Judge
from vantage.store.connection import AsyncDatabase, Database, connect
from vantage.store.ledger import as_time

REGIONS = ("USA", "INDIA", "EU")
MONITORS, FEWER, SILENT_H = 100_000, 10_000, 3
UP, ONE_IN_A_HUNDRED, ONE_IN_TEN, HALF = "false", "n %% 100 = 0", "n %% 10 = 0", "n %% 2 = 0"
MIGRATIONS = Path(__file__).parents[1] / "migrations"
_RECORD = """
SELECT {function}(%(region)s::text::location, array_agg(n::bigint ORDER BY n),
    array_agg(%(at)s::timestamptz + offset_ms(phase_of(n, 60), 60, 10) * interval '1 ms' ORDER BY n),
    array_agg((CASE WHEN {fails} THEN 'down' ELSE 'up' END)::check_status ORDER BY n),
    array_agg((CASE WHEN {fails} THEN 'timeout' END)::check_reason ORDER BY n), array_agg(60), array_agg(45000),
    array_agg(1000), array_agg(9000), array_agg(9000), array_agg(20000), array_agg(100), array_agg(3),
    array_agg(200::smallint), array_agg(true), array_agg(false), array_agg(false), array_agg(false), array_agg(false))
  FROM generate_series(%(first)s::int, %(last)s::int) n"""


def rows(quick: bool) -> list[Row]:
    """All of it; quick: a tenth of the monitors, and few repeats."""
    monitors, fewer = (MONITORS // 10, FEWER // 10) if quick else (MONITORS, FEWER)
    with stage() as set_:
        set_.database.execute(
            """INSERT INTO channel (name, type, config, events) VALUES ('all', 'webhook', '{}', '{down,up}');
               SELECT ensure_result_days(current_date - 1, current_date + 1)"""
        )
        try:
            small = _Life(set_, fewer)
            few_s, silent_s = small.failing_s(ONE_IN_TEN), small.silent_s(ONE_IN_TEN)
            life = _Life(set_, monitors)
            extra_us = _mark_us(set_, 5 if quick else 15)
            many_s = life.failing_s(ONE_IN_A_HUNDRED)
            half_s, waited_s = life.half_down_s()
            heard_s = asyncio.run(_heard_s(set_, 3 if quick else 30))
        finally:
            set_.database.execute("TRUNCATE channel, incident, region_state, flip, mark, judged_memory, judging_rest,"
                                  " verdict, advisory, region_fault, judged_operator CASCADE")  # fmt: skip
    name = f"judge, {monitors:,} monitors:"
    return [
        measured(f"{name} 1 % fail, confirmed in this tick", many_s, "s", at_most(2)),
        compared(f"{name} the same", many_s, "s", f"as many failing of {fewer:,}: {few_s:.2f} s", many_s / few_s,
                 at_most(2)),
        measured(f"judge, {fewer // 10:,} monitors are down, a region has been silent for {SILENT_H} h", silent_s, "s",
                 at_most(2)),
        measured(f"{name} half go down everywhere", half_s, "s"),
        measured(f"{name} the longest that a late row waits meanwhile", waited_s, "s", at_most(5)),
        measured("judge: a row costs more when it is stored than without marks", extra_us, "us", at_most(1)),
        measured("judge: last result of a tick to the outbox row, p99", heard_s, "s", at_most(3)),
    ]  # fmt: skip


@dataclass
class _Life:
    """So many monitors, minute by minute; each tick is recorded and then judged."""

    set_: Stage
    monitors: int

    def __post_init__(self) -> None:
        self.set_.clear()
        self.set_.add_monitors(1, self.monitors, "'https://www.example.com/'", "60")
        database = self.set_.database
        database.execute("TRUNCATE region_state, flip, mark, judged_memory, outbox, incident, verdict CASCADE")
        database.execute("UPDATE monitor SET channels = '{all}'; UPDATE monitor_schedule SET from_tick = '2020-01-01'")
        self._tick_s = int(time.time() // 60) * 60 - 3600
        self.tick(UP)
        database.execute("VACUUM ANALYZE")
        self.tick(UP)

    def failing_s(self, fails: str) -> float:
        """How long judging takes that opens an incident for each that fails."""
        self.tick(fails)
        return self.tick(fails)

    def silent_s(self, fails: str) -> float:
        """How long judging takes that looks at those that fail, where one region has stored nothing for hours."""
        heard = REGIONS[1:]
        self.set_.database.execute(
            """INSERT INTO check_result (monitor_id, checked_at, recorded_at, region, status, reason, interval_s,
                   total_us, reused, cold, lagging, confirmed, extra)
               SELECT n, %s + m * interval '1 minute' + offset_ms(phase_of(n, 60), 60, 10) * interval '1 ms', now(), r,
                      'down', 'timeout', 60, 9000, true, false, false, false, false
                 FROM generate_series(1::bigint, %s) n, generate_series(1, %s) m, unnest(%s::text[]::location[]) r
                WHERE {fails}""".replace("{fails}", fails).encode(),
            (as_time(self._tick_s), self.monitors, SILENT_H * 60, list(heard)),
        )  # fmt: skip
        self.set_.database.execute("ANALYZE check_result")  # as the server does by itself, minute by minute
        self._tick_s += SILENT_H * 3600
        self.tick(fails, regions=heard)
        return self.tick(fails, regions=heard)

    def half_down_s(self) -> tuple[float, float]:
        """The same where half of all fail, and how long a row of an earlier tick has to wait at the most meanwhile."""
        self.tick(HALF)
        waits = _LateRows(self.set_, self._tick_s)
        return self.tick(HALF, waits.beside), waits.longest_s

    def tick(
        self,
        fails: str,
        beside: "Callable[[threading.Event], None] | None" = None,
        *,
        regions: Sequence[str] = REGIONS,
    ) -> float:
        """Record and judge the next tick; returns how long the judging took."""
        self._tick_s += 60
        open_tick(self.set_, self._tick_s, self.monitors)
        for region in regions:
            for first in range(1, self.monitors + 1, BATCH):
                span = range(first, min(self.monitors + 1, first + BATCH))
                _record(self.set_, region, self._tick_s, span, fails=fails)
        over = threading.Event()
        other = threading.Thread(target=beside or (lambda _: None), args=(over,))
        other.start()
        began_s = time.perf_counter()
        assert Judge(self.set_.database).run((self._tick_s + 600) * 1000).ticks == [self._tick_s]
        took_s = time.perf_counter() - began_s
        over.set()
        other.join()
        return took_s


@dataclass
class _LateRows:
    """Somebody who takes an older tick's ledger row again and again, as who records a late row does."""

    set_: Stage
    tick_s: int
    longest_s: float = 0.0

    def beside(self, over: threading.Event) -> None:
        """Until it is over."""
        with connect(self.set_.database_url) as connection:
            while not over.wait(0.02):
                began_s = time.perf_counter()
                connection.execute("SELECT FROM tick_ledger WHERE tick = %s FOR UPDATE", (as_time(self.tick_s),))
                self.longest_s = max(self.longest_s, time.perf_counter() - began_s)


def open_tick(set_: Stage, tick_s: int, pushed: int) -> None:
    """A tick that is pushed completely."""
    set_.database.execute(
        """INSERT INTO tick_ledger (tick, region, spread_s, pushed, pushed_at)
           SELECT %s, r, 10, %s, now() FROM unnest(enum_range(NULL::location)) r""",
        (as_time(tick_s), pushed),
    )


def _record(
    set_: Stage, region: str, tick_s: int, span: range, *, fails: str = UP, function: str = "record_results"
) -> None:
    set_.database.execute(
        _RECORD.replace("{fails}", fails).replace("{function}", function).encode(),
        {"region": region, "at": as_time(tick_s), "first": span[0], "last": span[-1]},
    )


def _mark_us(set_: Stage, repeats: int) -> float:
    """How much longer a row takes than with the function of migration 0002, which leaves no marks; healthy rows."""
    plain = (MIGRATIONS / "0002_results.sql").read_text()
    function = re.search(r"CREATE FUNCTION record_results\(.*", plain, re.DOTALL)
    assert function is not None
    set_.database.execute(function[0].replace("record_results", "record_results_plain").encode())
    minutes = count(int(time.time() // 60) * 60 - 86_400, 60)
    try:
        pairs = [
            [_row_us(set_, next(minutes), function) for function in ("record_results", "record_results_plain")]
            for _ in range(repeats + 1)
        ]
    finally:
        set_.database.execute(b"DROP FUNCTION record_results_plain")
    return median(ours - theirs for ours, theirs in pairs[1:])  # the first pair warms up


def _row_us(set_: Stage, tick_s: int, function: str) -> float:
    open_tick(set_, tick_s, 0)
    began_s = time.perf_counter()
    for first in range(1, 10_001, BATCH):
        _record(set_, "EU", tick_s, range(first, first + BATCH), function=function)
    took_s = time.perf_counter() - began_s
    set_.database.execute("DELETE FROM tick_ledger WHERE tick = %s", (as_time(tick_s),))
    return took_s * 100


async def _heard_s(set_: Stage, times: int) -> float:
    """From the last result of a tick that opens an incident to its outbox row, in the worker's own recorder and judge:
    the longest of so many, each of another monitor."""
    set_.clear_ticks()
    set_.database.execute("TRUNCATE judged_memory, outbox, mark")
    set_.database.execute("DELETE FROM region_state WHERE monitor_id <= %s", (times,))
    set_.database.execute("UPDATE incident SET resolved_at = opened_at WHERE monitor_id <= %s", (times,))
    longest_s, tick_s = 0.0, int(time.time() // 60) * 60 - 60 * (2 * times + 5)
    for monitor_id in range(1, times + 1):
        await _tick_of(set_, tick_s, monitor_id)
        told_s = await _tick_of(set_, tick_s + 60, monitor_id)
        row = set_.database.execute(
            "SELECT extract(epoch FROM max(created_at))::float8 FROM outbox WHERE subject = %s", (str(monitor_id),)
        ).fetchone()
        assert row is not None, "nobody was told"
        longest_s, tick_s = max(longest_s, row[0] - told_s), tick_s + 120
    return longest_s


async def _tick_of(set_: Stage, tick_s: int, failing: int) -> float:
    """A tick of one monitor in three regions; returns when its last result was there (epoch s)."""
    open_tick(set_, tick_s, 1)
    clock, put_s = Clock(time.time()), 0.0
    async with asyncio.TaskGroup() as group:
        for region in REGIONS:
            group.create_task(_work(set_, region, tick_s, failing, clock))
            put_s = time.time()
    return put_s


async def _work(set_: Stage, region: str, tick_s: int, failing: int, clock: Clock) -> None:
    database, bench = AsyncDatabase(set_.database_url), Database(set_.database_url)
    aside = JudgeAside(bench, clock, Durations())
    recorder = Recorder(database, region, clock, flush_s=Durations().flush_s, give_up_ms=clock.now_ms() + 60_000,
                        on_stored=lambda _: aside.call())  # fmt: skip
    running = asyncio.create_task(recorder.run())
    async with aside:
        recorder.put(Result(failing, tick_s * 1000, region, Status.DOWN, reason=Reason.TIMEOUT, interval_s=60,
                            total_us=10_000_000, late_ms=3))  # fmt: skip
        while not recorder.stored:
            await asyncio.sleep(0.01)
    recorder.close()
    with suppress(asyncio.CancelledError):
        await running
    await database.close()
    bench.close()
