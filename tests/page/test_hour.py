"""The last hour on one axis: what is a slot, and what became of it in each region."""

from datetime import UTC, datetime

import pytest

from vantage.face.pages.hour import Axis, Hour
from vantage.store.last_hour import Rows, Version
from vantage.store.status import Watched

NOW = datetime(2026, 11, 24, 7, 4, 30, tzinfo=UTC)
MINUTE = int(NOW.timestamp()) // 60 * 60
START = MINUTE - 59 * 60
STATUSES = {"U": "up", "S": "degraded", "D": "down", "X": "expired", "R": "refused"}
ALWAYS = Version(0, None, 60, 0, None, enabled=True)
OPENED = frozenset((START + 60 * k, region) for k in range(60) for region in ("USA", "INDIA", "EU"))


def watched(interval_s: int = 60) -> Watched:
    """A monitor."""
    return Watched(1, "shop", "Shop", None, None, True, interval_s, 5000, 2, True, None)


def rows(letters: str, step_s: int = 60, last_s: int = MINUTE) -> Rows:
    """A row a letter, the last one at `last_s`; a dot for none."""
    found = [(last_s - (len(letters) - 1 - k) * step_s, STATUSES[x]) for k, x in enumerate(letters) if x != "."]
    return Rows([at for at, _ in found], [status for _, status in found], [1000] * len(found))


def look(letters: dict[str, str], *versions: Version, interval_s: int = 60, opened: frozenset[tuple[int, str]] = OPENED,
         step_s: int = 60) -> Hour:  # fmt: skip
    """The hour of these rows."""
    found = {region: rows(seen, step_s) for region, seen in letters.items()}
    return Axis(NOW, opened).hour(watched(interval_s), versions or (ALWAYS,), found)


def test_every_check_is_a_bar_and_what_is_missing_is_not_observed() -> None:
    """An hour of minutes; an expired and a refused check, and a missing row, are not observed."""
    hour = look({"USA": "U" * 50 + "SDXR.UUUUU"})
    assert hour.codes["USA"] == "U" * 50 + "SDNNNUUUUU"
    assert hour.observed["USA"] == (57, 60)


def test_a_row_that_may_still_come_is_not_missed_yet() -> None:
    """The newest minutes without rows are empty, older ones hatched; red when all were."""
    hour = look({"USA": "U" * 55 + "....."})
    assert hour.codes["USA"] == "U" * 55 + "NNN  "
    assert hour.observed["USA"] == (55, 58)


def test_before_the_first_check_nothing_was_missed() -> None:
    """A schedule that began ten minutes ago, and one whose first tick came a minute later."""
    new = Version(MINUTE - 9 * 60, None, 60, 0, None, enabled=True)
    assert look({"USA": "U" * 10}, new).codes["USA"] == "." * 50 + "U" * 10
    late = frozenset((MINUTE - 60 * k, "USA") for k in range(9))
    assert look({"USA": "U" * 9}, new, opened=late).codes["USA"] == "." * 51 + "U" * 9


def test_a_paused_while_has_no_slots() -> None:
    """And no check of it is called missing."""
    versions = (
        Version(0, MINUTE - 40 * 60, 60, 0, None, enabled=True),
        Version(MINUTE - 40 * 60, MINUTE - 20 * 60, 60, 0, None, enabled=False),
        Version(MINUTE - 20 * 60, None, 60, 0, None, enabled=True),
    )
    assert look({"USA": "U" * 19 + "." * 20 + "U" * 21}, *versions).codes["USA"] == "U" * 19 + "." * 20 + "U" * 21


def test_where_no_tick_is_opened_any_more_nothing_is_observed() -> None:
    """A producer that stopped ten minutes ago leaves no ledger row behind, and hides nothing."""
    opened = frozenset((START + 60 * k, "USA") for k in range(50))
    assert look({"USA": "U" * 50 + "." * 10}, opened=opened).codes["USA"] == "U" * 50 + "N" * 8 + "  "


def test_a_region_that_a_monitor_is_not_for_has_no_slots() -> None:
    """Nor one that had no tick of its own."""
    only = Version(0, None, 60, 0, ("USA",), enabled=True)
    hour = look({"USA": "U" * 60, "EU": ""}, only)
    assert hour.codes == {"USA": "U" * 60, "EU": "." * 60}
    assert look({"EU": ""}, opened=frozenset((at, "USA") for at, _ in OPENED)).codes["EU"][:58] == "." * 58


@pytest.mark.parametrize(("interval_s", "count"), [(120, 30), (300, 12), (3600, 1)])
def test_a_rare_check_stands_for_its_whole_interval(interval_s: int, count: int) -> None:
    """Slots do not overlap, and each is as wide as the interval."""
    hour = look({"USA": ""}, Version(0, None, interval_s, 0, None, enabled=True), interval_s=interval_s)
    assert {slot.width for slot in hour.slots} == {interval_s // 60}
    assert len(hour.slots) in (count, count + 1)
    minutes = [slot.minute for slot in hour.slots]
    assert minutes == list(range(minutes[0], minutes[0] + len(minutes) * interval_s // 60, interval_s // 60))
    assert minutes[0] > -interval_s // 60


def test_of_several_checks_in_a_minute_the_worst_is_shown() -> None:
    """Every 10 s: one failure of six is not hidden, and each check is counted."""
    fast = Version(0, None, 10, 3, None, enabled=True)
    hour = look({"USA": "U" * 300 + "UUDUUU" + "U" * 54}, fast, interval_s=10, step_s=10)
    assert hour.codes["USA"].count("D") == 1  # the only region: the site is down
    assert hour.observed["USA"] == (355, 355)


def test_down_everywhere_is_a_quorum_of_the_slots_own_rows() -> None:
    """Two of three; one of two is down there only; of one configured region each failure counts. Red at one of one."""
    three = look({"USA": "UDDD", "INDIA": "UDUD", "EU": "UUUD"})
    assert [lane[-4:] for lane in three.codes.values()] == ["UDRD", "UDUD", "UUUD"]
    assert look({"USA": "D", "EU": "U"}).codes["USA"][-1] == "R"
    assert look({"USA": "D", "EU": "X"}).codes["USA"][-1] == "R"  # nobody confirms it
    assert look({"USA": "D"}).codes["USA"][-1] == "D"


def test_what_a_region_at_fault_saw_is_not_observed() -> None:
    """Its failures are not the site's; red when the row was believed."""
    axis = Axis(NOW, OPENED, frozenset({(MINUTE - 120, "USA")}))
    hour = axis.hour(watched(), [ALWAYS], {"USA": rows("U" * 57 + "DUU"), "EU": rows("U" * 57 + "DUU")})
    assert hour.codes["USA"] == "U" * 57 + "NUU"
    assert hour.codes["EU"] == "U" * 57 + "RUU"


def test_announced_work_is_neither_up_nor_down() -> None:
    """And no stem: what was seen meanwhile counts for nothing."""
    axis = Axis(NOW, OPENED)
    found = {region: rows("U" * 40 + "D" * 10 + "U" * 10) for region in ("USA", "EU")}
    hour = axis.hour(watched(), [ALWAYS], found, [(START + 38 * 60, START + 52 * 60)])
    assert hour.codes["USA"] == hour.codes["EU"] == "U" * 38 + "M" * 14 + "U" * 8
