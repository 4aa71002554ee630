"""What is known at one instant, judged by the verdict rules from the rows there are."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from itertools import groupby

from vantage.check import Status
from vantage.face.pages.hour import Axis, Hour
from vantage.monitor import Region
from vantage.store.connection import Connection
from vantage.store.sheet import TickSheet, latest_ticks
from vantage.store.status import LOOKED_BACK, WINDOW, Latest, Place, Rows, Snapshot, Watched, began, read_snapshot
from vantage.verdict.region import RegionState, fold
from vantage.verdict.rows import Row
from vantage.verdict.rules import Rules
from vantage.verdict.votes import Standing, glance
from vantage.view.headline import Case, Headline, headline
from vantage.view.words import Sight, reason_words, stopped_in, verdict_words

JUDGED_AFTER_S = 75  # a slot is judged at most this long after its instant
TICKS_SHOWN = 8
_UNKNOWN = RegionState()


@dataclass(frozen=True, slots=True)
class Seen:
    """A monitor as it stands, and its last hour."""

    monitor: Watched
    regions: Sequence[Region]
    case: Case
    hour: Hour


@dataclass(frozen=True, slots=True)
class Board:
    """All there is to say; monitors in the order in which they matter.

    `heard`: when the newest result of a region was recorded; `silent`: the regions that tell of no monitor any more.
    """

    snapshot: Snapshot
    axis: Axis
    seen: Sequence[Seen]
    headline: Headline
    heard: Mapping[Region, datetime]
    silent: frozenset[Region]
    ticks: Sequence[TickSheet]

    @property
    def now(self) -> datetime:
        """PostgreSQL's time when it was read."""
        return self.snapshot.now

    def latest(self, one: Seen, region: Region) -> Latest | None:
        """The newest result of a monitor in a region."""
        return self.snapshot.latest.get((one.monitor.id, region))

    def rows(self, one: Seen, region: Region) -> Rows:
        """The results of a monitor's last hour in a region."""
        return self.snapshot.rows.get((one.monitor.id, region), Rows())


def read_board(connection: Connection) -> Board:
    """Read what is stored and judge it."""
    snapshot = read_snapshot(connection)
    states = {
        (monitor.id, region): _state(monitor, snapshot.rows.get((monitor.id, region), Rows()))
        for monitor in snapshot.monitors
        for region in _regions(monitor, snapshot)
    }
    begins = _begins(connection, snapshot, states)
    ticks = [tick for tick in latest_ticks(connection, TICKS_SHOWN + 2) if tick.tick <= snapshot.now]
    return _board(snapshot, states, begins, ticks[:TICKS_SHOWN])


def _regions(monitor: Watched, snapshot: Snapshot) -> list[Region]:
    return [region for region in snapshot.regions if monitor.regions is None or region in monitor.regions]


# ------------------------------------------------------------------------------------------------ states


@cache
def rules_of(confirmations: int) -> Rules:
    """The rules of a monitor; a region that is down is told at once, the ten minutes are for whom it would wake."""
    return Rules(confirm_down=confirmations, confirm_up=confirmations, advisory_s=0)


def _state(monitor: Watched, rows: Rows) -> RegionState:
    rules = rules_of(monitor.confirmations)
    return fold(telling(rows, monitor.interval_s, rules), rules)


def telling(rows: Rows, interval_s: int, rules: Rules) -> Iterator[Row]:
    """The rows that decide: of a run of one status without a gap the first ones, which confirm it, and the last."""
    k = 0
    for text, group in groupby(rows.statuses):
        status, end = Status(text), k + len(list(group))
        head = k + max(rules.confirm_down, rules.confirm_slow)
        tail = end - (rules.alone_down() if status is Status.DOWN else 1)
        if rows.at_s[end - 1] - rows.at_s[k] >= (end - k + 1) * interval_s:  # a gap: all of it is told
            head = tail
        for i in (*range(k, min(head, end)), *range(max(head, tail), end)):
            yield Row(rows.at_s[i] * 1000, status, interval_s)
        k = end


def _begins(connection: Connection, snapshot: Snapshot, states: Mapping[Place, RegionState]) -> dict[Place, datetime]:
    """Since when those are not up that have not been up in all that was read; absent: for more than a day."""
    found: dict[Place, datetime] = {}
    for status in (Status.DOWN, Status.DEGRADED):
        places = [p for p, state in states.items() if state.state is status and _is_first(snapshot.rows.get(p), state)]
        found |= began(connection, places, status) if places else {}
    return found


