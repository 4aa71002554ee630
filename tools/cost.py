"""cost.py [--check]: writes the tables of docs/cost.md, between its marks, from the prices and assumptions below.

Prices are list prices in USD of us-east-1, without tax and before any discount, each with the page that says so and
when that was written. They were compared in November 2026; nothing of this was ever on a bill.
"""

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from local.places import regions

PAGE = Path(__file__).resolve().parents[1] / "docs" / "cost.md"
BEGIN, END = "<!-- written by tools/cost.py -->\n", "<!-- end -->\n"
MINUTES, REGIONS = 43_200, len(regions())
DEFAULT_MB = 512  # WorkerMemoryMb of template.yaml
ALARM_METRICS = 18 + 10 * (REGIONS - 1)  # of home and of each other: AWS counts an alarm by the metrics it looks at

PRICES: Mapping[str, tuple[float, str, str]] = {
    "gb_second": (
        0.0000133334, "Lambda, arm64, a GB second (x86_64: 0.0000166667); 400,000 are free",
        "cloudchipr.com/blog/aws-lambda-pricing, 2024",
    ),
    "request": (0.20e-6, "Lambda, an invocation; a million are free", "cloudchipr.com/blog/aws-lambda-pricing, 2024"),
    "schedule": (
        1.00e-6, "EventBridge Scheduler, an invocation; 14 million are free",
        "cloudburn.io/blog/amazon-eventbridge-pricing, March 2026",
    ),
    "http_request": (1.00e-6, "API Gateway, HTTP API, a request", "apigatewaycost.com/aws, 2026"),
    "metric": (0.30, "CloudWatch, a metric a month; 10 are free", "signoz.io/guides/cloudwatch-pricing, February 2026"),
    "alarm": (
        0.10, "CloudWatch, a metric of an alarm a month; 10 are free",
        "c3x.dev/resources/aws/aws_cloudwatch_metric_alarm",
    ),
    "dashboard": (
        3.00, "CloudWatch, a dashboard a month; 3 are free", "factualminds.com, on CloudWatch's prices, June 2026"
    ),
    "log_gb": (
        0.60, "CloudWatch Logs, a GB taken in: 0.50 in us-east-1, elsewhere up to a quarter more; 5 are free",
        "duckbillgroup.com, May 2025; cloudburn.io/blog/amazon-cloudwatch-pricing, February 2026",
    ),
    "egress_gb": (
        0.09, "Traffic out of AWS, a GB; 100 are free. More from ap-south-1", "amnic.com/blogs/aws-api-gateway-pricing"
    ),
    "redis_plan": (
        10.00, "Redis at a fixed price, a month (the smallest: 5 for 250 MB)",
        "apiscout.dev/blog/upstash-vs-redis-cloud-2026; the 10 are ours",
    ),
    "redis_command": (2.00e-6, "Redis billed by command, a command", "upstash.com/docs/redis/overall/billing"),
    "postgres_small": (
        11.68, "PostgreSQL, db.t4g.micro in one zone, a month",
        "infratally.com/articles/aws-rds-pricing-explained-2026.html",
    ),
    "postgres_large": (250.00, "PostgreSQL, 4 cores and 16 GB, a month", "an estimate of ours, from no page"),
    "disk_gb": (0.115, "PostgreSQL's disk, a GB a month, 20 at least", "usage.ai, on RDS's prices, June 2026"),
}  # fmt: skip


@dataclass(frozen=True)
class Fleet:
    """How many monitors, how often, and what a worker run is with them (measured or, for the last, reckoned)."""

    monitors: int
    interval_s: int
    memory_mb: int
    thrifty_s: float
    punctual_s: float
    large: bool = False

    @property
    def memory_gb(self) -> float:
        """As Lambda bills it."""
        return self.memory_mb / 1024

    @property
    def checks_a_minute(self) -> float:
        """Of one region."""
        return self.monitors * 60 / self.interval_s


FLEETS = (
    Fleet(20, 60, DEFAULT_MB, 30, 80),
    Fleet(100, 60, DEFAULT_MB, 30, 80),
    Fleet(1_000, 60, DEFAULT_MB, 30, 80),
    Fleet(100_000, 300, 1_769, 75, 80, large=True),
)
ASSUMPTIONS: Mapping[str, tuple[float, str]] = {
    "home_s": (1.5, "seconds a minute of producer, housekeeper and notifier together"),
    "home_gb": (0.5, "GB of memory of each"),
    "page_requests": (100_000, "requests a month to the page and the API, more than two a minute"),
    "page_s": (0.05, "seconds of a function of 0.5 GB that one takes, and 20 KB that it sends"),
    "run_commands": (80, "Redis commands of a thrifty worker run (72 polls and 8 others, measured); 150 if punctual"),
    "home_commands": (30, "Redis commands a minute of producer and housekeeper, besides one per check pushed"),
    "row_bytes": (150, "bytes of a result with its key, kept for 30 days"),
    "check_bytes": (1_500, "bytes a check sends: TLS, request, result, acknowledgement"),
    "line_bytes": (1_500, "bytes of log a run, its metrics included, and 12 a check for their values, 1,000 at most"),
}


