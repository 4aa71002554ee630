"""Incidents, advisories and announced work as the templates place them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

from vantage.check import Phases
from vantage.face.pages import drawing
from vantage.face.pages.drawing import DOWN, SITE_DOWN, SLOW, UNSEEN, UP, Eye
from vantage.monitor import Region
from vantage.store.troubles import Trouble, Work
from vantage.view.numbers import capital, clock, joined, month_day, names, region_name, span
from vantage.view.words import CERTIFICATE_ENDS, JOB_REASONS, PHASES, reason_words, stopped_in

_MARKS = {"up": UP, "degraded": SLOW}


@dataclass(frozen=True, slots=True)
class Incident:
    """A line of the list; `at` is for programs, `steps` is what happened meanwhile, oldest first."""

    slug: str
    name: str
    eyes: Sequence[Eye]
    is_down: bool
    colour: str
    verdict: str
    told: str
    at: str
    when: str
    lasted: str
    is_open: bool
    steps: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Window:
    """Announced work: what, when, on what."""

    name: str
    when: str
    on: str


def incident(one: Trouble, regions: Sequence[Region], now: datetime) -> Incident:
    """An incident or an advisory in words; `regions` are those whose eyes are drawn."""
    lasted = span(((one.ended_at or now) - one.began_at).total_seconds())
    is_down = one.region is None
    where = f"Down from {region_name(one.region)} only" if one.region else "Site down"
    return Incident(
        slug=one.slug,
        name=one.name,
        eyes=drawing.eyes(_eyes(one, regions)),
        is_down=is_down,
        colour=SITE_DOWN if is_down else DOWN,
        verdict="Down, single vantage point" if one.single_vantage and not _is_job(one) else where,
        told=_told(one),
        at=one.began_at.astimezone(UTC).isoformat(timespec="seconds"),
        when=f"{month_day(one.began_at)}, {one.began_at.astimezone(UTC):%H:%M}",
        lasted=lasted if one.ended_at else f"{lasted} so far",
        is_open=one.ended_at is None,
        steps=[(_second(event["at"]), _step(event)) for event in one.events],
    )


def _is_job(one: Trouble) -> bool:
    """A heartbeat's, which has one region by its nature."""
    return any(seen.get("reason") in JOB_REASONS for seen in one.seen)


def _eyes(one: Trouble, regions: Sequence[Region]) -> list[str]:
    if one.region is not None:
        return [DOWN if region == one.region else UP for region in regions]
    states = {seen["region"]: seen["state"] for seen in one.seen}
    known = [region for region in regions if region in states] or list(regions)
    return [_MARKS.get(states.get(region) or "", SITE_DOWN if states.get(region) else UNSEEN) for region in known]


def _told(one: Trouble) -> str:
    """Why, and from where, when it opened."""
    if one.region is not None:
        return " ".join(filter(None, (_alone(one), "The other regions saw it up.")))
    down = [seen for seen in one.seen if seen["state"] == "down"]
    key = _why
    parts = [
        f"{why} from {_from([seen['region'] for seen in group], one)}"
        for why, group in ((why, list(group)) for why, group in groupby(sorted(down, key=key), key=key))
    ]
    up = [seen["region"] for seen in one.seen if seen["state"] in ("up", "degraded")]
    parts += [f"{names(up)} fine"] if up else []
    return f"{capital('; '.join(parts))}." if parts else ""


def _alone(one: Trouble) -> str:
    """Why one region saw it down: such as `TLS timed out.`; nothing where its checks are too old to be there."""
    if not one.seen:
        return ""
    seen = one.seen[0]
    phases = Phases(**{name: seen.get(name) for name in PHASES})
    stopped = stopped_in(phases, seen.get("reason"), secure=one.secure, reused=bool(seen.get("reused")))
    told = {**seen, "timeout_ms": one.timeout_ms, "phase": stopped.removesuffix("_us") if stopped else None}
    return f"{capital(_why(told))}."


def _from(some: Sequence[Region], one: Trouble) -> str:
    return "all regions" if len(some) == len(one.seen) > 1 else names(some)


def _why(seen: Mapping[str, Any]) -> str:
    taken_ms = seen.get("latency_ms")
    return reason_words(
        seen.get("reason"),
        http_status=seen.get("http_status"),
        total_us=None if taken_ms is None else round(taken_ms * 1000),
        timeout_ms=seen.get("timeout_ms") or 10_000,
        stopped=f"{seen['phase']}_us" if seen.get("phase") else None,
        failed=seen.get("state") != "degraded",
    ) or "failed"  # fmt: skip


def _second(at: str) -> str:
    instant = datetime.fromisoformat(at).astimezone(UTC)
    return f"{month_day(instant)}, {instant:%H:%M:%S}"


def _step(event: Mapping[str, Any]) -> str:
    region = region_name(event["region"]) if event.get("region") else ""
    detail = event.get("detail") or {}
    match event["kind"]:
        case "opened":
            return "Confirmed: site down"
        case "resolved":
            return "Resolved: confirmed up"
        case "region":
            state = {"up": "up", "degraded": "slow", "down": "down"}.get(str(detail.get("state")), "changed")
            why = _why(detail) if state in ("slow", "down") and "phase" in detail else ""
            state = "up" if why == CERTIFICATE_ENDS else state
            return f"{region}: {state}{f', {why}' if why else ''}"
        case "acknowledged":
            return "Somebody looks after it"
    return capital(str(event["kind"]))


def window(one: Work, now: datetime) -> Window:
    """Announced work in words."""
    is_now = one.from_at <= now
    same_day = one.until_at.astimezone(UTC).date() == one.from_at.astimezone(UTC).date()
    end = f"{one.until_at.astimezone(UTC):%H:%M}" if same_day else clock(one.until_at, one.from_at)
    when = (
        f"under way until {clock(one.until_at, now)} UTC"
        if is_now
        else f"{month_day(one.from_at)}, " + (f"{one.from_at.astimezone(UTC):%H:%M} to {end} UTC")
    )
    on = [*one.groups, *one.monitors]
    return Window(one.name, when, f"On {joined(on)}" if on else "On everything")
