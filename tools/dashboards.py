"""dashboards.py [--check | --prices]: writes the CloudWatch dashboards into template.yaml, between their two marks.

A panel is declared once, here: what it shows, and a sentence on what it means and what to do. One dashboard shows it
for the stack's own region, the other, in the home region, for all regions of the template's Mappings side by side.
"""

import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.places import environments, parameter
from local.places import place as deployed_at

TEMPLATE = Path(__file__).resolve().parents[1] / "template.yaml"
BEGIN, END = "  # dashboards: written by tools/dashboards.py\n", "  # dashboards end\n"
REGION_ROW = re.compile(r"^    (\S+): \{Region: (\w+), ", re.MULTILINE)
STACK = "${AWS::StackName}"
TEXT_HEIGHT, GRAPH_HEIGHT, WIDTH, A_ROW = 2, 6, 8, 3


@dataclass(frozen=True)
class Place:
    """A region as its figures are found: its name, and the AWS region that holds them."""

    region: str
    aws_region: str


@dataclass(frozen=True)
class Line:
    """One line of a graph: a metric of ours, or of AWS's own where `of` says whose."""

    metric: str
    stat: str
    label: str = ""
    of: str = "own"

    def source(self, place: Place) -> list[str]:
        """Namespace, name and dimensions."""
        return {
            "own": [STACK, self.metric, "Region", place.region],
            "queue": ["AWS/SQS", self.metric, "QueueName", f"{STACK}-dead-letters"],
        }.get(self.of, ["AWS/Lambda", self.metric, "FunctionName", f"{STACK}-{self.of}"])


@dataclass(frozen=True)
class Panel:
    """A graph and its sentence; the first line of it stands in the overview of all regions."""

    title: str
    says: str
    lines: tuple[Line, ...]
    least: float | None = 0
    period_s: int = 60


PANELS = (
    Panel(
        "Uptime (%)",
        "Share of probes that found their target up, run by run. A dip in one region alone is that region's network or "
        "a block; a dip in all is the site. Who is down: `vantage failures`.",
        (Line("UptimePercent", "Average", "uptime"),),
        least=None,
    ),
    Panel(
        "Latency (ms)",
        "What targets took to answer. All rising in one region: that region, or too little memory for its worker.",
        (Line("LatencyMs", "p95", "p95"), Line("LatencyMs", "p50", "p50"), Line("LatencyMs", "p99", "p99")),
    ),
    Panel(
        "Lateness (ms)",
        "How long after their instant probes began. Seconds at p99: raise WorkerConcurrency or SpreadSeconds.",
        (Line("LatenessMs", "p99", "p99"), Line("LatenessMs", "p50", "p50")),
    ),
    Panel(
        "Down",
        "Probes that failed, confirmed once. Nothing to do here: incidents speak for themselves.",
        (Line("ChecksDown", "Sum", "down"),),
    ),
    Panel(
        "Stored",
        "Results written per minute. Zero while there are monitors: the producer, Redis or PostgreSQL is away.",
        (Line("ChecksStored", "Sum", "stored"),),
    ),
    Panel(
        "Unseen",
        "Scheduled, and never looked at: expired, skipped, dead or lost, told when the books close after 11 minutes. "
        "Above 5 % of what is scheduled there is an alarm: the region does not keep up.",
        (Line("ChecksUnseen", "Sum", "unseen"),),
    ),
    Panel(
        "Lost and difference",
        "Must be 0. Lost: pushed and gone, so Redis lost entries or a tick was never pushed. Difference: pushed and "
        "due do not agree. `vantage ledger` shows the minutes.",
        (Line("ChecksLost", "Sum", "lost"), Line("SheetDifference", "Sum", "difference")),
        least=None,
    ),
    Panel(
        "Stream lag (s)",
        "How long the oldest unread check has been due. Above a minute: more concurrency, or fewer hanging targets.",
        (Line("StreamLag", "Maximum", "lag"),),
    ),
    Panel(
        "Worker runs (ms)",
        "How long runs last. At 120,000 and more a run had work to its end; no line at all: no run came to its end.",
        (Line("RunMs", "Maximum", "longest"), Line("RunMs", "Average", "mean")),
    ),
    Panel(
        "Errors",
        "Failed and refused invocations, and what waits in the dead-letter queue. The log says why: look there first.",
        (
            Line("Errors", "Sum", "worker errors", "worker"),
            Line("Throttles", "Sum", "worker throttles", "worker"),
            Line("ApproximateNumberOfMessagesVisible", "Maximum", "dead letters", "queue"),
        ),
    ),
)
HOME_PANELS = (
    Panel(
        "Producer, housekeeper, notifier",
        "A run each per minute, of some 100 ms. No line: the schedule is off. Errors: Redis or PostgreSQL is away.",
        (
            Line("Duration", "Maximum", "producer ms", "producer"),
            Line("Duration", "Maximum", "housekeeper ms", "housekeeper"),
            Line("Duration", "Maximum", "notifier ms", "notifier"),
            Line("Errors", "Sum", "producer errors", "producer"),
            Line("Errors", "Sum", "housekeeper errors", "housekeeper"),
            Line("Errors", "Sum", "notifier errors", "notifier"),
        ),
    ),
    Panel(
        "Pages and API",
        "How often HTTP was answered, and how long that took. Errors: the log of the api function says why.",
        (
            Line("Invocations", "Sum", "answers", "api"),
            Line("Duration", "p99", "p99 ms", "api"),
            Line("Errors", "Sum", "errors", "api"),
        ),
    ),
)
COST_SAYS = (
    "What Lambda would ask for the worker in 30 days like the last one, in USD, before any free tier. "
    "Rising: longer runs; see Polling and WorkerMemoryMb in docs/cost.md."
)
# Lambda's prices in USD, the same in all three regions: docs/cost.md
GB_SECOND = {"arm64": "0.0000133334", "x86_64": "0.0000166667"}
OWN_PRICE = "${WorkerMemoryMb}/1024*${GbSecond}"
MONTH_COST = "30*(d{number}/1000*{price}+i{number}*0.0000002)"
PRICES = re.compile(r'(?<=  WorkerUsdPerSecond:\n    Type: CommaDelimitedList\n    Default: ")[^"]*')


