"""tools.dashboard_preview DATA_DIR FOLDER: the CloudWatch dashboards as PNGs, of what a local run wrote for CloudWatch.

The run is one with METRICS_NAMESPACE set; its workers' logs in DATA_DIR hold the metrics (EMF). What only AWS counts
(invocations, errors, durations, cost) has no figures here, and its panels say so. This machine's Chromium draws.
"""

import json
import re
import shutil
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from math import ceil, floor, log10
from pathlib import Path
from statistics import fmean
from typing import Any

from playwright.sync_api import sync_playwright

from tools import dashboards

PLACES = [
    dashboards.Place(region, place) for place, region in dashboards.REGION_ROW.findall(dashboards.TEMPLATE.read_text())
]
COLOURS = ("#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd", "#8c564b")
WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 400, 200, 46, 22, 12
STYLE = """
body { margin: 0; padding: 16px; width: 1264px; font: 13px/1.35 sans-serif; color: #16191f; background: #f2f3f3 }
h1 { font-size: 18px; margin: 0 0 12px }  h2 { font-size: 14px; margin: 0 }
main { display: grid; grid-template-columns: repeat(3, 1fr); gap: 12px }
section { background: #fff; border: 1px solid #d5dbdb; padding: 10px 12px } p { margin: 0 0 8px; min-height: 54px }
svg { display: block; width: 100% } text { font: 11px sans-serif; fill: #545b64 } small { margin-right: 12px }
"""
STATISTICS: Mapping[str, Callable[[list[float]], float]] = {"Sum": sum, "Average": fmean, "Maximum": max}
Points = dict[tuple[str, str], dict[int, list[float]]]
"""The values of a metric in a region, by minute (epoch s)."""


@dataclass(frozen=True)
class Curve:
    """One line of a graph: its label, and a value for each minute that has one."""

    label: str
    values: Mapping[int, float]


def main(arguments: list[str]) -> None:
    """Write a PNG for the overview and one for the first region; ends with a sentence where nothing is to be drawn."""
    logs, folder = Path(arguments[0]) / "logs", Path(arguments[1])
    points = read(line for log in logs.glob("worker-*.log") for line in log.read_text().splitlines())
    if not points:
        sys.exit(f"{logs} holds no metrics. Have a run write some: METRICS_NAMESPACE=vantage make run")
    home = PLACES[0]
    pages = {
        "dashboard-all-regions": page("vantage-all-regions", dashboards.overview_widgets(PLACES), points),
        "dashboard-one-region": page(f"vantage-{home.region}", dashboards.region_widgets(home), points),
    }
    draw(pages, folder)


def read(lines: Iterable[str]) -> Points:
    """The metrics of some log lines, as CloudWatch takes them out."""
    points: Points = defaultdict(lambda: defaultdict(list))
    for line in lines:
        if '"_aws"' in line:
            emf = json.loads(line)
            minute = emf["_aws"]["Timestamp"] // 60_000 * 60
            for directive in emf["_aws"]["CloudWatchMetrics"]:
                for metric in directive["Metrics"]:
                    points[metric["Name"], emf["Region"]][minute] += emf[metric["Name"]]
    return points


def statistic(values: list[float], stat: str) -> float:
    """A statistic by CloudWatch's name: Sum, Average, Maximum, p95."""
    if stat.startswith("p"):
        return sorted(values)[min(len(values) - 1, int(len(values) * float(stat[1:]) / 100))]
    return STATISTICS[stat](values)


def curves(metrics: Iterable[list[Any]], points: Points) -> Iterator[Curve]:
    """The lines of a graph that are ours."""
    for metric in metrics:
        if metric[0] == dashboards.STACK:
            _, name, _, region, options = metric
            minutes = points.get((name, region), {})
            yield Curve(options["label"], {at: statistic(values, options["stat"]) for at, values in minutes.items()})


def page(title: str, widgets: Iterable[tuple[str, dict[str, Any]]], points: Points) -> str:
    """A dashboard as HTML: a sentence and a graph per panel."""
    minutes = sorted({minute for values in points.values() for minute in values})
    panels = [
        f"<section><p>{code(says)}</p><h2>{escape(properties['title'])}</h2>"
        f"{graph(list(curves(properties['metrics'], points)), (minutes[0], minutes[-1]))}</section>"
        for says, properties in widgets
    ]
    return f"<!doctype html><style>{STYLE}</style><h1>{escape(title)}</h1><main>{''.join(panels)}</main>"


def code(says: str) -> str:
    """A panel's sentence as HTML."""
    return re.sub(r"`(.+?)`", r"<code>\1</code>", escape(says))


def graph(lines: list[Curve], span: tuple[int, int]) -> str:
    """Lines over their axes, and what they are called."""
    values = [value for line in lines for value in line.values.values()]
    if not values:
        return f"<p>{'No figures yet.' if lines else 'Counted by AWS: a local run has no figures for it.'}</p>"
    low, high = floor_of(min(values)), max(values)
    step = step_of(high - low)
    top = low + max(1, ceil((high - low) / step)) * step
    level = {
        low + step * n: place(low + step * n, low, top, HEIGHT - BOTTOM, TOP)
        for n in range(round((top - low) / step) + 1)
    }
    axis = "".join(
        f'<path d="M{LEFT} {y:.1f}H{WIDTH}" stroke="#e6e9e9"/>'
        f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{value:g}</text>'
        for value, y in level.items()
    )
    for at in range(span[0], span[1] + 1, max(1, (span[1] - span[0]) // 240) * 60):
        x = place(at, *span, LEFT, WIDTH - 20)
        axis += (
            f'<text x="{x:.1f}" y="{HEIGHT - 4}" text-anchor="middle">{datetime.fromtimestamp(at, UTC):%H:%M}</text>'
        )
    drawn = "".join(curve(line, colour, span, (low, top)) for line, colour in zip(lines, COLOURS, strict=False))
    names = "".join(
        f'<small style="color:{c}">&#9632; {escape(line.label)}</small>'
        for line, c in zip(lines, COLOURS, strict=False)
    )
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}">{axis}{drawn}</svg>{names}'


def curve(line: Curve, colour: str, span: tuple[int, int], levels: tuple[float, float]) -> str:
    """One line, a dot for each of its minutes."""
    dots = [
        (place(at, *span, LEFT, WIDTH - 20), place(value, *levels, HEIGHT - BOTTOM, TOP))
        for at, value in sorted(line.values.items())
    ]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in dots)
    marks = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2" fill="{colour}"/>' for x, y in dots)
    return f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.5"/>{marks}'


def place(value: float, low: float, high: float, first: float, last: float) -> float:
    """Where a value of [low, high] lies between two coordinates."""
    return first if high == low else first + (value - low) / (high - low) * (last - first)


def floor_of(least: float) -> float:
    """Where the vertical axis begins: 0, or lower where a value is."""
    return 0 if least >= 0 else floor(least)


def step_of(range_: float) -> float:
    """A round distance of lines, of which three to six make the range."""
    if range_ <= 0:
        return 1
    power: float = 10 ** floor(log10(range_ / 3))
    return next(power * n for n in (1, 2, 5, 10) if range_ / (power * n) <= 6)


def draw(pages: Mapping[str, str], folder: Path) -> None:
    """Have Chromium draw each page."""
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        sys.exit("Chromium is missing (Debian: apt-get install chromium).")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        tab = browser.new_page(viewport={"width": 1296, "height": 800})
        for name, html in pages.items():
            tab.set_content(html)
            tab.screenshot(path=folder / f"{name}.png", full_page=True)
            print(folder / f"{name}.png")
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1:])
