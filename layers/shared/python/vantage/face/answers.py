"""Answers of one kind each: JSON, a problem (RFC 9457), plain text."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.event_handler import Response

Headers = Mapping[str, str]
Answer = Response[Any]
RENAMED = {413: "Content Too Large", 422: "Unprocessable Content"}  # by RFC 9110; older Pythons have the older names
READ = ["GET", "HEAD"]
"""The methods of a route that is only read."""


def as_text(value: Any) -> str:
    """A JSON document's text; what JSON has no word for is told as its text, an instant in UTC."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=_as_word)


def _as_word(value: Any) -> str:
    if isinstance(value, datetime) and value.tzinfo:
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return value.isoformat() if isinstance(value, datetime) else str(value)


def as_json(value: Any, status: int = HTTPStatus.OK, headers: Headers | None = None) -> Answer:
    """A JSON document."""
    return Response(int(status), "application/json", as_text(value), dict(headers or {}))


def etag_of(text: str) -> str:
    """The strong validator of a document."""
    return f'"{hashlib.sha256(text.encode()).hexdigest()[:32]}"'


def plain(status: int, sentence: str, headers: Headers | None = None) -> Answer:
    """A sentence for a person."""
    return Response(int(status), "text/plain; charset=utf-8", f"{sentence}\n", dict(headers or {}))


def problem(
    status: int, detail: str, errors: Sequence[Mapping[str, str]] = (), headers: Headers | None = None
) -> Answer:
    """What is wrong and what to do, as application/problem+json; `errors` are `{"field": …, "detail": …}`."""
    told: dict[str, Any] = {
        "title": RENAMED.get(status) or HTTPStatus(status).phrase,
        "status": int(status),
        "detail": detail,
    }
    if errors:
        told["errors"] = list(errors)
    return Response(int(status), "application/problem+json", as_text(told), dict(headers or {}))
