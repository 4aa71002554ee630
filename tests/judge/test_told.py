"""What is told of a monitor while it is judged: what each region sees now, phase by phase; and that it is over."""

from typing import Any

from tests.judge import history
from tests.judge.history import REGIONS
from vantage.store.incidents import list_incidents
from vantage.verdict.rules import Rules


def see(database: Any, tick_s: int, letters: str, rules: Rules = Rules()) -> None:
    """A tick in which the regions, in their order, see the monitor so (a dot: nothing), and its judging."""
    seen = {region: letter for region, letter in zip(REGIONS, letters, strict=True) if letter != "."}
    history.see(database, tick_s, seen, rules=rules)


def test_each_step_of_an_incident_says_its_phase(database: Any, first_s: int) -> None:
    """The regions that fall while it is open, and those that are back, the last of them at its end.

    Red without the phase of a later step, and without the steps of the slot that resolves it.
    """
    for tick, letters in enumerate(("UUU", "DDU", "DDU", "DDD", "DDD", "UUD", "UUD")):
        see(database, first_s + 60 * tick, letters)
    [incident] = list_incidents(database)
    steps = [(one["kind"], one["region"], one["detail"].get("state"), one["detail"].get("phase"))
             for one in incident.events]  # fmt: skip
    assert steps == [
        ("opened", None, None, None),
        ("region", "EU", "down", "tls"),
        ("region", "USA", "up", None),
        ("region", "INDIA", "up", None),
        ("resolved", None, None, None),
    ]
    assert incident.events[1]["detail"]["timeout_ms"] == 5000


def test_of_a_region_that_is_not_heard_nothing_is_said(database: Any, first_s: int) -> None:
    """It was up when it fell silent, and nobody says that it is fine. Red where its state was told as it is held."""
    for tick, letters in enumerate(("UUU", "UU.", "DD.", "DD.")):
        see(database, first_s + 60 * tick, letters)
    [(regions,)] = database.execute("SELECT facts -> 'regions' FROM outbox").fetchall()
    assert [(seen["region"], seen["state"], seen["since"] is None) for seen in regions] == [
        ("USA", "down", False), ("INDIA", "down", False), ("EU", None, True),
    ]  # fmt: skip


def told(database: Any) -> dict[str, list[str]]:
    """The messages of each channel, with the incident of each."""
    rows = database.execute(
        """SELECT channel, array_agg(type || coalesce(' ' || (facts ->> 'incident_id'), '') ORDER BY id) FROM outbox
            GROUP BY 1"""
    ).fetchall()
    return dict(rows)


def test_who_keeps_alerts_hears_the_end_of_what_it_was_told_also_while_it_flaps(database: Any, first_s: int) -> None:
    """It began while people were still told, and ends while they are not; so does one that opens meanwhile, once it has
    settled. A monitor that is deleted leaves nothing open either.

    Red without the messages for programs alone; with them sent to everybody; with the end of what was never told.
    """
    database.execute("INSERT INTO channel SELECT 'people', 'slack', config, events FROM channel")
    database.execute("UPDATE monitor SET channels = '{hook,people}'")
    life = "U" + "DDUDUU" + "DDUU" + "DD" + "D" * 7 + "UU" + "DDD"
    for tick, letter in enumerate(life):
        see(database, first_s + 60 * tick, letter * 3, rules=Rules(flap_slots=8, storm=0))
    database.execute("UPDATE monitor SET deleted_at = now()")
    see(database, first_s + 60 * len(life), "...")
    assert told(database) == {
        "people": [
            "incident.opened 1", "monitor.flapping 1", "monitor.settled 3", "incident.resolved 3", "incident.opened 4",
        ],
        "hook": [
            "incident.opened 1", "monitor.flapping 1", "incident.resolved 1", "monitor.settled 3", "incident.opened 3",
            "incident.resolved 3", "incident.opened 4", "incident.resolved 4",
        ],
    }  # fmt: skip
    last = database.execute("SELECT facts ->> 'kind', facts -> 'quiet' FROM outbox ORDER BY id DESC LIMIT 1").fetchone()
    assert last == ("deleted", True)
