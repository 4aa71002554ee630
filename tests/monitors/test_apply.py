"""Monitors files into a real database: idempotent, history kept, the schedule with it."""

import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings

from tests.monitors.test_round_trip import fleets
from vantage import announce
from vantage.errors import MonitorsFileError
from vantage.monitors_file.apply import apply_plan, plan_files
from vantage.monitors_file.entry import definition
from vantage.monitors_file.model import MonitorItem
from vantage.monitors_file.plan import Plan
from vantage.monitors_file.write import to_yaml
from vantage.store.channels import Channel, save_channels
from vantage.store.connection import Connection
from vantage.store.maintenance import end, list_maintenance
from vantage.store.monitors import delete, load_definitions, pause, resume, save

SITES = "monitors:\n- {name: A, url: https://a.example.com/}\n- {name: B, url: https://b.example.com/}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder for monitors files."""
    return tmp_path


def apply_text(connection: Connection, folder: Path, text: str, *, prune: bool = False) -> Plan:
    """Write a file, plan, apply; returns the plan."""
    (folder / "monitors.yaml").write_text(text)
    todo = plan_files(connection, [folder], {}, prune=prune)
    apply_plan(connection, todo)
    return todo


def rows(connection: Connection, query: str) -> Sequence[Any]:
    """All rows of a query; a single column as its values."""
    found = connection.execute(query).fetchall()
    return [row[0] for row in found] if found and len(found[0]) == 1 else found


def test_a_second_apply_has_nothing_to_do(database: Connection, folder: Path) -> None:
    """And touches no row."""
    first = apply_text(database, folder, SITES)
    before = rows(database, "SELECT xmin::text FROM monitor ORDER BY id")
    second = apply_text(database, folder, SITES)

    assert [new.slug for new in first.create] == ["a", "b"]
    assert (second.has_changes, second.unchanged) == (False, ("a", "b"))
    assert rows(database, "SELECT xmin::text FROM monitor ORDER BY id") == before


def test_an_applied_monitor_is_scheduled(database: Connection, folder: Path) -> None:
    """The trigger writes what is in force; a change of interval is a new version of it."""
    apply_text(database, folder, SITES)
    apply_text(database, folder, SITES.replace("b.example.com/}", "b.example.com/, interval: 5m, regions: [EU]}"))

    in_force = (
        "SELECT interval_s, regions::text[], enabled FROM monitor_schedule WHERE until_tick = 'infinity' ORDER BY 1"
    )
    assert rows(database, in_force) == [(60, None, True), (300, ["EU"], True)]


def test_a_change_leaves_the_others_alone(database: Connection, folder: Path) -> None:
    """Only the row that differs is written, and its id stays."""
    apply_text(database, folder, SITES)
    before = rows(database, "SELECT id, slug FROM monitor ORDER BY id")
    others = rows(database, "SELECT xmin::text FROM monitor WHERE slug = 'a'")

    todo = apply_text(database, folder, SITES.replace("name: B,", "name: B2, slug: b,"))

    assert [new.slug for new, _ in todo.update] == ["b"]
    assert rows(database, "SELECT id, slug FROM monitor ORDER BY id") == before
    assert rows(database, "SELECT name FROM monitor WHERE slug = 'b'") == ["B2"]
    assert rows(database, "SELECT xmin::text FROM monitor WHERE slug = 'a'") == others


def test_what_the_file_does_not_name_stays_unless_pruned(database: Connection, folder: Path) -> None:
    """Prune deletes softly: the row and its past schedule are there, and nothing more is scheduled."""
    apply_text(database, folder, SITES)
    only_a = SITES.splitlines(keepends=True)[:2]

    stayed = apply_text(database, folder, "".join(only_a))
    pruned = apply_text(database, folder, "".join(only_a), prune=True)

    assert (stayed.stays, stayed.has_changes, pruned.prune) == (("b",), False, ("b",))
    assert rows(database, "SELECT deleted_at IS NOT NULL FROM monitor ORDER BY slug") == [False, True]
    assert rows(database, "SELECT enabled FROM monitor_schedule WHERE monitor_id = 2 AND until_tick = 'infinity'") == [
        False
    ]
    assert [stored.slug for stored in load_definitions(database)] == ["a"]


