"""The clock that stands for EventBridge Scheduler: one event per minute, from the current minute on."""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime

from vantage.clock import Pace

LOOK_EVERY_S = 1.0  # a laptop's sleep stops a long timer; looking at the wall clock does not miss the minute after it


def now_s(pace: Pace) -> float:
    """The current instant of life, epoch seconds."""
    return pace.lived_ms(time.time()) / 1000


async def minutes(pace: Pace) -> AsyncIterator[int]:
    """Each minute (epoch seconds) when it has begun, the current one at once; those slept through are left out."""
    last = 0
    while True:
        now = now_s(pace)
        if (minute := int(now // 60 * 60)) > last:
            last = minute
            yield minute
            continue
        await asyncio.sleep(min(LOOK_EVERY_S, pace.real_s(last + 60 - now)))


def event_time(minute: int) -> str:
    """A minute as EventBridge Scheduler writes it, such as 2026-11-24T08:41:00Z."""
    return datetime.fromtimestamp(minute, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
