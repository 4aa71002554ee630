"""vantage channels: where people are told."""

import asyncio
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from local.commands.database import Group, Refused, data_dir_option, open_database, or_remote, system_env
from local.commands.output import json_option, print_json, print_table
from local.remote import Remote
from vantage.errors import VantageError
from vantage.monitors_file.channel import CONFIG
from vantage.monitors_file.durations import parse_ms
from vantage.notify.mail import Mail
from vantage.notify.message import message_of
from vantage.notify.post import NotTaken, Post
from vantage.notify.senders import SENDERS, Means
from vantage.probe.credentials import is_reference
from vantage.probe.secrets import Secrets
from vantage.store.channels import ChannelState, load_channels, switch_on
from vantage.store.connection import Connection
from vantage.store.outbox import Letter, fate, waiting, withdraw, write_test

PATIENCE_S, LOOK_EVERY_S = 120.0, 0.3


@click.group(cls=Group)
def channels() -> None:
    """Where people are told."""


def _list_remotely(api: Remote, as_json: bool) -> None:
    told = api.get("/v1/channels")["data"]
    _show([_revived(one) for one in told], {one["name"]: one["waiting"] for one in told}, {}, as_json)


def _revived(told: Mapping[str, Any]) -> ChannelState:
    every = told.get("remind_every")
    return ChannelState(
        told["name"], told["type"], {key: value for key, value in told.items() if key in CONFIG}, told["events"],
        None if every is None else parse_ms(every) // 1000, told["operator"], told["enabled"], told["disabled_reason"],
    )  # fmt: skip


@channels.command("list")
@json_option
@or_remote(_list_remotely)
def list_command(connection: Connection, as_json: bool) -> None:
    """List the channels, whether each is on, and what waits for it."""
    waits = waiting(connection)
    why = {one.channel: one.last_error for one in waits if one.last_error}
    _show(load_channels(connection), {one.channel: one.letters for one in waits}, why, as_json)


def _show(found: Sequence[ChannelState], waits: Mapping[str, int], why: Mapping[str, str], as_json: bool) -> None:
    """`waits`: how many letters wait for whom; `why` the first of them could not be told."""
    if as_json:
        print_json({"data": [{**asdict(one), "waiting": waits.get(one.name, 0)} for one in found], "next_cursor": None})
    elif found:
        rows = [_row(one, waits.get(one.name, 0), why.get(one.name)) for one in found]
        print_table(("CHANNEL", "TYPE", "EVENTS", "STATE", "WAITING"), rows)
    else:
        click.echo("No channels yet: nobody is told of anything. Name some in the monitors file.")


@channels.command("test")
@click.argument("name")
@data_dir_option
def test_command(name: str, data_dir: Path) -> None:
    """Send a test message to channel NAME now; switches it on again where it was switched off.

    From here; or, where a secret is known to the system alone, by its notifier, within a minute or so.
    """
    env = system_env(data_dir)
    with open_database(env) as connection:
        found = [one for one in load_channels(connection) if one.name == name]
        if not found:
            raise Refused(f"There is no channel {name!r}; `vantage channels list` names them.")
        try:
            if _is_known_here(found[0].config):
                asyncio.run(_send(found[0], allow_private=env.get("ALLOW_PRIVATE_ADDRESSES") == "true"))
            else:
                _have_sent(connection, name)
        except VantageError as error:
            raise Refused(f"{name}: {error}") from None
        if not found[0].enabled:
            switch_on(connection, name)
    click.echo(f"{name}: taken")


def _is_known_here(config: Any) -> bool:
    """Whether all its secrets are in this environment."""
    if isinstance(config, Mapping):
        return all(map(_is_known_here, config.values()))
    if isinstance(config, str) and is_reference(config):
        return config.startswith("env:") and config.removeprefix("env:") in os.environ
    return True


def _have_sent(connection: Connection, name: str) -> None:
    """By the notifier that runs elsewhere; raises NotTaken."""
    switch_on(connection, name)
    number, deadline_s = write_test(connection, name), time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline_s:
        is_taken, trouble = fate(connection, number)
        if is_taken:
            return
        if trouble:
            withdraw(connection, number)
            raise NotTaken(trouble)
        time.sleep(LOOK_EVERY_S)
    withdraw(connection, number)
    raise NotTaken("no notifier has tried it within two minutes; does the system run?")


async def _send(channel: ChannelState, *, allow_private: bool) -> None:
    sender = SENDERS.get(channel.type)
    if sender is None:
        raise NotTaken(f"channels of type {channel.type} are not known here")
    post = Post(allow_private=allow_private)
    number = time.time_ns() // 1_000_000  # of its own each time: who has seen one drops it
    letter = Letter(
        number,
        channel.name,
        "test",
        "test",
        {"channel": channel.name},
        datetime.now(UTC),
        1,
        channel.type,
        channel.config,
    )
    try:
        means = Means(post, Mail(post.names, allow_private=allow_private), Secrets(os.environ, None).value)
        await sender(message_of(letter), channel.config, means)
    finally:
        await post.aclose()


def _row(channel: ChannelState, waits: int, why: str | None) -> Sequence[str]:
    state = "on" if channel.enabled else f"off: {channel.disabled_reason}"
    told = "operator" if channel.operator else ""
    events = " ".join(filter(None, [*channel.events, told]))
    late = f"{waits} ({why or 'not tried yet'})" if waits else "-"
    return channel.name, channel.type, events, state, late
