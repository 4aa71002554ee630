"""What each path of the page answers with."""

import base64
import hashlib
import json
import threading
import time
from dataclasses import dataclass, field
from functools import cached_property
from http import HTTPStatus
from pathlib import Path

import jinja2
import psycopg
import redis
from markupsafe import Markup

from local.page.board import Board, read_board
from local.page.document import document
from local.page.server import Answer, Page, plain, serve
from local.page.variables import variables
from vantage.errors import ServerUnavailable
from vantage.store.connection import Database

KEPT_S = 1.0
HERE = Path(__file__).parent
AWAY = "PostgreSQL does not answer, so nothing is known here just now. Look again in a few seconds."
BARE = "PostgreSQL answers, and the tables of Vantage are not there as they should be. Run: vantage migrate"


def start_page(database_url: str, redis_url: str, port: int) -> Page:
    """Serve the page on 127.0.0.1 until it is closed; `port` 0 takes a free one, `url` says which."""
    database = Database(database_url, name="vantage page")
    view = Views(database)
    routes = {
        "/": view.html,
        "/status.json": view.json,
        "/healthz": lambda: healthz(view, redis_url),
    }
    return serve(port, routes, view.close)


@dataclass(slots=True)
class Template:
    """The one template, with its style and script in it and the policy that allows just these."""

    template: jinja2.Template
    style: Markup
    script: Markup
    policy: str

    @classmethod
    def load(cls) -> "Template":
        """Read the three files; a name from outside is always escaped."""
        environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(HERE), autoescape=True, undefined=jinja2.StrictUndefined
        )
        style, script = ((HERE / name).read_text(encoding="utf-8").strip() for name in ("style.css", "page.js"))
        policy = (
            f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}; connect-src 'self'; "
            "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )
        return cls(environment.get_template("status.html"), Markup(style), Markup(script), policy)  # noqa: S704  # ours

    def render(self, board: Board) -> bytes:
        """The page as it is sent."""
        return self.template.render(variables(board), style=self.style, script=self.script).encode()


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


@dataclass
class Views:
    """What there is to see, read at most once a second, by one connection."""

    database: Database
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _board: Board | None = None
    _html: bytes | None = None
    _read_s: float = 0.0

    @cached_property
    def _template(self) -> Template:
        return Template.load()

    def html(self) -> Answer:
        """The page."""
        with self._lock:
            try:
                board = self._look()
            except ServerUnavailable as error:
                return plain(HTTPStatus.SERVICE_UNAVAILABLE, str(error), ("Retry-After", "5"))
            if self._html is None:
                self._html = self._template.render(board)
            policy = ("Content-Security-Policy", self._template.policy)
            return Answer(self._html, "text/html; charset=utf-8", headers=(policy,))

    def json(self) -> Answer:
        """The same for programs."""
        with self._lock:
            try:
                return _as_json(document(self._look()))
            except ServerUnavailable as error:
                return _as_json({"error": str(error)}, HTTPStatus.SERVICE_UNAVAILABLE, ("Retry-After", "5"))

    def answers(self) -> bool:
        """Does PostgreSQL answer."""
        with self._lock:
            try:
                self.database.connection().execute("SELECT 1")
            except (ServerUnavailable, psycopg.Error):
                return False
            return True

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self.database.close()

    def _look(self) -> Board:
        if self._board is None or time.monotonic() - self._read_s > KEPT_S:
            self._board, self._html = self._read(), None
            self._read_s = time.monotonic()
        return self._board

    def _read(self) -> Board:
        try:
            return read_board(self.database.connection())
        except ServerUnavailable:
            raise ServerUnavailable(AWAY) from None
        except psycopg.ProgrammingError:
            raise ServerUnavailable(BARE) from None
        except psycopg.Error:  # it died between the look at it and the question
            self.database.close()
            raise ServerUnavailable(AWAY) from None


def _as_json(value: object, status: HTTPStatus = HTTPStatus.OK, *headers: tuple[str, str]) -> Answer:
    body = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    return Answer(body, "application/json", status, headers)


def healthz(views: Views, redis_url: str) -> Answer:
    """200 where both servers answer, else 503 with the one that does not."""
    servers = {"postgresql": views.answers(), "redis": _redis_answers(redis_url)}
    well = all(servers.values())
    status = HTTPStatus.OK if well else HTTPStatus.SERVICE_UNAVAILABLE
    return _as_json({"status": "ok" if well else "away", **servers}, status)


def _redis_answers(url: str) -> bool:
    try:
        with redis.Redis.from_url(url, socket_timeout=1, socket_connect_timeout=1) as client:
            return bool(client.ping())
    except redis.RedisError:
        return False
