"""Answers of one kind each: JSON, a problem (RFC 9457), plain text."""

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.event_handler import Response

Headers = Mapping[str, str]
Answer = Response[Any]
READ = ["GET", "HEAD"]
"""The methods of a route that is only read."""


def as_json(value: Any, status: int = HTTPStatus.OK, headers: Headers | None = None) -> Answer:
    """A JSON document; what JSON has no word for (an instant) is told as its text."""
    body = json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)
    return Response(int(status), "application/json", body, dict(headers or {}))


def plain(status: int, sentence: str, headers: Headers | None = None) -> Answer:
    """A sentence for a person."""
    return Response(int(status), "text/plain; charset=utf-8", f"{sentence}\n", dict(headers or {}))


def problem(
    status: int, detail: str, errors: Sequence[Mapping[str, str]] = (), headers: Headers | None = None
) -> Answer:
    """What is wrong and what to do, as application/problem+json; `errors` are `{"field": …, "detail": …}`."""
    told: dict[str, Any] = {"title": HTTPStatus(status).phrase, "status": int(status), "detail": detail}
    if errors:
        told["errors"] = list(errors)
    body = json.dumps(told, ensure_ascii=False, separators=(",", ":"))
    return Response(int(status), "application/problem+json", body, dict(headers or {}))
