"""One worker run: reading, probing and recording side by side, until nothing is due or a younger run takes over."""

import asyncio
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from vantage.check import Check, Result, Status
from vantage.clock import Clock
from vantage.drain.egress import Egress
from vantage.drain.fate import MOST_DELIVERIES, expired, fate_of, is_too_late
from vantage.drain.memory import Memory
from vantage.drain.probes import Probes
from vantage.drain.recorder import BATCH, Recorder
from vantage.drain.seen import Seen
from vantage.drain.slots import Slots
from vantage.durations import Durations, Polling
from vantage.errors import ServerUnavailable
from vantage.monitor import Region
from vantage.schedule import TICK_S, tick_of
from vantage.store import regions
from vantage.store.connection import AsyncDatabase, answering
from vantage.store.results import DeadLetter
from vantage.stream.reader import NoGroup, RawEntry, StreamReader, Trip, Wanted

MOST_A_TRIP = 1000
PARKED_PER_PLACE = 25
FAULTS_KEPT = 20
LAGGING_MS = 50
_RETRY_S = 0.5
_POLL_MS = 1000.0
_LONGEST_REST_MS = 5000.0
_SHORTEST_REST_MS = 50.0


@dataclass(slots=True)
class Summary:
    """What a run did, for its log line and metrics; `ended` says why it took no more work."""

    ended: str = ""
    read: int = 0
    taken_up: int = 0
    foreign: int = 0
    probed: int = 0
    down: int = 0
    expired: int = 0
    dead: int = 0
    stored: int = 0
    flushes: int = 0
    ack_mismatch: int = 0
    groups_made: int = 0
    faults: list[str] = field(default_factory=list)
    more_faults: int = 0  # beside those

    def note_fault(self, error: BaseException) -> None:
        """Remember a fault of our own; the first of them in words."""
        if len(self.faults) < FAULTS_KEPT:
            self.faults.append(f"{type(error).__name__}: {error}"[:300])
        else:
            self.more_faults += 1


@dataclass(frozen=True, slots=True)
class Station:
    """What a region's environment keeps between runs, and how it works; connections are made when first used."""

    region: Region
    aws_region: str
    reader: StreamReader
    database: AsyncDatabase
    prober: Probes
    memory: Memory = field(default_factory=Memory)
    concurrency: int = 100
    polling: Polling = Polling.THRIFTY
    durations: Durations = field(default_factory=Durations)
    flushed: Callable[[], None] = lambda: None  # told of each flush: a tick may be ready to be judged


