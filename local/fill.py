"""Realistic history, made fast: for benches and demos. The monitors are paused, so that nobody probes them.

Latencies are lognormal with a day's rhythm; each monitor has outages everywhere, failures of one region alone, slow
spells; and of each ten thousand checks a few expire or are lost.
"""

import math
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random

from local.fleet import REGIONS, group_of
from local.past import Booked, book, extend_schedules, results_copy, roll_past
from vantage.monitor import Region
from vantage.schedule import offset_ms
from vantage.store.connection import Connection
from vantage.store.regions import insert_region, list_regions

INTERVAL_S = 300
ROWS_A_MONTH = 30 * 86_400 // INTERVAL_S * len(REGIONS)
POOL = 500
NEAR_US = {"USA": 90_000, "INDIA": 240_000, "EU": 60_000}
TICKS_A_BATCH = 1_440
NO_PHASES = "\t".join(["\\N"] * 5)


@dataclass(frozen=True, slots=True)
class Filled:
    """What was made, and how fast."""

    rows: int
    ids: Sequence[int]
    first: datetime
    until: datetime
    seconds: float

    @property
    def monitors(self) -> int:
        """Of how many monitors."""
        return len(self.ids)


@dataclass(slots=True)
class _Monitor:
    id: int
    phase_s: int
    suffix: str
    """The seconds of its instants, as text."""
    troubles: list[tuple[int, int, Region | None, str]] = field(default_factory=list)
    """From and until (epoch s), where (None: everywhere), and which status."""

    def status(self, tick_s: int, region: Region) -> str:
        for first, until, where, status in self.troubles:
            if first <= tick_s < until and where in (None, region):
                return status
        return "up"


def fill(
    connection: Connection, rows: int, *, monitors: int | None = None, now: datetime | None = None, seed: int = 1
) -> Filled:
    """Make about `rows` results that end now, by default of as many monitors as have a month of history then."""
    began_s, random = time.monotonic(), Random(seed)
    count = monitors or max(1, round(rows / ROWS_A_MONTH))
    until = (now or datetime.now(UTC)).replace(second=0, microsecond=0)
    first = until - _span(rows, count)
    ensure_regions(connection)
    ids = _insert_monitors(connection, count)
    written = _fill_span(connection, ids, first, until, random)
    return Filled(written, ids, first, until, time.monotonic() - began_s)


def fill_before(connection: Connection, made: Filled, rows: int, *, seed: int = 2) -> Filled:
    """Make about `rows` earlier results of the same monitors, up to where theirs begin."""
    began_s = time.monotonic()
    first = made.first - _span(rows, len(made.ids))
    written = _fill_span(connection, made.ids, first, made.first, Random(seed))
    return Filled(written, made.ids, first, made.first, time.monotonic() - began_s)


def _span(rows: int, monitors: int) -> timedelta:
    return timedelta(seconds=math.ceil(rows / monitors / len(REGIONS)) * INTERVAL_S)


def _fill_span(connection: Connection, ids: Sequence[int], first: datetime, until: datetime, random: Random) -> int:
    made, written = _monitors(connection, ids, first, until, random), 0
    first_s, until_s = int(first.timestamp()), int(until.timestamp())
    for begin_s in range(first_s, until_s, TICKS_A_BATCH * 60):
        end_s = min(begin_s + TICKS_A_BATCH * 60, until_s)
        written += _write(connection, made, begin_s, end_s, random)
    roll_past(connection, first, until)
    return written


def ensure_regions(connection: Connection) -> None:
    """The three regions, where they are not yet known."""
    known = {region.name for region in list_regions(connection)}
    for region, aws_region in REGIONS.items():
        if region not in known:
            insert_region(connection, region, aws_region, group_of(region))


def _insert_monitors(connection: Connection, count: int) -> tuple[int, ...]:
    rows = connection.execute(
        """WITH known AS (SELECT count(*) AS n FROM monitor WHERE slug LIKE 'filled-%%')
           INSERT INTO monitor (slug, name, type, spec, interval_s, timeout_ms, enabled)
           SELECT 'filled-' || known.n + i, 'Filled ' || known.n + i, 'http',
                  jsonb_build_object('url', 'https://filled-' || known.n + i || '.example.com/'), %s, 10000, false
             FROM known, generate_series(1, %s) i RETURNING id""",
        (INTERVAL_S, count),
    ).fetchall()
    return tuple(id_ for (id_,) in rows)


