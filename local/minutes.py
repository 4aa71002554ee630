"""The clock that stands for EventBridge Scheduler: one event per minute, from the current minute on."""

import asyncio
import math
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime

from vantage.clock import Pace

MINUTE_S = 60
LOOK_EVERY_S = 1.0  # a laptop's sleep stops a long timer; looking at the wall clock does not miss the minute after it


def now_s(pace: Pace) -> float:
    """The current instant of life, epoch seconds."""
    return pace.lived_ms(time.time()) / 1000


async def minutes(pace: Pace, until_s: float = math.inf) -> AsyncIterator[int]:
    """Each minute (epoch seconds) when it has begun, the current one at once, until an instant has come.

    Minutes that were slept through are left out.
    """
    last = 0
    while (now := now_s(pace)) < until_s:
        if (minute := int(now // MINUTE_S * MINUTE_S)) > last:
            last = minute
            yield minute
        else:
            await asyncio.sleep(min(LOOK_EVERY_S, pace.real_s(min(last + MINUTE_S, until_s) - now)))


def event_time(minute: int) -> str:
    """A minute as EventBridge Scheduler writes it, such as 2026-11-24T08:41:00Z."""
    return as_time(minute).strftime("%Y-%m-%dT%H:%M:%SZ")


def as_time(at_s: float) -> datetime:
    """Epoch seconds as a time."""
    return datetime.fromtimestamp(at_s, UTC)
