"""/badge/{slug}/status, uptime and latency, each .svg or .json."""

from collections.abc import Callable, Mapping
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response

from vantage.face.answers import READ, Answer, as_json, problem
from vantage.face.api.operation import Param
from vantage.face.api.params import REGION, line, read_query, window
from vantage.face.badges.drawing import Badge, shields, svg
from vantage.face.pages.board import Seen
from vantage.face.sources import Sources
from vantage.face.told import uptime as told
from vantage.latency import merged
from vantage.monitor import Region
from vantage.store import figures
from vantage.store.sheet import database_time
from vantage.uptime import Tally, floored
from vantage.view.numbers import NBSP, latency
from vantage.view.words import CERTIFICATE_ENDS, Sight

UP, SLOW, DOWN, UNKNOWN = "#1c6b55", "#7c5300", "#a5123f", "#5b6470"
NO_DATA = "no data"
SAID = {
    "up": ("up", UP), "partly": ("up", UP), "slow": ("slow", SLOW), "degraded": ("slow", SLOW),
    "certificate": (CERTIFICATE_ENDS, SLOW), "down": ("down", DOWN),
    "regional": ("down in part", DOWN), "site_down": ("down", DOWN), "maintenance": ("maintenance", UNKNOWN),
    "paused": ("paused", UNKNOWN),
}  # fmt: skip
"""By the kind of a monitor, and by the state of a region."""
LABEL = Param("label", line, {"type": "string", "minLength": 1, "maxLength": 200}, "Instead of the usual one.")
WINDOW = window(*told.WINDOWS)
KEPT = {"cache-control": "public, max-age=30"}
Query = Mapping[str, Any]


def register(app: APIGatewayHttpResolver, sources: Sources) -> None:
    """Their routes."""

    @app.route("/badge/<slug>/<file>", method=READ)
    def badge(slug: str, file: str) -> Answer:
        kind, _, form = file.rpartition(".")
        if kind not in KINDS or form not in ("svg", "json"):
            return problem(404, "There are status, uptime and latency, each as .svg and as .json.")
        query = read_query(app.current_event.raw_event.get("rawQueryString") or "", (LABEL, REGION, WINDOW))
        # Of public monitors alone: a private one is as if it were not there, before anything of it is looked at.
        one = next((one for one in sources.board().seen if one.monitor.slug == slug), None)
        made = KINDS[kind](sources, one, query) if one else Badge(kind, "not found", UNKNOWN)
        return _answer(made, form, 200 if one else 404)


def _answer(badge: Badge, form: str, status: int) -> Answer:
    headers = KEPT if status == 200 else {}
    if form == "json":
        return as_json(shields(badge), status, headers)
    policy = {"content-security-policy": "default-src 'none'"}
    return Response(status, "image/svg+xml; charset=utf-8", svg(badge), {**headers, **policy})


def of_status(_: Sources, one: Seen, query: Query) -> Badge:
    """How it is, from everywhere or from one region."""
    kind: str | None = one.case.kind
    if region := query["region"]:
        sight = next((sight for sight in one.case.sights if sight.region == region), None)
        kind = _kind(sight) if sight is not None and sight.votes else None
    return Badge(query["label"] or _label(one.monitor.name, query), *SAID.get(kind or "", (NO_DATA, UNKNOWN)))


def _kind(sight: Sight) -> str | None:
    return "certificate" if sight.is_ending else sight.state


def of_uptime(sources: Sources, one: Seen, query: Query) -> Badge:
    """How much of the time it was up: its availability, or what a region reached."""
    back, region = query["window"] or "24h", query["region"]
    connection = sources.connection()
    with figures.one_sight(connection):
        pieces = told.pieces_of(connection, *told.span(database_time(connection), back, None, None))
        of = figures.uptimes(connection, pieces, [one.monitor.id]).get(one.monitor.id)
    tally = Tally() if of is None else of.regions.get(region, Tally()) if region else of.availability
    label = query["label"] or _label(f"uptime {back}", query)
    if (share := floored(tally.good, tally.seen, 2)) is None:
        return Badge(label, NO_DATA, UNKNOWN)
    return Badge(label, f"{share}%", UP if float(share) >= 99.9 else SLOW if float(share) >= 99 else DOWN)


def of_latency(sources: Sources, one: Seen, query: Query) -> Badge:
    """What half of its checks took at most, from everywhere or from one region."""
    back, region = query["window"] or "24h", query["region"]
    connection = sources.connection()
    with figures.one_sight(connection):
        pieces = told.pieces_of(connection, *told.span(database_time(connection), back, None, None))
        times, _ = figures.latencies(connection, pieces, one.monitor.id)
    parts = [of.total.counts for where, of in times.items() if region in (None, where)]
    ms = merged((counts.keys(), counts.values()) for counts in parts).quantile_ms(0.5)
    label = query["label"] or _label(f"latency {back}", query)
    if ms is None:
        return Badge(label, NO_DATA, UNKNOWN)
    return Badge(label, latency(round(ms * 1000)).replace(NBSP, " "), UP)


def _label(text: str, query: Query) -> str:
    region: Region | None = query["region"]
    return f"{text}, {region}" if region else text


KINDS: Mapping[str, Callable[[Sources, Seen, Query], Badge]] = {
    "status": of_status,
    "uptime": of_uptime,
    "latency": of_latency,
}