def price(name: str) -> float:
    """One price."""
    return PRICES[name][0]


def given(name: str) -> float:
    """One assumption."""
    return ASSUMPTIONS[name][0]


def items(fleet: Fleet, *, punctual: bool = False, free_tier: bool = False) -> dict[str, float]:
    """A month of three regions, item by item, in USD."""
    run_s = fleet.punctual_s if punctual else fleet.thrifty_s
    invocations = MINUTES * (REGIONS + 3)
    gb_seconds = MINUTES * (REGIONS * run_s * fleet.memory_gb + given("home_s") * given("home_gb"))
    log_bytes = invocations * given("line_bytes") + MINUTES * REGIONS * 12 * min(2_000, 2 * fleet.checks_a_minute)
    checks = MINUTES * REGIONS * fleet.checks_a_minute
    free = {"gb": 400_000, "requests": 1e6, "metrics": 10, "alarms": 10, "dashboards": 3, "logs": 5, "egress": 100}
    less = free if free_tier else dict.fromkeys(free, 0)

    def left(used: float, kind: str) -> float:
        return max(0.0, used - less[kind])

    return {
        "Lambda": left(gb_seconds, "gb") * price("gb_second") + left(invocations, "requests") * price("request"),
        "Scheduler": 0.0 if free_tier else invocations * price("schedule"),
        "Metrics, alarms, dashboards": left(10 * REGIONS, "metrics") * price("metric")
        + left(ALARM_METRICS, "alarms") * price("alarm")
        + left(REGIONS + 1, "dashboards") * price("dashboard"),
        "The page and the API": page(),
        "Logs": left(log_bytes / 1e9, "logs") * price("log_gb"),
        "Traffic": left(checks * given("check_bytes") / 1e9, "egress") * price("egress_gb"),
        "Redis, by plan": price("redis_plan") * (5 if fleet.large else 1),
        "PostgreSQL": price("postgres_large" if fleet.large else "postgres_small")
        + max(20.0, checks * given("row_bytes") / 1e9) * price("disk_gb"),
    }


def page() -> float:
    """What people who look cost in a month: API Gateway, the api function, what it sends."""
    each = price("http_request") + price("request") + given("page_s") * 0.5 * price("gb_second")
    return given("page_requests") * (each + 20e3 / 1e9 * price("egress_gb"))


def redis_by_command(fleet: Fleet, *, punctual: bool = False) -> float:
    """What the same Redis would cost if each command were billed."""
    commands = REGIONS * (150 if punctual else given("run_commands")) + given("home_commands") + fleet.checks_a_minute
    return MINUTES * commands * price("redis_command")


def tables() -> Iterator[str]:
    """The lines of the page between its marks."""
    yield "| a month, USD | " + " | ".join(f"{f.monitors:,} every {f.interval_s} s" for f in FLEETS) + " |"
    yield "|---|" + "--:|" * len(FLEETS)
    columns = [items(fleet) for fleet in FLEETS]
    for name in columns[0]:
        yield row(name, [column[name] for column in columns])
    yield row("**together, thrifty**", [sum(column.values()) for column in columns])
    yield row("the same, punctual", [sum(items(fleet, punctual=True).values()) for fleet in FLEETS])
    yield row("thrifty, less what AWS gives for nothing", [sum(items(f, free_tier=True).values()) for f in FLEETS])
    yield row("Redis, if billed by command", [redis_by_command(fleet) for fleet in FLEETS])
    yield ""
    yield "| price, USD | of | as it stands in |"
    yield "|--:|---|---|"
    for value, of, source in PRICES.values():
        yield f"| {f'{value:.10f}'.rstrip('0').rstrip('.')} | {of} | {source} |"
    yield ""
    yield "| assumed | what |"
    yield "|--:|---|"
    for f in FLEETS:
        runs = f"seconds of a run, {f.thrifty_s:g} thrifty and {f.punctual_s:g} punctual"
        yield f"| {f.memory_mb:,} | MB of memory of a worker with {f.monitors:,} monitors; {runs} |"
    yield from (f"| {value:,g} | {what} |" for value, what in ASSUMPTIONS.values())


def row(name: str, values: list[float]) -> str:
    """A line of a table, in whole dollars where they are many."""
    return f"| {name} | " + " | ".join(f"{value:,.2f}" if value < 100 else f"{value:,.0f}" for value in values) + " |"


def main(check: bool) -> None:
    """Write the page, or with --check end with 1 where it is not what would be written."""
    old = PAGE.read_text()
    before, rest = old.split(BEGIN)
    new = before + BEGIN + "\n".join(tables()) + "\n" + END + rest.split(END)[1]
    if check and new != old:
        sys.exit("The tables of docs/cost.md are not those of tools/cost.py: run `python tools/cost.py`.")
    PAGE.write_text(new)


if __name__ == "__main__":
    main("--check" in sys.argv[1:])
