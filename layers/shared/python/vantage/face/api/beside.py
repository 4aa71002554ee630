"""What programs read beside /v1, as /openapi.json says it: news, badges, metrics, the feed, a job's calls, health."""

from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

from vantage.face.api import examples
from vantage.face.api.operation import Json
from vantage.face.api.shapes import Health, Shield, Status

Answers = Mapping[int, tuple[str, Mapping[str, Any]]]
"""By status: what it means, and what it is told in, by media type with its schema and perhaps an example."""
TEXT: Json = {"schema": {"type": "string"}}
SENTENCE = {"text/plain": TEXT}
PROBLEM = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
SVG = {"image/svg+xml": TEXT}
MODELS = (Status, Shield, Health)
SLUG: Json = {"type": "string", "minLength": 1, "pattern": "^[a-z0-9]+(-[a-z0-9]+)*$"}
LINE: Json = {"type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[ -~]+$"}
KINDS = ["status.svg", "uptime.svg", "latency.svg", "status.json", "uptime.json", "latency.json"]
CALLS = {"": "that it is done", "/fail": "that it could not", "/start": "that it begins"}
AWAY = {503: ("PostgreSQL does not answer.", SENTENCE)}
AWAY_PROBLEM = {503: ("PostgreSQL does not answer.", PROBLEM)}
SAME: Answers = {304: ("It is as it was.", {})}


def paths() -> dict[str, Json]:
    """The paths, with what each answers."""
    return {
        "/status.json": {"get": _one("readStatus", "How all public monitors stand", _news(), ())},
        "/ops/status.json": {
            "get": _one("readWholeStatus", "How all monitors stand, private ones too", {**_news(), **_refused(PROBLEM)},
                        (), needs_token=True),
        },
        "/badge/{slug}/{file}": {"get": _one("readBadge", "A badge of a public monitor", _badge(), _badge_asked())},
        "/metrics": {"get": _one("readMetrics", "Every monitor for Prometheus", _metrics(), (), needs_token=True)},
        "/incidents.atom": {"get": _one("readFeed", "The incidents of public monitors for feed readers", _feed(), ())},
        "/healthz": {"get": _one("readHealth", "Whether both servers answer", _health(), ())},
        **dict(_pings()),
    }  # fmt: skip


def _one(name: str, summary: str, answers: Answers, asked: tuple[Json, ...], *, needs_token: bool = False) -> Json:
    told: Json = {
        "operationId": name, "summary": summary, "tags": ["beside /v1"], "parameters": list(asked),
        "responses": {str(status): _answer(*answers[status]) for status in sorted(answers)},
    }  # fmt: skip
    return told if needs_token else {**told, "security": []}


def _answer(says: str, content: Mapping[str, Any]) -> Json:
    return {"description": says, "content": dict(content)} if content else {"description": says}


def _shaped(name: str, example: object) -> Json:
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{name}"}, "example": example}}


def _refused(kind: Mapping[str, Any]) -> Answers:
    return {401: ("There is no token, or one that is not known.", kind), 429: ("It has asked too often.", kind)}


def _news() -> Answers:
    return {200: ("As it was judged.", _shaped("Status", examples.STATUS)), **SAME, **AWAY_PROBLEM}


def _badge() -> Answers:
    shield = _shaped("Shield", examples.SHIELD)
    return {
        HTTPStatus.OK: ("A picture, or the same for Shields.", {**SVG, **shield}), **SAME,
        HTTPStatus.NOT_FOUND: ("No such public monitor, or no such badge.", {**SVG, **shield, **PROBLEM, **SENTENCE}),
        HTTPStatus.UNPROCESSABLE_ENTITY: ("A parameter is not as it must be.", {**SENTENCE, **PROBLEM}),
        HTTPStatus.SERVICE_UNAVAILABLE: ("PostgreSQL does not answer.", {**SENTENCE, **PROBLEM}),
    }  # fmt: skip


def _badge_asked() -> tuple[Json, ...]:
    windows: Json = {"type": "string", "enum": ["24h", "7d", "30d", "90d"]}
    return (
        {"name": "slug", "in": "path", "required": True, "schema": SLUG, "example": "website"},
        {"name": "file", "in": "path", "required": True, "schema": {"type": "string", "enum": KINDS},
         "example": KINDS[0]},
        {"name": "window", "in": "query", "schema": windows, "description": "So far back; by default 24h."},
        {"name": "region", "in": "query", "schema": LINE, "description": "Of this region only."},
        {"name": "label", "in": "query", "schema": LINE, "description": "Your own words."},
    )  # fmt: skip


def _metrics() -> Answers:
    return {200: ("Prometheus' text format; what has no data is absent.", SENTENCE), **SAME, **_refused(SENTENCE),
            **AWAY}  # fmt: skip


def _feed() -> Answers:
    return {200: ("An Atom feed, newest first.", {"application/atom+xml": TEXT}), **SAME, **AWAY}


def _health() -> Answers:
    told = _shaped("Health", examples.HEALTH)
    return {200: ("Both answer.", told), **SAME, 503: ("One does not, or neither.", told)}


def _pings() -> Iterator[tuple[str, Json]]:
    key: Json = {"name": "key", "in": "path", "required": True, "example": examples.PING_PATH["path"].split("/")[-1],
                 "schema": {"type": "string", "pattern": "^[0-9a-f]{32}$"}}  # fmt: skip
    answers = {200: ("It is heard.", SENTENCE), 404: ("No job has this address.", SENTENCE), **AWAY}
    for end, says in CALLS.items():
        name = f"ping{end.removeprefix('/').capitalize()}"
        summary = f"What a job calls to say {says}"
        yield (
            f"/ping/{{key}}{end}",
            {
                "get": _one(f"{name}ByGet", summary, {**answers, **SAME}, (key,)),
                "post": _one(name, summary, answers, (key,)),
            },
        )
