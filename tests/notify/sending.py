"""One notifier run, here or as a process of its own that may be killed."""

import asyncio

from vantage.clock import Pace
from vantage.notify import Notified, Notifier
from vantage.notify.backoff import Patience
from vantage.notify.mail import Mail
from vantage.notify.post import Post
from vantage.notify.senders import Means
from vantage.probe.secrets import Secrets
from vantage.store.connection import AsyncDatabase

SCALE = 60  # a minute of waiting is a second


async def send(
    url: str,
    *,
    patience: Patience = Patience(),
    allow_private: bool = True,
    authorities: str | None = None,
    lease_s: float = 2.0,
    scale: float = SCALE,
) -> Notified:
    """Send what may be sent now."""
    database, post = AsyncDatabase(url), Post(allow_private=allow_private, timeout_s=0.5)
    try:
        mail = Mail(post.names, allow_private=allow_private, authorities=authorities, timeout_s=2.0)
        means = Means(post, mail, Secrets({"PASSWORD": "pa55"}, None).value, "https://status.example.com")
        notifier = Notifier(database, means, patience, Pace(scale), lease_s=lease_s)
        return await notifier.run(asyncio.get_running_loop().time() + 30)
    finally:
        await post.aclose()
        await database.close()


def run(url: str, authorities: str | None) -> None:
    """The whole life of a process that may be killed; what it held is another's soon."""
    asyncio.run(send(url, lease_s=0.1, authorities=authorities, patience=Patience(first_s=1, most_s=5)))
