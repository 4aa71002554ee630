"""Whoever has something to tell has the notifier run at once, and its schedule is the safety net."""

import json
import logging
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.judge.history import EVENTS, record
from tests.notify.receivers import receiver
from vantage.check import Status
from vantage.clock import Clock
from vantage.durations import Durations
from vantage.judge.aside import JudgeAside
from vantage.store.connection import Database
from vantage.store.ledger import as_time
from vantage.verdict.fleet import Stored
from vantage.verdict.rows import Row
from vantage.wiring.event import event_ms
from vantage.wiring.kick import kick

NOTIFIER = "arn:aws:lambda:eu-central-1:123456789012:function:vantage-notifier"


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """Credentials that are nobody's."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    return monkeypatch


def test_the_notifier_is_called_in_its_own_region_and_not_waited_for(aws: pytest.MonkeyPatch) -> None:
    """With an event that its handler takes, once. Red without the region of its ARN: a worker is elsewhere."""
    with receiver(lambda _: (202, {})) as lambda_:
        aws.setenv("AWS_ENDPOINT_URL_LAMBDA", lambda_.url)
        aws.setenv("AWS_DEFAULT_REGION", "ap-south-1")
        kick(NOTIFIER)
    [one] = lambda_.received
    assert one.path.startswith("/2015-03-31/functions/arn%3Aaws%3Alambda%3Aeu-central-1")
    assert one.path.endswith("vantage-notifier/invocations")
    assert one.headers["x-amz-invocation-type"] == "Event"
    assert "/eu-central-1/lambda/" in one.headers["authorization"]
    assert event_ms(json.loads(one.body)) % 60_000 == 0


@pytest.mark.parametrize("status", [403, 429, 500, None])
def test_a_call_that_fails_harms_no_judging(
    aws: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, status: int | None
) -> None:
    """Refused, throttled, broken or not there (None): asked once, a line in the log, and the schedule comes."""
    with receiver(lambda _: (status or 500, {})) as lambda_:
        aws.setenv("AWS_ENDPOINT_URL_LAMBDA", lambda_.url if status else "http://127.0.0.1:9")
        with caplog.at_level(logging.WARNING, "vantage"):
            kick(NOTIFIER)
    assert len(lambda_.received) == (1 if status else 0)
    assert [line for line in caplog.messages if "will run by its schedule" in line]


def test_where_there_is_no_notifier_nobody_is_called(aws: pytest.MonkeyPatch) -> None:
    """A local system has one that listens to the database."""
    with receiver() as lambda_:
        aws.setenv("AWS_ENDPOINT_URL_LAMBDA", lambda_.url)
        kick("")
    assert not lambda_.received


@pytest.mark.anyio
async def test_a_judging_that_has_something_to_tell_kicks_and_no_other_does(database: Any, database_url: str) -> None:
    """Once for the tick that opens an incident; not for the ticks around it. Red with each look a kick."""
    database.execute("INSERT INTO region (name, aws_region, redis_group) VALUES ('EU', '', 'g')")
    database.execute("INSERT INTO channel (name, type, config, events) VALUES ('c', 'webhook', '{}', %s)", (EVENTS,))
    database.execute(
        """INSERT INTO monitor (slug, name, type, spec, interval_s, timeout_ms, channels)
           VALUES ('m', 'M', 'http', '{}', 60, 1000, '{c}')"""
    )
    database.execute("UPDATE monitor_schedule SET from_tick = '2020-01-01', phase_s = 0")
    clock, kicked = Clock(time.time()), list[int]()
    first_s = int(clock.now_ms() / 60_000) * 60 - 600
    for tick, status in enumerate([Status.UP, *[Status.DOWN] * 4]):
        at_s = first_s + 60 * tick
        database.execute(
            "INSERT INTO tick_ledger (tick, region, spread_s, pushed, pushed_at) VALUES (%s, 'EU', 10, 1, now())",
            (as_time(at_s),),
        )
        record(database, [Stored(1, "EU", Row(at_s * 1000, status, 60))])
        bench = Database(database_url)
        async with JudgeAside(bench, clock, Durations(), partial(kicked.append, tick)) as aside:
            aside.call()
        bench.close()
    assert kicked == [3]