def test_a_deleted_monitor_comes_back_with_its_id(database: Connection, folder: Path) -> None:
    """So its history is its own again."""
    apply_text(database, folder, SITES)
    apply_text(database, folder, "monitors: []\n", prune=True)

    todo = apply_text(database, folder, SITES)

    assert todo.revive == {"a", "b"}
    assert rows(database, "SELECT id, slug, deleted_at FROM monitor ORDER BY id") == [(1, "a", None), (2, "b", None)]
    assert rows(database, "SELECT enabled FROM monitor_schedule WHERE until_tick = 'infinity'") == [True, True]


def test_updates_spend_no_ids(database: Connection, folder: Path) -> None:
    """Phases are spread by ids, so they should stay dense."""
    for minutes in (1, 2, 3, 4):
        apply_text(database, folder, SITES.replace("/}", f"/, interval: {minutes}m}}"))
    apply_text(database, folder, SITES + "- {name: C, url: https://c.example.com/}\n")

    assert rows(database, "SELECT id FROM monitor ORDER BY id") == [1, 2, 3]


def test_a_file_with_faults_changes_nothing(database: Connection, folder: Path) -> None:
    """Not even what is right in it; a region that the database does not know is a fault with its line."""
    text = SITES + "- name: C\n  url: https://c.example.com/\n  regions: [MOON]\n"

    with pytest.raises(
        MonitorsFileError, match=r"monitors\.yaml:6: regions\.0: is no region here; there are USA, INDIA, EU"
    ):
        apply_text(database, folder, text)

    assert rows(database, "SELECT count(*) FROM monitor") == [0]


def test_reference_monitors_are_nobody_else_s(database: Connection, folder: Path) -> None:
    """They are in no list, no prune takes them, and their slugs are refused."""
    save(database, [definition(MonitorItem(name="Reference", url="https://r.example.com/"))])
    database.execute("UPDATE monitor SET reference = true")

    apply_text(database, folder, SITES, prune=True)
    with pytest.raises(MonitorsFileError, match="belongs to a built-in monitor"):
        apply_text(database, folder, SITES.replace("name: B", "name: Reference"))
    save(database, [definition(MonitorItem(name="Mine", slug="reference", url="https://m.example.com/"))])
    pause(database, ["reference"])

    assert rows(database, "SELECT slug FROM monitor WHERE deleted_at IS NULL ORDER BY 1") == ["a", "b", "reference"]
    assert rows(database, "SELECT name, enabled FROM monitor WHERE reference") == [("Reference", True)]
    assert [stored.slug for stored in load_definitions(database)] == ["a", "b"]


TOLD = [Channel("hook", "webhook", {"url": "env:HOOK"}), Channel("team", "slack", {"url": "env:TEAM"}, operator=True)]
ALERTS = """\
defaults: {channels: [team]}
operator: [team]
channels:
- {name: team, type: slack, url: "env:HOOK", remind_every: 4h}
- {name: hook, type: webhook, url: "https://hook.example.com/", events: [down]}
"""


def test_channels_are_applied_with_who_they_are_for(database: Connection, folder: Path) -> None:
    """And a second time there is nothing to do; a monitor that names no channel takes the default's."""
    first = apply_text(database, folder, ALERTS + SITES.replace("b.example.com/}", "b.example.com/, channels: []}"))
    again = plan_files(database, [folder], {}, prune=True)

    assert [one.name for one in first.channels.create] == ["team", "hook"]
    assert not again.has_changes
    assert rows(database, "SELECT channels FROM monitor ORDER BY slug") == [["team"], []]
    assert rows(database, "SELECT name, operator, remind_every_s, events FROM channel ORDER BY name") == [
        ("hook", False, None, ["down"]),
        ("team", True, 14_400, ["down", "up", "regional", "degraded", "certificate", "flapping"]),
    ]