def _monitors(
    connection: Connection, ids: Sequence[int], first: datetime, until: datetime, random: Random
) -> list[_Monitor]:
    extend_schedules(connection, dict.fromkeys(ids, first), until)
    phases = connection.execute(
        "SELECT monitor_id, phase_s FROM monitor_schedule WHERE monitor_id = ANY (%s) AND from_tick = %s",
        (list(ids), first),
    ).fetchall()
    return [
        _Monitor(
            id_, phase_s, f":{offset_ms(phase_s, INTERVAL_S, 10) / 1000:06.3f}+00",
            _troubles(random, int(first.timestamp()), int(until.timestamp())),
        )
        for id_, phase_s in sorted(phases)
    ]  # fmt: skip


def _troubles(random: Random, first_s: int, until_s: int) -> list[tuple[int, int, Region | None, str]]:
    """About four a month: outages, failures of one region, slow spells."""
    troubles = []
    for _ in range(round((until_s - first_s) / 86_400 / 7 * random.random() * 2)):
        begin_s = random.randrange(first_s, until_s)
        length_s = int(random.lognormvariate(math.log(1_800), 1))
        where = random.choice((None, None, *REGIONS))
        troubles.append((begin_s, begin_s + length_s, where, random.choice(("down", "down", "degraded"))))
    return troubles


def _write(connection: Connection, monitors: list[_Monitor], begin_s: int, end_s: int, random: Random) -> int:
    booked: dict[tuple[int, Region], Booked] = defaultdict(Booked)
    first, until = datetime.fromtimestamp(begin_s, UTC), datetime.fromtimestamp(end_s - 1, UTC)
    with results_copy(connection, first, until) as copy:
        for tick_s in range(begin_s, end_s, 60):
            copy.write("".join(_lines(monitors, tick_s, booked, random)))
    book(connection, booked)
    return sum(one.stored + one.expired for one in booked.values())


def _lines(
    monitors: list[_Monitor], tick_s: int, booked: dict[tuple[int, Region], Booked], random: Random
) -> Iterator[str]:
    """A minute's results, in the order of their monitors, each with what came of it in each region."""
    due = [monitor for monitor in monitors if (monitor.phase_s - tick_s) % INTERVAL_S < 60]
    minute = f"{datetime.fromtimestamp(tick_s, UTC):%Y-%m-%d %H:%M}"
    hour = tick_s % 86_400 // 3_600
    for region in REGIONS:
        sheet = booked[tick_s, region]
        sheet.slots += len(due)
        for monitor in due:
            luck = random.random()
            if luck < 0.0002:
                continue
            status = "expired" if luck < 0.0005 else monitor.status(tick_s, region)
            sheet.expired += status == "expired"
            sheet.stored += status != "expired"
            at = f"{minute}{monitor.suffix}"
            yield f"{monitor.id}\t{at}\t{at}\t{_POOLS[region, status, hour][int(luck * 1e7) % POOL]}"


def _tail(region: Region, status: str, hour: int, random: Random) -> str:
    """The columns from the region on."""
    busy = 1 + 0.3 * math.sin((hour - 8) / 24 * 2 * math.pi)
    if status in ("down", "expired"):
        reason = random.choice(("timeout", "connect", "status")) if status == "down" else "\\N"
        total = {"timeout": "10000000", "connect": "52000", "status": "143000"}.get(reason, "\\N")
        http = "503" if reason == "status" else "\\N"
        return (
            f"{region}\t{status}\t{reason}\t{INTERVAL_S}\t{total}\t{NO_PHASES}\t{random.randrange(900)}\t{http}"
            "\tf\tf\tf\tt\tf\n"
        )
    slow = 12 if status == "degraded" else 1
    first_byte = int(NEAR_US[region] * busy * slow * random.lognormvariate(0, 0.25))
    download, kept = int(first_byte * 0.05), random.random() < 0.8
    dns, connect, tls = (0, 0, 0) if kept else (random.randrange(500, 30_000), first_byte // 3, first_byte // 2)
    phases = "\\N\t\\N\t\\N" if kept else f"{dns}\t{connect}\t{tls}"
    reason = "slow" if status == "degraded" else "\\N"
    return (
        f"{region}\t{status}\t{reason}\t{INTERVAL_S}\t{dns + connect + tls + first_byte + download}\t{phases}"
        f"\t{first_byte}\t{download}\t{random.randrange(900)}\t200\t{'t' if kept else 'f'}\tf\tf\tf\tf\n"
    )


class _Pools(dict[tuple[Region, str, int], list[str]]):
    """Rows' ends by region, status and hour, made when first used: choosing one is much faster than making one."""

    def __missing__(self, key: tuple[Region, str, int]) -> list[str]:
        random = Random(str(key))
        self[key] = [_tail(*key, random) for _ in range(POOL)]
        return self[key]


_POOLS = _Pools()
