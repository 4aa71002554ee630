"""The producer: pages the due checks of a tick out of PostgreSQL and into the stream, one minute ahead."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice

from vantage import schedule, wire
from vantage.clock import Pace
from vantage.durations import Durations
from vantage.errors import ClockError
from vantage.monitor import Region
from vantage.store import due, ledger, results
from vantage.store.connection import Connection, answering
from vantage.store.due import DueRow
from vantage.store.ledger import Cursor, OwnedTick
from vantage.store.regions import RegionRow, list_regions
from vantage.store.results import DeadLetter
from vantage.stream import LAST_SEQUENCE, pushed_mark
from vantage.stream.writer import StreamWriter

PAGE = 5000
MOST_OVERDUE = 50_000
MOST_LETTERS = 1000
_AHEAD = "of a time that nobody pushes yet; while it stood in the stream, Redis refused every other entry"

_Regions = tuple[Region, ...]


@dataclass(frozen=True, slots=True)
class Withheld:
    """What must not be pushed to a region now: these monitors, or (`away`) nothing at all."""

    monitors: Collection[int] = frozenset()
    away: bool = False

    def holds(self, monitor_id: int) -> bool:
        """Whether a check of this monitor is skipped in the region."""
        return self.away or monitor_id in self.monitors


_NOTHING = Withheld()


@dataclass(slots=True)
class Pushed:
    """What a producer run did, for its log line."""

    gaps: int = 0
    ticks: dict[int, dict[Region, dict[str, int]]] = field(default_factory=dict)
    groups_made: list[str] = field(default_factory=list)
    away: list[Region] = field(default_factory=list)
    recalled: int = 0  # entries of a time that nobody pushes yet: they stood in the way of every other


@dataclass(frozen=True, slots=True)
class Producer:
    """One producer run over a connection and a stream; `owner` is the run's request id."""

    connection: Connection
    stream: StreamWriter
    owner: str
    spread_s: int
    durations: Durations = Durations()
    pace: Pace = Pace()
    page_size: int = PAGE

    def run(self, event_ms: int) -> Pushed:
        """Push what the event of one minute (epoch ms) asks for: T + 1, T where it is absent, incomplete ones again.

        Raises ClockError for an event far from Redis's time, TickTaken where another run is at work, and StreamRefused
        or ServerUnavailable in trouble; what is then undone, the next event's run does.
        """
        with answering():
            return self._run(event_ms)

    def _run(self, event_ms: int) -> Pushed:
        now_ms = self.pace.lived_ms(self.stream.time_s())
        event_tick_s = schedule.tick_of(event_ms)
        self._check_time(event_tick_s, now_ms)
        done = Pushed()
        regions = [region for region in list_regions(self.connection) if region.enabled]
        if not regions:
            return done
        done.recalled = self._recall(now_ms, regions)
        done.groups_made = [r.redis_group for r in regions if self.stream.ensure_group(r.redis_group)]
        withheld = {region.name: self._withheld(region, now_ms) for region in regions}
        done.away = [name for name, held in withheld.items() if held.away]
        plan = self._plan(event_tick_s, now_ms)
        ledger.open_ticks(self.connection, plan.gaps, self.spread_s)
        done.gaps = len(plan.gaps)
        for tick_s in plan.ticks:
            ledger.open_ticks(self.connection, [tick_s], self.spread_s)
            if tick := ledger.take(self.connection, tick_s, self.owner, self.lease_s):
                done.ticks[tick_s] = self._push_tick(tick, withheld)
        return done

    @property
    def lease_s(self) -> float:
        """How long a tick is owned without a sign of life, in real seconds."""
        return self.pace.real_s(self.durations.lease_s)

    def _check_time(self, event_tick_s: int, now_ms: int) -> None:
        ahead_s = event_tick_s + self.durations.ahead_s - now_ms / 1000
        if ahead_s > self.durations.event_ahead_limit_s:
            raise ClockError(
                f"The event's minute is {ahead_s - self.durations.ahead_s:.0f} s ahead of Redis's clock; nothing was "
                "pushed. "
                "Check the clock of the Redis server and the event's time."
            )
        behind_s = now_ms / 1000 - event_tick_s
        if behind_s > self.durations.event_behind_limit_s:
            raise ClockError(
                f"The event's minute is {behind_s:.0f} s behind Redis's clock; nothing was pushed. "
                "An event this late is of no use; the next one goes on."
            )

    def _recall(self, now_ms: int, regions: Sequence[RegionRow]) -> int:
        """Bury what lies further ahead than any run pushes, since Redis would refuse every id of today behind it.

        What the ledger knows of is ours and stays. Each is buried before it goes, as by a worker.
        """
        latest_ms = now_ms + (self.durations.event_ahead_limit_s + schedule.TICK_S) * 1000
        if (last_id := self.stream.last_id())[0] <= latest_ms:
            return 0
        latest_ms = max(latest_ms, ((ledger.newest_tick(self.connection) or 0) + schedule.TICK_S) * 1000 - 1)
        if last_id[0] <= latest_ms:
            return 0
        ahead = islice(self.stream.range((latest_ms, LAST_SEQUENCE), last_id), MOST_LETTERS)
        letters = [DeadLetter(entry_id, _AHEAD, wire.raw_text(value)) for entry_id, value in ahead]
        for region in regions:
            results.bury(self.connection, region.name, letters)
        return self.stream.recall(latest_ms)

    def _plan(self, event_tick_s: int, now_ms: int) -> schedule.Plan:
        age_s = now_ms / 1000 - event_tick_s
        return schedule.plan(
            event_tick_s,
            ledger.newest_tick(self.connection),
            ledger.incomplete_ticks(self.connection, event_tick_s - self.durations.resume_s),
            first_tick_is_young=age_s < self.durations.first_tick_within_s,
            ahead_s=self.durations.ahead_s,
            resume_s=self.durations.resume_s,
        )

    def _withheld(self, region: RegionRow, now_ms: int) -> Withheld:
        """What a region does not keep up with: decided anew by each run, from what is overdue there now."""
        seen_ms = region.last_seen.timestamp() * 1000 if region.last_seen else now_ms
        away_ms = self.durations.away_after_s * 1000
        if now_ms - seen_ms > away_ms:
            return Withheld(away=True)
        overdue_ms = now_ms - self.durations.overdue_s * 1000
        unread: set[int] = set()
        last_delivered = self.stream.last_delivered(region.redis_group) or (0, 0)
        for count, (entry_id, value) in enumerate(self.stream.range(last_delivered, (overdue_ms, 0))):
            at_ms, monitor_id = map(int, entry_id.split("-"))
            if (count == 0 and now_ms - at_ms > away_ms) or count >= MOST_OVERDUE:
                return Withheld(away=True)
            if region.name in wire.listed(value):
                unread.add(monitor_id)
        pending = self.stream.count_pending(region.redis_group, overdue_ms, MOST_OVERDUE)
        return Withheld(unread | {monitor_id for monitor_id, count in pending.items() if count >= 2})

    def _push_tick(self, tick: OwnedTick, withheld: Mapping[Region, Withheld]) -> dict[Region, dict[str, int]]:
        """Push a tick from its cursor to its end, page by page: the page, then its commit."""
        pusher = _TickPusher(self, tick, withheld)
        pusher.count_what_is_there()
        pusher.push_pages()
        return pusher.totals()


