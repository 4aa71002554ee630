"""The page on 127.0.0.1: /, /status.json and /healthz, for whoever is on this machine."""

import re
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

HOST = "127.0.0.1"
NAMES = ("127.0.0.1", "localhost", "[::1]")
PATIENCE_S = 10


@dataclass(frozen=True, slots=True)
class Answer:
    """What is sent back."""

    body: bytes
    kind: str = "text/plain; charset=utf-8"
    status: HTTPStatus = HTTPStatus.OK
    headers: tuple[tuple[str, str], ...] = ()


Routes = dict[str, Callable[[], Answer]]


def plain(status: HTTPStatus, sentence: str, *headers: tuple[str, str]) -> Answer:
    """A sentence for a person."""
    return Answer(f"{sentence}\n".encode(), status=status, headers=headers)


def name_of(host: str) -> str:
    """The name in a Host header, in small letters and without its port."""
    return re.sub(r":\d*$", "", host.strip().lower())


class Handler(BaseHTTPRequestHandler):
    """GET and HEAD of the routes, asked for by this machine's own name; anything else is refused in a sentence."""

    timeout = PATIENCE_S
    server_version = "Vantage"
    sys_version = ""
    routes: Routes

    def do_GET(self) -> None:
        """Answer."""
        self._send(self._answer())

    do_HEAD = do_GET  # noqa: N815

    def _refuse_method(self) -> None:
        self._send(plain(HTTPStatus.METHOD_NOT_ALLOWED, "This page is only read: GET or HEAD.", ("Allow", "GET, HEAD")))

    do_POST = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = do_TRACE = do_CONNECT = _refuse_method  # noqa: N815

    def _answer(self) -> Answer:
        # A name that an attacker's DNS points here must not read the page through a visitor's browser.
        if name_of(self.headers.get("Host", "")) not in NAMES:
            return plain(HTTPStatus.MISDIRECTED_REQUEST, "This page answers to 127.0.0.1 and localhost only.")
        route = self.routes.get(urlsplit(self.path).path)
        return route() if route else plain(HTTPStatus.NOT_FOUND, "There is no such page. There is / and /status.json.")

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        for name, value in (
            ("Content-Type", answer.kind),
            ("Content-Length", str(len(answer.body))),
            ("Cache-Control", "no-store"),
            ("X-Content-Type-Options", "nosniff"),
            ("Referrer-Policy", "no-referrer"),
            *answer.headers,
        ):
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What the base class finds malformed, as a sentence too."""
        self.close_connection = True
        self._send(plain(HTTPStatus(code), message or explain or HTTPStatus(code).phrase))

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the base class's name
        """The terminal belongs to the table."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A visitor who left in the middle is nobody's fault; the next one gets an answer."""


@dataclass(slots=True)
class Page:
    """The page while it is served."""

    url: str
    _server: _Server
    _thread: threading.Thread
    _closing: Callable[[], None]

    def close(self) -> None:
        """Stop serving and give the port back."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        with suppress(OSError):
            self._closing()


def serve(port: int, routes: Routes, closing: Callable[[], None]) -> Page:
    """Serve on 127.0.0.1 in threads of this process; port 0 takes a free one. Raises OSError where it is taken."""
    handler = type("_RoutedHandler", (Handler,), {"routes": routes})
    server = _Server((HOST, port), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, name="page", daemon=True)
    thread.start()
    return Page(f"http://{HOST}:{server.server_address[1]}", server, thread, closing)
