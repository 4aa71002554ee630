"""A monitor's slots and what became of them, from `monitor_schedule`, `tick_ledger` and `check_result`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from vantage.check import Status
from vantage.monitor import Region
from vantage.store.connection import Connection
from vantage.uptime import Slots, sight

Span = tuple[datetime, datetime]
"""From an instant up to and without another."""


@dataclass(frozen=True, slots=True)
class Known:
    """What weighs on slots and is not in their rows: windows of maintenance, incidents, and each region's faults."""

    maintenance: Sequence[Span] = ()
    incidents: Sequence[Span] = ()
    faults: Mapping[Region, Sequence[Span]] = field(default_factory=dict)


# Slots of one look are counted here, so that a month comes out as a few rows; what a look means is decided in Python.
_LOOKS = """
WITH fault AS (
    SELECT * FROM unnest(%(fault_regions)s::text[], %(fault_from)s::timestamptz[], %(fault_until)s::timestamptz[])
        AS f (region, first, until)
), scheduled AS (
    SELECT l.region, s.interval_s,
           l.tick + make_interval(secs => step + offset_ms(s.phase_s, s.interval_s, l.spread_s) / 1000.0) AS at
      FROM monitor_schedule s
      JOIN tick_ledger l ON s.from_tick <= l.tick AND l.tick < s.until_tick
       AND (s.regions IS NULL OR l.region = ANY (s.regions))
       AND is_due(s.phase_s, s.interval_s, extract(epoch FROM l.tick)::bigint)
     CROSS JOIN generate_series(0, 59, s.interval_s) step
     WHERE s.monitor_id = %(monitor)s AND s.enabled
       AND l.tick >= date_trunc('minute', %(first)s::timestamptz) AND l.tick < %(until)s
), slot AS (
    SELECT d.at, d.interval_s,
           array_agg(d.region::text ORDER BY d.region) AS regions,
           array_agg(c.status::text ORDER BY d.region) AS statuses,
           array_agg(EXISTS (
               SELECT FROM fault f
                WHERE f.region = d.region::text AND f.first <= d.at AND d.at < f.until) ORDER BY d.region) AS faults
      FROM scheduled d
      LEFT JOIN check_result c ON c.monitor_id = %(monitor)s AND c.checked_at = d.at AND c.region = d.region
       AND c.checked_at >= %(first)s AND c.checked_at < %(until)s AND NOT c.extra
     WHERE d.at >= %(first)s AND d.at < %(until)s
     GROUP BY d.at, d.interval_s
)
SELECT interval_s, regions, statuses, faults,
       EXISTS (SELECT FROM unnest(%(held_from)s::timestamptz[], %(held_until)s::timestamptz[]) AS w (first, until)
                WHERE w.first <= at AND at < w.until) AS in_maintenance,
       EXISTS (SELECT FROM unnest(%(down_from)s::timestamptz[], %(down_until)s::timestamptz[]) AS i (first, until)
                WHERE i.first <= at AND at < i.until) AS in_incident,
       count(*)
  FROM slot GROUP BY 1, 2, 3, 4, 5, 6 ORDER BY 7 DESC"""


def slots(connection: Connection, monitor_id: int, first: datetime, until: datetime, known: Known) -> list[Slots]:
    """The slots of a monitor from `first` up to and without `until`; what is too young to have rows is unseen."""
    faults = [(region, *span) for region, spans in known.faults.items() for span in spans]
    rows = connection.execute(
        _LOOKS,
        {
            "monitor": monitor_id, "first": first, "until": until,
            "fault_regions": [region for region, _, _ in faults],
            "fault_from": [begin for _, begin, _ in faults], "fault_until": [end for _, _, end in faults],
            "held_from": [begin for begin, _ in known.maintenance], "held_until": [end for _, end in known.maintenance],
            "down_from": [begin for begin, _ in known.incidents], "down_until": [end for _, end in known.incidents],
        },
    )  # fmt: skip
    return [
        Slots(
            interval_s,
            {
                region: sight(Status(status) if status else None, in_maintenance=held, at_fault=at_fault)
                for region, status, at_fault in zip(regions, statuses, at_faults, strict=True)
            },
            in_incident,
            count,
        )
        for interval_s, regions, statuses, at_faults, held, in_incident, count in rows
    ]