def main(arguments: list[str]) -> None:
    """Write template.yaml, or with --check end with 1 where it is not what would be written; with --prices print what
    `make deploy` gives for WorkerUsdPerSecond."""
    if "--prices" in arguments:
        print(prices(TEMPLATE.parent))
        return
    check = "--check" in arguments
    old = TEMPLATE.read_text()
    new = with_dashboards(old)
    if check and new != old:
        sys.exit("The dashboards in template.yaml are not those of tools/dashboards.py: run `make dashboards`.")
    TEMPLATE.write_text(new)


def with_dashboards(template: str) -> str:
    """The template with what stands between the marks written anew."""
    before, rest = template.split(BEGIN)
    after = rest.split(END)[1]
    places = [Place(region, aws_region) for aws_region, region in REGION_ROW.findall(template)]
    before = PRICES.sub(",".join([usd_per_second(512, "arm64")] * len(places)), before)
    own = Place("${Region}", "${AWS::Region}")
    price = [f'GbSecond: !If [IsArm, "{GB_SECOND["arm64"]}", "{GB_SECOND["x86_64"]}"]']
    region = resource("RegionDashboard", None, "${AWS::StackName}-${Region}", list(region_widgets(own)), price)
    each = [f"Usd{number}: !Select [{number}, !Ref WorkerUsdPerSecond]" for number in range(len(places))]
    every = resource(
        "OverviewDashboard", "IsHome", "${AWS::StackName}-all-regions", list(overview_widgets(places)), each
    )
    return before + BEGIN + region + every + END + after


def usd_per_second(memory_mb: int, architecture: str) -> str:
    """What a second of a worker costs."""
    return f"{memory_mb / 1024 * float(GB_SECOND[architecture]):.12f}"


def prices(root: Path) -> str:
    """The same for the worker of each region, in the order of the Mappings, by what it is deployed with."""
    by_place = {deployed_at(name, root).aws_region: name for name in environments(root)}
    names = [by_place[aws_region] for aws_region, _ in REGION_ROW.findall((root / "template.yaml").read_text())]
    return ",".join(
        usd_per_second(int(parameter("WorkerMemoryMb", name, root)), parameter("Architecture", name, root))
        for name in names
    )


