"""Shapes: whatever is drawn stays in its frame, and a gap stays a gap."""

import re
from datetime import datetime

import pytest

from vantage.face.pages.bar_shapes import shapes
from vantage.face.pages.bars import Bar
from vantage.face.pages.drawing import Slot, eyes, lanes, median, nearest_rank, number, sparks
from vantage.face.pages.past import axis_until

MINUTES = [Slot(minute, 1) for minute in range(60)]


def paths(*codes: str, slots: list[Slot] = MINUTES) -> dict[str, str]:
    """The path of each kind."""
    return {shape.kind: shape.path for shape in lanes(codes, slots)}


@pytest.mark.parametrize("count", range(1, 7))
def test_one_to_six_eyes_fit_and_stand_apart(count: int) -> None:
    """Within 40 x 40, and none on another."""
    found = eyes("U" * count)
    places = {(float(eye.x), float(eye.y)) for eye in found}
    assert len(places) == count
    assert all(3 <= x <= 37 and 3 <= y <= 40 for x, y in places)


def test_of_three_eyes_usa_and_india_stand_below() -> None:
    """Left and right, and EU above."""
    usa, india, eu = eyes("URN")
    assert float(usa.x) < float(eu.x) < float(india.x)
    assert float(eu.y) < float(usa.y) == float(india.y)
    assert [eye.state for eye in (usa, india, eu)] == ["U", "R", "N"]


def test_equal_bars_in_a_row_are_one_stroke() -> None:
    """An hour that is up takes one path with a piece per region."""
    assert paths("U" * 60, "U" * 60) == {"u": "M0 5h59.76M0 15h59.76"}


def test_each_state_has_a_shape_of_its_own() -> None:
    """Down here lies below the ribbon, down everywhere also has a stem through all lanes, not observed is an area."""
    found = paths("USRDN." + "U" * 54, "UUUDUU" + "U" * 54)
    assert set(found) == {"u", "s", "r", "d", "t", "h", "z"}
    assert found["r"] == "M2 7.3h.76"
    assert found["d"] == "M3 7.3h.76M3 17.3h.76"
    assert found["t"] == "M3.2 0h.36v20h-.36z"
    assert found["h"].endswith("z")
    assert found["s"].count("M") == 2


def test_a_wide_bar_is_whole_and_ends_with_the_axis() -> None:
    """Its class has no dashes; one that began before the axis begins with it."""
    found = paths("UUU", slots=[Slot(-2, 30), Slot(28, 30), Slot(58, 30)])
    assert found == {"u w": "M0 5h27.76M28 5h29.76M58 5h1.76"}


def test_a_foot_is_as_tall_as_the_trouble_was_long() -> None:
    """In four steps: minutes never look like a day, and are still to be seen; less than 0.5 % unseen is no hatch.

    Red where a foot was as tall as its share.
    """

    def path(kind: str, bar: Bar) -> str:
        return {shape.kind: shape.path for shape in shapes([{0: bar}], {0}, {}, 1)}.get(kind, "")

    day = 86_400
    feet = [path("dr", Bar(day, down=lasted)) for lasted in (60, 3600, 5 * 3600, day)]
    assert feet == ["M.38 6.4V9.4", "M.38 5V9.4", "M.38 3.25V9.4", "M.38 1.5V9.4"]
    gaps = [path("dh", Bar(day, unseen=lasted)) for lasted in (60, 3600, 5 * 3600, 15 * 3600, day)]
    assert gaps == ["", "M.4 1.5v1.4", "M.4 1.5v2.8", "M.4 1.5v4.9", "M.4 1.5v7"]
    assert path("ds", Bar(day, slow=60)) == path("ds", Bar(day, ends=60)) != ""


def test_what_is_not_known_yet_is_not_drawn() -> None:
    """A slot whose row may still come."""
    assert paths("U" * 58 + "  ") == {"u": "M0 5h57.76"}


def test_a_gap_in_latencies_is_never_bridged() -> None:
    """A new piece begins behind it; one success between two gaps is a dot. Red when the line went on."""
    (line,) = sparks([[1000, 1100, None, 1200, None, 1300, 1000]], list(range(7)))
    assert line.count("M") == 3
    assert re.search(r"M11 \d+h0M", line)


def test_a_doubling_is_equally_tall_in_every_region() -> None:
    """One ratio scale, each region from its own floor."""
    near, far = sparks([[1000, 2000], [100_000, 200_000]], [0, 1])
    assert near == far


def test_no_success_draws_nothing() -> None:
    """Not even a floor."""
    assert sparks([[None, None], [1000, None]], [0, 1])[0] == ""
    assert sparks([], []) == []


def test_percentiles_are_values_that_were_seen() -> None:
    """Never an average."""
    assert (median([1, 2, 3, 4]), median([7]), median([])) == (2, 7, None)
    assert (nearest_rank(list(range(1, 21)), 0.95), nearest_rank([5], 0.95), nearest_rank([], 0.95)) == (19, 5, None)


def test_numbers_are_short() -> None:
    """As SVG allows."""
    assert [number(x) for x in (0, 1, 0.5, -0.25, 59.76, 10.004)] == ["0", "1", ".5", "-.25", "59.76", "10"]


@pytest.mark.parametrize(
    ("span", "now", "first"),
    [
        ("90d", "2026-11-24 00:02:14", "2026-08-26 00:00:00"),  # what is there by now ends at 23:59
        ("90d", "2026-11-24 00:02:15", "2026-08-26 00:00:00"),  # and here at midnight
        ("90d", "2026-11-24 00:03:15", "2026-08-27 00:00:00"),
        ("24h", "2026-11-24 07:02:15", "2026-11-23 07:00:00"),
        ("24h", "2026-11-24 07:03:15", "2026-11-23 08:00:00"),
    ],
)
def test_the_last_bar_is_never_one_in_which_nothing_can_be_known_yet(span: str, now: str, first: str) -> None:
    """It begins with the first minute whose results must be there; red when for a minute it was there before that."""
    assert axis_until(datetime.fromisoformat(f"{now}+00:00"), span).first == datetime.fromisoformat(f"{first}+00:00")
