"""What all regions together saw of slots, in SQL: the one place where schedule, ledger and results are laid together.

A look is what slots have in common: the interval in force, each region's status (`-`: no row; `!`: the region was at
fault), the regions that are degraded only because a certificate ends soon, `maintenance`, `incident`:
`60 USA:degraded INDIA:down EU:-! certificate=USA incident`. What it means is decided in `vantage.uptime`.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from vantage.check import Status
from vantage.monitor import Region
from vantage.uptime import Slots, sight

HOUR = timedelta(hours=1)
ENDS = "certificate="


# CTEs: `due` is every check that was due, `slot` that in each region, `seen` those with what came of them. Whether one
# is due is the rule of is_due(): its ticks are generated, a million monitors' are not tried. Each step is for itself:
# joined in one go, every monitor is laid beside every row of the ledger.
SEEN = """
due AS MATERIALIZED (
    SELECT s.monitor_id, s.interval_s, s.phase_s, s.regions, to_timestamp(tick_s) AS tick
      FROM monitor_schedule s
     CROSS JOIN LATERAL (
        SELECT greatest(s.interval_s, 60) AS step_s, s.phase_s - s.phase_s %% 60 AS at_s,
               extract(epoch FROM greatest(date_trunc('minute', %(first)s::timestamptz), s.from_tick))::bigint
               AS from_s,
               extract(epoch FROM least(%(until)s::timestamptz, s.until_tick))::bigint AS until_s) b
     CROSS JOIN LATERAL generate_series(
        b.from_s + ((b.at_s - b.from_s) %% b.step_s + b.step_s) %% b.step_s, b.until_s, b.step_s) tick_s
     WHERE s.enabled AND s.from_tick < %(until)s AND s.until_tick > date_trunc('minute', %(first)s::timestamptz)
       AND to_timestamp(tick_s) < s.until_tick
       AND (%(monitors)s::bigint[] IS NULL OR s.monitor_id = ANY (%(monitors)s))
), slot AS MATERIALIZED (
    SELECT d.monitor_id, d.interval_s, l.region, l.tick,
           l.tick + (step * 1000 + offset_ms(d.phase_s, d.interval_s, l.spread_s)) * interval '1 millisecond' AS at
      FROM due d
      JOIN tick_ledger l ON l.tick = d.tick AND l.tick < %(until)s
       AND l.tick >= date_trunc('minute', %(first)s::timestamptz) AND (d.regions IS NULL OR l.region = ANY (d.regions))
     CROSS JOIN LATERAL generate_series(0, 59, d.interval_s) step
), seen AS MATERIALIZED (
    SELECT d.monitor_id, d.interval_s, d.region, d.at, c.status, f.tick IS NOT NULL AS at_fault,
           c.status = 'degraded' AND c.reason = 'certificate' AS ends
      FROM slot d
      LEFT JOIN check_result c ON c.monitor_id = d.monitor_id AND c.checked_at = d.at AND c.region = d.region
       AND c.checked_at >= %(first)s AND c.checked_at < %(until)s AND NOT c.extra
       AND (%(monitors)s::bigint[] IS NULL OR c.monitor_id = ANY (%(monitors)s))
      LEFT JOIN region_fault f ON f.tick = d.tick AND f.region = d.region
     WHERE d.at >= %(first)s AND d.at < %(until)s
)"""

# CTE: how many slots of each monitor have which look.
LOOKS = """
held AS (
    SELECT m.id AS monitor_id, w.from_at AS first, w.until_at AS until
      FROM maintenance_window w
      JOIN maintenance x ON x.id = w.maintenance_id
      JOIN monitor m ON cardinality(x.groups) + cardinality(x.slugs) = 0
                     OR m.group_name = ANY (x.groups) OR m.slug = ANY (x.slugs)
     WHERE w.until_at > %(first)s AND w.from_at < %(until)s
       AND (%(monitors)s::bigint[] IS NULL OR m.id = ANY (%(monitors)s))
), together AS (
    SELECT monitor_id, at, interval_s,
           string_agg(region::text || ':' || coalesce(status::text, '-') || CASE WHEN at_fault THEN '!' ELSE '' END,
                      ' ' ORDER BY region)
           || coalesce(' certificate=' || string_agg(region::text, ',' ORDER BY region) FILTER (WHERE ends), '')
           AS regions
      FROM seen GROUP BY monitor_id, at, interval_s
), looks AS (
    SELECT monitor_id,
           interval_s || ' ' || regions
           || CASE WHEN EXISTS (SELECT FROM held h WHERE h.monitor_id = t.monitor_id AND h.first <= at AND at < h.until)
                   THEN ' maintenance' ELSE '' END
           || CASE WHEN EXISTS (SELECT FROM incident i
                                 WHERE i.monitor_id = t.monitor_id AND i.began_at <= at
                                   AND at < coalesce(i.resolved_at, 'infinity'))
                   THEN ' incident' ELSE '' END AS look,
           count(*)::integer AS slots
      FROM together t GROUP BY 1, 2
)"""

# CTE: how long the good rows of a monitor in a region took, in sparse histograms, and the medians of the phases.
TIMES = """
timed AS MATERIALIZED (
    SELECT monitor_id, region, total_us, first_byte_us, dns_us, connect_us, tls_us, download_us
      FROM check_result
     WHERE checked_at >= %(first)s AND checked_at < %(until)s AND status IN ('up', 'degraded')
       AND NOT (cold OR lagging OR extra)
       AND (%(monitors)s::bigint[] IS NULL OR monitor_id = ANY (%(monitors)s))
), total AS (
    SELECT monitor_id, region, array_agg(i ORDER BY i) AS i, array_agg(n ORDER BY i) AS n
      FROM (SELECT monitor_id, region, latency_bucket(total_us) AS i, count(*)::integer AS n
              FROM timed WHERE total_us IS NOT NULL GROUP BY 1, 2, 3) b
     GROUP BY 1, 2
), first_byte AS (
    SELECT monitor_id, region, array_agg(i ORDER BY i) AS i, array_agg(n ORDER BY i) AS n
      FROM (SELECT monitor_id, region, latency_bucket(first_byte_us) AS i, count(*)::integer AS n
              FROM timed WHERE first_byte_us IS NOT NULL GROUP BY 1, 2, 3) b
     GROUP BY 1, 2
)"""

MEDIANS = """
medians AS (
    SELECT monitor_id, region,
           percentile_disc(0.5) WITHIN GROUP (ORDER BY dns_us) AS dns_us,
           percentile_disc(0.5) WITHIN GROUP (ORDER BY connect_us) AS connect_us,
           percentile_disc(0.5) WITHIN GROUP (ORDER BY tls_us) AS tls_us,
           percentile_disc(0.5) WITHIN GROUP (ORDER BY download_us) AS download_us
      FROM timed GROUP BY 1, 2
)"""


def arguments(first: datetime, until: datetime, monitors: Sequence[int] | None = None) -> dict[str, Any]:
    """What these CTEs ask for: slots from `first` up to and without `until`, of some monitors or (None) of all."""
    return {"first": first, "until": until, "monitors": None if monitors is None else list(monitors)}


def as_slots(counted: Mapping[str, int] | Iterable[tuple[str, int]]) -> list[Slots]:
    """Looks and how many slots have each, as what uptime is counted from."""
    pairs = counted.items() if isinstance(counted, Mapping) else counted
    return [Slots(*_read(look), count) for look, count in pairs]


@lru_cache(maxsize=4096)
def slow_in(look: str) -> frozenset[Region]:
    """The regions in which slots of this look were seen slow, and counted."""
    return _degraded_in(look) - ending_in(look)


@lru_cache(maxsize=4096)
def ending_in(look: str) -> frozenset[Region]:
    """The regions in which slots of this look were seen well but for a certificate that ends soon, and counted."""
    told = next((word for word in look.split() if word.startswith(ENDS)), ENDS)
    return _degraded_in(look) & frozenset(told.removeprefix(ENDS).split(","))


def _degraded_in(look: str) -> frozenset[Region]:
    if "maintenance" in look:
        return frozenset()
    words = (word.partition(":") for word in look.split() if ":" in word)
    return frozenset(region for region, _, saw in words if saw == Status.DEGRADED)


@lru_cache(maxsize=4096)
def _read(look: str) -> tuple[int, Mapping[Region, Any], bool]:
    interval_s, *words = look.split()
    held, in_incident = "maintenance" in words, "incident" in words
    sights = {}
    for region, _, saw in (word.partition(":") for word in words if ":" in word):
        status = saw.rstrip("!")
        sights[region] = sight(
            None if status == "-" else Status(status), in_maintenance=held, at_fault=saw.endswith("!")
        )
    return int(interval_s), sights, in_incident
