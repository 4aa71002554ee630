"""Every worked verdict scenario, lived in the database: what stands in its tables is what the pure rules decide."""

from pathlib import Path
from typing import Any

import psycopg
import pytest

from local.scenarios import SUBJECT, Scenario, outcome, read_scenarios, stored, ticks, watched
from tests.judge.history import Lived
from vantage.judge.tick import Judge
from vantage.verdict.fleet import History, TickJudgement, judge

FILES = [Path(__file__).parent.parent / "verdict" / name for name in ("scenarios.yaml", "more.yaml")]
# A monitor has one number of confirmations, for both ways.
SCENARIOS = [one for file in FILES for one in read_scenarios(file) if one.rules.confirm_up == one.rules.confirm_down]
UNSAID = ("no_data", "vantage_fault", "maintenance")


def judged_purely(one: Scenario) -> list[TickJudgement]:
    """The same history by the pure rules."""
    return judge(list(ticks(one)), History(stored(one)), watched(one), one.rules)[1]


@pytest.mark.parametrize("one", SCENARIOS, ids=lambda one: one.id)
def test_what_is_stored_is_what_the_rules_decide(database: "psycopg.Connection[Any]", one: Scenario) -> None:
    """Incidents, advisories, notices, the operator's news, flips and verdicts are those of a replay; and a program that
    keeps an alert open until it is closed holds exactly what is open.

    Red in D04 without the messages for programs alone: an advisory that an incident took over was never closed.

    Of a monitor that is quietly up nothing is stored: that nobody sees it, or that it is in maintenance, follows from
    the rows, the faults and the windows.
    """
    lived = Lived(database, one, [Judge(database, rules=one.rules)])
    lived.live()
    judged = judged_purely(one)
    wanted = outcome(one, judged)
    assert lived.alerts() == lived.open_things()
    assert lived.outcome() == {key: wanted[key] for key in ("incidents", "advisories", "notices", "operator")}
    mine = [judgement for tick in judged for judgement in tick.monitors.get(SUBJECT, ())]
    flips = [(flip.region, flip.at_ms, flip.before, flip.after, flip.since_ms) for one_ in mine for flip in one_.flips]
    assert sorted(lived.flips(), key=str) == sorted(flips, key=str)
    for stored_, judgement in zip(lived.verdicts(), mine, strict=True):
        assert stored_ == judgement.verdict or (stored_ == "up" and judgement.verdict in UNSAID)
