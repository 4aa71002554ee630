"""What is the same for all operations: who may, which values, once only, written down, and how it is told."""

import hashlib
import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.event_handler import Response

from vantage.face.answers import Answer, as_text, etag_of
from vantage.face.api.body import read_json
from vantage.face.api.operation import Ask, Operation, Told
from vantage.face.api.params import line, read_query
from vantage.face.refusal import Refusal
from vantage.face.sources import Sources
from vantage.face.who import limits_of, who_asks
from vantage.store.idempotency import Given, keep_answer, take_key

JSON, MERGE_PATCH = "application/json", "application/merge-patch+json"
Event = Mapping[str, Any]


def serve(
    operation: Operation, read: Operation | None, sources: Sources, event: Event, path: Mapping[str, str]
) -> Answer:
    """Answer a request; `read` is the operation that reads what this one changes, where there is one.

    What changes something does so in one transaction with its note and the answer to be given again.
    """
    who = who_asks(sources, event, operation.scope)
    query = read_query(event.get("rawQueryString") or "", operation.query)
    kinds = (JSON, MERGE_PATCH) if operation.takes_part else (JSON,)
    body = read_json(event, *kinds) if operation.takes else None
    ask = Ask(sources, sources.connection(), who, path, query, body)
    if operation.method == "GET":
        return _answer(operation.run(ask), limits_of(who, sources.a_minute))
    with ask.connection.transaction():
        if read is not None and (wanted := event["headers"].get("if-match")):
            _check_unchanged(read.run(ask), wanted)
        told = _once_only(operation, ask, event) if operation.method == "POST" else operation.run(ask)
        return _answer(told, limits_of(who, sources.a_minute))


def _once_only(operation: Operation, ask: Ask, event: Event) -> Told:
    """Do it; where its key was answered before, tell that again and do nothing."""
    key = event["headers"].get("idempotency-key")
    if key is None:
        return operation.run(ask)
    try:
        line(key)
    except ValueError as error:
        raise Refusal(400, f"Idempotency-Key {error}.") from None
    asked = json.dumps([operation.name, dict(ask.path), ask.query, ask.body], default=str).encode()
    earlier = take_key(ask.connection, ask.who.id, key, hashlib.sha256(asked).digest())
    if earlier is not None:
        return _again(earlier)
    told = operation.run(ask)
    kept = as_text({"document": told.document, "headers": dict(told.headers)})
    keep_answer(ask.connection, ask.who.id, key, told.status, kept)
    return told


def _again(earlier: Given) -> Told:
    if not earlier.is_same:
        raise Refusal(409, "This Idempotency-Key was used for another request; take a new one.")
    kept = json.loads(earlier.body)
    return Told(kept["document"], earlier.status, {**kept["headers"], "idempotency-replayed": "true"})


def _check_unchanged(there: Told, wanted: str) -> None:
    tag = etag_of(as_text(there.document))
    if wanted.strip() != "*" and tag not in [part.strip() for part in wanted.split(",")]:
        raise Refusal(HTTPStatus.PRECONDITION_FAILED, f"It has been changed since: it is {tag} now. Read it again.")


def _answer(told: Told, headers: Mapping[str, str]) -> Answer:
    if told.document is None:
        return Response(told.status, JSON, "", {**headers, **told.headers})
    text = as_text(told.document)
    return Response(told.status, JSON, text, {"etag": etag_of(text), **headers, **told.headers})
