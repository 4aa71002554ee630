"""`make dashboard-preview`: the dashboards as pictures, of the very lines that a run writes for CloudWatch."""

import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from tests.conftest import require
from tools import dashboards
from tools.dashboard_preview import PLACES, main, page, read, statistic
from vantage.metrics import DEFAULT, report

FIGURES: Mapping[str, Sequence[float]] = {
    **{name: [0.0] for name in DEFAULT},
    "LatencyMs": [*range(1, 101)],
    "ChecksDown": [7],
}


@pytest.fixture
def lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """A worker's log in each region, one run each."""
    for place in PLACES:
        report(FIGURES, namespace="vantage", region=place.region)
    return capsys.readouterr().out.splitlines()


def test_every_panel_is_drawn_with_its_sentence(lines: list[str]) -> None:
    """A line per region where the metric is ours; what only AWS counts says so and shows nothing invented."""
    html = page("all", dashboards.overview_widgets(PLACES), read(lines))
    panels = re.findall(r"<section><p>(.*?)</p><h2>(.*?)</h2>(.*?)</section>", html, re.DOTALL)
    assert len(panels) == len(list(dashboards.overview_widgets(PLACES)))
    ours = {title for _, title, drawn in panels if drawn.count("<polyline") == len(PLACES)}
    by_aws = {title for _, title, drawn in panels if "Counted by AWS" in drawn}
    assert len(ours) == len(dashboards.PANELS) - 1
    assert len(ours | by_aws) == len(panels)


def test_statistics_are_those_that_the_panels_name(lines: list[str]) -> None:
    """Sum, mean, greatest and percentile of a minute's values, from a run's own line."""
    [values] = read(lines)["LatencyMs", "EU"].values()
    wanted = {"Sum": 5050, "Average": 50.5, "Maximum": 100, "p50": 51, "p99": 100}
    assert {stat: statistic(values, stat) for stat in wanted} == wanted


def test_pictures_are_written(lines: list[str], tmp_path: Path) -> None:
    """One of all regions and one of the home region; a run without metrics is told how to have some."""
    require("Chromium", any(map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
    with pytest.raises(SystemExit, match="METRICS_NAMESPACE=vantage make run"):
        main([str(tmp_path), str(tmp_path)])
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "worker-EU.log").write_text("\n".join(lines))
    main([str(tmp_path), str(tmp_path)])
    pictures = sorted(tmp_path.glob("*.png"))
    assert [path.stem for path in pictures] == ["dashboard-all-regions", "dashboard-one-region"]
    assert all(path.read_bytes()[:4] == b"\x89PNG" for path in pictures)
