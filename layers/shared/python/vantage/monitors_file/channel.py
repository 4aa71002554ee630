# ruff: noqa: RUF012 - pydantic copies the defaults of its models
"""What can be said of a channel: one model for the file's items, the API's bodies and `export`."""

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, StringConstraints, ValidationInfo, model_validator

from vantage.monitors_file.by_type import NEEDED_BY_TYPE, ByType
from vantage.monitors_file.durations import format_ms
from vantage.monitors_file.strict import Strict, absent, refuse_at
from vantage.monitors_file.values import Headers, Host, Line, Reference, RemindEvery, distinct, url_or_reference
from vantage.probe.credentials import is_reference
from vantage.store.channels import EVENTS, Channel, Event

OWN_HEADERS = frozenset(("content-type", "user-agent", "webhook-id", "webhook-timestamp", "webhook-signature"))
TYPES = ByType(
    own={
        "webhook": ("url", "secret", "headers"),
        "slack": ("url",),
        "teams": ("url",),
        "email": ("to", "sender", "host", "port", "tls", "user", "password"),
        "sns": ("topic",),
        "apprise": ("url",),
    },
    needed={
        "webhook": ("url",),
        "slack": ("url",),
        "teams": ("url",),
        "email": ("to", "sender", "host"),
        "sns": ("topic",),
        "apprise": ("url",),
    },
)
TOPIC = re.compile(r"arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,256}(\.fifo)?")
ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")
CONFIG = {key for keys in TYPES.own.values() for key in keys}
"""The keys that the notifier's senders read."""
OF_TYPE = TYPES.validator()


def _url(url: str, info: ValidationInfo) -> str:
    if info.data.get("type") in ("slack", "teams", "apprise") and not is_reference(url):
        # Whoever has an incoming webhook's URL can write into its room; apprise's hold keys.
        raise ValueError("is a secret by itself, and secrets are named, not written: env:NAME or ssm:/path")
    return url_or_reference(url, info)


def _not_ours(headers: dict[str, str]) -> dict[str, str]:
    refuse_at(((name,), "is written by Vantage; take it out") for name in headers if name.lower() in OWN_HEADERS)
    return headers


def _address(text: str) -> str:
    if not ADDRESS.fullmatch(text):
        raise ValueError("must be a mail address such as ops@example.com, without a name")
    return text


def _topic(arn: str) -> str:
    if not TOPIC.fullmatch(arn):
        raise ValueError("must be the ARN of a topic, such as arn:aws:sns:us-east-1:123456789012:alerts")
    return arn


Address = Annotated[str, AfterValidator(_address)]


class ChannelItem(Strict):
    """One channel, in the words of the file."""

    model_config = {"json_schema_extra": TYPES.in_schema}

    name: Annotated[Line, StringConstraints(max_length=100)]
    type: Literal["webhook", "slack", "teams", "email", "sns", "apprise"]
    url: Annotated[str, StringConstraints(max_length=2_048), AfterValidator(_url), OF_TYPE] = NEEDED_BY_TYPE
    secret: Annotated[Reference, OF_TYPE] = absent("what messages are signed with, by Standard Webhooks")
    headers: Annotated[Headers, AfterValidator(_not_ours), OF_TYPE] = Field(
        {}, description="secrets as references: env:NAME, ssm:/path"
    )
    to: Annotated[list[Address], Field(min_length=1, max_length=50), AfterValidator(distinct), OF_TYPE] = NEEDED_BY_TYPE
    sender: Annotated[Address, OF_TYPE] = NEEDED_BY_TYPE
    host: Annotated[Host, OF_TYPE] = NEEDED_BY_TYPE
    port: Annotated[int, Field(ge=1, le=65_535), OF_TYPE] = 587
    tls: Annotated[Literal["starttls", "tls"], OF_TYPE] = Field("starttls", description="tls: from the first byte")
    user: Annotated[Line, OF_TYPE] = absent()
    password: Annotated[Reference, OF_TYPE] = absent()
    topic: Annotated[str, AfterValidator(_topic), OF_TYPE] = NEEDED_BY_TYPE
    events: Annotated[list[Event], Field(min_length=1), AfterValidator(distinct)] = [*EVENTS]
    remind_every: RemindEvery = absent("while an incident is open and nobody has acknowledged it")

    @model_validator(mode="after")
    def _both_or_neither(self) -> "ChannelItem":
        if (self.user is None) is not (self.password is None):
            raise ValueError("user and password go together")
        return self


DEFAULTS = {"headers": {}, "port": 587, "tls": "starttls", "events": list(EVENTS)}


def channel(item: ChannelItem, *, operator: bool) -> Channel:
    """What is stored for an item."""
    remind_every_s = item.remind_every // 1_000 if "remind_every" in item.model_fields_set else None
    return Channel(
        item.name, item.type, item.model_dump(include=CONFIG, exclude_defaults=True), item.events, remind_every_s,
        operator,
    )  # fmt: skip


def entry(stored: Channel) -> dict[str, Any]:
    """A stored channel in the file's words, without what is the default; secrets in it are references."""
    words = {
        "name": stored.name,
        "type": stored.type,
        **stored.config,
        "events": list(stored.events),
        "remind_every": None if stored.remind_every_s is None else format_ms(stored.remind_every_s * 1_000),
    }
    return {
        key: words[key]
        for key in ChannelItem.model_fields
        if words.get(key) is not None and words[key] != DEFAULTS.get(key)
    }


def whole(stored: Channel) -> dict[str, Any]:
    """A stored channel in the file's words, with its defaults, and whether it is the operator's."""
    return {"events": list(EVENTS), **entry(stored), "operator": stored.operator}
