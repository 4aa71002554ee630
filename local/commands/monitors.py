"""vantage monitors: what is watched."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from local.commands.database import Group, Refused, data_dir_option, open_database, or_remote, system_env, with_database
from local.commands.maintenance import note_who_is_on_nobody
from local.commands.output import json_option, print_json, print_table
from local.remote import Remote, segment
from vantage.errors import VantageError
from vantage.monitors_file.apply import apply_plan, plan_files
from vantage.monitors_file.entry import whole
from vantage.monitors_file.fault import refuse
from vantage.monitors_file.model import json_schema
from vantage.monitors_file.plan import Part, Plan
from vantage.monitors_file.read import read
from vantage.monitors_file.values import Here
from vantage.monitors_file.write import document, to_yaml
from vantage.store.channels import Channel, load_channels
from vantage.store.connection import Connection
from vantage.store.heartbeats import ping_paths
from vantage.store.maintenance import Maintenance, list_maintenance
from vantage.store.monitors import Definition, load_definitions, near_slug, pause, resume
from vantage.store.regions import list_regions
from vantage.store.site import Site, load_site

EVERY = 1_000_000
CHANGES = 2
FAULTS = 1

files_argument = click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
prune_option = click.option("--prune", is_flag=True, help="Delete what no file names (its history stays).")
private_option = click.option(
    "--allow-private",
    is_flag=True,
    envvar="ALLOW_PRIVATE_ADDRESSES",
    help="Take private addresses too; a deployed system does not probe them.",
)


@click.group(cls=Group)
def monitors() -> None:
    """What is watched: files, lists, pauses."""


@monitors.command("apply")
@files_argument
@prune_option
@private_option
@json_option
@data_dir_option
def apply_command(files: Sequence[Path], prune: bool, allow_private: bool, as_json: bool, data_dir: Path) -> None:
    """Make the monitors be as FILES (or folders of them) say. Prints what it does first.

    What no file names stays, unless --prune. Where a file has a fault, all faults are listed and nothing is done.
    """
    with _planned(files, data_dir, prune=prune, allow_private=allow_private) as (connection, todo):
        print_json(plan_json(todo)) if as_json else click.echo(plan_text(todo))
        _warn_of_silent_regions(connection, todo)
        apply_plan(connection, todo)
        note_who_is_on_nobody(connection, todo.maintenance.changed)
    if todo.has_changes and not as_json:
        click.echo("Applied.")


@monitors.command("diff")
@files_argument
@prune_option
@private_option
@json_option
@data_dir_option
@click.pass_context
def diff_command(
    ctx: click.Context, files: Sequence[Path], prune: bool, allow_private: bool, as_json: bool, data_dir: Path
) -> None:
    """Print what `apply` would do. Exit code 0: nothing, 2: there are changes, 1: something is wrong."""
    try:
        with _planned(files, data_dir, prune=prune, allow_private=allow_private) as (connection, todo):
            print_json(plan_json(todo)) if as_json else click.echo(plan_text(todo))
            _warn_of_silent_regions(connection, todo)
    except VantageError as error:
        refused = Refused(str(error))
        refused.exit_code = FAULTS
        raise refused from None
    ctx.exit(CHANGES if todo.has_changes else 0)


@monitors.command("export")
@json_option
@with_database
def export_command(connection: Connection, as_json: bool) -> None:
    """Print all monitors, channels and announced work as a file that applies to no changes."""
    stored, told = load_definitions(connection), [one.configured() for one in load_channels(connection)]
    work = list_maintenance(connection, only_coming=True)
    content = (stored, told, work, load_site(connection))
    print_json(document(*content)) if as_json else click.echo(to_yaml(*content), nl=False)


def _list_remotely(api: Remote, as_json: bool) -> None:
    _show_all([*api.rows("/v1/monitors", EVERY)], as_json)


def _pause_remotely(api: Remote, slugs: Sequence[str]) -> None:
    _set_remotely(api, slugs, "pause", "paused", enabled=False)


def _resume_remotely(api: Remote, slugs: Sequence[str]) -> None:
    _set_remotely(api, slugs, "resume", "resumed", enabled=True)


@monitors.command("list")
@json_option
@or_remote(_list_remotely)
def list_command(connection: Connection, as_json: bool) -> None:
    """List all monitors."""
    stored = [whole(definition) for definition in load_definitions(connection)]
    paths = ping_paths(connection, [words["slug"] for words in stored])
    _show_all(
        [{**words, "ping": paths[words["slug"]]} if words["slug"] in paths else words for words in stored], as_json
    )


def _show_all(stored: Sequence[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        print_json({"data": stored, "next_cursor": None})
    elif stored:
        print_table(("SLUG", "NAME", "STATE", "EVERY", "REGIONS", "PUBLIC", "TARGET"), map(_row, stored))
    else:
        click.echo("No monitors yet. Write a file and apply it: vantage monitors apply FILE")


@monitors.command("pause")
@click.argument("slugs", nargs=-1, required=True)
@or_remote(_pause_remotely)
def pause_command(connection: Connection, slugs: Sequence[str]) -> None:
    """Stop checking these monitors, from the next minute that is not yet under way."""
    _set(connection, slugs, pause, "paused")


@monitors.command("resume")
@click.argument("slugs", nargs=-1, required=True)
@or_remote(_resume_remotely)
def resume_command(connection: Connection, slugs: Sequence[str]) -> None:
    """Check these monitors again."""
    _set(connection, slugs, resume, "resumed")


@monitors.command("schema")
def schema_command() -> None:
    """Print the file's JSON Schema, for editors."""
    print_json(json_schema())


