"""The command `vantage`. Each command imports what it needs when it runs, so that `vantage --help` is quick."""

import importlib
import sys
from keyword import iskeyword

import click

from vantage import __version__
from vantage.errors import VantageError

# One line per command: the command NAME is the function NAME of the module local.commands.NAME; NAME_ where
# Python has that word for itself.
COMMANDS = {
    "local": "Run the whole system on this machine.",
    "check": "Probe a URL from here, once, and show what was seen.",
    "monitors": "What is watched: apply, diff, export, list, pause, resume.",
    "regions": "Where things are watched from: list, enable, disable.",
    "uptime": "How much of the time things were up, from where, and how much of it was seen.",
    "failures": "What failed, newest first, and what fails from one region alone.",
    "incidents": "What was down, from where, and what was done about it: list, show, ack, note.",
    "maintenance": "Announced work, during which nothing counts: list, add, end.",
    "channels": "Where people are told: list, test.",
    "tokens": "Who may ask the API for what: create, list, revoke.",
    "ledger": "Where the checks of each minute ended: the sheet.",
    "doctor": "Is everything there that is needed, and what to do where it is not.",
    "migrate": "Bring the database up to date.",
    "import": "Take over what another system watched: kuma, prisma.",
    "dev": "For who works on Vantage itself: fill, replay, uptime.",
}


class LazyGroup(click.Group):
    """A group whose commands are imported when they are asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click's
        """All names, in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002  # click's
        """Import a command's module."""
        if cmd_name not in COMMANDS:
            return None
        name = f"{cmd_name}_" if iskeyword(cmd_name) else cmd_name
        command = getattr(importlib.import_module(f"local.commands.{name}"), name)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002  # click's
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=LazyGroup)
@click.version_option(__version__, prog_name="vantage")
def cli() -> None:
    """Vantage tells whether a website is up, from where, and since when."""


def main() -> None:
    """The entry point: an error that a user can meet is one line, and exit code 2."""
    try:
        cli(prog_name="vantage")
    except VantageError as error:
        print(f"vantage: {error}", file=sys.stderr)
        sys.exit(2)
