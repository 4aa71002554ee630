"""vantage regions: where things are watched from."""

import os
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import click

from local.commands.database import Group, Refused, data_dir_option, open_database, or_remote, system_env
from local.commands.output import json_option, print_json, print_table
from local.fleet import REGIONS, group_of
from local.remote import Remote, remote_of, revived, segment
from vantage.errors import SettingsError
from vantage.settings import check_encrypted
from vantage.store.connection import Connection
from vantage.store.regions import RegionRow, insert_region, known_regions, list_regions, set_enabled
from vantage.stream.writer import StreamWriter


@click.group(cls=Group)
def regions() -> None:
    """Where things are watched from."""


def _list_remotely(api: Remote, as_json: bool) -> None:
    _show([revived(RegionRow, one) for one in api.get("/v1/regions")["data"]], as_json)


@regions.command("list")
@json_option
@or_remote(_list_remotely)
def list_command(connection: Connection, as_json: bool) -> None:
    """List the regions, and when a worker of each last started."""
    _show(list_regions(connection), as_json)


def _show(rows: Sequence[RegionRow], as_json: bool) -> None:
    if as_json:
        print_json({"data": [asdict(row) for row in rows], "next_cursor": None})
    elif rows:
        print_table(("REGION", "AWS REGION", "GROUP", "STATE", "LAST SEEN"), map(_row, rows))
    else:
        click.echo("No region yet: one appears with its worker's first run, or by vantage regions enable NAME.")


def _enable_remotely(api: Remote, name: str, aws_region: str | None) -> None:
    if aws_region:
        raise Refused("--aws-region is not told over the API; a worker says by itself where it runs.")
    _switch_remotely(api, name, on=True)


def _switch_remotely(api: Remote, name: str, *, on: bool) -> None:
    api.send("PATCH", f"/v1/regions/{segment(name)}", {"enabled": on})
    click.echo(f"{name}: {'enabled' if on else 'disabled'}")


@regions.command("enable")
@click.argument("name")
@click.option("--aws-region", help="Where its worker is deployed; known for USA, INDIA and EU.")
@or_remote(_enable_remotely)
def enable_command(connection: Connection, name: str, aws_region: str | None) -> None:
    """Check from NAME, from the next minute that is not yet under way."""
    _check_known(connection, name)
    if not set_enabled(connection, name, True):
        place = aws_region or REGIONS.get(name)
        if place is None:
            raise Refused(f"Say where the worker of {name} is deployed: --aws-region, such as sa-east-1.")
        insert_region(connection, name, place, group_of(name))
    click.echo(f"{name}: enabled")


@regions.command("disable")
@click.argument("name")
@click.option("--force", is_flag=True, help="Drop what is still to be checked there now; it counts as lost.")
@data_dir_option
def disable_command(name: str, force: bool, data_dir: Path) -> None:
    """Check no more from NAME: its worker finishes what was pushed, then its consumer group is dropped."""
    if (api := remote_of(os.environ)) is not None:
        if force:
            raise Refused("--force must reach the stream: unset VANTAGE_URL, and set DATABASE_URL and REDIS_URL.")
        _switch_remotely(api, name, on=False)
        return
    env = system_env(data_dir)
    if force and not env.get("REDIS_URL"):
        raise SettingsError("REDIS_URL is not set, and --force must reach the stream. Set it.")
    with open_database(env) as connection:
        _check_known(connection, name)
        if not set_enabled(connection, name, False):
            raise Refused(f"{name} is no region here yet; there is nothing to disable.")
        row = next(row for row in list_regions(connection) if row.name == name)
    if force:
        _drop_group(env["REDIS_URL"], row.redis_group)
    click.echo(f"{name}: disabled" + (", its group is dropped" if force else ""))


def _check_known(connection: Connection, name: str) -> None:
    known = known_regions(connection)
    if name not in known:
        raise Refused(f"There is no region {name!r}; there are {', '.join(known)}. A new one takes a migration.")


def _drop_group(url: str, group: str) -> None:
    check_encrypted("REDIS_URL", url)
    stream = StreamWriter(url)
    try:
        stream.drop_drained_group(group, force=True)
    finally:
        stream.close()


def _row(region: RegionRow) -> tuple[str, ...]:
    seen = _ago(region.last_seen) if region.last_seen else "never"
    return region.name, region.aws_region, region.redis_group, "enabled" if region.enabled else "disabled", seen


def _ago(instant: datetime) -> str:
    seconds = int((datetime.now(UTC) - instant).total_seconds())
    return f"{seconds} s ago" if seconds < 120 else f"{instant.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
