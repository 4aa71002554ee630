"""Table `outbox`: what is to be told, once per channel, in order per subject."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString

from vantage.store.connection import AsyncConnection, Connection


@dataclass(frozen=True, slots=True)
class Letter:
    """One message for one channel; `id` is the same on every attempt, `attempts` counts this one."""

    id: int
    channel: str
    subject: str
    type: str
    facts: Mapping[str, Any]
    created_at: datetime
    attempts: int
    channel_type: str
    config: Mapping[str, Any]


# Of each subject only the oldest that is not told yet; whoever gets the lease tells it.
_TAKE = """
WITH first AS (
    SELECT DISTINCT ON (subject) id, due_at, lease_until FROM outbox
     WHERE channel = %(channel)s AND sent_at IS NULL AND given_up_at IS NULL
     ORDER BY subject, id
), ready AS (
    SELECT id FROM first
     WHERE due_at <= clock_timestamp() AND coalesce(lease_until, '-infinity') < clock_timestamp()
     ORDER BY id LIMIT %(most)s
)
UPDATE outbox o SET lease_until = clock_timestamp() + make_interval(secs => %(lease)s), attempts = o.attempts + 1
  FROM channel c
 WHERE o.id IN (SELECT id FROM ready) AND c.name = o.channel AND c.enabled
   AND o.sent_at IS NULL AND coalesce(o.lease_until, '-infinity') < clock_timestamp()
RETURNING o.id, o.channel, o.subject, o.type, o.facts, o.created_at, o.attempts, c.type, c.config"""


async def channels_with_letters(connection: AsyncConnection) -> set[str]:
    """The channels for which something may be sent now."""
    cursor = await connection.execute(
        """SELECT DISTINCT o.channel FROM outbox o JOIN channel c ON c.name = o.channel AND c.enabled
            WHERE o.sent_at IS NULL AND o.given_up_at IS NULL AND o.due_at <= clock_timestamp()
              AND coalesce(o.lease_until, '-infinity') < clock_timestamp()
              AND NOT EXISTS (SELECT FROM outbox p
                               WHERE p.channel = o.channel AND p.subject = o.subject AND p.id < o.id
                                 AND p.sent_at IS NULL AND p.given_up_at IS NULL)"""
    )
    return {channel for (channel,) in await cursor.fetchall()}


async def take(connection: AsyncConnection, channel: str, lease_s: float, most: int) -> list[Letter]:
    """Take letters of a channel that may be sent now, `most` at once; they are ours for `lease_s` seconds."""
    cursor = await connection.execute(_TAKE, {"channel": channel, "lease": lease_s, "most": most})
    return sorted((Letter(*row) for row in await cursor.fetchall()), key=lambda letter: letter.id)


# Once a day, what nobody takes is the operator's news by other channels; and that it is taken again.
_SILENT: LiteralString = """
INSERT INTO outbox (channel, subject, key, type, facts)
SELECT c.name, 'operator', format('operator:{kind}:%%s:%%s', t.channel, t.created_at::date), '{type}',
       jsonb_build_object('kind', '{kind}', 'channel', t.channel, 'reason', %(error)s::text,
                          'at', moment_of(clock_timestamp()))
  FROM tried t JOIN channel c ON c.operator AND c.enabled AND c.name <> t.channel
 WHERE t.attempts >= %(silent)s AND t.subject <> 'operator'
    ON CONFLICT (channel, key) DO NOTHING"""
SILENT_AFTER = 10  # attempts, which by the usual waits are half an hour


async def sent(connection: AsyncConnection, letter_id: int) -> None:
    """It has been taken by who it is for."""
    await connection.execute(
        _trying(
            """UPDATE outbox SET sent_at = clock_timestamp(), lease_until = NULL, last_error = NULL
                WHERE id = %(id)s""",
            kind="channel_silent_over",
            letter="operator.closed",
        ),
        {"id": letter_id, "error": None, "silent": SILENT_AFTER + 1},
    )


async def postpone(connection: AsyncConnection, letter_id: int, error: str, delay_s: float) -> None:
    """It was not taken; it is tried again after `delay_s`."""
    await connection.execute(
        _trying(
            """UPDATE outbox SET due_at = clock_timestamp() + make_interval(secs => %(delay)s), lease_until = NULL,
                      last_error = %(error)s
                WHERE id = %(id)s AND sent_at IS NULL""",
            kind="channel_silent",
            letter="operator.opened",
        ),
        {"id": letter_id, "error": error, "delay": delay_s, "silent": SILENT_AFTER},
    )


def _trying(update: LiteralString, *, kind: LiteralString, letter: LiteralString) -> LiteralString:
    told = _SILENT.replace("{kind}", kind).replace("{type}", letter)
    return f"WITH tried AS ({update} RETURNING channel, subject, attempts, created_at) {told}"


async def give_up(connection: AsyncConnection, letter_id: int, error: str) -> None:
    """It is tried no more, and what comes behind it goes on."""
    await connection.execute(
        """UPDATE outbox SET given_up_at = clock_timestamp(), lease_until = NULL, last_error = %s
            WHERE id = %s AND sent_at IS NULL""",
        (error, letter_id),
    )


async def switch_off(connection: AsyncConnection, channel: str, reason: str) -> None:
    """The channel takes no more, and the operator hears of that by others; what waits for it is given up, so that it
    does not all come when it is on again."""
    await connection.execute(
        """WITH off AS (
               UPDATE channel SET enabled = false, disabled_reason = %(reason)s, updated_at = clock_timestamp()
                WHERE name = %(channel)s AND enabled
            RETURNING updated_at AS off_at
           ), told AS (
               INSERT INTO outbox (channel, subject, key, type, facts)
               SELECT c.name, 'operator', format('operator:channel_off:%%s:%%s', %(channel)s::text, ms_of(off_at)),
                      'operator.opened', jsonb_build_object('kind', 'channel_off', 'channel', %(channel)s::text,
                                                            'reason', %(reason)s::text, 'at', moment_of(off_at))
                 FROM off, channel c WHERE c.operator AND c.enabled AND c.name <> %(channel)s
           )
           UPDATE outbox SET given_up_at = clock_timestamp(), lease_until = NULL, last_error = %(reason)s
            WHERE channel = %(channel)s AND sent_at IS NULL AND given_up_at IS NULL""",
        {"reason": reason, "channel": channel},
    )


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits for a channel."""

    channel: str
    letters: int
    oldest: datetime
    last_error: str | None


