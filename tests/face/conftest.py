"""The app over a real database and a real Valkey, asked as API Gateway asks it."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import psycopg
import pytest

from vantage.face.app import App
from vantage.face.sources import Sources
from vantage.store.connection import Database
from vantage.store.tokens import create_token
from vantage.stream.writer import StreamWriter

HOST = "status.example.com"


@dataclass(frozen=True, slots=True)
class Reply:
    """What was answered."""

    status: int
    headers: Mapping[str, str]
    text: str
    cookies: list[str]

    @property
    def json(self) -> Any:
        """The document."""
        return json.loads(self.text)


@dataclass(slots=True)
class Asker:
    """Somebody with a token, or with none."""

    app: App
    token: str | None = None
    headers: dict[str, str] = field(default_factory=dict)

    def ask(
        self, method: str, path: str, body: Any = None, *, query: Mapping[str, Any] | None = None,
        cookies: list[str] | None = None, **headers: str,
    ) -> Reply:  # fmt: skip
        """Send a request; a header's name is written with underscores."""
        given = {"host": HOST, **self.headers, **{name.replace("_", "-"): value for name, value in headers.items()}}
        if self.token:
            given.setdefault("authorization", f"Bearer {self.token}")
        if body is not None and not isinstance(body, str):
            body = json.dumps(body)
        if body is not None:
            given.setdefault("content-type", "application/json")
        http = {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "203.0.113.7", "userAgent": "test"}
        told = self.app.answer({
            "version": "2.0", "routeKey": "$default", "rawPath": path, "rawQueryString": urlencode(query or {}),
            "queryStringParameters": dict(query or {}), "cookies": cookies or [], "headers": given, "body": body,
            "isBase64Encoded": False,
            "requestContext": {"http": http, "stage": "$default", "requestId": "r"},
        })  # fmt: skip
        return Reply(told["statusCode"], told["headers"], told.get("body") or "", told.get("cookies") or [])

    def get(self, path: str, **more: Any) -> Reply:
        """Read."""
        return self.ask("GET", path, **more)

    def post(self, path: str, body: Any = None, **more: Any) -> Reply:
        """Do."""
        return self.ask("POST", path, body, **more)


@pytest.fixture
def app(database_url: str, redis_url: str, roles: Callable[[str, str], str]) -> Iterator[App]:
    """Over an empty database, under the API function's role: what that is not granted, no test gets."""
    sources = Sources(Database(roles(database_url, "api")), StreamWriter(redis_url, timeout_s=1))
    yield App(sources)
    sources.close()


@pytest.fixture
def anyone(app: App) -> Asker:
    """Somebody without a token."""
    return Asker(app)


@pytest.fixture
def reader(app: App, database: "psycopg.Connection[Any]") -> Asker:
    """Somebody who may read."""
    return Asker(app, create_token(database, "reader", "read"))


@pytest.fixture
def writer(app: App, database: "psycopg.Connection[Any]") -> Asker:
    """Somebody who may write."""
    return Asker(app, create_token(database, "writer", "write"))
