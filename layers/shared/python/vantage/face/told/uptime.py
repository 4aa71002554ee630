"""Uptime as JSON: percent with three digits, floored, and beside it the seconds that it was counted from."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

from vantage.monitor import Region
from vantage.store import figures, history
from vantage.store.connection import Connection
from vantage.store.figures import NO_PHASES, NO_TIMES, Cover, Latency, Phases
from vantage.store.history import Seconds
from vantage.store.looks import HOUR
from vantage.store.rollups import DAY, day_of, hour_of, midnight
from vantage.uptime import Tally, Uptime

WINDOWS = {"24h": timedelta(hours=24), "7d": timedelta(days=7), "30d": timedelta(days=30), "90d": timedelta(days=90)}
JUDGED_AFTER = timedelta(seconds=75)
BY_HOURS_UP_TO = timedelta(days=3)
SHARES = (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))
Named = tuple[int, str, str]
"""A monitor's id, slug and name."""


def span(now: datetime, window: str, first: datetime | None, until: datetime | None) -> tuple[datetime, datetime]:
    """From when until when: a window back from the newest minute whose results are in, or what is given.

    Raises ValueError where there is nothing between.
    """
    newest = (now - JUDGED_AFTER).replace(second=0, microsecond=0)
    end = until or newest
    if first is None:
        back = end - WINDOWS[window]
        first = hour_of(back) if window != "90d" else midnight(day_of(back))
    if first >= min(end, newest):
        raise ValueError("there is nothing between, or it is yet to come")
    return first, min(end, newest)


def pieces_of(connection: Connection, first: datetime, until: datetime) -> Cover:
    """What a span is counted from."""
    return figures.covered(connection, first, until, by_hours=until - first <= BY_HOURS_UP_TO)


def unit_of(pieces: Cover) -> timedelta:
    """Hours of a short span, days of a long one."""
    return HOUR if pieces.until - pieces.first <= BY_HOURS_UP_TO else DAY


def of_all(connection: Connection, pieces: Cover) -> list[dict[str, Any]]:
    """Every monitor's figures, by slug."""
    return of_some(connection, pieces, history.names(connection))


def of_some(connection: Connection, pieces: Cover, names: Mapping[int, tuple[str, str]]) -> list[dict[str, Any]]:
    """These monitors' figures; slug and name by id."""
    counted = figures.uptimes(connection, pieces, list(names))
    seconds = history.verdict_seconds(connection, pieces.first, pieces.until)
    return [
        {"slug": slug, "name": name, **_verdicts(seconds.get(id_, Seconds())), **told(counted.get(id_))}
        for id_, (slug, name) in names.items()
    ]


def of_one(connection: Connection, monitor: Named, pieces: Cover) -> dict[str, Any]:
    """A monitor's figures with its latency, phases and changes."""
    id_, slug, name = monitor
    times, _ = figures.latencies(connection, pieces, id_, unit_of(pieces))
    flips = history.flips(connection, id_, pieces.first, pieces.until)
    of = figures.uptimes(connection, pieces, [id_]).get(id_)
    return {
        **frame(pieces), "slug": slug, "name": name,
        **_verdicts(history.verdict_seconds(connection, pieces.first, pieces.until).get(id_, Seconds())),
        **told(of, times, figures.phases(connection, pieces, id_)),
        "flips": [asdict(flip) | {"checked_at": iso(flip.checked_at)} for flip in flips],
    }  # fmt: skip


def frame(pieces: Cover) -> dict[str, Any]:
    """The span that is told of."""
    return {"from": iso(pieces.first), "to": iso(pieces.until)}


def told(
    of: Uptime | None, times: Mapping[Region, Latency] | None = None, phases: Mapping[Region, Phases] | None = None
) -> dict[str, Any]:
    """Availability, reachability and each region's part."""
    regions: dict[str, Any] = {}
    for region in sorted(of.regions, key=by_name) if of else ():
        regions[region] = _tally(of.regions[region] if of else Tally())
        if times is not None:
            regions[region] |= _latency(times.get(region, NO_TIMES), (phases or {}).get(region, NO_PHASES))
    return {
        "availability": _tally(of.availability if of else Tally()),
        "reachability": _tally(of.reachability if of else Tally()), "regions": regions,
    }  # fmt: skip


def usual_us(times: Latency, phases: Phases) -> dict[str, int | None]:
    """What each phase usually takes."""
    first_byte_ms = times.first_byte.quantile_ms(0.5)
    return {
        "dns": phases.dns_us, "connect": phases.connect_us, "tls": phases.tls_us,
        "first byte": None if first_byte_ms is None else round(first_byte_ms * 1000), "download": phases.download_us,
    }  # fmt: skip


def by_name(region: Region) -> int:
    """The order in which regions are told."""
    return {"USA": 0, "INDIA": 1, "EU": 2}.get(region, 3)


def iso(instant: datetime) -> str:
    """An instant in UTC."""
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _verdicts(seconds: Seconds) -> dict[str, int]:
    return {"down_s": seconds.down, "regional_s": seconds.regional}


def _tally(tally: Tally) -> dict[str, Any]:
    printed = {name: None if figure is None else float(figure) for name, figure in tally.printed(3).items()}
    return {**printed, "good_s": tally.good, "bad_s": tally.bad, "unseen_s": tally.unseen}


def _latency(times: Latency, phases: Phases) -> dict[str, Any]:
    return {
        "latency_ms": {name: _ms(times.total.quantile_ms(share)) for name, share in SHARES},
        "first_byte_ms": {name: _ms(times.first_byte.quantile_ms(share)) for name, share in SHARES},
        "phases_ms": {f"{name.replace(' ', '_')}_ms": us and us / 1000 for name, us in usual_us(times, phases).items()},
    }


def _ms(figure: float | None) -> float | None:
    return None if figure is None else round(figure, 3)
