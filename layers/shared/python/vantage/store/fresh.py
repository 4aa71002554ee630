"""What each phase usually takes, per region: on fresh connections, as a kept one has no DNS, connect and TLS."""

from datetime import datetime

from vantage.check import Phases
from vantage.monitor import Region
from vantage.store.connection import Connection


def fresh_medians(connection: Connection, monitor_id: int, first: datetime) -> dict[Region, Phases]:
    """The median of each phase of the good checks since an instant.

    Of those that made a connection of their own, and not in a run that was cold or behind; a region that has none of
    these is told by those of cold runs, and else by its kept connections.
    """
    rows = connection.execute(
        """SELECT region::text,
                  percentile_disc(0.5) WITHIN GROUP (ORDER BY dns_us),
                  percentile_disc(0.5) WITHIN GROUP (ORDER BY connect_us),
                  percentile_disc(0.5) WITHIN GROUP (ORDER BY tls_us),
                  percentile_disc(0.5) WITHIN GROUP (ORDER BY first_byte_us),
                  percentile_disc(0.5) WITHIN GROUP (ORDER BY download_us)
             FROM (SELECT *, CASE WHEN reused OR connect_us IS NULL THEN 1
                                  WHEN cold OR lagging THEN 2 ELSE 3 END AS worth
                     FROM check_result
                    WHERE monitor_id = %s AND checked_at >= %s AND status IN ('up', 'degraded')
                      AND coalesce(dns_us, connect_us, first_byte_us) IS NOT NULL) c
            GROUP BY region, worth ORDER BY region, worth""",
        (monitor_id, first),
    )
    return {region: Phases(*medians) for region, *medians in rows}