def test_channels_that_no_file_names_stay_and_can_be_named(database: Connection, folder: Path) -> None:
    """`operator` alone moves who that is; --prune deletes, and then nobody can be told by that name."""
    apply_text(database, folder, ALERTS + SITES)

    moved = apply_text(database, folder, "operator: [hook]\nmonitors: []\n")
    stayed = apply_text(database, folder, SITES.replace("a.example.com/}", "a.example.com/, channels: [hook]}"))
    with pytest.raises(MonitorsFileError, match="is no channel here; none is configured"):
        apply_text(database, folder, ALERTS.splitlines()[0] + "\n" + SITES, prune=True)
    pruned = apply_text(database, folder, SITES, prune=True)

    assert {new.name: [(c.key, c.before, c.after) for c in changes] for new, changes in moved.channels.update} == {
        "hook": [("operator", False, True)], "team": [("operator", True, False)],
    }  # fmt: skip
    assert (stayed.channels.stays, stayed.channels.has_changes) == (("hook", "team"), False)
    assert (pruned.channels.prune, rows(database, "SELECT count(*) FROM channel")) == (("hook", "team"), [0])


WORK = """\
maintenance:
- {name: Night, start: "2026-01-06T22:00", duration: 2h, timezone: Europe/Berlin, rrule: "FREQ=DAILY", groups: [Public]}
- {name: Move, start: "2097-01-01T08:00", duration: 1d, monitors: [a]}
"""


def windows(connection: Connection) -> dict[str, int]:
    """How many windows of each announced work lie ahead."""
    query = """SELECT x.name, count(w.from_at) FROM maintenance x
                 LEFT JOIN maintenance_window w ON w.maintenance_id = x.id AND w.from_at > now() GROUP BY 1"""
    return dict(rows(connection, query))


def test_work_is_announced_two_months_ahead_and_applied_once(database: Connection, folder: Path) -> None:
    """A second time there is nothing to do, also after its end was told by a person; a change takes it up again."""
    first = apply_text(database, folder, WORK + SITES)
    ahead = windows(database)
    again = plan_files(database, [folder], {}, prune=True)
    for one in list_maintenance(database):
        end(database, one.id)
    ended = apply_text(database, folder, WORK + SITES, prune=True)
    gone = windows(database)
    changed = apply_text(database, folder, WORK.replace("2h", "3h") + SITES)

    assert [one.name for one in first.maintenance.create] == ["Night", "Move"]
    assert (ahead["Night"] in (59, 60, 61), ahead["Move"]) == (True, 1)
    assert (again.has_changes, ended.has_changes, gone) == (False, False, {"Night": 0, "Move": 0})
    assert [new.name for new, _ in changed.maintenance.update] == ["Night"]
    assert windows(database) == {"Night": ahead["Night"], "Move": 0}
    assert rows(database, "SELECT DISTINCT until_at - from_at = interval '3 hours' FROM maintenance_window") == [True]


def test_work_that_no_file_names_stays_until_it_is_pruned(database: Connection, folder: Path) -> None:
    """What of it lies ahead is then taken away; what is over is in no list."""
    apply_text(database, folder, WORK + SITES)

    stayed = apply_text(database, folder, SITES)
    exported = to_yaml([], (), list_maintenance(database, only_coming=True))
    pruned = apply_text(database, folder, SITES, prune=True)

    assert (stayed.maintenance.stays, stayed.has_changes) == (("Move", "Night"), False)
    assert "FREQ=DAILY" in exported
    assert (pruned.maintenance.prune, windows(database)) == (("Move", "Night"), {"Night": 0, "Move": 0})
    assert list_maintenance(database, only_coming=True) == []


def test_recurring_work_goes_on_and_on(database: Connection, folder: Path) -> None:
    """A month before its windows run out the next are worked out, and no sooner. Red without `go_on`."""
    apply_text(database, folder, WORK + SITES)
    now, before = datetime.now(UTC), windows(database)

    early = announce.go_on(database, now + timedelta(days=29))
    due = announce.go_on(database, now + timedelta(days=31))
    again = announce.go_on(database, now + timedelta(days=31))

    assert (early, due, again) == (0, 1, 0)
    assert windows(database)["Night"] - before["Night"] in (30, 31, 32)
    assert rows(database, "SELECT count(DISTINCT from_at) = count(*) FROM maintenance_window") == [True]


