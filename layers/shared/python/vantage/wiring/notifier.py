"""One notifier run, on what its environment keeps."""

import asyncio
import os
from dataclasses import dataclass
from functools import cache
from typing import Any

from vantage.notify import Notified, Notifier
from vantage.notify.mail import Mail
from vantage.notify.post import Post
from vantage.notify.senders import Means
from vantage.settings import Pooler, Settings
from vantage.store.connection import AsyncDatabase
from vantage.wiring.event import Context, event_ms
from vantage.wiring.references import references
from vantage.wiring.urls import database_url, with_current_secrets

NOTIFIER_MARGIN_S = 45.0  # a batch of letters to receivers that hang takes no longer


@dataclass(frozen=True, slots=True)
class Desk:
    """What the notifier keeps between invocations."""

    settings: Settings
    runner: asyncio.Runner
    notifier: Notifier

    def notify(self, event: dict[str, Any], context: Context) -> Notified:
        """One notifier run."""
        event_ms(event)
        left_s = self.settings.pace.real_s(context.get_remaining_time_in_millis() / 1000)
        return self.runner.run(self._notify(left_s - self.settings.pace.real_s(NOTIFIER_MARGIN_S)))

    async def _notify(self, seconds: float) -> Notified:
        return await self.notifier.run(asyncio.get_running_loop().time() + seconds)


@cache
def desk() -> Desk:
    """The notifier's environment, made at its first invocation; raises SettingsError."""
    settings = Settings.from_env(os.environ, redis=False)
    database = AsyncDatabase(database_url(settings), prepare=settings.pooler is Pooler.NONE, name="vantage-notifier")
    post = Post(allow_private=settings.allow_private)
    mail = Mail(post.names, allow_private=settings.allow_private)
    means = Means(post, mail, references(settings).value, settings.public_url)
    return Desk(settings, asyncio.Runner(), Notifier(database, means, pace=settings.pace))


def notify(event: dict[str, Any], context: Context) -> Notified:
    """Tell what waits in the outbox."""
    return with_current_secrets(desk, lambda: desk().notify(event, context))
