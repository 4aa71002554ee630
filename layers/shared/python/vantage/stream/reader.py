"""The worker's side of the stream, on its event loop."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, OutOfMemoryError, ReadOnlyError, RedisError, ResponseError

from vantage.errors import ServerUnavailable
from vantage.monitor import Region
from vantage.stream import PUSHED, STREAM, read_pushed_mark, run_key, scripts
from vantage.wire import FIELD

_COUNT = 500

RawEntry = tuple[str, bytes | None]
"""An entry's id and value; None where its body was trimmed away while it was pending."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a worker can take now: entries due until an instant (epoch ms), so many that count, so many at the most."""

    now_ms: int
    due_until_ms: int
    counting: int
    at_most: int
    expiry_least_s: int
    expiry_most_s: int


@dataclass(frozen=True, slots=True)
class Trip:
    """What one round trip brought: how many acks Redis knew, new entries, when the next unread one is due (epoch ms),
    the youngest run's request id, the newest tick (epoch s) that is pushed completely, and whether it has checks with
    an interval below a minute."""

    acked: int
    entries: tuple[RawEntry, ...] = ()
    next_unread_ms: int | None = None
    youngest_run: str = ""
    pushed_tick_s: int = 0
    below_a_minute: bool = False


class StreamReader:
    """One region's consumer group, read as one consumer. Two connections at the most, kept between invocations.

    Every method raises ServerUnavailable where Redis does not answer, and `NoGroup` where the group is not there.
    """

    def __init__(self, url: str, group: str, consumer: str, *, timeout_s: float = 10) -> None:
        self.group, self._consumer = group, consumer
        # No retries by the client: a read whose reply was lost has delivered entries, which must be taken up again.
        # Any: the client's types unite every way of decoding, and here all replies are bytes.
        self._redis: Any = redis.asyncio.Redis.from_url(
            url, socket_timeout=timeout_s, socket_connect_timeout=10, max_connections=2, retry=Retry(NoBackoff(), 0)
        )
        self._read_due = ""

    async def close(self) -> None:
        """Close the connections."""
        await self._redis.aclose()

    async def disconnect(self) -> None:
        """Drop the connections, which may have died while the environment was frozen; the next call opens new ones."""
        await self._redis.connection_pool.disconnect()

    async def time_s(self) -> float:
        """Redis TIME, epoch seconds. A connection that died while the environment was frozen is replaced."""
        try:
            seconds, micros = await self._redis.time()
        except RedisError:
            await self.disconnect()
            async with self._answering():
                seconds, micros = await self._redis.time()
        return float(seconds + micros / 1e6)

    async def group_exists(self) -> bool:
        """Whether the region's group is there."""
        async with self._answering():
            if not await self._redis.exists(STREAM):
                return False
            return any(info["name"] == self.group.encode() for info in await self._redis.xinfo_groups(STREAM))

    async def ensure_group(self) -> bool:
        """Make the group (and the stream) where it is missing, from id 0; returns whether it was missing."""
        async with self._answering():
            try:
                await self._redis.xgroup_create(STREAM, self.group, id="0", mkstream=True)
            except ReadOnlyError:
                raise
            except ResponseError as error:
                # A full Redis refuses before it looks whether the group is there; it must be emptied all the same.
                if str(error).startswith("BUSYGROUP") or await self.group_exists():
                    return False
                raise
        return True

    async def announce(self, request_id: str) -> None:
        """Say that this run is the group's youngest; older ones stop taking work. A full Redis does not hear it."""
        async with self._answering():
            with suppress(OutOfMemoryError):
                await self._redis.set(run_key(self.group), request_id)

    async def own_pending(self) -> list[RawEntry]:
        """What this consumer was given and never acknowledged; each call counts as a delivery."""
        entries: list[RawEntry] = []
        after = "0"
        async with self._answering():
            while batch := _stream_entries(
                await self._redis.xreadgroup(self.group, self._consumer, {STREAM: after}, count=_COUNT)
            ):
                entries += batch
                after = batch[-1][0]
        return entries

    async def claim(self, min_idle_ms: int) -> list[RawEntry]:
        """Take what other consumers have held for longer than that, entries whose body is gone included."""
        entries: list[RawEntry] = []
        start = b"0-0"
        async with self._answering():
            while True:
                start, claimed, deleted = await self._redis.xautoclaim(
                    STREAM, self.group, self._consumer, min_idle_ms, start, count=_COUNT
                )
                entries += [_entry(entry_id, fields) for entry_id, fields in claimed]
                entries += [(entry_id.decode(), None) for entry_id in deleted]
                if start == b"0-0":
                    return entries

    async def deliveries(self) -> dict[str, int]:
        """How often each entry that this consumer holds has been delivered, by entry id."""
        counts: dict[str, int] = {}
        start = "-"
        async with self._answering():
            while rows := await self._redis.xpending_range(STREAM, self.group, start, "+", _COUNT, self._consumer):
                counts.update((row["message_id"].decode(), int(row["times_delivered"])) for row in rows)
                start = f"({rows[-1]['message_id'].decode()}"
        return counts

    async def trip(self, acks: Sequence[str], region: Region, wanted: Wanted | None) -> Trip:
        """Acknowledge, look for a younger run and (where something is wanted) read, all in one round trip."""
        async with self._answering():
            if wanted and not self._read_due:
                self._read_due = await self._redis.script_load(scripts.READ_DUE)
            async with self._redis.pipeline(transaction=False) as pipe:
                if acks:
                    pipe.xack(STREAM, self.group, *acks)
                pipe.mget(run_key(self.group), PUSHED)
                if wanted:
                    pipe.evalsha(self._read_due, 1, STREAM, self.group, self._consumer, region, wanted.now_ms,
                                 wanted.due_until_ms, wanted.counting, wanted.at_most,
                                 wanted.expiry_least_s, wanted.expiry_most_s)  # fmt: skip
                replies: list[Any] = await pipe.execute(raise_on_error=False)
            if wanted and isinstance(replies[-1], NoScriptError):  # Redis was restarted: load it with the next trip
                self._read_due, replies[-1] = "", [[], None]
            for reply in replies:
                if isinstance(reply, RedisError):
                    raise reply
        acked = replies.pop(0) if acks else 0
        youngest, pushed = replies[0]
        entries, next_unread = replies[1] if wanted else ([], None)
        return Trip(
            acked,
            tuple(_entry(entry_id, fields) for entry_id, fields in entries),
            int(next_unread.partition(b"-")[0]) if next_unread else None,
            youngest.decode() if youngest else "",
            *read_pushed_mark(pushed),
        )

    @asynccontextmanager
    async def _answering(self) -> AsyncIterator[None]:
        """Say what a failure of Redis means for a worker: no group, or no server to work with. One that has become a
        replica would answer for ever, so it is left."""
        try:
            yield
        except RedisError as error:
            if str(error).startswith("NOGROUP"):
                raise NoGroup(str(error)) from None
            if isinstance(error, ReadOnlyError):
                await self.disconnect()
            text = f"Redis does not answer ({type(error).__name__}: {error}). Check REDIS_URL and that it runs."
            raise ServerUnavailable(text) from None


class NoGroup(ServerUnavailable):
    """The consumer group is gone (Redis was flushed or restarted empty): make it again, then go on."""


def _entry(entry_id: bytes, fields: Any) -> RawEntry:
    """(id, value) of an entry as Redis sends it: fields come flat from a script and as a mapping from the client."""
    if not fields:
        return entry_id.decode(), None
    flat = fields if isinstance(fields, dict) else dict(zip(fields[::2], fields[1::2], strict=True))
    return entry_id.decode(), flat.get(FIELD, b"")


def _stream_entries(reply: Any) -> list[RawEntry]:
    """The entries of the one stream in an XREADGROUP reply, in either version of the protocol."""
    if not reply:
        return []
    [batch] = reply.values() if isinstance(reply, dict) else [entries for _, entries in reply]
    rows = batch[0] if isinstance(reply, dict) else batch
    return [_entry(entry_id, fields) for entry_id, fields in rows]
