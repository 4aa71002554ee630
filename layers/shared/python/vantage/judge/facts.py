"""What people are told of a monitor, as the webhook says it: what the regions see, why, and since when."""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from vantage.check import Status
from vantage.monitor import Region
from vantage.store.judging import Seen, Subject
from vantage.verdict.monitor import MonitorState
from vantage.verdict.votes import Votes
from vantage.view.words import stopped_in

_PHASES = {"dns": "dns", "connect": "connect", "tls": "tls", "certificate": "tls"}

Latest = Mapping[Region, Seen]
"""The newest counted row of each region."""


def moment(at_ms: int | None) -> str | None:
    """An instant (epoch ms) as text, in UTC."""
    if at_ms is None:
        return None
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def monitor_facts(subject: Subject) -> dict[str, Any]:
    """Who it is about."""
    return {
        "slug": subject.slug, "name": subject.name, "type": subject.type, "url": subject.url, "group": subject.group,
        "tags": subject.tags, "public": subject.is_public,
    }  # fmt: skip


def region_facts(subject: Subject, state: MonitorState, cast: Votes, latest: Latest) -> list[dict[str, Any]]:
    """What each region sees; of one that has no say (not heard of, or not believed) nothing is said."""
    return [
        {
            "region": region,
            "state": cast.get(region),
            "since": moment(known.since_ms) if region in cast else None,
            **row_facts(subject, latest.get(region) if region in cast else None),
        }
        for region, known in state.regions.items()
    ]


def cause(subject: Subject, state: MonitorState, latest: Latest) -> tuple[str | None, str | None]:
    """The reason and the phase that most of the regions that are down agree on."""
    down = [latest[region] for region, known in state.regions.items()
            if known.state is Status.DOWN and region in latest and latest[region].row.failed]  # fmt: skip
    seen = Counter((one.told.reason, phase_of(subject, one)) for one in down)
    return seen.most_common(1)[0][0] if seen else (None, None)


def phase_of(subject: Subject, seen: Seen) -> str | None:
    """The phase in which a check failed; None where it got an answer that was not the expected one."""
    told = seen.told
    if told.reason == "timeout":
        secure = (subject.url or "").startswith("https:")
        return (
            stopped_in(told.phases, told.reason, secure=secure, reused=told.reused) or "first_byte_us"
        ).removesuffix("_us")
    return _PHASES.get(told.reason or "")


def latest_of(rows: Iterable[Seen], until_ms: int) -> dict[Region, Seen]:
    """The newest counted row of each region up to an instant; rows come in order."""
    return {
        one.region: one
        for one in rows
        if one.row.at_ms <= until_ms and one.row.status in (Status.UP, Status.DEGRADED, Status.DOWN)
    }


def row_facts(subject: Subject, seen: Seen | None) -> dict[str, Any]:
    """What one check saw, and how far it came."""
    if seen is None:
        return {"reason": None, "http_status": None, "latency_ms": None, "phase": None, "timeout_ms": None}
    told = seen.told
    return {
        "reason": told.reason,
        "http_status": told.http_status,
        "latency_ms": None if told.total_us is None else round(told.total_us / 1000, 1),
        "phase": phase_of(subject, seen),
        "timeout_ms": subject.timeout_ms,
    }
