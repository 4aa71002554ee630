"""Judging says which monitors are to be looked at sooner, and when no longer."""

import time
from typing import Any

import pytest

from tests.judge.history import record
from vantage.check import Status
from vantage.judge.tick import Judge
from vantage.store.ledger import as_time
from vantage.verdict.fleet import Stored
from vantage.verdict.rows import Row

REGIONS = ("USA", "INDIA", "EU")


def see(database: Any, tick_s: int, letter: str, *, extra: bool = False) -> None:
    """A tick in which all regions see the monitor so, recorded and judged."""
    database.execute(
        """INSERT INTO tick_ledger (tick, region, spread_s, pushed, pushed_at)
           SELECT %s, name, 10, 1, now() FROM region""",
        (as_time(tick_s),),
    )
    status = {"U": Status.UP, "D": Status.DOWN, "G": Status.DEGRADED}[letter]
    record(database, [Stored(1, region, Row(tick_s * 1000, status, 300, extra=extra)) for region in REGIONS])
    assert Judge(database).run((tick_s + 60) * 1000).ticks == [tick_s]


def wanted(database: Any) -> bool:
    """Whether the producer is asked for another look."""
    return bool(database.execute("SELECT monitor_id FROM sooner").fetchall())


@pytest.fixture
def first_s(database: Any) -> int:
    """A monitor of five minutes, due in this tick (epoch s), and three regions."""
    tick_s = int(time.time() // 300) * 300 - 3000
    database.execute("INSERT INTO region (name, aws_region, redis_group) SELECT r, '', r FROM unnest(%s::location[]) r",
                     (list(REGIONS),))  # fmt: skip
    database.execute(
        """INSERT INTO monitor (slug, name, type, spec, interval_s, timeout_ms)
           VALUES ('m', 'M', 'http', '{}', 300, 1000)"""
    )
    database.execute("UPDATE monitor_schedule SET from_tick = '2020-01-01', phase_s = 0")
    return tick_s


@pytest.mark.parametrize("letter", ["D", "G"])
def test_an_unconfirmed_change_is_asked_for_until_it_is_confirmed(database: Any, first_s: int, letter: str) -> None:
    """The first failure (or slow answer) asks, the extra check that confirms it ends it, and so do the way back and
    its confirmation. Broken once by not judging the extra check's own slot."""
    seen = [(0, "U", False), (300, letter, True), (420, letter, False), (600, "U", True), (660, "U", False)]
    for after_s, what, wants in seen:
        see(database, first_s + after_s, what, extra=after_s % 300 > 0)
        assert wanted(database) is wants
    incidents = database.execute("SELECT ms_of(opened_at), ms_of(resolved_at) FROM incident").fetchall()
    assert incidents == ([((first_s + 420) * 1000, (first_s + 660) * 1000)] if letter == "D" else [])


def test_nobody_asks_in_announced_work_or_of_a_deleted_monitor(database: Any, first_s: int) -> None:
    """What is expected to change needs no confirming. Broken once by each."""
    see(database, first_s, "U")
    see(database, first_s + 300, "D")
    assert wanted(database)
    database.execute(
        """WITH new AS (INSERT INTO maintenance (name, starts, duration_s, timezone) VALUES ('W', now(), 60, 'UTC')
                        RETURNING id)
           INSERT INTO maintenance_window SELECT id, %s, %s FROM new""",
        (as_time(first_s + 600), as_time(first_s + 9000)),
    )
    see(database, first_s + 600, "D")
    assert not wanted(database)
    database.execute("UPDATE maintenance_window SET until_at = %s", (as_time(first_s + 601),))
    see(database, first_s + 900, "D")
    database.execute("INSERT INTO sooner VALUES (1) ON CONFLICT DO NOTHING")
    database.execute("UPDATE monitor SET deleted_at = now(); UPDATE monitor_schedule SET until_tick = 'infinity'")
    see(database, first_s + 1200, "D")
    assert not wanted(database)
