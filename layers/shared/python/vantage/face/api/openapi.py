"""/openapi.json: what the operations are, from the very table that serves them."""

from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

import vantage
from vantage.face.api import beside
from vantage.face.api.body import MOST_BYTES
from vantage.face.api.operation import Json, Operation, Param
from vantage.face.api.serve import JSON, MERGE_PATCH
from vantage.face.api.shapes import Problem
from vantage.face.sources import A_MINUTE
from vantage.face.who import COOKIE

ABOUT = f"""Vantage watches websites from several regions and says, honestly, whether they are up.

Every request below `/v1` carries a token (`vantage tokens create NAME --scope read|write`) as `Authorization: Bearer
…`; a token may ask {A_MINUTE} times a minute. Lists are pages: `next_cursor` is the parameter `cursor` of the next
one. An answer's `ETag` goes back as `If-None-Match` (304 where nothing has changed) or `If-Match` (412 where
something has). A POST with an `Idempotency-Key` is done once a day, however often it is sent. What is wrong is told
as a problem (RFC 9457) that names each field.

What stands beside `/v1` is read as it is: news, badges, the feed and a job's calls by anybody, metrics with a token.
All else that this address serves are pages for people."""
TEXT = {"schema": {"type": "string"}}
NUMBER = {"schema": {"type": "integer"}}
ETAG = {"schema": {"type": "string"}, "description": "goes back as If-None-Match or If-Match"}
LIMITS = {"ratelimit-limit": NUMBER, "ratelimit-remaining": NUMBER, "ratelimit-reset": NUMBER}
RETRY = {"retry-after": {"schema": {"type": "integer"}, "description": "seconds"}}


def document(operations: Sequence[Operation]) -> Json:
    """The OpenAPI 3.1 document."""
    paths: dict[str, Json] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation)
    paths |= beside.paths()
    return {
        "openapi": "3.1.0",
        "info": {"title": "Vantage", "version": vantage.__version__, "description": ABOUT,
                 "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"}},
        "servers": [{"url": "/"}],
        "security": [{"bearer": []}, {"cookie": []}],
        "paths": paths,
        "components": {
            "schemas": _schemas(operations),
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "cookie": {"type": "apiKey", "in": "cookie", "name": COOKIE},
            },
        },
    }  # fmt: skip


def _schemas(operations: Sequence[Operation]) -> Json:
    models: dict[type[BaseModel], None] = dict.fromkeys((Problem, *beside.MODELS))
    for operation in operations:
        models |= {model: None for model in (operation.tells, operation.takes) if model}
    _, whole = models_json_schema([(model, "validation") for model in models],
                                  ref_template="#/components/schemas/{model}")  # fmt: skip
    schemas: Json = whole["$defs"]
    return schemas


def _operation(operation: Operation) -> Json:
    told: Json = {
        "operationId": operation.name,
        "summary": operation.summary,
        "tags": [operation.path.split("/")[2]],
        "parameters": [*_path(operation), *map(_query, operation.query), *_headers(operation)],
        "responses": {str(int(status)): answer for status, answer in _answers(operation)},
    }
    if operation.takes:
        told["requestBody"] = {"required": True, "content": dict(_bodies(operation, operation.takes))}
    return told


def _bodies(operation: Operation, takes: type[BaseModel]) -> Iterator[tuple[str, Json]]:
    whole = {"$ref": f"#/components/schemas/{takes.__name__}"}
    for kind in (JSON, MERGE_PATCH) if operation.takes_part else (JSON,):
        schema = {"type": "object"} if operation.takes_part else whole
        yield kind, {"schema": schema, "example": operation.takes_example}


def _path(operation: Operation) -> Iterator[Json]:
    for name in operation.placeholders:
        schema: Json = {"type": "integer", "minimum": 1} if name == "id" else {"type": "string", "minLength": 1}
        if name == "slug":
            schema["pattern"] = "^[a-z0-9]+(-[a-z0-9]+)*$"
        if name == "name":
            schema["pattern"] = "^[A-Za-z0-9 _.-]+$"
        example = {"id": 1042, "slug": "website"}.get(name, "INDIA" if "regions" in operation.path else "team")
        yield {"name": name, "in": "path", "required": True, "schema": schema, "example": example}


def _query(param: Param) -> Json:
    return {"name": param.name, "in": "query", "schema": param.schema, "description": param.says}


def _headers(operation: Operation) -> Iterator[Json]:
    names = {"GET": ("If-None-Match",), "POST": ("Idempotency-Key",)}.get(operation.method, ("If-Match",))
    for name in names:
        yield {"name": name, "in": "header", "schema": {"type": "string", "minLength": 1, "maxLength": 200,
                                                        "pattern": "^[!-~]+$"}}  # fmt: skip


def _answers(operation: Operation) -> Iterator[tuple[int, Json]]:
    yield operation.status, _well(operation)
    if operation.method == "GET":
        yield HTTPStatus.NOT_MODIFIED, {"description": "It is as it was.", "headers": {"etag": ETAG}}
    reasons: dict[int, str] = {400: "The request cannot be read.", 401: "There is no token, or one that is not known."}
    if operation.scope == "write":
        reasons[403] = "The token may only read."
    if operation.placeholders:
        reasons[404] = "There is no such thing."
    if operation.method == "POST":
        reasons[409] = "The Idempotency-Key was used for another request."
    if operation.method in ("PUT", "PATCH", "DELETE"):
        reasons[412] = "It has been changed since."
    if operation.takes:
        reasons |= {413: f"The body has more than {MOST_BYTES // 1024} KiB.", 415: "The body is not JSON."}
    reasons[422] = "A field or parameter is not as it must be; `errors` names each."
    yield from ((status, _problem(reason)) for status, reason in _with(reasons, operation.refuses).items())
    yield 429, _problem("The token has asked too often.", {**RETRY, **LIMITS})
    yield 503, _problem("PostgreSQL does not answer.", RETRY)


def _with(reasons: Mapping[int, str], more: Mapping[int, str]) -> dict[int, str]:
    both = dict(reasons)
    for status, reason in more.items():
        both[int(status)] = f"{reason} {both[int(status)]}" if int(status) in both else reason
    return dict(sorted(both.items()))


def _well(operation: Operation) -> Json:
    told: Json = {"description": "As asked.", "headers": {**LIMITS}}
    if operation.tells is not None:
        schema = {"$ref": f"#/components/schemas/{operation.tells.__name__}"}
        told["content"] = {JSON: {"schema": schema, "example": operation.example}}
        told["headers"]["etag"] = ETAG
    return told


def _problem(reason: str, headers: Any = None) -> Json:
    schema = {"$ref": "#/components/schemas/Problem"}
    told: Json = {"description": reason, "content": {"application/problem+json": {"schema": schema}}}
    return {**told, "headers": headers} if headers else told
