"""Dashboards and alarms: they name what is emitted, say what to do, and ring for what they are there for."""

import json
import re
import runpy
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests.aws.alarms import Minute, is_alarming, metrics_of
from tests.aws.templates import ROOT, aws_regions, deployed, names, of_type, source
from vantage.metrics import DEFAULT

HOME, *AWAY = aws_regions()
ALL = [HOME, *AWAY]


def alarms(aws_region: str) -> dict[str, Any]:
    """Every alarm of a region by its name without "Alarm"."""
    found = of_type(deployed(aws_region), "AWS::CloudWatch::Alarm")
    return {name.removesuffix("Alarm"): properties for name, properties in found.items()}


def dashboards(aws_region: str) -> dict[str, list[dict[str, Any]]]:
    """The widgets of every dashboard of a region."""
    found = of_type(deployed(aws_region), "AWS::CloudWatch::Dashboard").values()
    return {each["DashboardName"]: json.loads(each["DashboardBody"])["widgets"] for each in found}


def shown(widgets: list[dict[str, Any]]) -> Iterator[tuple[str, str, str, str, str]]:
    """Namespace, metric, dimension, its value and AWS region of every line, cost expressions left out."""
    for widget in widgets:
        properties = widget["properties"]
        for metric in properties.get("metrics", ()):
            if isinstance(metric[0], str):
                namespace, name, dimension, value, options = metric
                yield namespace, name, dimension, value, options.get("region", properties["region"])


def test_the_template_holds_the_dashboards_as_declared() -> None:
    """tools/dashboards.py is where they are changed."""
    run = subprocess.run(
        [sys.executable, ROOT / "tools" / "dashboards.py", "--check"], check=False, capture_output=True
    )
    assert run.returncode == 0, run.stderr.decode()


@pytest.mark.parametrize("aws_region", ALL)
def test_every_metric_on_a_dashboard_or_in_an_alarm_is_emitted(aws_region: str) -> None:
    """Of ours by default, with the region's own name as its dimension; of AWS's for a function that is there."""
    functions = {each["FunctionName"] for each in of_type(deployed(aws_region), "AWS::Lambda::Function").values()}
    lines = [line for widgets in dashboards(aws_region).values() for line in shown(widgets)]
    for alarm in alarms(aws_region).values():
        for metric in metrics_of(alarm).values():
            [dimension] = metric["Dimensions"]
            lines.append((metric["Namespace"], metric["MetricName"], dimension["Name"], dimension["Value"], aws_region))
    assert lines
    for namespace, name, dimension, value, place in lines:
        if namespace == "vantage":
            assert name in DEFAULT
            assert (dimension, value) == ("Region", names()[place])
        elif namespace == "AWS/Lambda":
            assert value in functions or value.strip("<>").lower() in {each.split("-")[1] for each in functions}
        else:
            assert (namespace, dimension) == ("AWS/SQS", "QueueName")


@pytest.mark.parametrize("aws_region", ALL)
def test_a_region_s_dashboard_shows_every_default_metric(aws_region: str) -> None:
    """What is paid for is seen."""
    widgets = dashboards(aws_region)[f"vantage-{names()[aws_region]}"]
    assert {name for namespace, name, *_ in shown(widgets) if namespace == "vantage"} == DEFAULT.keys()


def test_the_home_region_shows_all_regions_side_by_side() -> None:
    """Uptime, latency, lateness, lag, unseen, errors and cost, each with a line per region from its own AWS region."""
    assert [len(dashboards(region)) for region in ALL] == [2] + [1] * len(AWAY)
    widgets = dashboards(HOME)["vantage-all-regions"]
    lines = list(shown(widgets))
    for metric in ("UptimePercent", "LatencyMs", "LatenessMs", "StreamLag", "ChecksUnseen", "ChecksLost"):
        assert [(value, place) for _, name, _, value, place in lines if name == metric] == [
            (names()[place], place) for place in ALL
        ]
    errors = [place for _, name, _, value, place in lines if (name, value) == ("Errors", "vantage-worker")]
    assert errors == ALL
    [cost] = [w for w in widgets if w["properties"].get("title", "").startswith("Lambda's cost")]
    expressions = [metric[0] for metric in cost["properties"]["metrics"] if isinstance(metric[0], dict)]
    assert [each["region"] for each in expressions] == ALL
    assert [each["expression"] for each in expressions] == [
        f"30*(d{n}/1000*0.000006666700+i{n}*0.0000002)" for n in range(len(ALL))
    ]


