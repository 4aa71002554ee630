"""What becomes of a stream entry when a worker takes it: pure, for each entry by itself."""

from contextlib import suppress
from dataclasses import replace

from vantage.check import Check, Result, Status
from vantage.durations import Durations
from vantage.errors import UndecodableEntry
from vantage.monitor import Region
from vantage.schedule import expires_after_s
from vantage.store.results import DeadLetter
from vantage.stream.reader import RawEntry
from vantage.wire import decode, raw_text, split_id

MOST_DELIVERIES = 5

Fate = Check | Result | DeadLetter | None
"""To be probed, a row that says it was not, an entry to be buried, or (None) not for this region: nothing at all."""


def fate_of(entry: RawEntry, *, region: Region, now_ms: int, durations: Durations, is_poison: bool = False) -> Fate:
    """Decide on one entry; nothing that stands in it raises."""
    entry_id, value = entry
    if value is None:
        return _trimmed(entry_id, region)
    if is_poison:
        return _buried(entry_id, value, region, f"delivered more than {MOST_DELIVERIES} times")
    try:
        read = decode(entry_id, value)
    except UndecodableEntry as error:
        return _buried(entry_id, value, region, str(error))
    if region not in read.regions:
        return None
    return expired(read.check, region) if is_too_late(read.check, now_ms, durations) else read.check


def is_too_late(check: Check, now_ms: int, durations: Durations) -> bool:
    """Whether a check would only be probed after its time."""
    limit_s = expires_after_s(
        check.interval_s, check.extra, least_s=durations.expiry_least_s, most_s=durations.expiry_most_s
    )
    return now_ms - check.checked_at_ms > limit_s * 1000


def expired(check: Check, region: Region) -> Result:
    """The row of a check that was not probed in time; the store gives it its interval, and drops what is no slot. An
    extra is no slot and was pushed all the same: it says so itself, or it would be lost to the books."""
    row = Result(check.monitor_id, check.checked_at_ms, region, Status.EXPIRED)
    return replace(row, interval_s=check.interval_s, extra=True) if check.extra else row


def _trimmed(entry_id: str, region: Region) -> Result | DeadLetter:
    """Its body was trimmed away while it was pending: the id says which check it was, the store if it is one."""
    try:
        checked_at_ms, monitor_id = split_id(entry_id)
    except UndecodableEntry as error:
        return DeadLetter(entry_id, str(error), None)
    return Result(monitor_id, checked_at_ms, region, Status.EXPIRED)


def _buried(entry_id: str, value: bytes, region: Region, reason: str) -> DeadLetter:
    """Keep the raw text; where the id is a slot of a monitor here, its check ended as dead."""
    result = None
    with suppress(UndecodableEntry):  # an id that no check can have
        checked_at_ms, monitor_id = split_id(entry_id)
        result = Result(monitor_id, checked_at_ms, region, Status.DEAD)
    return DeadLetter(entry_id, reason.replace("\0", "\ufffd"), raw_text(value), result)
