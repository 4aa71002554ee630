"""vantage dev: what developing Vantage takes."""

from pathlib import Path
from typing import Any

import click

from local.commands.database import Group
from local.commands.output import json_option, print_json, print_table

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


def _replay_row(name: str, came_out: dict[str, Any]) -> tuple[str, ...]:
    return name, came_out["verdict"], " ".join(came_out["notices"]), " ".join(came_out["operator"])