def test_pause_and_resume_say_what_they_changed(database: Connection, folder: Path) -> None:
    """What is so already is left alone; the schedule follows."""
    apply_text(database, folder, SITES)

    assert pause(database, ["a", "b"]) == ["a", "b"]
    assert pause(database, ["a"]) == []
    assert resume(database, ["a"]) == ["a"]
    in_force = "SELECT monitor_id, enabled FROM monitor_schedule WHERE until_tick = 'infinity' ORDER BY 1"
    assert rows(database, in_force) == [(1, True), (2, False)]


def test_hostile_names_are_stored_as_they_are(database: Connection) -> None:
    """Markup, quotes and SQL in a name are text and nothing else."""
    name = "<img src=x onerror=alert(1)>'; DROP TABLE monitor; -- \\ %s ${1} 🦊"
    item = definition(
        MonitorItem(name=name, slug="hostile", url="https://a.example.com/", group=name, tags={name: name})
    )

    save(database, [item])

    assert load_definitions(database) == [item]


def test_two_applies_at_once_do_not_fail(database_url: str) -> None:
    """Both write the same thousand rows; each row is there once. (Without the table's lock, MERGE raises here.)"""
    fleet = [definition(MonitorItem(name=f"Site {n}", url=f"https://{n}.example.com/")) for n in range(1_000)]
    failures: list[Exception] = []

    def write(part: list[Any]) -> None:
        try:
            with psycopg.connect(database_url, autocommit=True) as connection:
                save(connection, part)
        except psycopg.Error as error:
            failures.append(error)

    threads = [threading.Thread(target=write, args=(part,)) for part in (fleet, fleet[::-1], fleet)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    with psycopg.connect(database_url, autocommit=True) as connection:
        assert failures == []
        assert rows(connection, "SELECT count(*) FROM monitor") == [1_000]


@given(fleets)
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_the_database_holds_is_exported_and_applies_to_no_changes(
    database: Connection, tmp_path: Path, fleet: list[dict[str, Any]]
) -> None:
    """The whole circle on a real database, for whatever can be configured."""
    save_channels(database, TOLD)
    save(database, [definition(MonitorItem.model_validate(words)) for words in fleet])
    (tmp_path / "export.yaml").write_text(to_yaml(load_definitions(database), TOLD))

    todo = plan_files(database, [tmp_path / "export.yaml"], {})

    assert not todo.has_changes
    assert todo.stays == ()


def test_a_thousand_monitors_are_applied_within_seconds(database: Connection, folder: Path) -> None:
    """Read, planned and applied in under 5 s, and again in under 5 s (measured: 0.2 s each)."""
    text = "defaults: {interval: 5m, regions: [USA, EU]}\nmonitors:\n" + "".join(
        f"- name: Site {n}\n  url: https://www.example.com/{n}\n  group: Public\n  tags: {{team: web}}\n"
        for n in range(1_000)
    )
    began_s = time.monotonic()
    first = apply_text(database, folder, text)
    between_s = time.monotonic()
    second = apply_text(database, folder, text)

    assert (len(first.create), second.has_changes) == (1_000, False)
    assert between_s - began_s < 5
    assert time.monotonic() - between_s < 5


def test_a_large_apply_is_cut_into_transactions(database: Connection) -> None:
    """Whoever opens a tick waits for a thousand rows at most. (With one transaction, 3,000 rows share an xmin.)"""
    fleet = [definition(MonitorItem(name=f"Site {n}", url=f"https://{n}.example.com/")) for n in range(3_000)]
    per_transaction = "SELECT count(*) FROM monitor GROUP BY xmin::text"

    save(database, fleet)
    saved = rows(database, per_transaction)
    delete(database, [item.slug for item in fleet])

    assert saved == [1_000, 1_000, 1_000]
    assert rows(database, per_transaction) == [1_000, 1_000, 1_000]
    assert rows(database, "SELECT count(*) FROM monitor WHERE deleted_at IS NULL") == [0]
