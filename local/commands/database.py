"""Where a command finds the system it speaks to: the environment, else what runs here.

A local system leaves `<data-dir>/urls.json` while it runs: the part of its environment that speaking to it takes,
`{"DATABASE_URL": …, "REDIS_URL": …, "ALLOW_PRIVATE_ADDRESSES": "true", "SSL_CERT_FILE": …}`.
"""

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

import click
import psycopg
from psycopg.conninfo import conninfo_to_dict

from local.remote import remote_of
from vantage.errors import ServerUnavailable, SettingsError, VantageError
from vantage.settings import check_encrypted
from vantage.store.connection import Connection, connect

URLS = "urls.json"
Command = TypeVar("Command", bound=Callable[..., Any])

data_dir_option = click.option(
    "--data-dir",
    type=click.Path(path_type=Path),
    default=Path(".vantage"),
    show_default=True,
    help="Of a local system that runs here; used where DATABASE_URL is not set.",
)


class Refused(click.ClickException):
    """A sentence for the user, and exit code 2."""

    exit_code = 2

    def show(self, file: Any = None) -> None:
        """Print the sentence, or each line of it, and nothing else."""
        click.echo(self.format_message(), file=file, err=file is None)


@contextmanager
def _told() -> Iterator[None]:
    """Whatever a user can meet becomes its sentence."""
    try:
        yield
    except VantageError as error:
        raise Refused(str(error)) from None
    except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedObject):
        raise Refused(
            "This database does not have Vantage's tables yet, or older ones. Run `vantage migrate`."
        ) from None
    except psycopg.Error as error:
        raise Refused(f"PostgreSQL refuses: {(str(error).splitlines() or ['no reason given'])[0]}") from None


class Group(click.Group):
    """Commands that end with a sentence and exit code 2 where something is wrong."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command that was named."""
        with _told():
            return super().invoke(ctx)


class Single(click.Command):
    """A command without others beneath it, which ends in the same way."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run it."""
        with _told():
            return super().invoke(ctx)


def system_env(data_dir: Path, env: Mapping[str, str] = os.environ) -> Mapping[str, str]:
    """The environment that says where the system is; raises SettingsError where there is none."""
    if env.get("DATABASE_URL"):
        return env
    try:
        found: dict[str, str] = json.loads((data_dir / URLS).read_text())
    except (OSError, ValueError):
        raise SettingsError(
            f"There is no database to speak to: set DATABASE_URL, or start a local system (none runs in {data_dir}; "
            "say --data-dir where it is elsewhere)."
        ) from None
    return found


def open_database(env: Mapping[str, str]) -> Connection:
    """A connection to the system's database; raises SettingsError or ServerUnavailable."""
    url = env["DATABASE_URL"]
    if env is os.environ:
        _check_readable(url)
        check_encrypted("DATABASE_URL", url)
        return connect(url, name="vantage-cli")
    try:
        return connect(url, name="vantage-cli")
    except ServerUnavailable:
        raise ServerUnavailable(
            "The local system is not running any more. Start it again, or set DATABASE_URL."
        ) from None


def _check_readable(url: str) -> None:
    """Refuse what libpq could not read; its own message would repeat parts of the URL, which may be the password."""
    try:
        readable = url.startswith(("postgresql://", "postgres://"))
        readable = readable and set(str(conninfo_to_dict(url).get("port", ""))) <= set("0123456789,")
    except psycopg.ProgrammingError:
        readable = False
    if not readable:
        raise SettingsError(
            "DATABASE_URL cannot be read: it must be postgresql://user:password@host:port/name, "
            "with special characters of the password %-encoded."
        )


def with_database(command: Command) -> Command:
    """Give a command the option --data-dir and, as its first argument, a connection."""
    return _with_system(command, None)


def or_remote(remotely: Callable[..., Any]) -> Callable[[Command], Command]:
    """Likewise; where VANTAGE_URL and VANTAGE_TOKEN are set, do it `remotely`: a Remote comes first."""
    return lambda command: _with_system(command, remotely)


def _with_system(command: Command, remotely: Callable[..., Any] | None) -> Command:
    @data_dir_option
    @wraps(command)
    def run(*args: Any, data_dir: Path, **options: Any) -> Any:
        if remotely is not None and (api := remote_of(os.environ)) is not None:
            return remotely(api, *args, **options)
        with closing(open_database(system_env(data_dir))) as connection:
            return command(connection, *args, **options)

    return run  # type: ignore[return-value]  # a decorator that adds an option keeps no signature
