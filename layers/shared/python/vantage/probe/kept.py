"""Connections kept for the next check of their origin; the one idle for longest makes room."""

from collections import OrderedDict, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from vantage.probe.connection import Connection

MOST = 400  # of Lambda's 1,024 file descriptors


class Origin(NamedTuple):
    """What two requests must share to share a connection."""

    scheme: str
    host: str
    port: int
    verify: bool
    family: str


class Kept:
    """Idle connections by origin, at most `most` in all."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._idle: OrderedDict[Connection, Origin] = OrderedDict()  # the oldest first
        self._by_origin: defaultdict[Origin, list[Connection]] = defaultdict(list)

    def __len__(self) -> int:
        return len(self._idle)

    def take(self, origin: Origin) -> Connection | None:
        """The connection of this origin that was used last, if one is alive."""
        while connections := self._by_origin.get(origin):
            connection = connections[-1]
            self._forget(connection)
            if connection.alive():
                return connection
            connection.close()
        return None

    def put(self, origin: Origin, connection: Connection) -> None:
        """Keep a connection that has ended its exchange well."""
        self._idle[connection] = origin
        self._by_origin[origin].append(connection)
        connection.on_close = self._forget
        self._make_room()

    @contextmanager
    def lent(self) -> Iterator[None]:
        """One connection fewer is kept meanwhile, and its file descriptor is somebody else's."""
        self._most -= 1
        self._make_room()
        try:
            yield
        finally:
            self._most += 1

    def close(self) -> None:
        """Close all of them."""
        for connection in list(self._idle):
            connection.close()

    def _make_room(self) -> None:
        while len(self._idle) > max(self._most, 0):
            next(iter(self._idle)).close()

    def _forget(self, connection: Connection) -> None:
        origin = self._idle.pop(connection, None)
        if origin is None:
            return
        connection.on_close = None
        self._by_origin[origin].remove(connection)
        if not self._by_origin[origin]:
            del self._by_origin[origin]