def _is_first(rows: Rows | None, state: RegionState) -> bool:
    """Whether the state began with the first row that was read, so perhaps before it."""
    return rows is not None and state.since_ms == rows.at_s[0] * 1000


# ------------------------------------------------------------------------------------------------ what is said


def _board(snapshot: Snapshot, states: Mapping[Place, RegionState], begins: Mapping[Place, datetime],
           ticks: Sequence[TickSheet]) -> Board:  # fmt: skip
    axis = Axis(snapshot.now, snapshot.opened)
    seen = [_seen(monitor, snapshot, states, begins, axis) for monitor in snapshot.monitors]
    seen.sort(key=lambda one: (one.case.rank, one.monitor.name.casefold()))
    heard: dict[Region, datetime] = {}
    for (_, region), latest in snapshot.latest.items():
        heard[region] = max(latest.recorded_at, heard.get(region, latest.recorded_at))
    silent = _silent(seen)
    newest = max((latest.checked_at for latest in snapshot.latest.values()), default=None)
    known_silent = [(region, heard[region]) for region in snapshot.regions if region in silent & heard.keys()]
    title = headline([one.case for one in seen], snapshot.now, newest, known_silent, LOOKED_BACK)
    return Board(snapshot, axis, seen, title, heard, silent, ticks)


def _seen(monitor: Watched, snapshot: Snapshot, states: Mapping[Place, RegionState], begins: Mapping[Place, datetime],
          axis: Axis) -> Seen:  # fmt: skip
    regions = _regions(monitor, snapshot)
    mine = {region: states[monitor.id, region] for region in regions}
    at_ms = int((snapshot.now.timestamp() - JUDGED_AFTER_S) * 1000)
    rules = rules_of(monitor.confirmations)
    verdict = glance(mine, at_ms, monitor.interval_s, rules, Standing(paused=not monitor.enabled))
    sights = [
        _sight(monitor, region, state, state.votes_at(at_ms, monitor.interval_s, rules), snapshot, begins)
        for region, state in mine.items()
    ]
    case = Case(monitor.name, verdict, verdict_words(verdict, sights), sights)
    heard = [x.checked_at for region in regions if (x := snapshot.latest.get((monitor.id, region)))]
    if case.kind == "no_data" and heard:
        case = replace(case, words=replace(case.words, since=max(heard)))
    rows = {region: snapshot.rows.get((monitor.id, region), Rows()) for region in regions}
    return Seen(monitor, regions, case, axis.hour(monitor, snapshot.versions.get(monitor.id, ()), rows))


def _sight(monitor: Watched, region: Region, state: RegionState, votes: bool, snapshot: Snapshot,
           begins: Mapping[Place, datetime]) -> Sight:  # fmt: skip
    place = (monitor.id, region)
    latest = snapshot.latest.get(place)
    return Sight(
        region,
        state.state,
        votes,
        _since(state, snapshot.rows.get(place), snapshot.now, begins.get(place)),
        reason_of(monitor, latest) if latest else "",
        failed_last=state.failures > 0 and state.state is not Status.DOWN and (votes or state.state is None),
    )


def _since(state: RegionState, rows: Rows | None, now: datetime, before: datetime | None) -> datetime | None:
    """When the state began; None: before all that was looked at."""
    if state.since_ms is None or rows is None:
        return None
    is_new = rows.at_s[0] - (now - WINDOW).timestamp() > 2 * 60  # nothing lies before it
    if _is_first(rows, state) and not is_new:
        return before
    return datetime.fromtimestamp(state.since_ms / 1000, UTC)


def reason_of(monitor: Watched, latest: Latest) -> str:
    """Why the newest result is not plainly up, in words."""
    return reason_words(
        latest.reason,
        http_status=latest.http_status,
        total_us=latest.total_us,
        timeout_ms=monitor.timeout_ms,
        stopped=stopped_in(latest.phases, latest.reason, secure=monitor.secure, reused=latest.reused),
        failed=latest.status != Status.DEGRADED,
    )


def _silent(seen: Sequence[Seen]) -> frozenset[Region]:
    """The regions that knew something and tell nothing any more."""
    sights = [sight for one in seen if one.monitor.enabled for sight in one.case.sights]
    talking = {sight.region for sight in sights if sight.votes}
    return frozenset(sight.region for sight in sights if sight.state is not None) - talking
