"""Every worked case of the verdict rules, judged."""

from pathlib import Path
from typing import Any

import pytest

from local.scenarios import read_items, replayed, scenario

CASES = [
    *read_items(Path(__file__).with_name("scenarios.yaml")),
]


@pytest.mark.parametrize("item", CASES, ids=[item["id"] for item in CASES])
def test_a_worked_case_comes_out_as_it_was_worked(item: dict[str, Any]) -> None:
    """Verdicts, states, incidents, advisories and notices are those that were worked by hand."""
    came_out = replayed(scenario(item))
    expected = dict(item["expect"])
    states = expected.pop("states", {})
    assert {key: came_out[key] for key in expected} == expected
    assert {region: came_out["states"][region] for region in states} == states