class Drain:
    """Takes a region's due checks, probes each at its instant, stores, commits, then acknowledges."""

    def __init__(self, station: Station, clock: Clock, request_id: str, timeout_ms: int) -> None:
        """`timeout_ms`: real milliseconds that the invocation has left."""
        self._region, self._reader, self._prober = station.region, station.reader, station.prober
        self._station, self._memory, self._durations = station, station.memory, station.durations
        self._concurrency, self._polling = station.concurrency, station.polling
        self._clock, self._request_id, self._timeout_ms = clock, request_id, timeout_ms
        self._began_ms = clock.now_ms()
        self._deadline_ms = self._began_ms + timeout_ms * clock.pace.scale
        self._slots = Slots(station.concurrency)
        self._recorder = Recorder(
            station.database,
            self._region,
            clock,
            flush_s=station.durations.flush_s,
            give_up_ms=self._deadline_ms - self._margin_ms,
            on_stored=self._may_acknowledge,
            told=self._memory.told,
        )
        self._egress = Egress(self._region, station.prober, station.database, clock)
        self._probing: set[asyncio.Task[None]] = set()
        self._held: set[str] = set()
        self._acks: list[str] = []
        self._wake = asyncio.Event()
        self._taking = True
        self._must_take_up = True
        self._quiet_since_ms: int | None = None
        self.summary = Summary()
        self.seen = Seen()

    async def run(self) -> Summary:
        """Work until there is nothing left to do here; raises ServerUnavailable or SettingsError in trouble.

        Whatever the run holds is stored or booked before it ends; what trouble left unacknowledged stays pending.
        A server that keeps the run waiting, such as behind a lock, does so no longer than the invocation lasts.
        """
        left_ms = self._deadline_ms - self._margin_ms / 2 - self._clock.now_ms()
        try:
            async with asyncio.timeout(self._clock.pace.real_s(left_ms / 1000)):
                return await self._run()
        except TimeoutError:
            raise ServerUnavailable(
                "PostgreSQL or Redis kept this run waiting until its time was over; what it held stays pending. "
                "See what holds locks (pg_stat_activity, wait_event_type)."
            ) from None

    async def _run(self) -> Summary:
        if not await self._report_in():
            self.summary.ended = "disabled"
            return self.summary
        await self._reader.announce(self._request_id)
        self._memory.runs += 1
        recording = asyncio.create_task(self._recorder.run())
        try:
            while not self._is_done():
                await self._work_once()
                if recording.done():
                    break
            self._recorder.close()
            await recording
            await self._acknowledge_the_last()
        finally:
            await self._abandon(recording)
        self.summary.stored, self.summary.flushes = self._recorder.stored, self._recorder.flushes
        self.summary.dead += self._recorder.buried
        return self.summary

    async def _report_in(self) -> bool:
        """Say that the region is here; whether there is anything to do: a disabled one only drains what it has, and
        never makes its group."""
        connection = await self._station.database.connection()
        now = datetime.fromtimestamp(self._clock.now_ms() / 1000, UTC)
        with answering():
            enabled = await regions.report_in(
                connection, self._region, self._station.aws_region, self._reader.group, now
            )
            await self._egress.begin()
        if enabled:
            self.summary.groups_made += await self._reader.ensure_group()
        return enabled or await self._reader.group_exists()

    @property
    def held(self) -> int:
        """How many entries this run was given and has not acknowledged."""
        return len(self._held)

    def _is_done(self) -> bool:
        return not self._taking and not self._probing

    async def _work_once(self) -> None:
        """One trip to Redis where there is a reason for one, then rest until there is a reason for the next."""
        try:
            if self._must_take_up:
                await self._take_up()
            wanted = self._wanted()
            trip = await self._exchange(wanted) if wanted or self._acks else None
        except NoGroup:
            await self._lost_group()
            return
        except ServerUnavailable as error:
            await self._lost_redis(error)
            return
        if trip is None:
            await self._rest(_POLL_MS)
            return
        self._polling = Polling.PUNCTUAL if trip.below_a_minute else self._polling
        self._take(trip.entries)
        self.summary.read += len(trip.entries)
        if self._taking:
            self.seen.note_lag(self._clock.now_ms(), trip.next_unread_ms)
        if self._taking and (reason := self._reason_to_stop(trip)):
            self._taking, self.summary.ended = False, reason
        if not self._is_done():
            await self._rest(self._rest_ms(trip))

    async def _lost_group(self) -> None:
        """Redis was flushed, or the region was disabled meanwhile and its group dropped: as at the run's beginning."""
        try:
            is_here = await self._report_in()
        except ServerUnavailable as error:
            await self._lost_redis(error)
            return
        if not is_here:
            self._taking, self._must_take_up, self.summary.ended = False, False, "disabled"

    async def _lost_redis(self, error: ServerUnavailable) -> None:
        """A reply may have been lost on its way: take up again what this consumer holds, once Redis is back."""
        self._must_take_up = True
        if self._clock.now_ms() > self._deadline_ms - self._margin_ms:
            raise error
        if self._clock.now_ms() - self._began_ms > self._durations.take_work_s * 1000:
            self._taking, self.summary.ended = False, "time"
        await self._reader.disconnect()
        await asyncio.sleep(_RETRY_S)

    @property
    def _margin_ms(self) -> float:
        return self._durations.start_margin_s * 1000

    async def _take_up(self) -> None:
        """What dead environments have held for too long, and what this one held when it was frozen, failed or lost a
        reply; what this run holds already is left alone, since each reading counts as a delivery."""
        margin_s = self._clock.pace.real_s(self._durations.claim_margin_s)
        entries = await self._reader.claim(self._timeout_ms + int(margin_s * 1000))
        claimed = {entry_id for entry_id, _ in entries}
        deliveries = await self._reader.deliveries()
        if deliveries.keys() - claimed - self._held:
            entries += [entry for entry in await self._reader.own_pending() if entry[0] not in claimed | self._held]
        self._must_take_up = False
        self.summary.taken_up += len(entries)
        # A claim has counted itself already, reading one's own has not.
        before = {entry_id: count - (entry_id in claimed) for entry_id, count in deliveries.items()}
        self._take(entries, {entry_id for entry_id, count in before.items() if count >= MOST_DELIVERIES})

    async def _exchange(self, wanted: Wanted | None) -> Trip:
        """Acknowledge what is stored, and read on; entries stay in line for their ack where the trip fails."""
        acks = self._acks[:]
        trip = await self._reader.trip(acks, self._region, wanted)
        del self._acks[: len(acks)]
        self._held.difference_update(acks)
        self.summary.ack_mismatch += len(acks) - trip.acked
        return trip

    def _wanted(self) -> Wanted | None:
        """As many as there are free places and, read ahead, as many again."""
        room = self._room()
        if not self._taking or room <= 0 or self._recorder.backlog > 2 * BATCH + 2 * self._concurrency:
            return None
        now_ms = self._clock.now_ms()
        return Wanted(
            now_ms,
            now_ms + self._durations.read_ahead_s * 1000,
            room,
            max(MOST_A_TRIP, room),
            self._durations.expiry_least_s,
            self._durations.expiry_most_s,
        )

    def _room(self) -> int:
        """Suspects that wait for a place take none from what is read behind them, up to a bound on memory."""
        parked = min(self._slots.parked, PARKED_PER_PLACE * self._concurrency)
        return 2 * self._concurrency - (len(self._probing) - parked)

    def _take(self, entries: Iterable[RawEntry], poison: Collection[str] = ()) -> None:
        """Hold what was read, and do with each entry what is to become of it."""
        for entry in entries:
            self._held.add(entry[0])
            fate = fate_of(
                entry,
                region=self._region,
                now_ms=self._clock.now_ms(),
                durations=self._durations,
                is_poison=entry[0] in poison,
            )
            if fate is None:
                self.summary.foreign += 1
                self._acks.append(entry[0])
            elif isinstance(fate, Check):
                self._start(fate)
            else:
                self._book(fate)

    def _start(self, check: Check) -> None:
        if check.interval_s < TICK_S:
            self._polling = Polling.PUNCTUAL
        task = asyncio.create_task(self._probe(check), name=check.entry_id)
        self._probing.add(task)
        task.add_done_callback(self._probed)

    def _book(self, item: Result | DeadLetter) -> None:
        self.summary.expired += isinstance(item, Result)
        self.summary.dead += isinstance(item, DeadLetter)
        self._recorder.put(item)

    async def _probe(self, check: Check) -> None:
        """Wait for the check's instant and a free place, reach the target, hand the result over."""
        waited = self._clock.now_ms() < check.checked_at_ms
        await self._clock.sleep_until(check.checked_at_ms)
        lag_ms = self._clock.now_ms() - check.checked_at_ms
        result, late_ms = await self._attempt(check, suspect=check.monitor_id in self._memory.hung)
        if result.status is Status.EXPIRED:
            self._book(result)
            return
        if not await self._egress.is_cut_off(result, is_news=check.monitor_id not in self._memory.down):
            self._memory.note(result)
        self.summary.probed += 1
        self.summary.down += result.status is Status.DOWN
        result = replace(
            result,
            late_ms=late_ms,
            interval_s=check.interval_s,
            extra=check.extra,
            cold=self._memory.runs == 1,
            lagging=result.lagging or (waited and lag_ms > LAGGING_MS * self._clock.pace.scale),
        )
        self.seen.note(result)
        self._recorder.put(result)

    async def _attempt(self, check: Check, *, suspect: bool) -> tuple[Result, int]:
        """What became of a check, and how many ms after its instant its target was asked.

        A target that hangs while others wait gives its place up, and is asked again among the suspects.
        """
        async with self._slots.place(suspect=suspect):
            late_ms = self._clock.now_ms() - check.checked_at_ms
            if is_too_late(check, self._clock.now_ms(), self._durations) or not self._has_time_for(check):
                return expired(check, self._region), late_ms
            confirm = check.monitor_id not in self._memory.down
            probe = asyncio.create_task(self._prober.probe(check, confirm=confirm))
            try:
                if suspect or not await self._slots.outlasts(probe, self._durations.patience_s):
                    return await probe, late_ms
            finally:
                probe.cancel()
                await asyncio.wait({probe})
        self._memory.hung.add(check.monitor_id)
        return await self._attempt(check, suspect=True)

    def _has_time_for(self, check: Check) -> bool:
        """Both attempts last as long as they may in real time, at whatever pace life runs here."""
        needed_ms = 2 * check.timeout_ms * self._clock.pace.scale + self._margin_ms
        return self._deadline_ms - self._clock.now_ms() >= needed_ms

    def _probed(self, task: asyncio.Task[None]) -> None:
        """A probe has ended: the next may begin. A fault of our own leaves its entry pending, for another run."""
        self._probing.discard(task)
        if not task.cancelled() and (error := task.exception()):
            self.summary.note_fault(error)
            self._held.discard(task.get_name())
        if self._room() >= max(1, self._concurrency // 4) or not self._probing:
            self._wake.set()

    def _may_acknowledge(self, entry_ids: list[str]) -> None:
        self._acks += dict.fromkeys(entry_ids)
        self._wake.set()
        self._station.flushed()

    def _reason_to_stop(self, trip: Trip) -> str:
        now_ms = self._clock.now_ms()
        if trip.youngest_run and trip.youngest_run != self._request_id:
            return "younger run"
        if now_ms - self._began_ms >= self._durations.take_work_s * 1000:
            return "time"
        if self._deadline_ms - now_ms < 2 * self._margin_ms:
            return "deadline"
        if self._polling is Polling.THRIFTY and self._is_quiet(trip, now_ms):
            return "quiet"
        return ""

    def _is_quiet(self, trip: Trip, now_ms: int) -> bool:
        """Nothing is under way or soon due, and the coming minute's tick is there or was waited for long enough."""
        soon_ms = now_ms + self._durations.quiet_s * 1000
        unread_soon = trip.next_unread_ms is not None and trip.next_unread_ms <= soon_ms
        if self._probing or self._held or unread_soon:
            self._quiet_since_ms = None
            return False
        if self._quiet_since_ms is None:
            self._quiet_since_ms = now_ms
        waited_ms = now_ms - self._quiet_since_ms
        return trip.pushed_tick_s >= tick_of(soon_ms) or waited_ms >= self._durations.wait_for_tick_s * 1000

    def _rest_ms(self, trip: Trip) -> float:
        """Until the next unread entry comes near; while none is known to be coming, a producer may push any moment."""
        if not self._taking or trip.next_unread_ms is None:
            return _POLL_MS
        read_at_ms = trip.next_unread_ms - self._durations.read_ahead_s * 1000
        return min(max(read_at_ms - self._clock.now_ms(), 0), _LONGEST_REST_MS)

    async def _rest(self, rest_ms: float) -> None:
        """Sleep for so long, or until something is stored or places are free."""
        if rest_ms == 0 and self._room() > 0:
            await asyncio.sleep(0)
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(self._clock.pace.real_s(max(rest_ms, _SHORTEST_REST_MS) / 1000)):
                await self._wake.wait()
        self._wake.clear()

    async def _acknowledge_the_last(self) -> None:
        """After the last flush; while Redis is away, until the run must end: what stays pending is only acked later."""
        while self._acks:
            try:
                await self._exchange(None)
            except ServerUnavailable as error:
                await self._lost_redis(error)

    async def _abandon(self, recording: asyncio.Task[None]) -> None:
        """Leave nothing running behind: a frozen environment must hold no half-done work."""
        tasks = [*self._probing, recording]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
