"""vantage maintenance: announced work."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click

from local.commands.database import Group, Refused, with_database
from local.commands.output import json_option, print_json, print_table
from vantage.monitors_file.durations import parse_ms
from vantage.store import maintenance as store
from vantage.store.connection import Connection
from vantage.store.maintenance import Maintenance
from vantage.verdict.windows import window_at
from vantage.view.numbers import NBSP, duration


@click.group(cls=Group)
def maintenance() -> None:
    """Announced work: meanwhile nothing counts, and nobody is told."""


@maintenance.command("list")
@click.option("--all", "also_past", is_flag=True, help="Also what is over.")
@json_option
@with_database
def list_command(connection: Connection, also_past: bool, as_json: bool) -> None:
    """List what is announced."""
    found = store.list_maintenance(connection, only_coming=not also_past)
    if as_json:
        print_json({"data": [asdict(one) for one in found], "next_cursor": None})
    elif found:
        print_table(("ID", "NAME", "STARTS", "FOR", "ON"), map(_row, found))
    else:
        click.echo("No maintenance is announced.")


@maintenance.command("add")
@click.argument("name")
@click.option("--start", required=True, help="What the clocks show there, such as 2026-12-01T22:00.")
@click.option("--duration", "length", required=True, help="Such as 2h or 30m.")
@click.option("--timezone", default="UTC", show_default=True, help="Such as Europe/Berlin.")
@click.option("--group", "groups", multiple=True, help="On the monitors of this group; may be given again.")
@click.option("--monitor", "slugs", multiple=True, help="On this monitor; may be given again.")
@with_database
def add_command(
    connection: Connection, name: str, *, start: str, length: str, timezone: str, groups: tuple[str, ...],
    slugs: tuple[str, ...],
) -> None:  # fmt: skip
    """Announce NAME; without --group and --monitor it is on everything."""
    one = Maintenance(name, _start(start), _seconds(length), _zone(timezone), None, groups, slugs)
    number = store.add(connection, one, [window_at(one.starts, one.duration_s, one.timezone)])
    click.echo(f"{number}: announced")


@maintenance.command("end")
@click.argument("number", type=int)
@with_database
def end_command(connection: Connection, number: int) -> None:
    """End maintenance NUMBER now; what of it still lies ahead does not come."""
    if not store.end(connection, number):
        raise Refused(f"There is no maintenance {number} that is not over; `vantage maintenance list` names them.")
    click.echo(f"{number}: over")


def _start(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise Refused(f"--start {text!r} is no instant; write 2026-12-01T22:00.") from None
    if at.tzinfo is not None:
        raise Refused("--start is what the clocks of --timezone show; leave its offset out.")
    return at


def _seconds(text: str) -> int:
    try:
        seconds = parse_ms(text) // 1000
    except ValueError as error:
        raise Refused(f"--duration {text!r}: {error}") from None
    if seconds < 1:
        raise Refused("--duration must be a second at least.")
    return seconds


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise Refused(
            f"--timezone {name!r} is not known; write one of the IANA names, such as Europe/Berlin."
        ) from None
    return name


def _row(one: Maintenance) -> Sequence[str]:
    on = ", ".join([*one.groups, *one.slugs]) or "everything"
    starts = f"{one.starts:%Y-%m-%d %H:%M} {one.timezone}"
    return str(one.id), one.name, starts, duration(one.duration_s).replace(NBSP, " "), on
