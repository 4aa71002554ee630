"""Targets that cost as little as can be: nginx, one process, a hundred origins that keep connections alive."""

import os
import signal
import socket
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from local.server import Server, socket_directory

ORIGINS = 100 if sys.platform == "linux" else 1  # elsewhere loopback is one address


@contextmanager
def nginx_targets(nginx: str) -> Iterator[str]:
    """The URL of a monitor's target, as SQL over n, its number."""
    with tempfile.TemporaryDirectory() as directory:
        home, port, lock = Path(directory), _free_port(), os.open(directory, os.O_RDONLY)
        config = home / "nginx.conf"
        config.write_text(_config(home, port))
        server = Server(
            name="nginx",
            command=[nginx, "-p", directory, "-c", str(config), "-e", str(home / "error.log")],
            stop_signal=signal.SIGTERM,
            log=home / "nginx.log",
            home=home,
            is_ready=lambda: _answers(port),
            lock=lock,
            sockets=socket_directory(None),
        )
        try:
            server.start()
            yield f"'http://127.0.0.' || 1 + mod(n, {ORIGINS}) || ':{port}/' || n"
        finally:
            server.begin_stop()
            server.end_stop()
            os.close(lock)


def _config(home: Path, port: int) -> str:
    listen = "".join(f"listen 127.0.0.{1 + number}:{port} backlog=1024; " for number in range(ORIGINS))
    places = "".join(
        f"{kind}_temp_path {home / kind}; " for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    return f"""
daemon off; master_process off; pid {home / "nginx.pid"};
events {{ worker_connections 4096; }}
http {{
    access_log off; {places}
    keepalive_timeout 600s; keepalive_requests 1000000000;
    server {{ {listen} location / {{ default_type text/plain; return 200 "{"ok " * 300}"; }} }}
}}
"""


def _free_port() -> int:
    with socket.socket() as there:
        there.bind(("127.0.0.1", 0))
        return int(there.getsockname()[1])


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
