"""vantage import: take over what another system watched."""

from collections.abc import Sized
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING

import click

from local.commands.database import Group, Refused, with_database
from local.commands.output import json_option, print_json
from vantage.settings import check_encrypted
from vantage.store.connection import Connection

if TYPE_CHECKING:
    from local.kuma.translate import Translated


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


@import_.command("kuma")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--output", type=click.Path(path_type=Path), help="Write the monitors file there instead of printing it.")
@json_option
def kuma_command(file: Path, output: Path | None, as_json: bool) -> None:
    """Make a monitors file of Uptime Kuma's FILE: a backup of Kuma 1 (JSON), or a kuma.db, which is only read.

    What could not be carried over, and which variables the file needs, is told on standard error. Nothing is applied:
    look at the file, then `vantage monitors apply` it.
    """
    from local.kuma.reading import read_kuma
    from local.kuma.translate import translate
    from vantage.monitors_file.write import dump

    done = translate(read_kuma(file))
    if as_json:
        told = {"file": done.document, "left_out": _pairs(done.left_out), "changed": _pairs(done.changed)}
        print_json({**told, "variables": done.variables})
        return
    if output is None:
        click.echo(dump(done.document), nl=False)
    elif output.exists():
        raise Refused(f"{output} is there already; name another file.")
    else:
        output.write_text(dump(done.document), encoding="utf-8")
    click.echo(report(done), err=True)


def report(done: "Translated") -> str:
    """What was taken over, and what was not; each sentence once, with those that it is about."""
    lines = [f"{_counted(done.monitors, 'monitor')} and {_counted(done.channels, 'channel')} taken over."]
    for head, pairs in (("Not taken over", done.left_out), ("Differs from Kuma", done.changed)):
        whose: dict[str, list[str]] = {}
        for name, why in pairs:
            whose.setdefault(why, []).append(name)
        lines += [f"{head}: {', '.join(names)}: {why}." for why, names in whose.items()]
    lines += [f"Set {name}: {says}." for name, says in done.variables.items()]
    return "\n".join(lines)


def _counted(things: Sized, what: str) -> str:
    return f"{len(things)} {what}{'' if len(things) == 1 else 's'}"


def _pairs(pairs: "list[tuple[str, str]]") -> list[dict[str, str]]:
    return [{"name": name, "why": why} for name, why in pairs]
