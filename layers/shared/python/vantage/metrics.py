"""What a worker run reports to CloudWatch: EMF lines in its log, per region and never per monitor.

A region's worker reports the books of its region too, as they close: so each region's figures are in its own AWS
region, and a new region brings its alarms along.
"""

from collections.abc import Mapping, Sequence

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.metrics.provider.cloudwatch_emf.cloudwatch import AmazonCloudWatchEMFProvider

from vantage.drain import Drain
from vantage.store.books import ClosedBooks

MOST_VALUES = 1000  # of one metric and run; what is more is thinned, by rank

DEFAULT: Mapping[str, MetricUnit] = {
    "ChecksStored": MetricUnit.Count,
    "ChecksDown": MetricUnit.Count,
    "ChecksUnseen": MetricUnit.Count,
    "UptimePercent": MetricUnit.Percent,
    "LatencyMs": MetricUnit.Milliseconds,
    "LatenessMs": MetricUnit.Milliseconds,
    "StreamLag": MetricUnit.Seconds,
    "ChecksLost": MetricUnit.Count,
    "SheetDifference": MetricUnit.Count,
    "RunMs": MetricUnit.Milliseconds,
}
DETAILED: Mapping[str, MetricUnit] = {
    "DnsMs": MetricUnit.Milliseconds,
    "ConnectMs": MetricUnit.Milliseconds,
    "TlsMs": MetricUnit.Milliseconds,
    "FirstByteMs": MetricUnit.Milliseconds,
    "DownloadMs": MetricUnit.Milliseconds,
    "Pending": MetricUnit.Count,
    "Claimed": MetricUnit.Count,
    "Dead": MetricUnit.Count,
    "AckMismatch": MetricUnit.Count,
}

Figures = Mapping[str, Sequence[float]]


def figures_of(run: Drain, books: ClosedBooks, run_ms: float, *, detailed: bool) -> Figures:
    """The values of a run by metric; one that has nothing to say is left out, so that its alarm sees no data."""
    summary, seen = run.summary, run.seen
    probed = seen.up + seen.degraded + seen.down
    figures: dict[str, Sequence[float]] = {
        "ChecksStored": [max(0, summary.stored - summary.expired - summary.dead)],
        "ChecksDown": [seen.down],
        "UptimePercent": [100 * (seen.up + seen.degraded) / probed] if probed else [],
        "LatencyMs": seen.latency_ms,
        "LatenessMs": seen.lateness_ms,
        "StreamLag": [seen.lag_s],
        "RunMs": [run_ms],
    }
    if books.ticks:
        figures |= {
            "ChecksUnseen": [books.unseen],
            "ChecksLost": [books.lost],
            "SheetDifference": [books.difference],
        }
    if detailed:
        figures |= {f"{name.title().replace('_', '')}Ms": values for name, values in seen.phases_ms.items()}
        figures |= {
            "Pending": [run.held],
            "Claimed": [summary.taken_up],
            "Dead": [summary.dead],
            "AckMismatch": [summary.ack_mismatch],
        }
    return {name: values for name, values in figures.items() if values}


def report(figures: Figures, *, namespace: str, region: str) -> None:
    """Write the figures to standard output, which on Lambda is the log, as EMF; CloudWatch makes metrics of them."""
    units = {**DEFAULT, **DETAILED}
    emf = AmazonCloudWatchEMFProvider(namespace=namespace, default_dimensions={"Region": region})
    for name, values in figures.items():
        for value in thinned(values):
            emf.add_metric(name, units[name], round(value, 2))
    if emf.metric_set:
        emf.flush_metrics()


def thinned(values: Sequence[float]) -> Sequence[float]:
    """At most MOST_VALUES of them, evenly by rank: percentiles stay what they are."""
    if len(values) <= MOST_VALUES:
        return values
    ranked = sorted(values)
    step = (len(ranked) - 1) / (MOST_VALUES - 1)
    return [ranked[round(rank * step)] for rank in range(MOST_VALUES)]
