"""How each type of channel is spoken to: a message and a configuration in; returns when it was taken."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import vantage
from vantage.errors import VantageError
from vantage.notify.mail import Mail, mail_of
from vantage.notify.message import Message
from vantage.notify.post import NotTaken, Post
from vantage.notify.service import tell
from vantage.notify.sns import publish
from vantage.probe.credentials import is_reference

Config = Mapping[str, Any]
Reveal = Callable[[str], Awaitable[str]]
"""From a reference to its value; raises VantageError."""


@dataclass(frozen=True, slots=True)
class Means:
    """What senders work with."""

    post: Post
    mail: Mail
    reveal: Reveal
    public_url: str = ""

    async def plain(self, value: str) -> str:
        """A value, or what its reference stands for; raises NotTaken that names the reference."""
        if not is_reference(value):
            return value
        try:
            return await self.reveal(value)
        except VantageError as error:
            raise NotTaken(f"{value} cannot be used: {error}") from None


async def send_webhook(message: Message, config: Config, means: Means) -> None:
    """POST the message as it is, signed by Standard Webhooks where there is a secret."""
    body = message.body()
    headers = {"Content-Type": "application/json", "User-Agent": f"Vantage/{vantage.__version__}"}
    headers |= {name: await means.plain(str(value)) for name, value in (config.get("headers") or {}).items()}
    secret = await means.plain(config["secret"]) if config.get("secret") else None
    headers |= signed(message.id, int(time.time()), body, secret)
    await means.post.send(await means.plain(config["url"]), headers, body)


def signed(message_id: str, at_s: int, body: bytes, secret: str | None) -> dict[str, str]:
    """The headers of Standard Webhooks; a secret of the form whsec_… is base64, any other is taken as it is."""
    headers = {"webhook-id": message_id, "webhook-timestamp": str(at_s)}
    if secret is None:
        return headers
    key = base64.b64decode(secret.removeprefix("whsec_")) if secret.startswith("whsec_") else secret.encode()
    digest = hmac.digest(key, f"{message_id}.{at_s}.".encode() + body, hashlib.sha256)
    return headers | {"webhook-signature": f"v1,{base64.b64encode(digest).decode()}"}


async def send_slack(message: Message, config: Config, means: Means) -> None:
    """POST a text to an incoming webhook, as Slack, Mattermost and Rocket.Chat take it."""
    text = "\n".join(filter(None, [plain_for_slack(message.text), message.url]))
    content = json.dumps({"text": text, "mrkdwn": False}, ensure_ascii=False).encode()
    headers = {"Content-Type": "application/json", "User-Agent": f"Vantage/{vantage.__version__}"}
    await means.post.send(await means.plain(config["url"]), headers, content)


def plain_for_slack(text: str) -> str:
    """Text of which nothing is markup and nothing calls anybody: Mattermost rings for @channel wherever it stands."""
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return escaped.replace("@", "@\N{ZERO WIDTH SPACE}")


async def send_teams(message: Message, config: Config, means: Means) -> None:
    """POST a card to a Microsoft Teams workflow's webhook: its text is in runs, where nothing is markup."""
    text = {"type": "RichTextBlock", "inlines": [{"type": "TextRun", "text": message.text}]}
    card: dict[str, Any] = {"type": "AdaptiveCard", "version": "1.2", "body": [text]}
    if message.url:
        card["actions"] = [{"type": "Action.OpenUrl", "title": "Open", "url": message.url}]
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
    content = json.dumps({"type": "message", "attachments": [attachment]}, ensure_ascii=False).encode()
    headers = {"Content-Type": "application/json", "User-Agent": f"Vantage/{vantage.__version__}"}
    await means.post.send(await means.plain(config["url"]), headers, content)


async def send_email(message: Message, config: Config, means: Means) -> None:
    """A mail by SMTP."""
    password = await means.plain(config["password"]) if "password" in config else None
    await means.mail.send(mail_of(message, config), config, password)


async def send_sns(message: Message, config: Config, _: Means) -> None:
    """A message into a topic."""
    await publish(message, config["topic"])


async def send_apprise(message: Message, config: Config, means: Means) -> None:
    """A message to a service such as PagerDuty or Telegram."""
    await tell(message, await means.plain(config["url"]))


SENDERS: Mapping[str, Callable[[Message, Config, Means], Awaitable[None]]] = {
    "webhook": send_webhook,
    "slack": send_slack,
    "teams": send_teams,
    "email": send_email,
    "sns": send_sns,
    "apprise": send_apprise,
}
