"""The page of one monitor: what it is, and every word, number and shape of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from vantage.check import Phases
from vantage.face.pages import charts, drawing
from vantage.face.pages.board import Board, Hours, Seen, reason_of
from vantage.face.pages.cards import bar_events, card, mark
from vantage.face.pages.charts import Point
from vantage.face.pages.hour import GOOD, PATIENCE_S
from vantage.face.pages.past import HOURS, SPANS, Past
from vantage.face.pages.pictures import Look
from vantage.face.pages.troubles import incident
from vantage.face.pages.variables import bases, heard, instant, look_words
from vantage.latency import Histogram, merged
from vantage.monitor import Region
from vantage.store.connection import Connection
from vantage.store.figures import covered, one_sight, uptimes
from vantage.store.fresh import fresh_medians
from vantage.store.history import Seen as Result
from vantage.store.history import results
from vantage.store.looks import HOUR
from vantage.store.rollups import hour_of
from vantage.store.troubles import Trouble, list_troubles
from vantage.uptime import Tally, Uptime
from vantage.view.numbers import (
    bounds,
    capital,
    latency,
    milliseconds,
    month_day,
    percent,
    percent_of_some,
    region_name,
    span,
)
from vantage.view.words import CERTIFICATE_ENDS, PHASES, Sight, Took, reason_words, stopped_in

WINDOWS = {"24 hours": 1, "7 days": 7, "30 days": 30, "90 days": 90}
TOLD = timedelta(days=90)
CHECKS = 30
WHISKER_FROM = 0.985
_VERDICTS = {"Waiting for the first check": "waits for its first check", "Not known yet": "is not known yet",
             "No data": "gives no data", "Paused": "is paused", "In maintenance": "is in maintenance",
             "Site down": "is down", "Down, single vantage point": "is down, says its one vantage point",
             capital(CERTIFICATE_ENDS): "is up, and its certificate ends soon"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Read:
    """What is read for it."""

    board: Board
    look: Look
    past: Past
    windows: Mapping[str, Uptime]
    fresh: Mapping[Region, Phases]
    checks: Sequence[Result]
    troubles: Sequence[Trouble]


def read_monitor(connection: Connection, board: Board, look: Look, past: Past) -> Read:
    """Read what the page of the board's one monitor tells; `past` has its last hours' latencies."""
    now, monitor = board.now, board.seen[0].monitor
    key = monitor.id
    until = (now - timedelta(seconds=PATIENCE_S)).replace(second=0, microsecond=0)
    with one_sight(connection):
        windows = {
            name: uptimes(connection, covered(connection, until - timedelta(days=days), until), [key]).get(key)
            for name, days in WINDOWS.items()
        }
        checks = results(connection, key, now - timedelta(days=2), now, limit=CHECKS).rows
    return Read(
        board, look, past, {name: found for name, found in windows.items() if found},
        fresh_medians(connection, key, now - timedelta(days=1)), checks,
        list_troubles(connection, now - TOLD, slug=monitor.slug, limit=20, private=not monitor.public),
    )  # fmt: skip


def monitor_variables(read: Read, chosen: str) -> dict[str, Any]:
    """All that the page says."""
    board, look = read.board, read.look
    [one] = board.seen
    title = f"{one.monitor.name} {_verdict(one)}"
    told = card(one, board, look)
    return {
        "title": title,
        "description": f"{title}. {one.case.words.rest}",
        "one": told,
        "is_heartbeat": one.monitor.is_heartbeat,
        "look": look_words(look, board.now),
        "bases": bases(look, board.seen),
        "as_of": instant(board.now),
        "regions": [(region_name(region), heard(board, region)) for region in one.regions],
        "spans": [(name, f"?last={key}", key == chosen) for key, name in SPANS.items()],
        "events": told.events if isinstance(look, Hours) else bar_events(one, look, None),
        "phases": _phases(one, read),
        "latency": _latency(one, read),
        "windows": [_window(name, total) for name, total in read.windows.items()],
        "alone": _alone(one, read.past),
        "checks": _checks(one, read.checks),
        "incidents": [incident(trouble, one.regions, board.now) for trouble in read.troubles],
    }


def _verdict(one: Seen) -> str:
    said = one.case.words.verdict
    return _VERDICTS.get(said) or f"is {said[:1].lower()}{said[1:]}"


# ------------------------------------------------------------------------------------------------ phases


def _phases(one: Seen, read: Read) -> dict[str, Any]:
    """What each phase usually takes; and where a region fails now, the phase in which it does."""
    usual = {sight.region: _spent(read.fresh[sight.region]) for sight in one.case.sights if sight.region in read.fresh}
    totals = [sum(us or 0 for us in spent) for spent in usual.values()]
    longest = round(max(totals, default=0) * 1.05) or 1
    return {
        "names": [capital(name) for name in PHASES.values()],
        "rows": [_phase_row(one, sight, usual.get(sight.region), longest, read) for sight in one.case.sights],
        "table": [
            (capital(name), [latency(usual[region][k]) if region in usual else latency(None) for region in one.regions])
            for k, name in enumerate(PHASES.values())
        ],
        "total": [latency(sum(us or 0 for us in usual[r]) if r in usual else None) for r in one.regions],
    }


def _phase_row(one: Seen, sight: Sight, usual: Sequence[int | None] | None, longest: int, read: Read) -> dict[str, Any]:
    return {
        "region": region_name(sight.region),
        "mark": mark(sight, one.case.verdict),
        "bars": charts.phase_bars(usual, longest) if usual else [],
        "total": latency(sum(us or 0 for us in usual)) if usual else "",
        "now": _failing(one, sight, longest, read),
    }


def _failing(one: Seen, sight: Sight, longest: int, read: Read) -> dict[str, Any] | None:
    """The newest check, where it failed: what was passed, and the phase that was not."""
    latest = read.board.latest(one, sight.region)
    if latest is None or latest.status != "down":
        return None
    spent = _spent(latest.phases)
    bars, hatch = charts.stopped_bar(spent, max(longest, sum(us or 0 for us in spent) * 2))
    stopped = None
    if latest.http_status is None:
        stopped = stopped_in(latest.phases, latest.reason, secure=one.monitor.secure, reused=latest.reused)
    return {
        "bars": bars,
        "hatch": hatch if stopped else "",
        "total": latency(latest.total_us),
        "words": _failed_words(spent, stopped, reason_of(one.monitor, latest), latency(latest.total_us)),
    }


def _failed_words(spent: Sequence[int | None], stopped: str | None, reason: str, after: str) -> str:
    """Such as `DNS and connect answer; TLS never finishes: TLS timed out after 5.00 s.`"""
    if stopped is None:
        return f"{capital(reason)}, after {after}."
    passed = [name for name, us in zip(PHASES.values(), spent, strict=True) if us is not None]
    got = f"{capital(_and(passed))} {'answers' if len(passed) == 1 else 'answer'}; " if passed else ""
    phase = PHASES[stopped]
    return f"{got}{phase if got else capital(phase)} never finishes: {reason}, after {after}."


def _and(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else names[0]


def _spent(phases: Phases) -> list[int | None]:
    return [getattr(phases, name) for name in PHASES]


# ------------------------------------------------------------------------------------------------ latency


def _latency(one: Seen, read: Read) -> dict[str, Any]:
    """A chart per region, all on one scale; of the last hour check by check, else hour by hour."""
    is_hour = isinstance(read.look, Hours)
    series = {sight.region: _points(one, sight, read) for sight in one.case.sights}
    scale = charts.scale_of(list(series.values()))
    return {
        "is_hour": is_hour,
        "axis": ("60 min ago", "now") if is_hour else ("24 h ago", "now"),
        "lines": charts.lines(scale),
        "charts": [
            {
                "region": region_name(sight.region),
                "mark": mark(sight, one.case.verdict),
                "paths": charts.chart(series[sight.region], scale),
                **_percentiles(one, sight, read, series[sight.region]),
            }
            for sight in one.case.sights
        ],
    }


def _points(one: Seen, sight: Sight, read: Read) -> list[Point | None]:
    if isinstance(read.look, Hours):
        rows, start_s = read.look.rows(one, sight.region), read.look.axis.start_s
        minutes: list[Point | None] = [None] * drawing.MINUTES
        for at_s, status, total in zip(rows.at_s, rows.statuses, rows.total_us, strict=True):
            minute = (at_s - start_s) // 60
            if 0 <= minute < drawing.MINUTES and status in GOOD and total:
                minutes[minute] = (total / 1000, total / 1000, total / 1000)
        return minutes if one.monitor.interval_s <= 60 else _filled(minutes, one.monitor.interval_s // 60)
    known, present = read.past.hours.get((one.monitor.id, sight.region), {}), hour_of(read.past.axis.until)
    return [_point(known.get(present - (HOURS - k) * HOUR)) for k in range(HOURS)]


def _filled(minutes: Sequence[Point | None], every: int) -> list[Point | None]:
    """A check stands for its interval."""
    spans = (minutes[max(0, k - every + 1) : k + 1] for k in range(len(minutes)))
    return [next((point for point in reversed(span_) if point), None) for span_ in spans]


def _point(histogram: Histogram | None) -> Point | None:
    if histogram is None or not histogram.count:
        return None
    p50, p95, p99 = (histogram.quantile_ms(share) or 0.0 for share in (0.5, 0.95, 0.99))
    return p50, p95, p99


def _percentiles(one: Seen, sight: Sight, read: Read, points: Sequence[Point | None]) -> dict[str, Any]:
    """What is printed above a chart: three shares, and of how much."""
    if isinstance(read.look, Hours):
        taken = sorted(point[0] for point in points if point)
        shares = [taken[max(0, -(-len(taken) * share // 100) - 1)] if taken else None for share in (50, 95, 99)]
        lane = read.look.hours[one.monitor.id].codes[sight.region]
        good, due = sum(map(lane.count, "USC")), sum(map(lane.count, "USCRDNM"))
        note = f"{good} of {due} checks succeeded" if due else "No check yet"
    else:
        hours = read.past.hours.get((one.monitor.id, sight.region), {}).values()
        whole = merged((hour.counts.keys(), hour.counts.values()) for hour in hours)
        shares = [whole.quantile_ms(share) for share in (0.5, 0.95, 0.99)]
        note = f"Measured in {sum(point is not None for point in points)} of {len(points)} hours"
    p50, p95, p99 = map(milliseconds, shares)
    return {"p50": p50, "p95": p95, "p99": p99, "note": note}


# ------------------------------------------------------------------------------------------------ windows, checks


def _window(name: str, total: Uptime) -> dict[str, str]:
    available, reach = total.availability, total.reachability
    said = reach.printed()
    return {
        "name": name,
        "availability": percent(available.good, available.seen),
        "reachability": percent(reach.good, reach.seen),
        "bounds": bounds(said["low"], said["high"]),
        "observed": percent(reach.seen, reach.scheduled),
        **_whisker(reach),
    }


def _whisker(tally: Tally) -> dict[str, str]:
    """A bar from the worst to the best it can be, and the dot of what was seen, on 98.5 to 100 %."""
    if not tally.seen:
        return {"bar": "", "dot": ""}

    def x(share: float) -> float:
        return (max(WHISKER_FROM, share) - WHISKER_FROM) / (1 - WHISKER_FROM) * 146 + 2

    low, high = x(tally.good / tally.scheduled), x((tally.good + tally.unseen) / tally.scheduled)
    begin, end = drawing.number(round(low, 1)), drawing.number(round(high + 1, 1))
    return {
        "bar": f"M{begin} 4H{end}v10H{begin}z",
        "dot": drawing.number(round(x(tally.good / tally.seen), 1)),
    }


def _alone(one: Seen, past: Past) -> list[tuple[str, str, str]]:
    """What one region alone saw down: which, for how long, and of how much."""
    alone = past.of(one.monitor.id).alone
    found = [(region, *alone[region]) for region in one.regions if region in alone and alone[region][0]]
    return [
        (region_name(region), span(seconds), percent_of_some(seconds, both))
        for region, seconds, both in sorted(found, key=lambda each: -each[1])
    ]


def _checks(one: Seen, rows: Sequence[Result]) -> list[dict[str, Any]]:
    """The newest checks, by instant; each with what every region saw."""
    instants: dict[datetime, list[dict[str, Any]]] = {}
    for row in reversed(rows):
        instants.setdefault(row.checked_at, []).append(_check(one, row))
    return [
        {"at": f"{at.astimezone(UTC):%H:%M:%S}", "day": month_day(at), "rows": found}
        for at, found in reversed(instants.items())
    ]


_STATUS = {"up": ("Up", "U"), "degraded": ("Slow", "S"), "down": ("Down", "R"), "refused": ("Refused", "N"),
           "expired": ("Too late to probe", "N"), "dead": ("Unreadable", "N")}  # fmt: skip


def _check(one: Seen, row: Result) -> dict[str, Any]:
    phases = Phases(row.dns_us, row.connect_us, row.tls_us, row.first_byte_us, row.download_us)
    stopped = None
    if row.status == "down" and row.http_status is None:
        stopped = stopped_in(phases, row.reason, secure=one.monitor.secure, reused=row.reused)
    why = reason_words(
        row.reason, http_status=row.http_status, total_us=row.total_us, timeout_ms=one.monitor.timeout_ms,
        stopped=stopped, failed=row.status != "degraded",
        took=Took(phases, one.monitor.limit_ms(failed=row.status != "degraded")),
    )  # fmt: skip
    status, colour = ("Up", "S") if why == CERTIFICATE_ENDS else _STATUS[row.status]
    connection = "" if row.status in ("expired", "dead", "refused") else "kept" if row.reused else "fresh"
    return {
        "region": region_name(row.region),
        "status": status,
        "colour": colour,
        "why": capital(why),
        "http": str(row.http_status or ""),
        "total": latency(row.total_us),
        "phases": [latency(us) if us is not None else "" for us in _spent(phases)],
        "connection": f"{connection}, confirmed" if row.confirmed and connection else connection,
        "late": latency(row.late_ms * 1000) if row.late_ms is not None else "",
    }
