"""Acknowledging 100 entries from 80 ms away: as the worker does, all in one trip, beside one XACK after the other."""

import asyncio
import time
from itertools import count

from redis.asyncio import Redis

from bench.report import REPEATS, Row, alternating, at_least, compared
from bench.stage import Stage, stage
from vantage import wire
from vantage.stream import STREAM
from vantage.stream.reader import StreamReader

ENTRIES, RTT_MS = 100, 80
TIMES = at_least(40)
_GROUP, _CONSUMER = "bench", "bench-1"


def rows(quick: bool) -> list[Row]:
    """One row."""
    with stage() as set_, set_.distant(RTT_MS) as (_, redis_url), asyncio.Runner() as runner:
        acks = _Acks(set_, redis_url)
        runner.run(acks.begin())
        try:
            bulk, single, ratio = alternating(
                lambda: runner.run(acks.in_bulk()), lambda: runner.run(acks.one_by_one()), 1 if quick else REPEATS
            )
        finally:
            runner.run(acks.end())
    against = f"one XACK after the other: {single:.1f}/s"
    return [compared(f"acks: {ENTRIES} entries, {RTT_MS} ms away", bulk, "acks/s", against, ratio, TIMES)]


class _Acks:
    def __init__(self, set_: Stage, redis_url: str) -> None:
        self._stage = set_
        self._reader = StreamReader(redis_url, _GROUP, _CONSUMER)
        self._client = Redis.from_url(redis_url)
        self._at_ms = count(1)

    async def begin(self) -> None:
        """Connect both, so that neither pays for it later."""
        await self._reader.ensure_group()
        await self._client.ping()

    async def end(self) -> None:
        """Close both."""
        await self._reader.close()
        await self._client.aclose()

    async def in_bulk(self) -> float:
        """Acks per second of one trip."""
        ids = self._pending()
        began_s = time.perf_counter()
        trip = await self._reader.trip(ids, "EU", None)
        assert trip.acked == ENTRIES
        return ENTRIES / (time.perf_counter() - began_s)

    async def one_by_one(self) -> float:
        """Acks per second of as many trips as there are ids."""
        ids = self._pending()
        began_s = time.perf_counter()
        acked = [await self._client.xack(STREAM, _GROUP, entry_id) for entry_id in ids]
        assert sum(acked) == ENTRIES
        return ENTRIES / (time.perf_counter() - began_s)

    def _pending(self) -> list[str]:
        """The ids of entries that were just delivered, over the short way."""
        at_ms, redis = next(self._at_ms), self._stage.redis
        ids = [f"{at_ms}-{number}" for number in range(ENTRIES)]
        for entry_id in ids:
            redis.xadd(STREAM, {wire.FIELD: b"1;EU;60;;[]"}, id=entry_id)
        redis.xreadgroup(_GROUP, _CONSUMER, {STREAM: ">"}, count=ENTRIES)
        return ids
