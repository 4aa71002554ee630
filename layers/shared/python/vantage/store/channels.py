"""Table `channel`: where people are told. Secrets in it are references."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from psycopg.rows import class_row

from vantage.store.connection import Connection

Event = Literal["down", "up", "regional", "degraded", "certificate", "flapping"]
EVENTS: tuple[Event, ...] = get_args(Event)


@dataclass(frozen=True, slots=True)
class Channel:
    """One channel as its user configures it; `config` is what its type needs (url, secret, headers, to, …)."""

    name: str
    type: str
    config: Mapping[str, Any]
    events: Sequence[str] = EVENTS
    remind_every_s: int | None = None
    operator: bool = False


@dataclass(frozen=True, slots=True)
class ChannelState(Channel):
    """A channel, and whether it is on."""

    enabled: bool = True
    disabled_reason: str | None = None

    def configured(self) -> Channel:
        """As its user configures it."""
        return Channel(self.name, self.type, self.config, self.events, self.remind_every_s, self.operator)


def load_channels(connection: Connection) -> list[ChannelState]:
    """All channels, by name."""
    with connection.cursor(row_factory=class_row(ChannelState)) as cursor:
        return cursor.execute(
            """SELECT name, type, config, events, remind_every_s, operator, enabled, disabled_reason
                 FROM channel ORDER BY name"""
        ).fetchall()


def save_channels(connection: Connection, channels: Collection[Channel]) -> None:
    """Insert or change these; one that was switched off is on again where something of it has changed."""
    connection.execute(
        """INSERT INTO channel AS c (name, type, config, events, remind_every_s, operator)
           SELECT name, type, config, events, remind_every_s, operator
             FROM jsonb_to_recordset(%s) AS x (name text, type text, config jsonb, events text[], remind_every_s int,
                                               operator boolean)
               ON CONFLICT (name) DO UPDATE
              SET type = excluded.type, config = excluded.config, events = excluded.events,
                  remind_every_s = excluded.remind_every_s, operator = excluded.operator, enabled = true,
                  disabled_reason = NULL, updated_at = now()
            WHERE (c.type, c.config, c.events, c.remind_every_s, c.operator)
                  IS DISTINCT FROM (excluded.type, excluded.config, excluded.events, excluded.remind_every_s,
                                    excluded.operator)""",
        (json.dumps([asdict(channel) for channel in channels]),),
    )


def delete_channels(connection: Connection, names: Collection[str]) -> None:
    """Remove these, and what waits for them."""
    connection.execute("DELETE FROM channel WHERE name = ANY(%s)", (list(names),))


def switch_on(connection: Connection, name: str) -> bool:
    """Switch a channel on; returns False where there is none of this name."""
    cursor = connection.execute(
        "UPDATE channel SET enabled = true, disabled_reason = NULL, updated_at = now() WHERE name = %s", (name,)
    )
    return cursor.rowcount == 1
