"""Results and failures as JSON."""

from collections.abc import Mapping
from typing import Any

from vantage.face.told.uptime import iso
from vantage.monitor import Region
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
