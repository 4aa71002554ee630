"""vantage incidents: what was down."""

import getpass
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

import click

from local.commands.database import Group, Refused, or_remote
from local.commands.output import json_option, print_json, print_table
from local.remote import Remote, revived, segment
from vantage.store.connection import Connection
from vantage.store.incidents import IncidentRow, acknowledge, add_note, find_incident, list_incidents
from vantage.view.numbers import NBSP, region_name, span

author_option = click.option("--author", default=getpass.getuser, show_default="you", help="Who does this.")


@click.group(cls=Group)
def incidents() -> None:
    """What was down, from where, and what was done about it."""


def _list_remotely(api: Remote, slug: str | None, only_open: bool, limit: int, as_json: bool) -> None:
    path = f"/v1/monitors/{segment(slug)}/incidents" if slug else "/v1/incidents"
    _show_all([revived(IncidentRow, one) for one in api.rows(path, limit, open=only_open)], as_json)


def _show_remotely(api: Remote, number: int, as_json: bool) -> None:
    _show(revived(IncidentRow, api.get(f"/v1/incidents/{number}")), as_json)


def _ack_remotely(api: Remote, number: int, author: str) -> None:
    api.send("POST", f"/v1/incidents/{number}/ack", {"author": author})
    click.echo(f"{number}: acknowledged by {author}")


def _note_remotely(api: Remote, number: int, text: str, author: str) -> None:
    api.send("POST", f"/v1/incidents/{number}/notes", {"text": text, "author": author})
    click.echo(f"{number}: noted")


@incidents.command("list")
@click.argument("slug", required=False)
@click.option("--open", "only_open", is_flag=True, help="Only those that are not over.")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True)
@json_option
@or_remote(_list_remotely)
def list_command(connection: Connection, slug: str | None, only_open: bool, limit: int, as_json: bool) -> None:
    """List incidents, the newest first; those of the monitor SLUG, or all."""
    _show_all(list_incidents(connection, slug=slug, only_open=only_open, limit=limit), as_json)


def _show_all(found: Sequence[IncidentRow], as_json: bool) -> None:
    if as_json:
        print_json({"data": [asdict(one) for one in found], "next_cursor": None})
    elif found:
        print_table(("ID", "MONITOR", "SINCE (UTC)", "LASTED", "WHY", "STATE"), map(_row, found))
    else:
        click.echo("No incidents.")


@incidents.command("show")
@click.argument("number", type=int)
@json_option
@or_remote(_show_remotely)
def show_command(connection: Connection, number: int, as_json: bool) -> None:
    """Show incident NUMBER with its timeline."""
    _show(_found(connection, number), as_json)


def _show(one: IncidentRow, as_json: bool) -> None:
    if as_json:
        print_json(asdict(one))
    else:
        print_table(("AT (UTC)", "WHAT"), [("-", one.name), *_timeline(one)])


@incidents.command("ack")
@click.argument("number", type=int)
@author_option
@or_remote(_ack_remotely)
def ack_command(connection: Connection, number: int, author: str) -> None:
    """Say that somebody looks after incident NUMBER; its channels hear of it."""
    one = _found(connection, number)
    if not acknowledge(connection, number, author):
        raise Refused(f"Incident {number} is {'over' if one.resolved_at else 'acknowledged'} already.")
    click.echo(f"{number}: acknowledged by {author}")


@incidents.command("note")
@click.argument("number", type=int)
@click.argument("text")
@author_option
@or_remote(_note_remotely)
def note_command(connection: Connection, number: int, text: str, author: str) -> None:
    """Write a note TEXT into the timeline of incident NUMBER."""
    if not add_note(connection, number, author, text):
        _found(connection, number)
    click.echo(f"{number}: noted")


def _found(connection: Connection, number: int) -> IncidentRow:
    if (one := find_incident(connection, number)) is None:
        raise Refused(f"There is no incident {number}; `vantage incidents list` names them.")
    return one


def _row(one: IncidentRow) -> Sequence[str]:
    lasted = span((one.resolved_at - one.began_at).total_seconds()) if one.resolved_at else "-"
    why = " ".join(filter(None, [one.phase, one.reason if one.reason != one.phase else None]))
    return str(one.id), one.slug, f"{one.began_at:%Y-%m-%d %H:%M:%S}", lasted.replace(NBSP, " "), why, _state(one)


def _state(one: IncidentRow) -> str:
    if one.resolved_at:
        return "resolved"
    return f"acknowledged by {one.acknowledged_by}" if one.acknowledged_at else "open"


def _timeline(one: IncidentRow) -> Iterator[Sequence[str]]:
    yield f"{one.began_at:%Y-%m-%d %H:%M:%S}", "first failing check"
    for event in one.events:
        for words in _words(event):
            yield f"{datetime.fromisoformat(event['at']):%Y-%m-%d %H:%M:%S}", words
    if one.last_failed_at:
        yield f"{one.last_failed_at:%Y-%m-%d %H:%M:%S}", "last failing check"


def _words(event: Mapping[str, Any]) -> Iterator[str]:
    detail, author = event["detail"], event["author"]
    if event["kind"] == "opened":
        yield "opened"
        for seen in detail["regions"]:
            yield f"  {region_name(seen['region'])}: {seen['state'] or 'no fresh result'}{_why(seen)}"
    elif event["kind"] == "region":
        yield f"{region_name(event['region'])}: {detail['state']}{_why(detail)}"
    else:
        yield event["kind"] + (f" by {author}" if author else "") + (f": {detail['text']}" if "text" in detail else "")


def _why(seen: Mapping[str, Any]) -> str:
    """Such as ` (timeout in tls)`."""
    phase = f"in {seen['phase']}" if seen.get("phase") not in (None, seen.get("reason")) else None
    why = " ".join(filter(None, [seen["reason"], phase]))
    return f" ({why})" if why else ""
