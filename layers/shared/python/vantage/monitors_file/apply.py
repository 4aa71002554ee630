"""Files into the tables: what `vantage monitors apply` and `local --monitors` do."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from vantage.announce import worked_out
from vantage.monitors_file import channel, maintenance, status_page
from vantage.monitors_file.entry import definition
from vantage.monitors_file.fault import refuse
from vantage.monitors_file.plan import Part, Plan, compare, plan
from vantage.monitors_file.read import Reading, read
from vantage.monitors_file.values import Here
from vantage.store import maintenance as store
from vantage.store.channels import Channel, delete_channels, load_channels, save_channels
from vantage.store.connection import Connection
from vantage.store.maintenance import Maintenance, list_maintenance
from vantage.store.monitors import (
    delete,
    deleted_slugs,
    load_definitions,
    reference_slugs,
    save,
    unnamed_slugs,
)
from vantage.store.regions import known_regions
from vantage.store.site import Site, load_site, save_site


def plan_files(
    connection: Connection,
    paths: Iterable[Path],
    env: Mapping[str, str],
    *,
    allow_private: bool = False,
    prune: bool = False,
) -> Plan:
    """What applying these files and folders would do; raises MonitorsFileError that lists every fault."""
    channels = [one.configured() for one in load_channels(connection)]
    here = Here(
        allow_private,
        known_regions(connection),
        frozenset(reference_slugs(connection)),
        frozenset() if prune else frozenset(one.name for one in channels),
    )
    reading = read(paths, env, here)
    refuse(reading.faults)
    wanted = [definition(item) for item in reading.monitors]
    slugs = [new.slug for new in wanted]
    todo = plan(
        load_definitions(connection, slugs),
        wanted,
        unnamed=unnamed_slugs(connection, slugs),
        deleted=deleted_slugs(connection, slugs),
        prune=prune,
        channels=_plan_channels(channels, reading, prune=prune),
        maintenance=_plan_maintenance(connection, reading, prune=prune),
    )
    return replace(todo, status_page=_plan_status_page(connection, reading))


def _plan_status_page(connection: Connection, reading: Reading) -> Part[Site]:
    """What no file says stays as it is."""
    stored = load_site(connection)
    known = {"status_page": stored} if stored else {}
    wanted = {"status_page": status_page.site(reading.status_page)} if reading.status_page else {}
    return compare(known, wanted, status_page.whole, (), prune=False)


def _plan_channels(stored: Iterable[Channel], reading: Reading, *, prune: bool) -> Part[Channel]:
    """Where no file says who the operator is, that stays as it is, also of channels that a file describes anew."""
    known = {one.name: one for one in stored}
    operators = {one.name for one in known.values() if one.operator} if reading.operator is None else reading.operator
    wanted = {item.name: channel.channel(item, operator=item.name in operators) for item in reading.channels}
    unnamed = known.keys() - wanted.keys()
    if not prune:
        moved = [replace(known[name], operator=name in operators) for name in sorted(unnamed)]
        wanted |= {one.name: one for one in moved if one != known[one.name]}
    return compare(known, wanted, channel.whole, unnamed - wanted.keys(), prune=prune)


def _plan_maintenance(connection: Connection, reading: Reading, *, prune: bool) -> Part[Maintenance]:
    """By name, with the newest of that name: what was ended early stays over, until the file says something else."""
    known = {one.name: one for one in reversed(list_maintenance(connection))}
    wanted = {item.name: maintenance.maintenance(item) for item in reading.maintenance}
    wanted = {name: replace(one, id=known[name].id if name in known else 0) for name, one in wanted.items()}
    coming = {one.name for one in list_maintenance(connection, only_coming=True)}
    return compare(known, wanted, maintenance.whole, coming - wanted.keys(), prune=prune)


def apply_plan(connection: Connection, todo: Plan) -> None:
    """Do it. Cut off half-way, the rest is what the next plan says: every step is safe to repeat."""
    if todo.channels.changed:
        save_channels(connection, todo.channels.changed)
    save(connection, todo.changed)
    delete(connection, todo.prune)
    if todo.channels.prune:
        delete_channels(connection, todo.channels.prune)
    _announce(connection, todo.maintenance)
    for site in todo.status_page.changed:
        save_site(connection, site)


def _announce(connection: Connection, todo: Part[Maintenance]) -> None:
    now = datetime.now(UTC)
    for one in todo.create:
        store.add(connection, one, worked_out(one, now))
    for one, _ in todo.update:
        store.change(connection, one, worked_out(one, now))
    for one in list_maintenance(connection, only_coming=True) if todo.prune else ():
        if one.name in todo.prune:
            store.end(connection, one.id)
