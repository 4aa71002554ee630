"""The clock that stands for EventBridge Scheduler, and what a run with an end asks of it."""

import math
import time

import pytest

from local.minutes import event_time, minutes, now_s
from local.run import pushable
from vantage.clock import Pace

MINUTE = 1_764_000_000  # 2025-11-24T16:00:00Z


@pytest.mark.anyio
async def test_each_minute_comes_once_and_not_before_it_begins() -> None:
    """The current one at once, then each at its beginning, until the end; here a minute lasts 0.1 s."""
    pace = Pace(600, time.time())
    began = now_s(pace)
    seen = [(minute, now_s(pace)) async for minute in minutes(pace, began + 200)]
    first = began // 60 * 60
    assert [minute for minute, _ in seen] == [first + 60 * n for n in range(len(seen))]
    assert len(seen) in {4, 5}
    assert all(minute <= at < minute + 60 for minute, at in seen)


@pytest.mark.anyio
async def test_minutes_that_were_slept_through_are_left_out() -> None:
    """After a laptop's sleep only the current minute is fired."""
    pace = Pace(600, time.time())
    clock = minutes(pace)
    first = await anext(clock)
    time.sleep(0.35)  # noqa: ASYNC251  # three of these minutes, in which this process does nothing
    assert await anext(clock) >= first + 180


def test_an_event_is_written_as_eventbridge_writes_it() -> None:
    """To the second, in UTC."""
    assert event_time(MINUTE) == "2025-11-24T16:00:00Z"


@pytest.mark.parametrize("began_after_s", [0, 1, 14, 15, 16, 29, 30, 45, 59])
@pytest.mark.parametrize("duration_s", [30, 60, 65, 119, 120, 130, 180, 600])
def test_no_minute_is_pushed_that_ends_after_the_run(began_after_s: int, duration_s: int) -> None:
    """Whenever the run begins; and one that could be watched whole, after the first quarter minute, is."""
    began, end = MINUTE + began_after_s, MINUTE + began_after_s + duration_s
    pushed: set[int] = set()
    for minute in range(MINUTE, end, 60):
        event = pushable(minute, began, end, first=not pushed)
        if event is not None:
            pushed |= {event + 60} | ({event} if event >= began - 15 else set())
    assert all(tick + 60 <= end for tick in pushed)
    whole = {tick for tick in range(MINUTE, end, 60) if tick + 60 <= end and tick >= began - 15}
    assert pushed == whole


def test_a_run_without_an_end_fires_every_minute() -> None:
    """From the minute it began in."""
    assert pushable(MINUTE, MINUTE + 59, math.inf, first=True) == MINUTE
