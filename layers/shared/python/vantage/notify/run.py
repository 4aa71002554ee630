"""One notifier run: takes the letters that may be sent, sends them channel by channel, notes what became of each."""

import asyncio
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from vantage.clock import Pace
from vantage.errors import VantageError
from vantage.notify.backoff import Patience
from vantage.notify.message import message_of
from vantage.notify.post import NotTaken
from vantage.notify.senders import SENDERS, Means
from vantage.store import notices, outbox
from vantage.store.connection import AsyncConnection, AsyncDatabase, answering
from vantage.store.outbox import Letter

LEASE_S = 60.0  # longer than a channel's batch can take: MOST_A_CHANNEL times the time one POST may take, 3 at once
MOST_A_CHANNEL = 12
AT_ONCE = 3
LOOK_EVERY_S = 1.0  # for channels that get their first letter while another one hangs


@dataclass(slots=True)
class Notified:
    """What a run did, for its log line; `due`: letters that the clock had it write."""

    due: int = 0
    sent: int = 0
    postponed: int = 0
    given_up: int = 0
    switched_off: list[str] = field(default_factory=list)
    troubles: dict[str, str] = field(default_factory=dict)


async def _end(tasks: Collection[asyncio.Task[None]]) -> None:
    """Leave none of them at work."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@dataclass(frozen=True, slots=True)
class Notifier:
    """Writes what the clock makes due and empties the outbox; any number of runs may be at work, each letter is one's
    of them at a time."""

    database: AsyncDatabase
    means: Means
    patience: Patience = Patience()
    pace: Pace = Pace()
    lease_s: float = LEASE_S

    async def run(self, until_s: float) -> Notified:
        """Send what may be sent, until nothing may or the loop's clock says `until_s`; raises ServerUnavailable.

        Nothing of a run is at work after it: a frozen environment would send it again when it wakes.
        """
        busy: dict[str, asyncio.Task[None]] = {}
        try:
            with answering():
                return await self._run(busy, until_s)
        finally:
            await _end(busy.values())

    async def _run(self, busy: dict[str, asyncio.Task[None]], until_s: float) -> Notified:
        done = Notified()
        connection = await self.database.connection()
        done.due = await notices.write_due(connection, self._now())
        while True:
            for channel in await outbox.channels_with_letters(connection) - busy.keys():
                busy[channel] = asyncio.create_task(self._empty(connection, channel, until_s, done))
            if not busy or asyncio.get_running_loop().time() >= until_s:
                break
            await asyncio.wait(busy.values(), timeout=LOOK_EVERY_S, return_when=asyncio.FIRST_COMPLETED)
            for channel in [channel for channel, task in busy.items() if task.done()]:
                busy.pop(channel).result()
        await asyncio.gather(*busy.values())
        return done

    def _now(self) -> datetime:
        """The instant of life."""
        return datetime.fromtimestamp(self.pace.lived_ms(time.time()) / 1000, UTC)

    async def _empty(self, connection: AsyncConnection, channel: str, until_s: float, done: Notified) -> None:
        """Send what one channel may get: one that hangs holds up nobody but itself."""
        while asyncio.get_running_loop().time() < until_s and (
            letters := await outbox.take(connection, channel, self.lease_s, MOST_A_CHANNEL)
        ):
            await self._send_all(connection, letters, done)

    async def _send_all(self, connection: AsyncConnection, letters: Sequence[Letter], done: Notified) -> None:
        """A channel's letters, a few at once."""
        places = asyncio.Semaphore(AT_ONCE)

        async def send(letter: Letter) -> None:
            async with places:
                await self._send(connection, letter, done)

        sending = [asyncio.create_task(send(letter)) for letter in letters]
        try:
            await asyncio.gather(*sending)
        finally:
            await _end(sending)

    async def _send(self, connection: AsyncConnection, letter: Letter, done: Notified) -> None:
        try:
            await self._hand_over(letter)
        except NotTaken as refusal:
            await self._note_refusal(connection, letter, refusal, done)
        except VantageError as error:  # the guard's
            await self._note_refusal(connection, letter, NotTaken(str(error)), done)
        else:
            await outbox.sent(connection, letter.id)
            done.sent += 1

    async def _hand_over(self, letter: Letter) -> None:
        sender = SENDERS.get(letter.channel_type)
        if sender is None:
            raise NotTaken(f"channels of type {letter.channel_type} are not known here")
        try:
            await sender(message_of(letter, self.means.public_url), letter.config, self.means)
        except (KeyError, TypeError, ValueError) as error:
            raise NotTaken(f"the channel's configuration cannot be used ({type(error).__name__}: {error})") from None
        except VantageError:
            raise
        except Exception as error:  # noqa: BLE001  # whatever one receiver does, the others are told
            raise NotTaken(f"cannot be told ({type(error).__name__})") from None

    async def _note_refusal(
        self, connection: AsyncConnection, letter: Letter, refusal: NotTaken, done: Notified
    ) -> None:
        why = str(refusal)
        done.troubles[letter.channel] = why
        if refusal.is_gone:
            await outbox.switch_off(connection, letter.channel, f"the receiver {why}: it is gone")
            done.switched_off.append(letter.channel)
        elif (datetime.now(UTC) - letter.created_at).total_seconds() > self.pace.real_s(self.patience.give_up_after_s):
            await outbox.give_up(connection, letter.id, why)
            done.given_up += 1
        else:
            delay_s = self.pace.real_s(self.patience.delay_s(letter.attempts, refusal.wish_s))
            await outbox.postpone(connection, letter.id, why, delay_s)
            done.postponed += 1
