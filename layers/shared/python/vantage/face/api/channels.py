"""/v1/channels: where people are told."""

from http import HTTPStatus
from typing import Any

from pydantic import Field

from vantage.face.api import examples
from vantage.face.api.body import checked
from vantage.face.api.operation import Ask, Json, Operation, Told, page
from vantage.face.api.shapes import Channel as Shape
from vantage.face.api.shapes import Channels
from vantage.face.refusal import Refusal, of_field
from vantage.monitors_file.channel import ChannelItem, channel, whole
from vantage.monitors_file.values import Here
from vantage.store.channels import ChannelState, delete_channels, load_channels, save_channels
from vantage.store.monitors import told_by
from vantage.store.outbox import waiting

READ_ONLY = ("enabled", "disabled_reason", "waiting")


class NewChannel(ChannelItem):
    """A channel as it is configured."""

    operator: bool = Field(False, description="hears of Vantage's own faults")


def list_channels(ask: Ask) -> Told:
    """All of them, by name."""
    waits = _waits(ask)
    return page([_told(one, waits) for one in load_channels(ask.connection)])


def read_channel(ask: Ask) -> Told:
    """One of them."""
    return Told(_told(_found(ask), _waits(ask)))


def put_channel(ask: Ask) -> Told:
    """Be as the body says; one that was switched off is on again where something of it has changed."""
    name = ask.path["name"]
    plain = ask.body
    if isinstance(plain, dict):
        if plain.get("name", name) != name:
            raise of_field("name", f"is {name} by the path")
        plain = {key: value for key, value in {**plain, "name": name}.items() if key not in READ_ONLY}
    new = checked(NewChannel, plain, Here(ask.sources.allow_private))
    save_channels(ask.connection, [channel(new, operator=new.operator)])
    ask.note("channel.put", f"channel/{name}", type=new.type, events=list(new.events), operator=new.operator)
    return Told(_told(_found(ask), _waits(ask)))


def delete_channel(ask: Ask) -> Told:
    """It and what waits for it are gone."""
    name = _found(ask).name
    if users := told_by(ask.connection, name):
        raise Refusal(409, f"Monitors name this channel: {', '.join(users)}. Take it out of them first.")
    delete_channels(ask.connection, [name])
    ask.note("channel.delete", f"channel/{name}")
    return Told(None, HTTPStatus.NO_CONTENT)


def _found(ask: Ask) -> ChannelState:
    for one in load_channels(ask.connection):
        if one.name == ask.path["name"]:
            return one
    raise Refusal(404, f"There is no channel {ask.path['name'][:100]!r}.")


def _waits(ask: Ask) -> dict[str, int]:
    return {one.channel: one.letters for one in waiting(ask.connection)}


def _told(one: ChannelState, waits: dict[str, int]) -> Json:
    more: dict[str, Any] = {"enabled": one.enabled, "disabled_reason": one.disabled_reason}
    return {**whole(one), **more, "waiting": waits.get(one.name, 0)}


OPERATIONS = (
    Operation(
        method="GET", path="/v1/channels", name="listChannels", summary="List channels", run=list_channels,
        tells=Channels, example=examples.page_of(examples.CHANNEL),
    ),
    Operation(
        method="GET", path="/v1/channels/{name}", name="readChannel", summary="Read a channel", run=read_channel,
        tells=Shape, example=examples.CHANNEL,
    ),
    Operation(
        method="PUT", path="/v1/channels/{name}", name="putChannel", run=put_channel, tells=Shape,
        summary="Make a channel be as the body says, or make it", example=examples.CHANNEL, takes=NewChannel,
        takes_example={"name": "team", "type": "slack", "url": "env:SLACK_WEBHOOK_URL"},
    ),
    Operation(
        method="DELETE", path="/v1/channels/{name}", name="deleteChannel", run=delete_channel,
        summary="Remove a channel, and what waits for it", status=HTTPStatus.NO_CONTENT, tells=None, example=None,
        refuses={409: "Monitors name it."},
    ),
)  # fmt: skip
