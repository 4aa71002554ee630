"""The sheet as JSON."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from vantage.face.told.uptime import iso
from vantage.monitor import Region
from vantage.store.connection import Connection
from vantage.store.regions import list_regions
from vantage.store.sheet import Counts, TickSheet
from vantage.stream.writer import Backlog, StreamWriter


def state(tick: TickSheet) -> str:
    """What a tick is: gap, pushing, open or closed."""
    if tick.gap:
        return "gap"
    if not tick.complete:
        return "pushing"
    return "closed" if tick.closed else "open"


def remainder(tick: TickSheet, counts: Counts) -> tuple[int | None, int | None]:
    """(open, lost): the same figure, before and after the close."""
    return (None, counts.lost) if tick.closed else (counts.lost, None)


def tick_told(tick: TickSheet) -> dict[str, Any]:
    """One tick in each of its regions."""
    return {
        "tick": iso(tick.tick),
        "state": state(tick),
        "regions": {region: _counts(tick, region) for region in tick.regions},
    }


def backlogs(connection: Connection, stream: StreamWriter) -> dict[Region, Backlog]:
    """Redis's estimate for each region's group."""
    groups = stream.backlogs()
    return {row.name: groups[row.redis_group] for row in list_regions(connection) if row.redis_group in groups}


def backlogs_told(found: Mapping[Region, Backlog]) -> dict[Region, dict[str, int | None]]:
    """That as JSON."""
    return {region: asdict(backlog) for region, backlog in found.items()}


def _counts(tick: TickSheet, region: Region) -> dict[str, int | None]:
    counts = tick.regions[region]
    still, lost = remainder(tick, counts)
    return {"due": tick.due.get(region), **counts.as_dict(), "open": still, "lost": lost}
