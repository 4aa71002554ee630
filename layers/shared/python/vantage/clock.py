"""The time of a run: read from Redis once, then this process's monotonic clock.

Workers in three regions must agree on what time it is, and a machine's own wall clock may be wrong by minutes.
So a run asks Redis once and then counts by itself.

`scale` makes tests faster than life: with scale 20 a minute passes in 3 s, for every process that is given the
same `origin_s`. A deployed stack runs at scale 1, where every conversion below is the identity.
"""

import asyncio
import time
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast life runs here, and from which real instant (epoch seconds) on."""

    scale: float = 1.0
    origin_s: float = 0.0

    def lived_ms(self, real_s: float) -> int:
        """The instant of life (epoch ms) at a real instant (epoch s)."""
        if self.scale == 1.0:
            return int(real_s * 1000)
        return int((self.origin_s + (real_s - self.origin_s) * self.scale) * 1000)

    def real_s(self, lived_s: float) -> float:
        """How many real seconds a span of life lasts."""
        return lived_s / self.scale


@dataclass(slots=True)
class Clock:
    """Now, in epoch milliseconds, counted on from one reading of Redis TIME (epoch s)."""

    redis_time_s: float
    pace: Pace = field(default_factory=Pace)
    _started_s: float = field(default_factory=time.monotonic)

    def now_ms(self) -> int:
        """The current instant of life, epoch ms; never runs backwards."""
        return self.pace.lived_ms(self.redis_time_s + time.monotonic() - self._started_s)

    async def sleep_until(self, at_ms: float) -> None:
        """Sleep until an instant of life; returns at once when it has passed, never before it."""
        while (left_ms := at_ms - self.now_ms()) > 0:
            await asyncio.sleep(self.pace.real_s(left_ms / 1000))