def waiting(connection: Connection) -> Sequence[Waiting]:
    """What is not told yet, by channel."""
    rows = connection.execute(
        """SELECT channel, count(*), min(created_at), (array_agg(last_error ORDER BY attempts DESC))[1]
             FROM outbox WHERE sent_at IS NULL AND given_up_at IS NULL GROUP BY channel ORDER BY channel"""
    ).fetchall()
    return [Waiting(*row) for row in rows]


def write_test(connection: Connection, channel: str) -> int:
    """Have the notifier send a test message; returns the letter's id."""
    row = connection.execute(
        """INSERT INTO outbox (channel, subject, key, type, facts)
           VALUES (%(name)s, 'test', 'test:' || gen_random_uuid(), 'test',
                   jsonb_build_object('channel', %(name)s::text))
           RETURNING id""",
        {"name": channel},
    ).fetchone()
    connection.execute("SELECT pg_notify('vantage_outbox', '')")
    return int(row[0]) if row else 0


def fate(connection: Connection, letter_id: int) -> tuple[bool, str | None]:
    """Whether a letter was taken, and why it was not at the last attempt; None: not tried yet."""
    row = connection.execute(
        "SELECT sent_at IS NOT NULL, last_error FROM outbox WHERE id = %s", (letter_id,)
    ).fetchone()
    return (row[0], row[1]) if row else (False, "the channel is gone")


def withdraw(connection: Connection, letter_id: int) -> None:
    """It is not to be sent any more."""
    connection.execute(
        "UPDATE outbox SET given_up_at = clock_timestamp() WHERE id = %s AND sent_at IS NULL", (letter_id,)
    )


@dataclass(frozen=True, slots=True)
class ToldLetter:
    """A message that was taken."""

    channel: str
    type: str
    facts: Mapping[str, Any]
    created_at: datetime


def told_between(connection: Connection, after: datetime, until: datetime) -> list[ToldLetter]:
    """What was taken after an instant and up to another, in that order."""
    rows = connection.execute(
        """SELECT channel, type, facts, created_at FROM outbox WHERE sent_at > %s AND sent_at <= %s
            ORDER BY sent_at, id""",
        (after, until),
    ).fetchall()
    return [ToldLetter(*row) for row in rows]


def drop_told_before(connection: Connection, before: datetime) -> int:
    """Remove what was told, or given up, before an instant; returns how many letters went."""
    return connection.execute("DELETE FROM outbox WHERE coalesce(sent_at, given_up_at) < %s", (before,)).rowcount