def test_each_region_s_cost_is_of_its_own_memory() -> None:
    """At home as over there; seen red where the overview took home's memory for all."""
    overview = of_type(deployed(HOME, WorkerUsdPerSecond="0.1,0.2,0.3"), "AWS::CloudWatch::Dashboard")
    for n, usd in enumerate(("0.1", "0.2", "0.3")):
        assert f"d{n}/1000*{usd}+" in overview["OverviewDashboard"]["DashboardBody"]
    own = of_type(deployed(AWAY[0], WorkerMemoryMb="256", Architecture="x86_64"), "AWS::CloudWatch::Dashboard")
    assert "d0/1000*256/1024*0.0000166667+" in own["RegionDashboard"]["DashboardBody"]
    assert runpy.run_path(str(ROOT / "tools" / "dashboards.py"))["usd_per_second"](256, "x86_64") == "0.000004166675"


@pytest.mark.parametrize("aws_region", ALL)
def test_every_panel_says_what_it_means(aws_region: str) -> None:
    """A sentence stands above each graph, as wide, and nothing overlaps."""
    for widgets in dashboards(aws_region).values():
        texts, graphs = widgets[::2], widgets[1::2]
        assert len(texts) == len(graphs)
        taken: set[tuple[int, int]] = set()
        for text, each in zip(texts, graphs, strict=True):
            assert (text["type"], each["type"]) == ("text", "metric")
            assert (text["x"], text["y"] + text["height"], text["width"]) == (each["x"], each["y"], each["width"])
            assert 60 < len(text["properties"]["markdown"]) < 250
            for widget in (text, each):
                cells = {
                    (widget["x"] + x, widget["y"] + y) for x in range(widget["width"]) for y in range(widget["height"])
                }
                assert not cells & taken
                assert widget["x"] + widget["width"] <= 24
                taken |= cells


