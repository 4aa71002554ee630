"""The app: every route, what is refused and in which words, and what every answer carries."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import psycopg
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver
from aws_lambda_powertools.event_handler.api_gateway import Route
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from aws_lambda_powertools.utilities.data_classes.common import BaseProxyEvent

from vantage.errors import ServerUnavailable
from vantage.face import feed, health, login, metrics, ping, status
from vantage.face.answers import READ, Answer, etag_of, plain, problem
from vantage.face.api import routes as api
from vantage.face.badges import routes as badges
from vantage.face.pages import routes as pages
from vantage.face.refusal import Refusal
from vantage.face.sources import Sources
from vantage.store.connection import UNREACHABLE

AWAY = "PostgreSQL does not answer, so nothing is known here just now. Look again in a few seconds."
BARE = "PostgreSQL answers, and the tables of Vantage are not there as they should be. Run: vantage migrate"
UNKNOWN = "There is no such page. There is / and /status.json."
ALWAYS = {
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}
MODULES = (health, status, api, login, badges, metrics, feed, ping, pages)
NO_TABLES = (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn, psycopg.errors.UndefinedObject)
Event = Mapping[str, Any]


class _Resolver(APIGatewayHttpResolver):
    """Keeps its event for itself: Powertools keeps it in its class, and several apps of a process answer at once."""

    def _to_proxy_event(self, event: dict[str, Any]) -> BaseProxyEvent:
        self.current_event = super()._to_proxy_event(event)  # type: ignore[assignment]  # it is of this format
        return self.current_event


class App:
    """Answers HTTP API events (payload format 2.0), one at a time."""

    def __init__(self, sources: Sources) -> None:
        self.sources = sources
        self._resolver = _Resolver()  # no CORS: a stranger's page reads nothing
        for module in MODULES:
            module.register(self._resolver, sources)
        self._resolver.not_found(self._not_found)
        self._resolver.exception_handler(Refusal)(self._refused)
        self._resolver.exception_handler(ServerUnavailable)(self._away)
        self._resolver.exception_handler(psycopg.Error)(self._away)

    def answer(self, event: Event, context: Any = None) -> dict[str, Any]:
        """What API Gateway is told: statusCode, headers, body; only what is a fault of ours raises."""
        told: dict[str, Any] = self._resolver.resolve(dict(event), context)
        headers = {name.lower(): value for name, value in told.get("headers", {}).items()}
        told["headers"] = {**ALWAYS, **headers}
        _leave_out_what_is_known(told, event)
        if _method(event) == "HEAD":
            told["headers"]["content-length"] = str(len((told.get("body") or "").encode()))
            told["body"] = ""
        return told

    def routes(self) -> list[tuple[str, str]]:
        """Method and rule of every route that there is, HEAD aside."""
        found = [(route.method, route.path) for route in self._routes() if route.method != "HEAD"]
        return sorted(set(found))

    def _not_found(self, _: NotFoundError) -> Answer:
        path, method = self._resolver.current_event.path, self._resolver.current_event.http_method
        allowed = self._methods_of(path)
        if allowed and method not in allowed:
            allow = {"allow": ", ".join(sorted(allowed))}
            refused = f"This is not taken with {method}, but with {allow['allow']}."
            return self._refuse(HTTPStatus.METHOD_NOT_ALLOWED, refused, allow)
        return self._refuse(HTTPStatus.NOT_FOUND, UNKNOWN)

    def _methods_of(self, path: str) -> set[str]:
        return {route.method for route in self._routes() if route.rule.match(path)}

    def _routes(self) -> list[Route]:
        static, dynamic = self._resolver._static_routes, self._resolver._dynamic_routes  # noqa: SLF001  # no public way
        return [*static, *dynamic]

    def _refused(self, refusal: Refusal) -> Answer:
        if self._is_for_programs():
            return problem(refusal.status, refusal.detail, refusal.errors, refusal.headers)
        return plain(refusal.status, refusal.detail, refusal.headers)

    def _away(self, error: Exception) -> Answer:
        """A server that does not answer is told with when to ask again."""
        if isinstance(error, NO_TABLES):
            sentence = BARE
        elif isinstance(error, (ServerUnavailable, *UNREACHABLE)):
            sentence = AWAY
            self.sources.database.close()  # it may have died between the look at it and the question
        else:
            raise error
        return self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, sentence, {"retry-after": "5"})

    def _refuse(self, status: int, sentence: str, headers: Mapping[str, str] | None = None) -> Answer:
        """For programs as a problem, for people as a sentence."""
        if self._is_for_programs():
            return problem(status, sentence, headers=headers)
        return plain(status, sentence, headers)

    def _is_for_programs(self) -> bool:
        path = self._resolver.current_event.path
        return path.startswith("/v1") or path.endswith(".json")


def _leave_out_what_is_known(told: dict[str, Any], event: Event) -> None:
    """Of what the asker has already (If-None-Match), only say so; an ETag that was not given is the body's."""
    if told["statusCode"] != HTTPStatus.OK or _method(event) not in READ:
        return
    headers = told["headers"]
    tag = headers.setdefault("etag", etag_of(told.get("body") or ""))
    known = [part.strip().removeprefix("W/") for part in event.get("headers", {}).get("if-none-match", "").split(",")]
    if tag in known or known == ["*"]:
        told.update(statusCode=int(HTTPStatus.NOT_MODIFIED), body="")
        headers.pop("content-type", None)


def _method(event: Event) -> str:
    return str(event.get("requestContext", {}).get("http", {}).get("method", ""))
