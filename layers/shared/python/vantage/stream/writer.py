"""The producer's and housekeeper's side of the stream."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from vantage.errors import ServerUnavailable, StreamRefused
from vantage.stream import LAST_SEQUENCE, PUSHED, STREAM, run_key, scripts
from vantage.wire import FIELD

_COUNT = 1000


@dataclass(frozen=True, slots=True)
class Backlog:
    """What a group was given and has not acknowledged, and what it was not given yet (None where Redis cannot say);
    entries for other regions and of ticks to come are among them."""

    pending: int
    unread: int | None


@dataclass(frozen=True, slots=True)
class Trimmed:
    """What a trim did; `refused`: something older than the floor stays, since its tick's books are open."""

    removed: int
    refused: bool


class StreamWriter:
    """Pushes pages of entries and keeps the stream and its groups in order. One connection, made when first used."""

    def __init__(self, url: str, *, timeout_s: float = 20) -> None:
        # No retries by the client: a lost reply does not say whether the page is in the stream, so it must be counted.
        # Any: the client's types unite every way of decoding, and here all replies are bytes.
        self._redis: Any = redis.Redis.from_url(
            url, socket_timeout=timeout_s, socket_connect_timeout=10, retry=Retry(NoBackoff(), 0)
        )

    def close(self) -> None:
        """Close the connection."""
        self._redis.close()

    def time_s(self) -> float:
        """Redis TIME, epoch seconds; raises ServerUnavailable. Also drops a connection that died while it was idle."""
        for last in (False, True):
            try:
                seconds, micros = self._redis.time()
                return float(seconds + micros / 1e6)
            except (redis.ConnectionError, redis.TimeoutError) as error:
                self._redis.connection_pool.disconnect()
                if last:
                    raise _unavailable(error) from None
        raise AssertionError("unreachable")

    def eviction_policy(self) -> str:
        """What Redis does when its memory is full, such as noeviction; empty where it does not say."""
        with self._answering():
            try:
                return str(self._redis.info("memory").get("maxmemory_policy", ""))
            except redis.ResponseError:
                return ""

    def ensure_group(self, group: str) -> bool:
        """Make a region's group (and the stream) where it is missing; returns whether it was.

        From id 0, so that nothing that was added before is lost.
        """
        with self._answering():
            try:
                self._redis.xgroup_create(STREAM, group, id="0", mkstream=True)
            except redis.ReadOnlyError:
                raise
            except redis.ResponseError as error:
                # A full Redis refuses before it looks whether the group is there.
                if str(error).startswith("BUSYGROUP") or self.last_delivered(group) is not None:
                    return False
                raise StreamRefused(f"Redis does not make group {group}: {error}") from None
        return True

    def push(self, page: Sequence[tuple[bytes, bytes]], completes: bytes | None = None) -> int:
        """Add a page of (entry id, value) in one MULTI/EXEC, all or nothing; returns how many ids Redis refused.

        `completes` is the `pushed_mark` of the tick that this page completes, set in the same transaction.
        Packed by hand: the client's own packing costs five times as much per entry. Raises StreamRefused where Redis
        took none of it.
        """
        parts = [b"*1\r\n$5\r\nMULTI\r\n"]
        key, field = STREAM.encode(), FIELD
        start = b"*5\r\n$4\r\nXADD\r\n$%d\r\n%b\r\n$" % (len(key), key)
        middle = b"\r\n$%d\r\n%b\r\n$" % (len(field), field)
        parts += [
            b"%b%d\r\n%b%b%d\r\n%b\r\n" % (start, len(entry_id), entry_id, middle, len(value), value)
            for entry_id, value in page
        ]
        if completes is not None:
            mark = PUSHED.encode()
            parts.append(
                b"*3\r\n$3\r\nSET\r\n$%d\r\n%b\r\n$%d\r\n%b\r\n" % (len(mark), mark, len(completes), completes)
            )
        parts.append(b"*1\r\n$4\r\nEXEC\r\n")
        replies = self._exchange(b"".join(parts), len(page) + (completes is not None))
        return sum(isinstance(reply, redis.ResponseError) for reply in replies)

    @contextmanager
    def _answering(self) -> Iterator[None]:
        """Say what a failure means; and leave a server that has become a replica, which would answer for ever."""
        try:
            yield
        except redis.RedisError as error:
            if isinstance(error, redis.ReadOnlyError):
                self._redis.connection_pool.disconnect()
            raise _unavailable(error) from None

    def _exchange(self, packed: bytes, commands: int) -> list[object]:
        pool = self._redis.connection_pool
        with self._answering():
            connection = pool.get_connection()
        try:
            connection.send_packed_command([packed])
            refusal = None
            for _ in range(1 + commands):
                try:
                    connection.read_response()
                except redis.ResponseError as error:
                    refusal = refusal or error
            try:
                return list(connection.read_response())
            except redis.ResponseError as error:
                connection.disconnect()  # the next run may find another server behind the name
                raise StreamRefused(f"Redis took nothing of a page: {refusal or error}") from None
        except redis.RedisError as error:
            connection.disconnect()
            raise _unavailable(error) from None
        finally:
            pool.release(connection)

    def last_id(self) -> tuple[int, int]:
        """The greatest id ever added, as (ms, monitor id); (0, 0) for a stream that is not there."""
        with self._answering():
            try:
                last = self._redis.xinfo_stream(STREAM)["last-generated-id"]
            except redis.ResponseError:
                return 0, 0
        at, _, monitor = last.decode().partition("-")
        return int(at), int(monitor)

    def range(self, after: tuple[int, int], until: tuple[int, int], count: int = _COUNT) -> Iterator[tuple[str, bytes]]:
        """The entries (id, value) behind one (ms, id) and up to another, fetched `count` at a time."""
        start, end = f"({after[0]}-{after[1]}", f"{until[0]}-{until[1]}"
        while rows := self._page(start, end, count):
            for entry_id, fields in rows:
                yield entry_id.decode(), fields.get(FIELD, b"")
            start = f"({rows[-1][0].decode()}"

    def _page(self, start: str, end: str, count: int) -> Any:
        with self._answering():
            return self._redis.xrange(STREAM, start, end, count)

    def last_delivered(self, group: str) -> tuple[int, int] | None:
        """The (ms, id) up to which a group has read; None where there is no such group."""
        with self._answering():
            try:
                groups = self._redis.xinfo_groups(STREAM)
            except redis.ResponseError:
                return None
        for info in groups:
            if info["name"] == group.encode():
                at, _, monitor = info["last-delivered-id"].decode().partition("-")
                return int(at), int(monitor)
        return None

    def backlogs(self) -> dict[str, Backlog]:
        """Redis's estimate of what each group still has before it; raises ServerUnavailable."""
        with self._answering():
            groups = self._redis.xinfo_groups(STREAM) if self._redis.exists(STREAM) else []
        return {info["name"].decode(): Backlog(info["pending"], info.get("lag")) for info in groups}

    def count_pending(self, group: str, before_ms: int, most: int) -> Counter[int]:
        """How many entries older than an instant are pending in a group, by monitor; looks at `most` at the most."""
        counts: Counter[int] = Counter()
        start, end = "-", f"{before_ms}-0"
        while counts.total() < most:
            with self._answering():
                rows = self._redis.xpending_range(STREAM, group, start, end, _COUNT)
            counts.update(int(row["message_id"].partition(b"-")[2]) for row in rows)
            if len(rows) < _COUNT:
                break
            start = f"({rows[-1]['message_id'].decode()}"
        return counts

    def trim(self, keep_from_ms: int, floor_ms: int, groups: Iterable[str]) -> Trimmed:
        """Remove what every group has done with and what is older than the floor; nothing of an open tick, the first
        of which begins at `keep_from_ms`."""
        with self._answering():
            removed, refused = self._redis.eval(scripts.TRIM, 1, STREAM, f"{keep_from_ms}-0", f"{floor_ms}-0", *groups)
        return Trimmed(int(removed), bool(refused))

    def recall(self, latest_ms: int) -> int:
        """Take out what is scheduled later than that, so that the ids of today are taken again; returns how many went.

        All else stays as it is: entries, groups, what is pending and how often it was delivered. Raises StreamRefused.
        """
        with self._answering():
            try:
                latest = f"{latest_ms}-{LAST_SEQUENCE}"
                return int(self._redis.eval(scripts.RECALL, 2, STREAM, f"{STREAM}:anew", latest))
            except redis.ResponseError as error:
                raise StreamRefused(f"Redis does not take back ids of the future: {error}") from None

    def remove_idle_consumers(self, group: str, idle_ms: int) -> list[str]:
        """Remove consumers that hold nothing and have been idle for long; returns their names."""
        with self._answering():
            try:
                removed = self._redis.eval(scripts.REMOVE_IDLE_CONSUMERS, 1, STREAM, group, idle_ms)
            except redis.ResponseError:  # no such stream or group: nothing to remove
                return []
        return [name.decode() for name in removed]

    def drop_drained_group(self, group: str, *, force: bool = False) -> bool:
        """Drop the group of a disabled region once nothing is unread or pending there."""
        with self._answering():
            if not self._redis.eval(scripts.DROP_DRAINED_GROUP, 1, STREAM, group, "1" if force else "0"):
                return False
            self._redis.delete(run_key(group))
        return True


def _unavailable(error: redis.RedisError) -> ServerUnavailable:
    return ServerUnavailable(
        f"Redis does not answer ({type(error).__name__}: {error}). Check REDIS_URL and that it runs."
    )
