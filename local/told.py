"""What people are told, for whoever watches the terminal: each message once, and why one was not taken."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from vantage.notify.text import text_of
from vantage.store.connection import Connection
from vantage.store.outbox import told_between, waiting
from vantage.store.sheet import database_time


@dataclass(slots=True)
class Told:
    """Looks from time to time; `since` is the database's time of the last look."""

    since: datetime | None = None
    _troubles: dict[str, str | None] = field(default_factory=dict)

    def look(self, connection: Connection) -> list[str]:
        """A line for each message that was taken since the last look, and for each trouble that is new."""
        before, self.since = self.since, database_time(connection)
        if before is None:
            return []
        lines = [f"told {one.channel}: {text_of(one.type, one.facts, one.created_at)}"
                 for one in told_between(connection, before, self.since)]  # fmt: skip
        return [*lines, *self._new_troubles(connection)]

    def _new_troubles(self, connection: Connection) -> Iterator[str]:
        troubles = {one.channel: one.last_error for one in waiting(connection) if one.last_error}
        for channel, trouble in troubles.items():
            if self._troubles.get(channel) != trouble:
                yield f"not told {channel}: {trouble.rstrip('.')}; it is tried again"
        self._troubles = dict(troubles)
