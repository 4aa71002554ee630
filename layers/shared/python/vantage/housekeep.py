"""The housekeeper: closes books, makes and drops days, trims the stream, removes what nobody uses any more."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from vantage import announce
from vantage.clock import Pace
from vantage.durations import Durations
from vantage.schedule import TICK_MS, TICK_S
from vantage.store import judging, ledger, outbox, results, rollups
from vantage.store.connection import Connection, answering
from vantage.store.heartbeats import record_heartbeats
from vantage.store.references import keep_references
from vantage.store.regions import list_regions
from vantage.stream.writer import StreamWriter, Trimmed

MOST_TICKS_A_RUN = 120
MOST_HOURS_A_RUN = 6  # what is behind catches up over the next runs
HOURS_KEPT_DAYS = 35
TOLD_KEPT_DAYS = 90  # longer than anything is told again: a letter's key says that it has been


@dataclass(slots=True)
class Kept:
    """What a run did, for its log line."""

    closed: int = 0
    hours_rolled: int = 0
    days_rolled: int = 0
    days_dropped: list[str] = field(default_factory=list)
    trimmed: int = 0
    trim_refused: bool = False  # entries older than the stream may be stay: their tick's books are open
    consumers_removed: int = 0
    groups_dropped: list[str] = field(default_factory=list)
    judged: int = 0
    notices: int = 0
    marks_dropped: int = 0
    references_changed: int = 0
    heartbeats: int = 0
    letters_dropped: int = 0
    windows_worked_out: int = 0


@dataclass(frozen=True, slots=True)
class Housekeeper:
    """One housekeeper run; every step is a small unit that the next run would do as well."""

    connection: Connection
    stream: StreamWriter
    durations: Durations = Durations()
    pace: Pace = Pace()
    references: Sequence[str] = ()

    def run(self, *, close_all: bool = False) -> Kept:
        """Do what is due by Redis's time; `close_all` closes every tick that has begun, for a system that ends.

        Raises ServerUnavailable; what is then undone, the next run does.
        """
        with answering():
            return self._run(close_all=close_all)

    def _run(self, *, close_all: bool) -> Kept:
        now_ms = self.pace.lived_ms(self.stream.time_s())
        kept = Kept()
        kept.references_changed = keep_references(self.connection, self.references)
        self._make_days(now_ms)
        kept.heartbeats = record_heartbeats(self.connection, now_ms / 1000)
        kept.closed = self._close_ticks(now_ms / 1000 if close_all else now_ms / 1000 - self.durations.close_after_s)
        kept.hours_rolled, kept.days_rolled = self._roll_up(now_ms)
        kept.days_dropped = self._drop_days(now_ms)
        trimmed = self._trim(now_ms)
        kept.trimmed, kept.trim_refused = trimmed.removed, trimmed.refused
        self._tidy_groups(kept)
        kept.marks_dropped = self._drop_marks()
        kept.letters_dropped = outbox.drop_told_before(
            self.connection, ledger.as_time(now_ms / 1000) - timedelta(days=TOLD_KEPT_DAYS)
        )
        kept.windows_worked_out = announce.go_on(self.connection, ledger.as_time(now_ms / 1000))
        return kept

    def _make_days(self, now_ms: int) -> None:
        today = ledger.as_time(now_ms / 1000).date()
        results.ensure_days(
            self.connection, today - timedelta(days=1), today + timedelta(days=self.durations.partitions_ahead_days)
        )

    def _close_ticks(self, before_s: float) -> int:
        """Close ticks in order, each in its own statement, so that ledger rows are locked one tick at a time."""
        ticks = ledger.closable_ticks(self.connection, before_s, MOST_TICKS_A_RUN)
        for tick_s in ticks:
            ledger.close_tick(self.connection, tick_s)
        return len(ticks)

    def _roll_up(self, now_ms: int) -> tuple[int, int]:
        """Before days are dropped: what is not rolled up by then is never known again."""
        now = ledger.as_time(now_ms / 1000)
        first_kept = now.date() - timedelta(days=HOURS_KEPT_DAYS)
        rollups.drop_hours_before(self.connection, first_kept, MOST_HOURS_A_RUN)
        return rollups.roll_up(self.connection, now, self.durations.close_after_s, MOST_HOURS_A_RUN)

    def _drop_days(self, now_ms: int) -> list[str]:
        first_kept = ledger.as_time(now_ms / 1000).date() - timedelta(days=self.durations.retention_days)
        return results.drop_days_before(self.connection, first_kept)

    def _trim(self, now_ms: int) -> Trimmed:
        """Behind the slowest group; what is older than 10 minutes goes in any case, as soon as its books are closed."""
        open_s = ledger.first_open_tick(self.connection)
        keep_from_ms = (
            now_ms // TICK_MS * TICK_MS if open_s is None else min(open_s, now_ms // 1000 // TICK_S * TICK_S) * 1000
        )
        groups = [region.redis_group for region in list_regions(self.connection) if region.enabled]
        return self.stream.trim(keep_from_ms, now_ms - self.durations.keep_stream_s * 1000, groups)

    def _drop_marks(self) -> int:
        open_s = ledger.first_open_tick(self.connection)
        return judging.drop_marks_before(self.connection, open_s) if open_s is not None else 0

    def _tidy_groups(self, kept: Kept) -> None:
        idle_ms = int(self.pace.real_s(self.durations.consumer_idle_s) * 1000)
        for region in list_regions(self.connection):
            if region.enabled:
                kept.consumers_removed += len(self.stream.remove_idle_consumers(region.redis_group, idle_ms))
            elif self.stream.drop_drained_group(region.redis_group):
                kept.groups_dropped.append(region.redis_group)
