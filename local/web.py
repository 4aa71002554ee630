"""The app on 127.0.0.1: each request becomes the event that API Gateway would make of it.

As on Lambda, an app answers one request at a time; while all are busy another one is made, up to a few.
"""

import base64
import queue
import re
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from vantage.face.app import App
from vantage.face.sources import Sources
from vantage.store.connection import Database
from vantage.stream.writer import StreamWriter

HOST = "127.0.0.1"
NAMES = ("127.0.0.1", "localhost", "[::1]")
PATIENCE_S = 10
LONGEST_BODY = 1_000_000
REDIS_PATIENCE_S = 1
MOST_APPS = 4
"""One that waits for a target, as a probe before saving does, keeps nobody else waiting."""


@dataclass(slots=True)
class Page:
    """The pages while they are served."""

    url: str
    _server: "_Server"
    _thread: threading.Thread

    def close(self) -> None:
        """Stop serving and give the port back."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self._server.apps.close()


def start_page(database_url: str, redis_url: str, port: int, **options: Any) -> Page:
    """Serve on 127.0.0.1 in threads of this process; port 0 takes a free one. Raises OSError where it is taken.

    `options` are the app's, such as how often a token may ask.
    """

    def make() -> App:
        stream = StreamWriter(redis_url, timeout_s=REDIS_PATIENCE_S)
        return App(Sources(Database(database_url, name="vantage page"), stream, allow_private=True, **options))

    server = _Server(port, Apps(make))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, name="page", daemon=True)
    thread.start()
    return Page(f"http://{HOST}:{server.server_address[1]}", server, thread)


class Apps:
    """Apps that are free, the one used last first: it has kept the most."""

    def __init__(self, make: Callable[[], App]) -> None:
        self._make = make
        self._free: queue.LifoQueue[App] = queue.LifoQueue()
        self._made: list[App] = []
        self._lock = threading.Lock()

    @contextmanager
    def one(self) -> Iterator[App]:
        """An app for one request; waits where all are busy and there are as many as there may be."""
        app = self._take()
        try:
            yield app
        finally:
            self._free.put(app)

    def _take(self) -> App:
        with self._lock:
            if self._free.empty() and len(self._made) < MOST_APPS:
                self._made.append(self._make())
                return self._made[-1]
        return self._free.get()

    def close(self) -> None:
        """Close their connections, of each when it is free."""
        for _ in self._made:
            with suppress(OSError):
                self._free.get().sources.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, port: int, apps: Apps) -> None:
        super().__init__((HOST, port), Handler)
        self.apps = apps

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A visitor who left in the middle is nobody's fault; the next one gets an answer."""


def name_of(host: str) -> str:
    """The name in a Host header, in small letters and without its port."""
    return re.sub(r":\d*$", "", host.strip().lower())


class Handler(BaseHTTPRequestHandler):
    """Hands requests for this machine's own name to the app; anything else is refused in a sentence."""

    timeout = PATIENCE_S
    server_version = "Vantage"
    sys_version = ""
    server: _Server

    def do_GET(self) -> None:
        """Answer."""
        # A name that an attacker's DNS points here must not read anything through a visitor's browser.
        if name_of(self.headers.get("Host", "")) not in NAMES:
            self._refuse(HTTPStatus.MISDIRECTED_REQUEST, "This page answers to 127.0.0.1 and localhost only.")
            return
        length = self.headers.get("Content-Length", "0")
        if not length.isdigit() or int(length) > LONGEST_BODY:
            self.close_connection = True
            self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE if length.isdigit() else HTTPStatus.BAD_REQUEST,
                         f"A body has at most {LONGEST_BODY:,} bytes, and says how many.")  # fmt: skip
            return
        event = self._event(self.rfile.read(int(length)))
        try:
            with self.server.apps.one() as app:
                told = app.answer(event)
        except Exception:  # noqa: BLE001  # as API Gateway does where a function fails
            self._refuse(HTTPStatus.INTERNAL_SERVER_ERROR, "Something is wrong here, and it is not your request.")
            return
        self._send(told)

    def __getattr__(self, name: str) -> Any:
        """Every other method, also one that is yet to be invented: what is taken is for the app to say."""
        if name.startswith("do_"):
            return self.do_GET
        raise AttributeError(name)

    def _event(self, body: bytes) -> dict[str, Any]:
        """The HTTP API event, payload format 2.0."""
        target = urlsplit(self.path)
        headers: dict[str, str] = {}
        for name, value in self.headers.items():
            headers[name.lower()] = f"{headers[name.lower()]},{value}" if name.lower() in headers else value
        cookies = [part.strip() for part in headers.pop("cookie", "").split(";") if part.strip()]
        query: dict[str, str] = {}
        for name, value in parse_qsl(target.query, keep_blank_values=True):
            query[name] = f"{query[name]},{value}" if name in query else value
        http = {"method": self.command, "path": unquote(target.path), "protocol": self.request_version,
                "sourceIp": self.client_address[0], "userAgent": headers.get("user-agent", "")}  # fmt: skip
        return {
            "version": "2.0", "routeKey": "$default", "rawPath": unquote(target.path), "rawQueryString": target.query,
            "cookies": cookies, "headers": headers, "queryStringParameters": query,
            "requestContext": {"http": http, "stage": "$default", "requestId": uuid.uuid4().hex},
            "body": base64.b64encode(body).decode() if body else None, "isBase64Encoded": bool(body),
        }  # fmt: skip

    def _refuse(self, status: HTTPStatus, sentence: str) -> None:
        headers = {"content-type": "text/plain; charset=utf-8", "cache-control": "no-store"}
        self._send({"statusCode": int(status), "headers": headers, "body": f"{sentence}\n"})

    def _send(self, told: dict[str, Any]) -> None:
        text = told.get("body") or ""
        body = base64.b64decode(text) if told.get("isBase64Encoded") else text.encode()
        self.send_response(told["statusCode"])
        for name, value in {"content-length": str(len(body)), **told["headers"]}.items():
            self.send_header("-".join(part.capitalize() for part in name.split("-")), value)
        for cookie in told.get("cookies", ()):
            self.send_header("Set-Cookie", cookie)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What the base class finds malformed, as a sentence too."""
        self.close_connection = True
        self._refuse(HTTPStatus(code), message or explain or HTTPStatus(code).phrase)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the base class's name
        """The terminal belongs to the table."""
