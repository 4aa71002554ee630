"""Heartbeats: jobs that call, or do not; slots written by the housekeeper, and what judging makes of them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from vantage.judge.tick import Judge
from vantage.schedule import TICK_S
from vantage.store import due, ledger
from vantage.store.figures import Cover, looks
from vantage.store.heartbeats import Ping, ping, ping_paths, record_heartbeats
from vantage.store.ledger import as_time

BEGIN = datetime.now(UTC).replace(hour=1, minute=0, second=0, microsecond=0) - timedelta(days=1)
HOUR = timedelta(hours=1)


class Job:
    """A monitor of an hour with ten minutes of grace, whose slots are at half past, and its minutes since BEGIN."""

    def __init__(self, database: Any) -> None:
        self.database, self.now = database, BEGIN
        for region in ("USA", "EU"):
            database.execute("INSERT INTO region (name, aws_region, redis_group) VALUES (%s, '', %s)", (region, region))
        database.execute("SELECT ensure_result_days(%s, %s)", (BEGIN.date(), BEGIN.date()))
        database.execute(
            """INSERT INTO channel (name, type, config, events) VALUES ('all', 'webhook', '{}', '{down,up}');
               INSERT INTO monitor (slug, name, type, spec, interval_s, timeout_ms, channels)
               VALUES ('job', 'Job', 'heartbeat', '{"grace": 600000}', 3600, 10000, '{all}')"""
        )
        database.execute("UPDATE monitor_schedule SET from_tick = '2020-01-01', phase_s = 1800")
        self.key = ping_paths(database, ["job"])["job"].removeprefix("/ping/")

    def until(self, minutes: int, *calls: tuple[int, Ping], housekept: bool = True) -> None:
        """Live on to a minute since BEGIN, each minute housekept and judged, with calls in some of them."""
        while self.now < BEGIN + timedelta(minutes=minutes):
            tick_s = int(self.now.timestamp())
            self.database.execute(
                "INSERT INTO tick_ledger (tick, region, spread_s, pushed_at) SELECT %s, name, 10, now() FROM region",
                (self.now,),
            )
            for minute, kind in calls:
                if self.now == BEGIN + timedelta(minutes=minute):
                    assert ping(self.database, self.key, kind, self.now + timedelta(seconds=20))
            self.now += timedelta(minutes=1)
            if housekept:
                record_heartbeats(self.database, tick_s + 50)
            Judge(self.database).run((tick_s + TICK_S) * 1000)

    def rows(self, *, extra: bool = False) -> list[tuple[int, str, str | None]]:
        """Of slots (or of what is beside them): minute, status, reason."""
        return [
            (int((at - BEGIN).total_seconds() // 60), status, reason)
            for at, status, reason in self.database.execute(
                "SELECT checked_at, status::text, reason::text FROM check_result WHERE extra = %s ORDER BY 1", (extra,)
            )
        ]

    def told(self) -> list[tuple[str, int]]:
        """What people heard, and in which minute's judging."""
        return [
            (kind, int((datetime.fromisoformat(at) - BEGIN).total_seconds() // 60))
            for kind, at in self.database.execute("SELECT type, facts ->> 'at' FROM outbox ORDER BY id")
        ]


@pytest.fixture
def job(database: Any) -> Job:
    """Not called yet."""
    return Job(database)


def test_before_its_first_call_nothing_is_expected(job: Job) -> None:
    """A monitor that is set up before its job is not down."""
    job.until(45)
    assert job.rows() == job.rows(extra=True) == []


def test_a_job_that_calls_is_up_in_every_slot(job: Job) -> None:
    """A row per slot, at slot + grace, in the home region, outside the sheet; the first call says up at once."""
    job.until(105, (5, Ping.SUCCESS), (64, Ping.START), (66, Ping.SUCCESS))
    assert job.rows() == [(30, "up", None), (90, "up", None)]
    assert job.rows(extra=True) == [(5, "up", None)]
    assert job.database.execute("SELECT DISTINCT region::text FROM check_result").fetchall() == [("USA",)]
    assert job.database.execute("SELECT sum(stored), sum(late_rows) FROM tick_ledger").fetchone() == (0, 0)
    assert job.database.execute("SELECT state::text FROM region_state").fetchall() == [("up",)]
    seen = list(looks(job.database, Cover((), (), [(BEGIN, BEGIN + 2 * HOUR)]), [1]))
    assert [(look, slots) for _, look, slots in seen] == [("3600 USA:up", 2)]
    assert job.told() == []


@pytest.mark.parametrize(
    ("calls", "down_at", "reason"),
    [
        ([(5, Ping.SUCCESS)], 75, "missed"),  # an interval and the grace after it
        ([(5, Ping.SUCCESS), (40, Ping.FAIL)], 40, "failed"),
        ([(5, Ping.SUCCESS), (40, Ping.START)], 50, "missed"),  # it began, and did not end within the grace
        ([(5, Ping.FAIL)], 5, "failed"),
    ],
)
def test_a_job_that_does_not_call_or_says_that_it_failed_is_down_at_once(
    job: Job, calls: list[tuple[int, Ping]], down_at: int, reason: str
) -> None:
    """Nobody waits for the next slot, neither down nor up again: one of each is told, and no region has to confirm.

    Broken once by writing slots only, once by the confirmations of what is probed.
    """
    job.until(84, *calls, (80, Ping.SUCCESS))
    assert job.rows(extra=True)[-2:] == [(down_at, "down", reason), (80, "up", None)]
    assert job.told() == [("incident.opened", down_at), ("incident.resolved", 80)]
    assert job.database.execute("SELECT reason::text, single_vantage FROM incident").fetchall() == [(reason, True)]


def test_slots_that_were_missed_are_down_in_the_uptime(job: Job) -> None:
    """Each by itself, whatever the incident is."""
    job.until(102, (5, Ping.SUCCESS), (66, Ping.FAIL))
    assert job.rows() == [(30, "up", None), (90, "down", "failed")]


def test_a_housekeeper_that_was_away_writes_what_is_missing(job: Job) -> None:
    """Slots of its absence are written in its next run, each once, and judged though their ticks are long closed.

    Broken once by writing only the newest."""
    job.until(40, (5, Ping.SUCCESS))
    job.until(165, housekept=False)
    job.database.execute("UPDATE tick_ledger SET closed_at = now()")
    job.until(167)
    assert job.rows() == [(30, "up", None), (90, "down", "missed"), (150, "down", "missed")]
    assert [kind for kind, _ in job.told()] == ["incident.opened"]
    assert record_heartbeats(job.database, job.now.timestamp()) == 0


def test_a_region_at_fault_says_nothing_of_a_heartbeat(job: Job) -> None:
    """The job called by itself; that the region's own way out was cut changes nothing."""
    job.until(30, (5, Ping.SUCCESS))
    job.database.execute(
        "INSERT INTO egress_cut (tick, region, asked) SELECT %s, 'USA', 3", (BEGIN + timedelta(minutes=40),)
    )
    job.until(44, (40, Ping.FAIL))
    assert job.told() == [("incident.opened", 40)]


def test_in_maintenance_and_paused_it_is_silent(job: Job) -> None:
    """What is announced is not told; what is paused has no slots."""
    job.until(10, (5, Ping.SUCCESS))
    job.database.execute(
        """WITH new AS (INSERT INTO maintenance (name, starts, duration_s, timezone) VALUES ('W', now(), 60, 'UTC')
                        RETURNING id)
           INSERT INTO maintenance_window SELECT id, %s, %s FROM new""",
        (BEGIN + timedelta(minutes=20), BEGIN + timedelta(minutes=60)),
    )
    job.until(59, (30, Ping.FAIL))
    assert (job.told(), job.rows(extra=True)) == ([], [(5, "up", None)])
    job.database.execute("UPDATE monitor_schedule SET enabled = false")
    job.until(105)
    assert (job.told(), job.rows()) == ([], [(30, "down", "failed")])


def test_a_key_is_one_s_own(job: Job) -> None:
    """Random, kept when the monitor changes, unknown where it is deleted; and so is any other."""
    assert len(job.key) == 32
    job.database.execute("UPDATE monitor SET interval_s = 7200")
    assert ping_paths(job.database, ["job"]) == {"job": f"/ping/{job.key}"}
    assert not ping(job.database, "0" * 32)
    job.database.execute("UPDATE monitor SET deleted_at = now()")
    assert not ping(job.database, job.key)
    assert ping_paths(job.database, ["job"]) == {}


def test_nothing_of_it_is_pushed_or_due(job: Job) -> None:
    """It is in no page of the producer's, not as an extra either, and in nobody's sheet."""
    job.database.execute("INSERT INTO sooner VALUES (1)")
    tick_s = int((BEGIN + timedelta(minutes=30)).timestamp())
    ledger.open_ticks(job.database, [tick_s], 10)
    tick = ledger.take(job.database, tick_s, "me", 30)
    assert tick is not None
    assert due.due_rows(job.database, tick, ledger.Cursor(), 10) == []
    ledger.close_tick(job.database, tick_s)
    assert job.database.execute("SELECT max(due) FROM tick_ledger WHERE tick = %s", (as_time(tick_s),)).fetchone() == (
        0,
    )


def test_its_home_is_the_first_region_that_is_enabled(job: Job) -> None:
    """Where that one is disabled, the next takes its slots over."""
    job.until(10, (5, Ping.SUCCESS))
    job.database.execute("UPDATE region SET enabled = false WHERE name = 'USA'")
    record_heartbeats(job.database, job.now.timestamp())
    rows = job.database.execute("SELECT regions::text FROM monitor_schedule ORDER BY from_tick").fetchall()
    assert rows == [("{USA}",), ("{EU}",)]


def test_a_heartbeat_that_is_older_than_the_first_region_waits_for_it(database: Any) -> None:
    """Applied and called before any worker has run: nothing fails meanwhile, and it is seen from then on (broken once:
    a row without a region, and every housekeeper run ended with it)."""
    database.execute(
        """INSERT INTO monitor (slug, name, type, spec, interval_s, timeout_ms)
           VALUES ('job', 'Job', 'heartbeat', '{"grace": 0}', 60, 10000)"""
    )
    now_s = datetime.now(UTC).timestamp()
    database.execute("UPDATE heartbeat SET first_at = to_timestamp(%s), success_at = first_at", (now_s - 7200,))
    database.execute("UPDATE monitor_schedule SET from_tick = '2020-01-01'")
    assert record_heartbeats(database, now_s) == 0
    database.execute("INSERT INTO region (name, aws_region, redis_group) VALUES ('EU', '', 'g')")
    assert record_heartbeats(database, 0) == 0  # the trigger writes its schedule anew, from this minute on
    assert record_heartbeats(database, datetime.now(UTC).timestamp()) == 1