@contextmanager
def _planned(
    files: Sequence[Path], data_dir: Path, *, prune: bool, allow_private: bool
) -> Iterator[tuple[Connection, Plan]]:
    try:
        env = system_env(data_dir)
        allow_private = allow_private or env.get("ALLOW_PRIVATE_ADDRESSES") == "true"
        connection = open_database(env)
    except VantageError:
        # The files' own faults can be told without a database.
        refuse(read(files, os.environ, Here(allow_private=allow_private)).faults)
        raise
    with connection:
        yield connection, plan_files(connection, files, os.environ, allow_private=allow_private, prune=prune)


def plan_text(todo: Plan) -> str:
    """The plan, a line per thing that is touched and one that counts."""
    parts: list[Part[Any]] = [todo.channels, todo, todo.maintenance, todo.status_page]
    lines = [*_channel_lines(todo.channels), *_monitor_lines(todo), *_maintenance_lines(todo.maintenance)]
    lines += _site_lines(todo.status_page)
    created, updated, pruned, unchanged = (
        sum(len(getattr(part, key)) for part in parts) for key in ("create", "update", "prune", "unchanged")
    )
    if lines:
        lines.append(f"{created} new, {updated} changed, {pruned} deleted, {unchanged} unchanged.")
    else:
        lines = [f"Nothing to do: {unchanged} unchanged."]
    if stays := [
        *(f"channel {name}" for name in todo.channels.stays),
        *todo.stays,
        *(f"maintenance {name}" for name in todo.maintenance.stays),
    ]:
        lines.append(f"{len(stays)} that no file names stay (--prune deletes them): {_some(stays)}")
    return "\n".join(lines)


def _monitor_lines(todo: Plan) -> Iterator[str]:
    yield from (f"+ {new.slug}: {_created(new, todo)}" for new in todo.create)
    yield from (f"~ {new.slug}: {'; '.join(map(_changed, changes))}" for new, changes in todo.update)
    yield from (f"- {slug}: deleted, its history stays" for slug in todo.prune)


def _channel_lines(todo: Part[Channel]) -> Iterator[str]:
    yield from (f"+ channel {new.name}: new, {new.type}" for new in todo.create)
    yield from (f"~ channel {new.name}: {'; '.join(map(_changed, changes))}" for new, changes in todo.update)
    yield from (f"- channel {name}: deleted, and what waits for it" for name in todo.prune)


def _site_lines(todo: Part[Site]) -> Iterator[str]:
    yield from (f"+ status page {new.title}: new" for new in todo.create)
    yield from (f"~ status page {new.title}: {'; '.join(map(_changed, changes))}" for new, changes in todo.update)


def _maintenance_lines(todo: Part[Maintenance]) -> Iterator[str]:
    yield from (f"+ maintenance {new.name}: new, {new.rrule or 'once'}" for new in todo.create)
    yield from (f"~ maintenance {new.name}: {'; '.join(map(_changed, changes))}" for new, changes in todo.update)
    yield from (f"- maintenance {name}: over" for name in todo.prune)


