"""docs/seed.md answers every point of the wish list."""

import re

import pytest

from tests.docs.markdown import ROOT

TEXT = (ROOT / "docs" / "seed.md").read_text(encoding="utf-8")
POINTS = [line for line in TEXT.splitlines() if line.startswith("| ") and not line.startswith(("| wished", "|---"))]


@pytest.mark.parametrize("point", POINTS, ids=lambda point: point.split("|")[1].strip())
def test_a_point_has_its_place_its_test_and_its_figure(point: str) -> None:
    """What is wished, where it is, which test holds it, and a number; a point that is not built says so."""
    wished, here, test, measured = (cell.strip() for cell in point.strip("|").split("|"))
    assert wished
    assert "](" in here or "not yet" in here
    assert "](../tests/" in test or "not yet" in here
    assert re.search(r"\d", measured) or "not yet" in here


def test_no_point_is_left_out() -> None:
    """Sixteen points, in the order in which they were wished."""
    assert len(POINTS) == 16
