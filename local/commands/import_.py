"""vantage import: take over what another system watched."""

from datetime import UTC

import click

from local.commands.database import Group, with_database
from local.commands.output import json_option, print_json
from vantage.settings import check_encrypted
from vantage.store.connection import Connection


@click.group(name="import", cls=Group)
def import_() -> None:
    """Take over what another system watched."""


@import_.command("prisma")
@click.argument("source_url", metavar="DATABASE_URL")
@json_option
@with_database
def prisma_command(connection: Connection, source_url: str, as_json: bool) -> None:
    """Take over monitors and results of a Prisma schema in the PostgreSQL at DATABASE_URL, which is only read.

    Monitor(id, url); CheckResult(monitorId, status, Location, responseTimeMs, checkedAt). Each result goes to the slot
    that it lies in; a slot without one stays unseen. Doing it again adds nothing.
    """
    from local.prisma import import_prisma

    check_encrypted("DATABASE_URL", source_url)
    done = import_prisma(connection, source_url)
    if as_json:
        print_json({"monitors": done.monitors, "results": done.results, "skipped": dict(done.skipped)})
        return
    since = f", from {done.first.astimezone(UTC):%Y-%m-%d %H:%M} UTC on" if done.first else ""
    click.echo(f"{done.monitors} monitors and {done.results} results{since}.")
    for why, count in done.skipped.most_common():
        click.echo(f"Not taken over: {count} x {why}.")