def plan_json(todo: Plan) -> dict[str, Any]:
    """The plan for programs: of monitors, with those of channels and announced work beside it."""
    monitors = _part_json(todo, lambda new: {"slug": new.slug})
    others = {"channels": _part_json(todo.channels, _named), "maintenance": _part_json(todo.maintenance, _named)}
    return {**monitors, "revive": sorted(todo.revive), **others}


def _named(one: Any) -> dict[str, str]:
    return {"name": one.name}


def _part_json(part: Part[Any], identity: Callable[[Any], dict[str, str]]) -> dict[str, Any]:
    return {
        "create": [next(iter(identity(new).values())) for new in part.create],
        "update": [
            {
                **identity(new),
                "changes": {change.key: {"before": change.before, "after": change.after} for change in changes},
            }
            for new, changes in part.update
        ],
        "prune": list(part.prune),
        "unchanged": list(part.unchanged),
        "stays": list(part.stays),
    }


def _created(new: Definition, todo: Plan) -> str:
    where = _target({"type": new.type, **new.spec})
    return "comes back, with its history" if new.slug in todo.revive else f"new, {where}"


def _changed(change: Any) -> str:
    return f"{change.key} {_said(change.before)} -> {_said(change.after)}"


def _said(value: Any) -> str:
    words = {None: "none", True: "true", False: "false"}
    return words[value] if value is None or isinstance(value, bool) else str(value)


def _some(slugs: Sequence[str], most: int = 10) -> str:
    return ", ".join(slugs[:most]) + (f" and {len(slugs) - most} more" if len(slugs) > most else "")


def _row(words: dict[str, Any]) -> tuple[str, ...]:
    return (
        words["slug"],
        words["name"],
        "on" if words["enabled"] else "paused",
        words["interval"],
        _regions(words),
        "yes" if words["public"] else "no",
        _target(words),
    )


def _regions(words: Mapping[str, Any]) -> str:
    """From where a monitor is probed; nobody goes to one whose job calls."""
    if "regions" not in words:
        return "-"
    return ", ".join(words["regions"] or ["all"])


def _target(words: Mapping[str, Any]) -> str:
    """Where a monitor looks: its URL, or its host with the port or the record; or where its job calls."""
    if "ping" in words or words.get("type") == "heartbeat":
        return str(words.get("ping", "heartbeat"))
    if "url" in words:
        return str(words["url"])
    return f"{words['host']}:{words['port']}" if "port" in words else f"{words['host']} {words.get('record', 'A')}"


def _set(
    connection: Connection, slugs: Sequence[str], change: Callable[[Connection, Sequence[str]], list[str]], done: str
) -> None:
    living = {definition.slug for definition in load_definitions(connection, slugs)}
    if unknown := [slug for slug in slugs if slug not in living]:
        raise Refused("\n".join([_unknown(connection, slug) for slug in unknown] + [f"Nothing was {done}."]))
    changed = change(connection, slugs)
    for slug in dict.fromkeys(slugs):
        click.echo(f"{slug}: {done}" if slug in changed else f"{slug}: was so already")


def _set_remotely(api: Remote, slugs: Sequence[str], action: str, done: str, *, enabled: bool) -> None:
    before = {slug: api.get(f"/v1/monitors/{segment(slug)}")["enabled"] for slug in slugs}
    for slug, was in before.items():
        api.send("POST", f"/v1/monitors/{segment(slug)}/{action}")
        click.echo(f"{slug}: was so already" if was is enabled else f"{slug}: {done}")


def _unknown(connection: Connection, slug: str) -> str:
    near = near_slug(connection, slug)
    hint = f"is {near} meant?" if near else "`vantage monitors list` shows all."
    return f"There is no monitor {slug!r}; {hint}"


def _warn_of_silent_regions(connection: Connection, todo: Plan) -> None:
    enabled = {region.name for region in list_regions(connection) if region.enabled}
    touched = [*todo.create, *(new for new, _ in todo.update)]
    for name in sorted({name for new in touched for name in new.regions or ()} - enabled):
        click.echo(
            f"Note: {name} is not enabled, nothing is checked from there (vantage regions enable {name}).", err=True
        )
