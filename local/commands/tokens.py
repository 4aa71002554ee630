"""vantage tokens: who may ask the API for what."""

import getpass
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import cast

import click

from local.commands.database import Group, Refused, with_database
from local.commands.output import json_option, print_json, print_table
from vantage.store.audit import write_audit
from vantage.store.connection import Connection
from vantage.store.tokens import Scope, TokenRow, create_token, list_tokens, revoke_token


@click.group(cls=Group)
def tokens() -> None:
    """Who may ask the API for what; also what `/login` takes."""


@tokens.command("create")
@click.argument("name")
@click.option(
    "--scope", type=click.Choice(["read", "write"]), default="read", show_default=True, help="Write reads, too."
)
@json_option
@with_database
def create_command(connection: Connection, name: str, scope: str, as_json: bool) -> None:
    """Make a token for NAME and print it, this once: only its hash is stored."""
    if not name.strip() or not name.isprintable() or len(name) > 100:
        raise Refused("A token's name is one line of at most 100 characters.")
    with connection.transaction():
        token = create_token(connection, name, cast("Scope", scope))
        if token is None:
            raise Refused(f"There is a token {name!r} already; take another name, or revoke that one first.")
        write_audit(connection, _actor(), "token.create", f"token/{name}", scope=scope)
    if as_json:
        print_json({"name": name, "scope": scope, "token": token})
    else:
        click.echo(token)
        click.echo("Keep it: it cannot be shown again.", err=True)


@tokens.command("list")
@json_option
@with_database
def list_command(connection: Connection, as_json: bool) -> None:
    """List the tokens, and when each was last used."""
    found = list_tokens(connection)
    if as_json:
        print_json({"data": [asdict(one) for one in found], "next_cursor": None})
    elif found:
        print_table(("NAME", "SCOPE", "CREATED (UTC)", "LAST USED (UTC)", "STATE"), map(_row, found))
    else:
        click.echo("No tokens yet: vantage tokens create NAME")


@tokens.command("revoke")
@click.argument("name")
@with_database
def revoke_command(connection: Connection, name: str) -> None:
    """Make the token NAME open nothing from now on."""
    with connection.transaction():
        if not revoke_token(connection, name):
            raise Refused(f"There is no token {name!r} that is not revoked; `vantage tokens list` names them.")
        write_audit(connection, _actor(), "token.revoke", f"token/{name}")
    click.echo(f"{name}: revoked")


def _actor() -> str:
    return f"cli:{getpass.getuser()}"


def _row(one: TokenRow) -> Sequence[str]:
    return one.name, one.scope, _day(one.created_at), _day(one.used_at), "revoked" if one.revoked_at else "good"


def _day(at: datetime | None) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M}" if at else "never"
