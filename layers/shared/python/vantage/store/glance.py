"""What the terminal of a local run shows: the latest result of each monitor in each region, and since when."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from psycopg.rows import class_row

from vantage.monitor import Region
from vantage.store.connection import Connection

MOST_LOOKED_BACK = 200  # cells; a day of a cell's history is read for each, once


@dataclass(frozen=True, slots=True)
class Cell:
    """A monitor in a region: its latest result (null without any), and since when it has had this status."""

    monitor_id: int
    slug: str
    name: str
    region: Region
    status: str | None
    reason: str | None
    http_status: int | None
    latency_ms: float | None
    checked_at: datetime | None
    since: datetime | None = None


@dataclass(slots=True)
class Glancer:
    """Reads the cells again and again, and remembers since when each has its status."""

    _known: dict[tuple[int, Region], Cell] = field(default_factory=dict)

    def cells(self, connection: Connection) -> list[Cell]:
        """Every living monitor in every enabled region that it is for, by name."""
        latest = _latest(connection)
        new = [cell for cell in latest if cell.status and (cell.monitor_id, cell.region) not in self._known]
        began = _since(connection, new[:MOST_LOOKED_BACK]) if new else {}
        cells = [self._with_since(cell, began.get((cell.monitor_id, cell.region))) for cell in latest]
        self._known = {(cell.monitor_id, cell.region): cell for cell in cells if cell.status}
        return cells

    def _with_since(self, cell: Cell, began: datetime | None) -> Cell:
        before = self._known.get((cell.monitor_id, cell.region))
        if before is not None and before.status == cell.status:
            return replace(cell, since=before.since)
        return replace(cell, since=began or cell.checked_at)


def _latest(connection: Connection) -> list[Cell]:
    query = """
        SELECT m.id AS monitor_id, m.slug, m.name, r.name::text AS region, c.status::text, c.reason::text,
               c.http_status::integer, (c.total_us / 1000.0)::float AS latency_ms, c.checked_at
          FROM monitor m
          JOIN region r ON r.enabled AND (m.regions IS NULL OR r.name = ANY (m.regions))
          LEFT JOIN LATERAL (
            SELECT status, reason, http_status, total_us, checked_at FROM check_result
             WHERE monitor_id = m.id AND region = r.name AND status NOT IN ('expired', 'dead')
               AND checked_at > now() - interval '1 day'
             ORDER BY checked_at DESC LIMIT 1) c ON true
         WHERE m.deleted_at IS NULL AND m.enabled AND NOT m.reference
         ORDER BY m.name, r.name"""
    with connection.cursor(row_factory=class_row(Cell)) as cursor:
        return cursor.execute(query).fetchall()


def _since(connection: Connection, cells: Sequence[Cell]) -> dict[tuple[int, Region], datetime]:
    """When each cell's status began, as far as a day back: after the last result that had another one."""
    query = """
        SELECT k.monitor_id, k.region, (
            SELECT min(x.checked_at) FROM check_result x
             WHERE x.monitor_id = k.monitor_id AND x.region = k.region::location AND x.status = k.status::check_status
               AND x.checked_at > coalesce((
                    SELECT max(y.checked_at) FROM check_result y
                     WHERE y.monitor_id = k.monitor_id AND y.region = k.region::location
                       AND y.status NOT IN (k.status::check_status, 'expired', 'dead')
                       AND y.checked_at > now() - interval '1 day'), now() - interval '1 day'))
          FROM unnest(%s::bigint[], %s::text[], %s::text[]) k (monitor_id, region, status)"""
    keys = ([c.monitor_id for c in cells], [c.region for c in cells], [c.status for c in cells])
    return {(monitor_id, region): at for monitor_id, region, at in connection.execute(query, keys) if at}
