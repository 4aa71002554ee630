"""Sites on loopback, for what asks one over HTTP."""

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread


class Site(BaseHTTPRequestHandler):
    """A site that is up, and says what who inherits from it has it say."""

    protocol_version = "HTTP/1.1"

    def get(self) -> None:
        """Answer at once."""
        self.answer(200)

    def do_GET(self) -> None:
        """What the server calls."""
        self.get()

    def answer(self, status: int, body: bytes = b"") -> None:
        """Say this, and keep the connection."""
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class's name
        """Be quiet."""


class _Server(ThreadingHTTPServer):
    """Takes many callers at once."""

    request_queue_size = 256
    daemon_threads = True


@contextmanager
def serving(site: type[Site]) -> Iterator[str]:
    """Its address while the block lasts, without a slash at the end."""
    with _Server(("127.0.0.1", 0), site) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()