class _TickPusher:
    """One tick's pages; keeps the cursor, and what was pushed and skipped per region."""

    def __init__(self, producer: Producer, tick: OwnedTick, withheld: Mapping[Region, Withheld]) -> None:
        self._producer, self._tick, self._withheld = producer, tick, withheld
        self._cursor = max(tick.cursor, Cursor(tick.tick_s * 1000, 0))
        self._pushed: Counter[Region] = Counter()
        self._skipped: Counter[Region] = Counter()
        self._nothing_held = not any(held.away or held.monitors for held in withheld.values())

    def totals(self) -> dict[Region, dict[str, int]]:
        """Pushed and skipped by this run, per region of the tick."""
        return {r: {"pushed": self._pushed[r], "skipped": self._skipped[r]} for r in self._tick.regions}

    def count_what_is_there(self) -> None:
        """A resumed tick first counts what a run before it pushed and could not commit."""
        end = Cursor((self._tick.tick_s + schedule.TICK_S) * 1000, 0)
        until = min(Cursor(*self._producer.stream.last_id()), end)
        if self._cursor < until:
            self._commit(until, *self._recount(self._cursor, until), complete=False)

    def push_pages(self) -> None:
        """Push and commit page by page; while Redis takes one, PostgreSQL looks for the next."""
        with ThreadPoolExecutor(1) as ahead:
            coming = ahead.submit(self._rows_behind, self._cursor)
            complete = False
            while not complete:
                rows = coming.result()
                complete = len(rows) < self._producer.page_size
                if not complete:
                    coming = ahead.submit(self._rows_behind, _cursor_at(rows[-1]))
                self._push_page(rows, complete=complete)

    def _rows_behind(self, cursor: Cursor) -> list[DueRow]:
        return due.due_rows(self._producer.connection, self._tick, cursor, self._producer.page_size)

    def _push_page(self, rows: Sequence[DueRow], *, complete: bool) -> None:
        due_in = [self._due_in(row[2]) for row in rows]
        free = due_in if self._nothing_held else [self._free(r, row[1]) for r, row in zip(due_in, rows, strict=True)]
        page = [
            (b"%d-%d" % (at_ms, monitor_id), wire.head(regions, interval_s, extra) + body.encode())
            for (at_ms, monitor_id, _, interval_s, extra, body), regions in zip(rows, free, strict=True)
            if regions
        ]
        extra = [row[4] for row in rows]
        pushed, skipped = _by_region(Counter(zip(due_in, free, extra, strict=True)))
        stream = self._producer.stream
        refused = stream.push(page, self._mark() if complete else None) if page or complete else 0
        cursor = _cursor_at(rows[-1]) if rows else self._cursor
        if refused:
            pushed, skipped = self._recount(self._cursor, cursor)
        self._commit(cursor, pushed, skipped, complete=complete)

    def _mark(self) -> bytes:
        below = due.has_intervals_below_a_minute(self._producer.connection, self._tick)
        return pushed_mark(self._tick.tick_s, below_a_minute=below)

    def _due_in(self, wanted: list[Region] | None) -> _Regions:
        return self._tick.regions if wanted is None else tuple(r for r in self._tick.regions if r in wanted)

    def _free(self, due_in: _Regions, monitor_id: int) -> _Regions:
        return tuple(r for r in due_in if not self._withheld.get(r, _NOTHING).holds(monitor_id))

    def _recount(self, after: Cursor, until: Cursor) -> tuple[Counter[Region], Counter[Region]]:
        """What of a range is in the stream, by the entries' own lists, and what of it was due and is not there."""
        pushed: Counter[Region] = Counter()
        extra: Counter[Region] = Counter()
        span = (after.at_ms, after.monitor_id), (until.at_ms, until.monitor_id)
        for _, value in self._producer.stream.range(*span):
            here = extra if wire.is_extra(value) else pushed
            here.update(r for r in wire.listed(value) if r in self._tick.regions)
        due_there: Counter[Region] = Counter()
        for due_in in self._due_between(after, until):
            due_there.update(due_in)
        return pushed + extra, due_there - pushed

    def _due_between(self, after: Cursor, until: Cursor) -> Iterator[_Regions]:
        while rows := self._rows_behind(after):
            inside = [row for row in rows if _cursor_at(row) <= until]
            yield from (self._due_in(row[2]) for row in inside if not row[4])
            if len(inside) < self._producer.page_size:
                return
            after = _cursor_at(rows[-1])

    def _commit(self, cursor: Cursor, pushed: Counter[Region], skipped: Counter[Region], *, complete: bool) -> None:
        producer = self._producer
        ledger.commit_page(
            producer.connection, self._tick, cursor, pushed, skipped, lease_s=producer.lease_s, complete=complete
        )
        self._cursor = cursor
        self._pushed += pushed
        self._skipped += skipped


def _cursor_at(row: DueRow) -> Cursor:
    return Cursor(row[0], row[1])


def _by_region(fates: Mapping[tuple[_Regions, _Regions, bool], int]) -> tuple[Counter[Region], Counter[Region]]:
    """Pushed and skipped per region, from how many checks were for these regions and pushed to those; an extra that is
    withheld is neither, since nobody's schedule asked for it."""
    pushed: Counter[Region] = Counter()
    skipped: Counter[Region] = Counter()
    for (due_in, regions, extra), count in fates.items():
        pushed.update(dict.fromkeys(regions, count))
        skipped.update({} if extra else dict.fromkeys(set(due_in) - set(regions), count))
    return pushed, skipped
