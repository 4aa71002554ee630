"""Where the routes read from: one connection, Redis, and what is read at most once a second."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from vantage.errors import ServerUnavailable
from vantage.face.pages.board import Board, read_board
from vantage.store.connection import Connection, Database
from vantage.store.site import PLAIN, Site, load_site
from vantage.stream.writer import StreamWriter

KEPT_S = 1.0
A_MINUTE = 300


@dataclass(slots=True)
class Sources:
    """What an app needs; one request is answered at a time."""

    database: Database
    stream: StreamWriter
    allow_private: bool = False
    """Whether monitors may have private addresses: on one's own machine only."""
    a_minute: int = A_MINUTE
    """How many requests a token has in a minute."""
    clock: Callable[[], float] = time.monotonic
    _boards: dict[bool, tuple[float, Board]] = field(default_factory=dict)

    def connection(self) -> Connection:
        """To PostgreSQL; raises ServerUnavailable."""
        return self.database.connection()

    def board(self, *, private: bool = False) -> Board:
        """What the status page tells, at most a second old; the same object while it is kept.

        Of public monitors; `private` is for who is signed in, and for nobody else.
        """
        kept = self._boards.get(private)
        if kept is None or self.clock() - kept[0] > KEPT_S:
            board = read_board(self.connection(), private=private)
            self._boards[private] = kept = (self.clock(), board)
        return kept[1]

    def forget(self) -> None:
        """Read anew what is asked for next."""
        self._boards.clear()

    def site(self) -> Site:
        """Whose page it is."""
        return load_site(self.connection()) or PLAIN

    def redis_answers(self) -> bool:
        """Whether Redis does."""
        try:
            self.stream.time_s()
        except ServerUnavailable:
            return False
        return True

    def close(self) -> None:
        """Close the connections."""
        self.database.close()
        self.stream.close()
