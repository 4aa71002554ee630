"""The benches' report: what a program and a person read, and the exit code."""

import json
from pathlib import Path

import pytest

from bench import producer, report
from bench.__main__ import main
from bench.report import Row, at_least, at_most, compared, measured, not_compared
from bench.stage import tool
from tests.conftest import require

KEPT = compared("bulk", 1200, "acks/s", "one by one: 12/s", 99.2, at_least(40))
MISSED = measured("memory", 81, "MB", at_most(80))
UNJUDGED = not_compared("rate", 5, "1/s", "redis-benchmark is not installed", at_least(0.12))
REPORTED = measured("lateness", 12.3456, "ms")


@pytest.fixture(autouse=True)
def servers_of_our_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bench would not work on servers that are in use."""
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.delenv("REDIS_URL", raising=False)


def test_a_row_is_an_object_with_all_its_fields(tmp_path: Path) -> None:
    """results.json is a list of objects; a limit is a number, and `holds` says which way it was meant."""
    report.write([KEPT, MISSED, UNJUDGED, REPORTED], tmp_path / "results.json")
    fields = ["name", "value", "unit", "against", "ratio", "limit", "holds"]
    assert [list(row.values()) for row in json.loads((tmp_path / "results.json").read_text())] == [
        ["bulk", 1200, "acks/s", "one by one: 12/s", 99.2, 40, True],
        ["memory", 81, "MB", None, None, 80, False],
        ["rate", 5, "1/s", "redis-benchmark is not installed", None, 0.12, None],
        ["lateness", 12.35, "ms", None, None, None, None],
    ]
    assert list(KEPT.as_dict()) == fields


@pytest.mark.parametrize(("rows", "code"), [([KEPT, UNJUDGED, REPORTED], 0), ([KEPT, MISSED], 1), ([], 0)])
def test_only_a_missed_limit_fails(rows: list[Row], code: int) -> None:
    """What could not be judged is no failure."""
    assert report.exit_code(rows) == code


def test_a_limit_is_kept_at_its_edge() -> None:
    """Both kinds include their figure."""
    assert at_least(0.12).holds(0.12)
    assert not at_least(0.12).holds(0.119)
    assert at_most(1.3).holds(1.3)
    assert not at_most(1.3).holds(1.31)


def test_a_ratio_is_the_median_of_the_pairs_and_not_of_the_sides() -> None:
    """A minute in which everything runs at half the speed changes no ratio."""
    ours, theirs = iter([10.0, 5.0, 30.0]), iter([100.0, 50.0, 100.0])
    assert report.alternating(lambda: next(ours), lambda: next(theirs), 3) == (10.0, 100.0, 0.1)


def test_the_table_says_what_was_missed_and_what_was_not_judged() -> None:
    """One line per row below the heading, each verdict in a word."""
    _, kept, missed, unjudged, reported = report.table([KEPT, MISSED, UNJUDGED, REPORTED]).splitlines()
    assert all(word in kept for word in (">= 40", "holds", "1,200"))
    assert all(word in missed for word in ("<= 80", "MISSED"))
    assert all(word in unjudged for word in ("not judged", "redis-benchmark is not installed"))
    assert "judged" not in reported


def test_a_name_that_is_no_bench_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """With the names that there are."""
    with pytest.raises(SystemExit) as ended:
        main(["speed"])
    assert ended.value.code == 2
    assert "no bench 'speed'" in capsys.readouterr().err


def test_without_nginx_its_row_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is measured, nothing fails, and a program finds null."""
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(["end_to_end"], tmp_path / "results.json") == 0
    [row] = json.loads((tmp_path / "results.json").read_text())
    assert row["value"] is row["ratio"] is row["holds"] is None
    assert row["against"] == "nginx is not installed (nginx-light)"


def test_without_redis_benchmark_the_rate_stands_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The producer is measured all the same."""
    monkeypatch.setenv("PATH", str(tmp_path))
    rate, memory, _ = producer.measure(200, 2000, 1)
    assert rate.value
    assert (rate.ratio, rate.holds) == (None, None)
    assert rate.against == "redis-benchmark is not installed (redis-tools)"
    assert memory.holds


def test_the_producer_is_measured_beside_redis_benchmark() -> None:
    """Both rates in one run, on the same server."""
    require("redis-benchmark", tool("redis-benchmark") is not None)
    rate, _, flat = producer.measure(200, 2000, 1)
    assert rate.ratio
    assert flat.holds
