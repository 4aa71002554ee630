"""vantage maintenance: announced work."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import click

from local.commands.database import Group, Refused, or_remote
from local.commands.output import json_option, print_json, print_table
from local.remote import Remote
from vantage.announce import worked_out
from vantage.monitors_file.check import faults_of
from vantage.monitors_file.durations import parse_ms
from vantage.monitors_file.fault import Place
from vantage.monitors_file.maintenance import MaintenanceItem
from vantage.monitors_file.maintenance import maintenance as stored_as
from vantage.monitors_file.tree import Node
from vantage.monitors_file.values import Here
from vantage.store import maintenance as store
from vantage.store.connection import Connection
from vantage.store.maintenance import Maintenance
from vantage.view.numbers import NBSP, duration

INSTANTS = ("ended_at", "next_at")


@click.group(cls=Group)
def maintenance() -> None:
    """Announced work: meanwhile nothing counts, and nobody is told."""


def _list_remotely(api: Remote, also_past: bool, as_json: bool) -> None:
    found = api.get("/v1/maintenance", coming=None if also_past else True)["data"]
    _show([_revived(one) for one in found], as_json)


def _add_remotely(api: Remote, groups: tuple[str, ...], monitors: tuple[str, ...], **given: str | None) -> None:
    words = {key: value for key, value in given.items() if value is not None}
    made = api.send("POST", "/v1/maintenance", {**words, "groups": [*groups], "monitors": [*monitors]})
    click.echo(f"{made['id']}: announced")


def _end_remotely(api: Remote, number: int) -> None:
    api.send("POST", f"/v1/maintenance/{number}/end")
    click.echo(f"{number}: over")


def _revived(told: Mapping[str, Any]) -> Maintenance:
    ended_at, next_at = (None if (at := told[key]) is None else datetime.fromisoformat(at) for key in INSTANTS)
    return Maintenance(
        told["name"], datetime.fromisoformat(told["start"]), parse_ms(told["duration"]) // 1000, told["timezone"],
        told["rrule"], told["groups"], told["monitors"], told["id"], ended_at=ended_at, next_at=next_at,
    )  # fmt: skip


@maintenance.command("list")
@click.option("--all", "also_past", is_flag=True, help="Also what is over.")
@json_option
@or_remote(_list_remotely)
def list_command(connection: Connection, also_past: bool, as_json: bool) -> None:
    """List what is announced."""
    _show(store.list_maintenance(connection, only_coming=not also_past), as_json)


def _show(found: Sequence[Maintenance], as_json: bool) -> None:
    if as_json:
        print_json({"data": [asdict(one) for one in found], "next_cursor": None})
    elif found:
        print_table(("ID", "NAME", "STARTS", "FOR", "AGAIN", "NEXT (UTC)", "ON"), map(_row, found))
    else:
        click.echo("No maintenance is announced.")


@maintenance.command("add")
@click.argument("name")
@click.option("--start", required=True, help="What the clocks show there, such as 2026-12-01T22:00.")
@click.option("--duration", required=True, help="Such as 2h or 30m.")
@click.option("--timezone", default="UTC", show_default=True, help="Such as Europe/Berlin.")
@click.option("--rrule", help="Again and again, by RFC 5545, such as FREQ=WEEKLY;BYDAY=TU.")
@click.option("--group", "groups", multiple=True, help="On the monitors of this group; may be given again.")
@click.option("--monitor", "monitors", multiple=True, help="On this monitor; may be given again.")
@or_remote(_add_remotely)
def add_command(
    connection: Connection, groups: tuple[str, ...], monitors: tuple[str, ...], **given: str | None
) -> None:
    """Announce NAME; without --group and --monitor it is on everything."""
    words = {key: value for key, value in given.items() if value is not None}
    item, faults = faults_of(
        MaintenanceItem, Node({**words, "groups": [*groups], "monitors": [*monitors]}, Place("", 0)), Here()
    )
    if item is None:
        raise Refused("\n".join(f"--{fault.sentence}" for fault in faults))
    one, now = stored_as(item), datetime.now(UTC)
    ahead = worked_out(one, now)
    if not ahead.windows and ahead.until is None:
        raise Refused(f"{one.name} would be over already: it begins {given['start']} ({given['timezone']}).")
    if one.name in {other.name for other in store.list_maintenance(connection, only_coming=True)}:
        raise Refused(f"There is {one.name!r} already, and it is not over; take another name, or end that one.")
    click.echo(f"{store.add(connection, one, ahead)}: announced")
    note_who_is_on_nobody(connection, [one])


def note_who_is_on_nobody(connection: Connection, work: Sequence[Maintenance]) -> None:
    """Whose group or slug is misspelled would be paged in the middle of it."""
    for one in work:
        for name in store.on_nobody(connection, one):
            click.echo(f"Note: maintenance {one.name} is on {name!r}, and there is no such monitor or group.", err=True)


@maintenance.command("end")
@click.argument("number", type=int)
@or_remote(_end_remotely)
def end_command(connection: Connection, number: int) -> None:
    """End maintenance NUMBER now; what of it still lies ahead does not come."""
    if not store.end(connection, number):
        raise Refused(f"There is no maintenance {number} that is not over; `vantage maintenance list` names them.")
    click.echo(f"{number}: over")


def _row(one: Maintenance) -> Sequence[str]:
    on = ", ".join([*one.groups, *one.slugs]) or "everything"
    starts = f"{one.starts:%Y-%m-%d %H:%M} {one.timezone}"
    follows = f"{one.next_at.astimezone(UTC):%Y-%m-%d %H:%M}" if one.next_at and not one.ended_at else "-"
    lasts = duration(one.duration_s).replace(NBSP, " ")
    return str(one.id), one.name, starts, lasts, one.rrule or "once", follows, on
