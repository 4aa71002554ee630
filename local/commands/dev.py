"""vantage dev: what developing Vantage takes."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from local.commands.database import Group, data_dir_option, open_database, system_env, with_database
from local.commands.output import json_option, print_json, print_table
from vantage.errors import VantageError
from vantage.store.connection import Connection

file_argument = click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))


@click.group(cls=Group)
def dev() -> None:
    """For who works on Vantage itself."""


@dev.command("replay")
@file_argument
@json_option
def replay_command(file: Path, as_json: bool) -> None:
    """Judge every verdict scenario of FILE and print what comes out, by id, in the notation of its `expect`."""
    from local.scenarios import read_scenarios, replayed

    came_out = {scenario.id: replayed(scenario) for scenario in read_scenarios(file)}
    if as_json:
        print_json(came_out)
    else:
        print_table(("ID", "VERDICT", "NOTICES", "OPERATOR"), [_replay_row(*one) for one in came_out.items()])


@dev.command("uptime")
@file_argument
@json_option
@data_dir_option
def uptime_command(file: Path, as_json: bool, data_dir: Path) -> None:
    """Count every uptime example of FILE through the database and print the figures by id, as its `expect` has them.

    They are counted in a schema of their own, which is gone afterwards; without a database, in one that runs meanwhile.
    """
    from local.uptime_examples import counted, read_examples, scratch

    examples = read_examples(file)
    with _any_database(data_dir) as url, scratch(url) as connection:
        figures = {example.id: counted(connection, example).printed() for example in examples}
    if as_json:
        print_json(figures)
    else:
        print_table(("ID", "OF", "UPTIME", "COVERAGE", "LOW", "HIGH"), list(_uptime_rows(figures)))


@dev.command("fill")
@click.option("--rows", type=click.IntRange(1), required=True, help="About how many results.")
@click.option("--monitors", type=click.IntRange(1), help="Of how many monitors.  [default: a month's each]")
@with_database
def fill_command(connection: Connection, rows: int, monitors: int | None) -> None:
    """Make realistic history that ends now, of monitors that are paused; for benches and demos."""
    from local.fill import fill

    made = fill(connection, rows, monitors=monitors)
    click.echo(
        f"{made.rows} results of {made.monitors} monitors from {made.first:%Y-%m-%d %H:%M} UTC on, rolled up, "
        f"in {made.seconds:.1f} s. Slugs: filled-1 …"
    )


@contextmanager
def _any_database(data_dir: Path) -> Iterator[str]:
    """The URL of the system's database, or of a PostgreSQL that is started for this command."""
    from local.servers import embedded

    try:
        env = system_env(data_dir)
        open_database(env).close()
    except VantageError:
        if os.environ.get("DATABASE_URL"):
            raise
        with embedded(fast=True) as servers:
            yield servers.database_url
    else:
        yield env["DATABASE_URL"]


def _uptime_rows(figures: dict[str, dict[str, Any]]) -> Iterator[tuple[str, ...]]:
    for name, one in figures.items():
        shown = {**one["regions"], "availability": one["availability"], "reachability": one["reachability"]}
        for of, tally in shown.items():
            yield name, of, *(tally[key] or "-" for key in ("uptime", "coverage", "low", "high"))


def _replay_row(name: str, came_out: dict[str, Any]) -> tuple[str, ...]:
    return name, came_out["verdict"], " ".join(came_out["notices"]), " ".join(came_out["operator"])
