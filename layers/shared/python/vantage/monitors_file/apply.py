"""Files into the table `monitor`: what `vantage monitors apply` and `local --monitors` do."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from vantage.monitors_file.entry import definition
from vantage.monitors_file.fault import refuse
from vantage.monitors_file.plan import Plan, plan
from vantage.monitors_file.read import read
from vantage.monitors_file.values import Here
from vantage.store.connection import Connection
from vantage.store.monitors import (
    delete,
    deleted_slugs,
    load_definitions,
    reference_slugs,
    save,
    unnamed_slugs,
)
from vantage.store.regions import known_regions


def plan_files(
    connection: Connection,
    paths: Iterable[Path],
    env: Mapping[str, str],
    *,
    allow_private: bool = False,
    prune: bool = False,
) -> Plan:
    """What applying these files and folders would do; raises MonitorsFileError that lists every fault."""
    here = Here(allow_private, known_regions(connection), frozenset(reference_slugs(connection)))
    reading = read(paths, env, here)
    refuse(reading.faults)
    wanted = [definition(item) for item in reading.monitors]
    slugs = [new.slug for new in wanted]
    return plan(
        load_definitions(connection, slugs),
        wanted,
        unnamed=unnamed_slugs(connection, slugs),
        deleted=deleted_slugs(connection, slugs),
        prune=prune,
    )


def apply_plan(connection: Connection, todo: Plan) -> None:
    """Do it. Cut off half-way, the rest is what the next plan says: every step is safe to repeat."""
    save(connection, [*todo.create, *(new for new, _ in todo.update)])
    delete(connection, todo.prune)
