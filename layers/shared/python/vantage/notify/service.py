"""A message to a service that people know by name, as apprise speaks to it; its host is the service's own."""

import asyncio
import logging
from typing import Any

from vantage.notify.message import Message
from vantage.notify.post import TIMEOUT_S, NotTaken

SERVICES = {  # by the scheme of their URLs in apprise; each was looked at: it asks hosts of the service's own only
    "discord": "Discord", "gchat": "Google Chat", "line": "Line", "opsgenie": "Opsgenie", "pagerduty": "PagerDuty",
    "pagertree": "PagerTree", "pbul": "Pushbullet", "pover": "Pushover", "signl4": "SIGNL4", "splunk": "Splunk On-Call",
    "tgram": "Telegram", "twilio": "Twilio", "victorops": "Splunk On-Call", "webex": "Webex", "wxteams": "Webex",
}  # fmt: skip
SCHEME = "://"
ALERT_KEYS = ("dedup", "entity_id", "thirdparty", "external_id")
"""What apprise calls an alert's key: of PagerDuty, Splunk On-Call, PagerTree and SIGNL4."""
TYPES = {
    "incident.opened": "failure", "incident.reminder": "failure", "incident.resolved": "success",
    "advisory.opened": "warning", "advisory.closed": "success", "certificate.expiring": "warning",
    "monitor.flapping": "warning", "monitor.settled": "success", "operator.opened": "warning",
    "operator.closed": "success",
}  # fmt: skip


async def tell(message: Message, url: str) -> None:
    """Hand it to the service of an apprise URL; raises NotTaken, with words that hold no part of the URL.

    apprise has its own client, which keeps no guard: so it is used for hosts that no user can name, and for no others.
    """
    check(url)
    try:
        async with asyncio.timeout(TIMEOUT_S):
            await asyncio.to_thread(_tell, message, url)
    except TimeoutError:
        raise NotTaken(f"{_service(url)} does not answer within {TIMEOUT_S:g} s") from None
    except ImportError:
        raise NotTaken("apprise is not installed here") from None


def check(url: str) -> None:
    """Refuse a URL whose service is not among those that were looked at; raises NotTaken."""
    if url.partition(SCHEME)[0].lower() in SERVICES and SCHEME in url:
        return
    raise NotTaken(
        "its URL is for none of the services whose host is their own: "
        f"{', '.join(f'{scheme}://' for scheme in SERVICES)}. A server of your own is reached by a "
        "webhook, Microsoft Teams by the type teams"
    )


def _tell(message: Message, url: str) -> None:
    from apprise import Apprise  # noqa: PLC0415  # costs a cold start, and most have no such channel

    logging.getLogger("apprise").setLevel(logging.CRITICAL)  # what it writes holds parts of URLs
    plugin: Any = Apprise.instantiate(url, suppress_exceptions=True)
    if plugin is None:
        raise NotTaken(f"its URL is not as apprise wants it for {_service(url)}")
    plugin.verify_certificate = True  # whatever the URL says
    keeps_alerts = _join(plugin, message)
    if message.is_quiet and not keeps_alerts:
        return
    text = "\n".join(filter(None, [message.text, message.url])).replace("@", "@\N{ZERO WIDTH SPACE}")
    if not plugin.notify(
        body=text, title="", notify_type=_type(message, keeps_alerts=keeps_alerts), body_format="text"
    ):
        raise NotTaken(f"{_service(url)} did not take it")


def _join(plugin: Any, message: Message) -> bool:
    """What ends closes what began, where the service has alerts that can be closed; returns whether it has."""
    key = next((key for key in ALERT_KEYS if hasattr(plugin, key)), None)
    if key is None:
        return False
    setattr(plugin, key, message.dedup_key)
    plugin.action = "map"
    return True


def _type(message: Message, *, keeps_alerts: bool) -> str:
    """Whether it is good or bad; an alert that a monitor flaps is closed also where it has settled down."""
    if message.type == "monitor.settled" and not keeps_alerts:
        return "failure" if any(seen["state"] == "down" for seen in message.data["regions"]) else "success"
    return TYPES.get(message.type, "info")


def _service(url: str) -> str:
    return SERVICES[url.partition(SCHEME)[0].lower()]