@pytest.mark.parametrize("aws_region", ALL)
def test_every_alarm_goes_to_the_topic_and_names_its_page(aws_region: str) -> None:
    """An alarm that nobody hears, or that says nothing of what to do, is none."""
    headings = re.findall(r"^#+ (.+)$", (ROOT / "docs" / "operations.md").read_text(), re.MULTILINE)
    anchors = {re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    for alarm in alarms(aws_region).values():
        assert alarm["AlarmActions"] == alarm["OKActions"] == ["<Alerts>"]
        assert alarm["AlarmDescription"].split("docs/operations.md#")[1] in anchors
    arn = f"arn:aws:sns:{aws_region}:1:mine"
    elsewhere = deployed(aws_region, AlertTopicArn=arn)
    assert not of_type(elsewhere, "AWS::SNS::Topic")
    assert all(each["AlarmActions"] == [arn] for each in of_type(elsewhere, "AWS::CloudWatch::Alarm").values())


def test_mail_and_budget_are_there_where_they_are_asked_for() -> None:
    """A subscription in each region; one budget, of the account, at home."""
    options = {"AlertEmail": "ops@example.com", "MonthlyBudgetUsd": "20"}
    for aws_region in ALL:
        assert not of_type(deployed(aws_region), "AWS::SNS::Subscription")
        [mail] = of_type(deployed(aws_region, **options), "AWS::SNS::Subscription").values()
        assert (mail["Protocol"], mail["Endpoint"]) == ("email", "ops@example.com")
        budgets = of_type(deployed(aws_region, **options), "AWS::Budgets::Budget")
        assert len(budgets) == (aws_region == HOME)


HEALTHY: Minute = {
    "ChecksStored": [100], "ChecksDown": [1], "ChecksUnseen": [0], "UptimePercent": [99], "LatencyMs": [120.0] * 100,
    "LatenessMs": [2.0] * 100, "StreamLag": [0], "ChecksLost": [0], "SheetDifference": [0], "RunMs": [29_000],
    "Errors": [0], "Throttles": [0], "Invocations": [1], "ApproximateNumberOfMessagesVisible": [0],
}  # fmt: skip
NONE: Minute = {}
NO_BOOKS = {name: values for name, values in HEALTHY.items() if name not in ("ChecksUnseen", "ChecksLost")}


def alone(metric: str, whose: str) -> Minute:
    """A minute in which Lambda counted something of one function, and nothing of the others: they were not started."""
    others: Minute = {f"{metric} of <{name}>": [] for name in ("Producer", "Housekeeper", "Notifier", "Worker", "Api")}
    return {**HEALTHY, **others, f"{metric} of <{whose}>": [1]}


def but(**changes: float) -> Minute:
    """A healthy minute, but for this."""
    return {**HEALTHY, **{name: [value] for name, value in changes.items()}}


@pytest.mark.parametrize(
    ("minutes", "ringing"),
    [
        ([HEALTHY] * 10, set()),
        ([but(ChecksLost=1)], {"Lost"}),
        ([but(ChecksLost=-1)], {"Lost"}),
        ([but(ChecksLost=1), HEALTHY], set()),
        ([but(ChecksUnseen=4)] * 10, set()),
        ([but(ChecksUnseen=6)] * 2, set()),
        ([but(ChecksUnseen=6)] * 3, {"Unseen"}),
        ([but(ChecksUnseen=6, ChecksLost=6)] * 3, {"Lost"}),
        ([but(StreamLag=61)] * 3, {"Lag"}),
        ([but(StreamLag=59)] * 9, set()),
        ([but(Errors=1)] * 2, set()),
        ([but(Errors=1)] * 3, {"WorkerErrors", "HomeErrors", "ApiErrors"}),
        ([alone("Errors", "Producer")] * 3, {"HomeErrors"}),
        ([alone("Errors", "Api")] * 3, {"ApiErrors"}),
        ([alone("Throttles", "Housekeeper")] * 2, {"HomeThrottles"}),
        ([alone("Throttles", "Api")] * 2, {"ApiThrottles"}),
        ([but(ChecksUnseen=6), NO_BOOKS] * 2 + [but(ChecksUnseen=6)], {"Unseen"}),
        ([NO_BOOKS] * 5, set()),
        ([but(Throttles=1)] * 2, {"WorkerThrottles", "HomeThrottles", "ApiThrottles"}),
        ([but(ApproximateNumberOfMessagesVisible=1)], {"DeadLetters"}),
        ([NONE] * 4, set()),
        ([NONE] * 5, {"RegionSilent", "ProducerSilent"}),
        ([but(ChecksStored=0)] * 9, set()),
        ([but(ChecksStored=0)] * 10, {"NothingStored"}),
        ([NONE] * 10, {"RegionSilent", "ProducerSilent", "NothingStored"}),
    ],
)
def test_alarms_ring_for_what_they_are_there_for_and_for_nothing_else(minutes: list[Minute], ringing: set[str]) -> None:
    """By CloudWatch's rules for thresholds, periods and missing data, ten healthy minutes before. (Red without FILL: a
    function that Lambda did not start made the sum of all three no sum.)"""
    for aws_region in ALL:
        there = alarms(aws_region)
        assert {name for name, each in there.items() if is_alarming(each, [HEALTHY] * 10 + minutes)} == (
            ringing & there.keys()
        )


def test_the_bill_is_what_its_prices_make_of_it() -> None:
    """docs/cost.md is written from one table of prices, with the memory that the template gives."""
    run = subprocess.run([sys.executable, ROOT / "tools" / "cost.py", "--check"], check=False, capture_output=True)
    assert run.returncode == 0, run.stderr.decode()
    counted = sum(len(metrics_of(alarm)) for aws_region in ALL for alarm in alarms(aws_region).values())
    reckoned = runpy.run_path(str(ROOT / "tools" / "cost.py"))
    assert reckoned["ALARM_METRICS"] == counted
    assert reckoned["DEFAULT_MB"] == source()["Parameters"]["WorkerMemoryMb"]["Default"]
