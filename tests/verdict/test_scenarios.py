"""Every worked case of the verdict rules, judged."""

import json
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from local.commands.dev import dev
from local.scenarios import Scenario, ScenarioError, read_items, read_scenarios, replayed, scenario
from vantage.verdict.rules import Rules

HERE = Path(__file__).parent
CASES = [*read_items(HERE / "scenarios.yaml"), *read_items(HERE / "more.yaml")]
BY_ID = {item["id"]: item for item in CASES}

PINNED = [
    ("confirm_down", 1, "A02"),
    ("confirm_down", 3, "A04"),
    ("confirm_up", 1, "A04"),
    ("confirm_up", 3, "A04"),
    ("confirm_slow", 1, "A16"),
    ("confirm_slow", 3, "H06"),
    ("single", 2, "B09"),
    ("single", 4, "B07"),
    ("no_data_intervals", 1, "B01"),
    ("no_data_intervals", 3, "B04"),
    ("reach_s", 840, "V22"),
    ("reach_s", 960, "V21"),
    ("advisory_s", 540, "D01"),
    ("advisory_s", 660, "D01"),
    ("grace_s", 46, "C07"),
    ("share_percent", 29, "E02"),
    ("share_percent", 31, "E03"),
    ("share_monitors", 9, "V02"),
    ("share_monitors", 11, "V03"),
    ("references", 1, "V04"),
    ("references", 3, "V01"),
    ("clean_ticks", 4, "V01"),
    ("clean_ticks", 6, "V01"),
    ("blind_ticks", 1, "B15"),
    ("blind_ticks", 3, "B15"),
    ("flap_slots", 20, "F03"),
    ("flap_slots", 23, "F01"),
    ("flap_over_percent", 49, "F08"),
    ("flap_over_percent", 55, "F01"),
    ("flap_under_percent", 26, "F03"),
    ("flap_under_percent", 20, "F03"),
    ("storm", 2, "F07"),
    ("storm", 4, "F07"),
    ("storm_s", 3540, "V05"),
    ("storm_s", 3660, "V05"),
]


@pytest.mark.parametrize("item", CASES, ids=[item["id"] for item in CASES])
def test_a_worked_case_comes_out_as_it_was_worked(item: dict[str, Any]) -> None:
    """Verdicts, states, incidents, advisories and notices are those that were worked by hand."""
    assert came_out_as_expected(scenario(item))


@pytest.mark.parametrize(("rule", "value", "case"), PINNED)
def test_a_changed_default_is_noticed(rule: str, value: int, case: str) -> None:
    """Each default is held by a case that comes out otherwise when it is changed, up or down."""
    one = scenario(BY_ID[case])
    assert getattr(one.rules, rule) == getattr(Rules(), rule)
    assert not came_out_as_expected(replace(one, rules=replace(one.rules, **{rule: value})))


def test_no_default_is_free() -> None:
    """Every rule stands in the list above."""
    assert {rule for rule, _, _ in PINNED} == {rule.name for rule in fields(Rules)}


def test_a_file_at_fault_is_named(tmp_path: Path) -> None:
    """What cannot be read is said, with its place; nothing is replayed."""
    file = tmp_path / "scenarios.yaml"
    for text, named in [
        ("- {id: A, results: {USA: UQ}}", "Q"),
        ("- {id: A, results: {USA: U}, config: {confirm: 2}}", "confirm"),
        ("- {id: A, results: {USA: U}, colour: red}", "colour"),
        ("- {id: A, results: {USA: U}, interval: soon}", "soon"),
        ("- {id: A}", "results"),
        ("- {id: A, results: {USA: U}}\n- {id: A, results: {USA: U}}", "A"),
        ("results: {}", "a list"),
        ("- {id: A, results: [", "cannot be read"),
    ]:
        file.write_text(text)
        with pytest.raises(ScenarioError, match=named):
            read_scenarios(file)


def test_the_command_prints_what_came_out_by_id() -> None:
    """`vantage dev replay FILE --json` is one object; each value has the keys of `expect`."""
    run = CliRunner().invoke(dev, ["replay", str(HERE / "scenarios.yaml"), "--json"])
    printed = json.loads(run.output)
    assert list(printed) == [item["id"] for item in read_items(HERE / "scenarios.yaml")]
    assert printed["A04"] == {
        "verdict": "UUSSU",
        "states": {"USA": "uuddu", "INDIA": "uuddu", "EU": "uuddu"},
        "incidents": [{"opened": 2, "began": 1, "resolved": 4, "single": False}],
        "advisories": [],
        "notices": ["2:site_down", "4:site_up"],
        "operator": [],
    }


def came_out_as_expected(one: Scenario) -> bool:
    """Whether what was expected came out, of what was expected at all."""
    came_out, expected = replayed(one), dict(BY_ID[one.id]["expect"])
    states = expected.pop("states", {})
    return all(came_out[key] == value for key, value in expected.items()) and all(
        came_out["states"][region] == letters for region, letters in states.items()
    )
