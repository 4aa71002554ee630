"""What each phase usually takes on a fresh connection, per region: a kept one has no DNS, connect and TLS."""

from datetime import datetime

from vantage.check import Phases
from vantage.monitor import Region
from vantage.store.connection import Connection


def fresh_medians(connection: Connection, monitor_id: int, first: datetime) -> dict[Region, Phases]:
    """The median of each phase of the good checks since an instant that made a connection of their own."""
    rows = connection.execute(
        """SELECT region::text,
                  percentile_disc(0.5) WITHIN GROUP (ORDER BY dns_us),
                  percentile_disc(0.5) WITHIN GROUP (ORDER BY connect_us),
                  percentile_disc(0.5) WITHIN GROUP (ORDER BY tls_us),
                  percentile_disc(0.5) WITHIN GROUP (ORDER BY first_byte_us),
                  percentile_disc(0.5) WITHIN GROUP (ORDER BY download_us)
             FROM check_result
            WHERE monitor_id = %s AND checked_at >= %s AND status IN ('up', 'degraded') AND NOT reused
              AND NOT (cold OR lagging) AND connect_us IS NOT NULL
            GROUP BY region ORDER BY region""",
        (monitor_id, first),
    )
    return {region: Phases(*medians) for region, *medians in rows}
