"""Results and failures as JSON."""

from collections.abc import Iterable, Mapping
from typing import Any

from vantage.face.told.uptime import iso
from vantage.monitor import Region
from vantage.store.figures import Alone
from vantage.store.history import Seen

Names = Mapping[int, tuple[str, str]]


def result(row: Seen) -> dict[str, Any]:
    """What a region saw; times in microseconds."""
    rest = {name: value for name, value in row._asdict().items() if name not in ("monitor_id", "checked_at")}
    return {"checked_at": iso(row.checked_at), **rest}


def failure(row: Seen, names: Names, beside: Mapping[Region, str]) -> dict[str, Any]:
    """A failure, whose it is, and what the other regions saw at the same instant."""
    slug, _ = names.get(row.monitor_id, (None, None))
    return {"slug": slug, **result(row), "elsewhere": {r: s for r, s in beside.items() if r != row.region}}


def alone(found: Iterable[Alone], names: Names, region: Region | None) -> list[dict[str, Any]]:
    """How often monitors failed from one region (from this one, where it is given) and from no other that saw them."""
    return [
        {"slug": names[one.monitor_id][0], "region": one.region, "failed_alone": one.alone, "slots": one.slots}
        for one in found
        if one.monitor_id in names and region in (None, one.region)
    ]
