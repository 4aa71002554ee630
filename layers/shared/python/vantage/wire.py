"""How a check travels in the stream: `<version>;<regions>;<interval_s>;<x for an extra>;<JSON>`, one field.

What every reader must know before it decodes anything (is it for me, is it too late) stands first as plain text,
so that Redis itself can count by it (see `stream.py`). PostgreSQL renders the JSON: `[timeout_ms, type, spec]`.
Version 1 is the first; a later version also reads the one before.
"""

import json
from dataclasses import dataclass
from functools import cache

from vantage.check import Check
from vantage.errors import UndecodableEntry
from vantage.monitor import MonitorType, Region

VERSION = 1
FIELD = b"c"
_RAW_KEPT = 4000
_LAST_MS = 253_402_300_799_999  # the year 9999: no instant later than this can be stored


@dataclass(frozen=True, slots=True)
class Entry:
    """One decoded stream entry: a check, and the regions it is for."""

    check: Check
    regions: tuple[Region, ...]


@cache  # a page's entries have few different ones
def head(regions: tuple[Region, ...], interval_s: int, extra: bool = False) -> bytes:
    """Everything of an entry's value that stands before its JSON."""
    return f"{VERSION};{','.join(regions)};{interval_s};{'x' if extra else ''};".encode()


def split_id(entry_id: str) -> tuple[int, int]:
    """(checked_at in ms, monitor id) of an entry id; raises UndecodableEntry for an id that is not two numbers."""
    at, _, monitor = entry_id.partition("-")
    if not (at.isdigit() and monitor.isdigit() and int(at) <= _LAST_MS and int(monitor) < 1 << 63):
        raise UndecodableEntry(f"entry id {entry_id!r} is not <checked_at in ms>-<monitor id>")
    return int(at), int(monitor)


def regions_of(value: bytes) -> tuple[Region, ...]:
    """The regions an entry lists, without decoding the rest; raises UndecodableEntry."""
    version, _, rest = value.partition(b";")
    if version != b"%d" % VERSION:
        raise UndecodableEntry(f"an entry of schema version {version[:20]!r}; this version reads {VERSION}")
    regions, separator, _ = rest.partition(b";")
    if not separator:
        raise UndecodableEntry("an entry without its list of regions")
    return tuple(regions.decode("ascii", "replace").split(","))


def listed(value: bytes) -> tuple[Region, ...]:
    """The same for a reader that only counts: none where the entry cannot be read."""
    try:
        return regions_of(value)
    except UndecodableEntry:
        return ()


def raw_text(value: bytes) -> str:
    """An entry's value as text that can be stored, cut at 4,000 characters."""
    return value[:_RAW_KEPT].decode("utf-8", "replace").replace("\0", "\ufffd")


def is_extra(value: bytes) -> bool:
    """Whether an entry is an extra check, which nobody's schedule asked for."""
    return value.split(b";", 4)[3:4] == [b"x"]


def decode(entry_id: str, value: bytes) -> Entry:
    """Read an entry; raises UndecodableEntry, and nothing else, for anything that is not one."""
    checked_at_ms, monitor_id = split_id(entry_id)
    regions = regions_of(value)
    try:
        _, _, interval, mark, body = value.split(b";", 4)
        timeout_ms, kind, spec = json.loads(body)
        if not (isinstance(timeout_ms, int) and isinstance(spec, dict)):
            raise ValueError("timeout_ms is not a number or spec is not an object")
        check = Check(monitor_id, checked_at_ms, int(interval), timeout_ms, MonitorType(kind), spec, extra=mark == b"x")
        if check.interval_s <= 0 or timeout_ms <= 0:
            raise ValueError("interval and timeout must be positive")
    except (ValueError, TypeError, RecursionError) as error:
        raise UndecodableEntry(f"{type(error).__name__}: {error}"[:200]) from None
    return Entry(check, regions)
