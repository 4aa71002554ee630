"""Receivers on loopback that behave as told and remember what they were sent."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = tuple[int, dict[str, str]]


@dataclass
class Received:
    """One request, in the order of arrival."""

    path: str
    headers: dict[str, str]
    body: bytes
    at_s: float

    @property
    def json(self) -> Any:
        """Its body."""
        return json.loads(self.body)


@dataclass
class Receiver:
    """A server; `behave` says what a request is answered with."""

    url: str = ""
    received: list[Received] = field(default_factory=list)
    behave: Callable[[Received], Answer] = lambda _: (204, {})
    body: bytes = b""

    def by_id(self) -> dict[str, list[Any]]:
        """What came, by webhook id."""
        found: dict[str, list[Any]] = {}
        for one in self.received:
            found.setdefault(one.headers["webhook-id"], []).append(one.json)
        return found

    def kinds(self) -> list[str]:
        """The types of what came, each webhook id once, in the order of first arrival."""
        return [bodies[0]["type"] for bodies in self.by_id().values()]


@contextmanager
def receiver(behave: Callable[[Received], Answer] = lambda _: (204, {}), port: int = 0) -> Iterator[Receiver]:
    """A receiver that runs until the block ends."""
    here = Receiver(behave=behave)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            one = Received(self.path, headers, body, time.monotonic())
            here.received.append(one)
            status, extra = here.behave(one)
            self.send_response(status)
            for name, value in extra.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(here.body)))
            self.end_headers()
            self.wfile.write(here.body)

        def log_message(self, *_: Any) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    here.url = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield here
    finally:
        server.shutdown()
        server.server_close()