def region_widgets(place: Place) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every panel for one region: its sentence and its graph."""
    for panel in PANELS:
        metrics = [[*line.source(place), {"stat": line.stat, "label": line.label}] for line in panel.lines]
        yield panel.says, graph(panel, panel.title, place.aws_region, metrics)
    yield COST_SAYS, cost_graph([place], [OWN_PRICE])


def overview_widgets(places: list[Place]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every panel's first line for all regions side by side, and what only the home region has."""
    for panel in PANELS:
        line = panel.lines[0]
        metrics = [
            [*line.source(place), {"stat": line.stat, "label": place.region, "region": place.aws_region}]
            for place in places
        ]
        title = panel.title if len(panel.lines) == 1 else f"{panel.title}: {line.label}"
        yield panel.says, graph(panel, title, "${AWS::Region}", metrics)
    yield COST_SAYS, cost_graph(places, [f"${{Usd{number}}}" for number in range(len(places))])
    home = Place("", "${AWS::Region}")
    for panel in HOME_PANELS:
        metrics = [[*line.source(home), {"stat": line.stat, "label": line.label}] for line in panel.lines]
        yield panel.says, graph(panel, panel.title, "${AWS::Region}", metrics)


def graph(panel: Panel, title: str, aws_region: str, metrics: list[Any]) -> dict[str, Any]:
    """The properties of a graph."""
    axis = {} if panel.least is None else {"yAxis": {"left": {"min": panel.least}}}
    return {
        "title": title,
        "region": aws_region,
        "view": "timeSeries",
        "period": panel.period_s,
        "metrics": metrics,
        **axis,
    }


def cost_graph(places: list[Place], prices: list[str]) -> dict[str, Any]:
    """A month of the worker in each region by the last day: an expression over Lambda's own metrics, with what a second
    costs there."""
    metrics: list[Any] = []
    for number, (place, price) in enumerate(zip(places, prices, strict=True)):
        expression = MONTH_COST.format(number=number, price=price)
        label = "a month" if len(places) == 1 else place.region
        metrics.append([{"expression": expression, "label": label, "id": f"c{number}", "region": place.aws_region}])
        for metric, name in (("Duration", "d"), ("Invocations", "i")):
            source = Line(metric, "Sum", of="worker").source(place)
            metrics.append(
                [*source, {"id": f"{name}{number}", "stat": "Sum", "visible": False, "region": place.aws_region}]
            )
    panel = Panel("Lambda's cost (USD a month)", COST_SAYS, (), period_s=86_400)
    return graph(panel, panel.title, "${AWS::Region}", metrics)


def resource(
    name: str, condition: str | None, title: str, widgets: list[tuple[str, dict[str, Any]]], names: list[str]
) -> str:
    """A dashboard as YAML, each widget on a line of its own; `names` say what stands for what in it."""
    lines = []
    for number, (says, properties) in enumerate(widgets):
        x, y = number % A_ROW * WIDTH, number // A_ROW * (TEXT_HEIGHT + GRAPH_HEIGHT)
        text = {"type": "text", "x": x, "y": y, "width": WIDTH, "height": TEXT_HEIGHT, "properties": {"markdown": says}}
        place = {"x": x, "y": y + TEXT_HEIGHT, "width": WIDTH, "height": GRAPH_HEIGHT}
        lines += [json.dumps(text), json.dumps({"type": "metric", **place, "properties": properties})]
    widgets_text = ",\n          ".join(lines)
    meanings = "\n          ".join(names)
    return f"""  {name}:
    Type: AWS::CloudWatch::Dashboard
{f"    Condition: {condition}{chr(10)}" if condition else ""}    Properties:
      DashboardName: !Sub ["{title}", {{Region: !FindInMap [Regions, !Ref AWS::Region, Region]}}]
      DashboardBody: !Sub
        - |-
          {{"widgets": [
          {widgets_text}
          ]}}
        - Region: !FindInMap [Regions, !Ref AWS::Region, Region]
          {meanings}
"""


if __name__ == "__main__":
    main(sys.argv[1:])
