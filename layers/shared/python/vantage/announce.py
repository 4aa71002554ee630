"""Announced work: its windows are worked out two months ahead, and the housekeeper goes on from there."""

from datetime import datetime, timedelta

from vantage.recurrence import spans
from vantage.store import maintenance as store
from vantage.store.connection import Connection
from vantage.store.maintenance import Maintenance, WorkedOut

AHEAD = timedelta(days=60)
GO_ON_BEFORE = timedelta(days=30)


def worked_out(one: Maintenance, now: datetime) -> WorkedOut:
    """The windows of announced work that are not over, as far ahead as they are kept."""
    found = spans(one.starts, one.duration_s, one.timezone, one.rrule, after=now, until=now + AHEAD)
    return WorkedOut(found.windows, None if found.is_all else now + AHEAD)


def go_on(connection: Connection, now: datetime) -> int:
    """Work out what of recurring work comes next; returns for how many this was due."""
    due = store.worked_out_before(connection, now + GO_ON_BEFORE)
    for one in due:
        store.go_on(connection, one.id, worked_out(one, now))
    return len(due)
