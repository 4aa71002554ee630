"""One notifier run as a process of its own, that may be killed: `python -m tests.notify.sending DATABASE_URL`."""

import asyncio
import sys

from vantage.clock import Pace
from vantage.notify import Notified, Notifier
from vantage.notify.backoff import Patience
from vantage.notify.mail import Mail
from vantage.notify.post import Post
from vantage.notify.senders import Means
from vantage.probe.secrets import Secrets
from vantage.store.connection import AsyncDatabase

SCALE = 60  # an hour without a receiver is a minute


async def send(
    url: str, *, patience: Patience = Patience(), allow_private: bool = True, authorities: str | None = None
) -> Notified:
    """Send what may be sent now."""
    database, post = AsyncDatabase(url), Post(allow_private=allow_private, timeout_s=0.5)
    try:
        mail = Mail(post.names, allow_private=allow_private, authorities=authorities, timeout_s=2.0)
        means = Means(post, mail, Secrets({"PASSWORD": "pa55"}, None).value, "https://status.example.com")
        notifier = Notifier(database, means, patience, Pace(SCALE), lease_s=2.0)
        return await notifier.run(asyncio.get_running_loop().time() + 30)
    finally:
        await post.aclose()
        await database.close()


if __name__ == "__main__":
    asyncio.run(send(sys.argv[1]))
