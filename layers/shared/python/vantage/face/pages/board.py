"""What is known at one instant: how monitors stand as it was judged, and whether their regions are heard."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from vantage.check import Status
from vantage.face.pages.hour import Axis, Hour
from vantage.monitor import Region
from vantage.store.connection import Connection
from vantage.store.last_hour import LastHour, Rows, read_last_hour
from vantage.store.status import LOOKED_BACK, QUIET, Latest, Snapshot, Standing, Watched, read_snapshot
from vantage.verdict.region import RegionState
from vantage.verdict.rows import Row
from vantage.verdict.rules import Rules
from vantage.verdict.votes import Standing as Weighs
from vantage.verdict.votes import verdict, votes
from vantage.view.headline import Case, Headline, headline
from vantage.view.numbers import clock
from vantage.view.words import Sight, Took, Words, reason_words, stopped_in, verdict_words

JUDGED_AFTER_S = 75  # a slot is judged at most this long after its instant
RULES = Rules()


@dataclass(frozen=True, slots=True)
class Seen:
    """A monitor as it stands."""

    monitor: Watched
    regions: Sequence[Region]
    case: Case
    standing: Standing


@dataclass(frozen=True, slots=True)
class Board:
    """All there is to say; monitors in the order in which they matter.

    `heard`: when the newest result of a region was recorded; `silent`: the regions that tell of no monitor any more.
    """

    snapshot: Snapshot
    seen: Sequence[Seen]
    headline: Headline
    heard: Mapping[Region, datetime]
    silent: frozenset[Region]

    @property
    def now(self) -> datetime:
        """PostgreSQL's time when it was read."""
        return self.snapshot.now

    def latest(self, one: Seen, region: Region) -> Latest | None:
        """The newest result of a monitor in a region."""
        return self.snapshot.latest.get((one.monitor.id, region))


@dataclass(frozen=True, slots=True)
class Hours:
    """The last hour of a board's monitors, by id."""

    axis: Axis
    hours: Mapping[int, Hour]
    read: LastHour

    def rows(self, one: Seen, region: Region) -> Rows:
        """The results of a monitor's last hour in a region."""
        return self.read.rows.get((one.monitor.id, region), Rows())


def read_board(connection: Connection, slug: str | None = None, *, private: bool = False) -> Board:
    """Read how all public monitors (`private`: all) stand, or the one of that slug."""
    return _board(read_snapshot(connection, slug, private=private))


def read_hours(connection: Connection, board: Board) -> Hours:
    """Read the last hour of the monitors of a board."""
    read = read_last_hour(connection, board.snapshot)
    axis = Axis(board.now, read.opened, board.snapshot.faults)
    hours = {}
    for one in board.seen:
        key = one.monitor.id
        rows = {region: read.rows.get((key, region), Rows()) for region in one.regions}
        hours[key] = axis.hour(one.monitor, read.versions.get(key, ()), rows, read.held.get(key, ()))
    return Hours(axis, hours, read)


def _board(snapshot: Snapshot) -> Board:
    seen = [_seen(monitor, snapshot) for monitor in snapshot.monitors]
    seen.sort(key=lambda one: (one.case.rank, one.monitor.name.casefold()))
    heard: dict[Region, datetime] = {}
    for (_, region), latest in snapshot.latest.items():
        heard[region] = max(latest.recorded_at, heard.get(region, latest.recorded_at))
    silent = _silent(seen)
    newest = max((latest.checked_at for latest in snapshot.latest.values()), default=None)
    known_silent = [(region, heard[region]) for region in snapshot.regions if region in silent & heard.keys()]
    title = headline([one.case for one in seen], snapshot.now, newest, known_silent, LOOKED_BACK)
    return Board(snapshot, seen, title, heard, silent)


def _seen(monitor: Watched, snapshot: Snapshot) -> Seen:
    regions = [region for region in snapshot.regions if monitor.regions is None or region in monitor.regions]
    standing = snapshot.standing.get(monitor.id, QUIET)
    states = {region: _state(monitor, region, snapshot) for region in regions}
    at_ms = int((snapshot.now - timedelta(seconds=JUDGED_AFTER_S)).timestamp() * 1000)
    cast = votes(states, at_ms, monitor.interval_s, RULES)
    said = verdict(
        cast,
        Weighs(
            incident=standing.incident_since is not None, advisory=standing.advisory,
            maintenance=standing.maintenance is not None, paused=not monitor.enabled,
        ),
    )  # fmt: skip
    sights = [_sight(monitor, region, region in cast, snapshot) for region in regions]
    words = _words(said, sights, standing, snapshot.now)
    case = Case(monitor.name, said, words, sights)
    heard = [x.checked_at for region in regions if (x := snapshot.latest.get((monitor.id, region)))]
    if case.kind == "no_data" and heard:
        case = replace(case, words=replace(words, since=max(heard)))
    return Seen(monitor, regions, case, standing)


def _state(monitor: Watched, region: Region, snapshot: Snapshot) -> RegionState:
    """The state as it was judged, as fresh as its newest result that counts."""
    place = (monitor.id, region)
    held, newest = snapshot.states.get(place), snapshot.counted.get(place)
    if held is None or newest is None:
        return RegionState(state=held.state if held else None)
    at_s, interval_s = newest
    since_ms = int(held.since.timestamp() * 1000)
    return RegionState(held.state, since_ms, since_ms, Row(at_s * 1000, held.state, interval_s))


def _sight(monitor: Watched, region: Region, is_voting: bool, snapshot: Snapshot) -> Sight:
    place = (monitor.id, region)
    held, latest = snapshot.states.get(place), snapshot.latest.get(place)
    state = held.state if held else None
    failed = latest is not None and latest.status == Status.DOWN and state is not Status.DOWN
    return Sight(
        region,
        state,
        is_voting,
        held.since if held else None,
        reason_of(monitor, latest) if latest else "",
        failed_last=failed and (is_voting or state is None),
    )


def _words(said: str, sights: Sequence[Sight], standing: Standing, now: datetime) -> Words:
    """What the regions see, and what else was judged."""
    words = verdict_words(said, sights)
    if standing.maintenance_until is not None and said == "maintenance":
        until = f"Until {clock(standing.maintenance_until, now)} UTC."
        return replace(words, rest=f"{standing.maintenance}. {until}")
    if said == "site_down" and standing.incident_since is not None:
        words = replace(words, since=standing.incident_since)
    if standing.flapping and said != "paused":
        told = "It changes so often that single changes are no news."
        words = replace(words, rest=f"{words.rest} {told}".strip())
    return words


def reason_of(monitor: Watched, latest: Latest) -> str:
    """Why the newest result is not plainly up, in words."""
    return reason_words(
        latest.reason,
        http_status=latest.http_status,
        total_us=latest.total_us,
        timeout_ms=monitor.timeout_ms,
        stopped=stopped_in(latest.phases, latest.reason, secure=monitor.secure, reused=latest.reused),
        failed=latest.status != Status.DEGRADED,
        took=Took(latest.phases, monitor.limit_ms(failed=latest.status != Status.DEGRADED)),
    )


def _silent(seen: Sequence[Seen]) -> frozenset[Region]:
    """The regions that knew something and tell nothing any more."""
    sights = [sight for one in seen if one.monitor.enabled for sight in one.case.sights]
    talking = {sight.region for sight in sights if sight.votes}
    return frozenset(sight.region for sight in sights if sight.state is not None) - talking
