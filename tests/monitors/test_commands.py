"""The commands as a user meets them: what is printed, and the exit code."""

import json
from collections.abc import Callable
from pathlib import Path

import click
import pytest
import redis
from click.testing import CliRunner, Result

from local.commands.monitors import monitors
from local.commands.regions import regions
from vantage.monitors_file.model import json_schema
from vantage.store.connection import Connection
from vantage.store.regions import insert_region
from vantage.stream import STREAM

SITES = "monitors:\n- {name: A, url: https://a.example.com/}\n- {name: B, url: https://b.example.com/}\n"
Vantage = Callable[..., Result]
GROUPS: dict[str, click.Group] = {"monitors": monitors, "regions": regions}


@pytest.fixture
def vantage(database_url: str, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Vantage:
    """Runs `vantage WORDS…` on an empty database, in a folder with SITES in monitors.yaml."""
    monkeypatch.chdir(tmp_path)
    Path("monitors.yaml").write_text(SITES)

    def run(*words: str, **env: str | None) -> Result:
        given = {"DATABASE_URL": database_url, "REDIS_URL": redis_url, **env}
        result = CliRunner(mix_stderr=False).invoke(GROUPS[words[0]], words[1:], env=given)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run


def test_apply_prints_the_plan_and_does_it(vantage: Vantage) -> None:
    """First time, second time, after a change."""
    first = vantage("monitors", "apply", "monitors.yaml")
    again = vantage("monitors", "apply", "monitors.yaml")
    Path("monitors.yaml").write_text(SITES.replace("b.example.com/}", "b.example.com/, interval: 5m}"))
    changed = vantage("monitors", "apply", "monitors.yaml")

    assert first.stdout.splitlines() == [
        "+ a: new, https://a.example.com/",
        "+ b: new, https://b.example.com/",
        "2 new, 0 changed, 0 deleted, 0 unchanged.",
        "Applied.",
    ]
    assert again.stdout == "Nothing to do: 2 unchanged.\n"
    assert changed.stdout.splitlines()[0] == "~ b: interval 1m -> 5m"
    assert [first.exit_code, again.exit_code, changed.exit_code] == [0, 0, 0]


def test_a_file_with_faults_is_refused_with_exit_code_2(vantage: Vantage) -> None:
    """Every fault on standard error, none of it applied, no trace of Python."""
    Path("monitors.yaml").write_text(SITES + "- {nme: C}\n- {name: D, url: nonsense, regions: [MARS]}\n")

    result = vantage("monitors", "apply", "monitors.yaml")

    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.splitlines() == [
        "monitors.yaml:4: name: is missing",
        "monitors.yaml:4: nme: is no known key; is name meant?",
        "monitors.yaml:4: url: is missing",
        "monitors.yaml:5: regions.0: is no region here; there are USA, INDIA, EU; it is MARS",
        "monitors.yaml:5: url: Only http and https can be watched; the URL must begin with http:// or https://.",
        "5 faults; nothing was applied.",
    ]
    assert json.loads(vantage("monitors", "list", "--json").stdout)["data"] == []


def test_diff_changes_nothing_and_says_by_its_exit_code(vantage: Vantage) -> None:
    """2: there are changes, 0: none, 1: something is wrong."""
    there_are = vantage("monitors", "diff", "monitors.yaml")
    vantage("monitors", "apply", "monitors.yaml")
    none = vantage("monitors", "diff", "monitors.yaml")
    Path("monitors.yaml").write_text("monitors: []\n")
    kept = vantage("monitors", "diff", "monitors.yaml")
    pruned = vantage("monitors", "diff", "--prune", "monitors.yaml", "--json")
    wrong = vantage("monitors", "diff", "missing.yaml")

    assert [run.exit_code for run in (there_are, none, kept, pruned, wrong)] == [2, 0, 0, 2, 1]
    assert kept.stdout.splitlines()[1] == "2 that no file names stay (--prune deletes them): a, b"
    assert json.loads(pruned.stdout)["prune"] == ["a", "b"]
    assert len(json.loads(vantage("monitors", "list", "--json").stdout)["data"]) == 2


def test_export_writes_a_file_that_applies_to_no_changes(vantage: Vantage) -> None:
    """As YAML and as JSON, which is YAML too."""
    vantage("monitors", "apply", "monitors.yaml")
    for words in (("export",), ("export", "--json")):
        Path("export.yaml").write_text(vantage("monitors", *words).stdout)

        assert vantage("monitors", "diff", "--prune", "export.yaml").exit_code == 0


def test_export_is_what_a_person_would_write(vantage: Vantage) -> None:
    """Without what is the default."""
    vantage("monitors", "apply", "monitors.yaml")

    assert vantage("monitors", "export").stdout == (
        "version: 1\nmonitors:\n- name: A\n  slug: a\n  url: https://a.example.com/\n"
        "- name: B\n  slug: b\n  url: https://b.example.com/\n"
    )


def test_channels_are_planned_exported_and_listed(vantage: Vantage) -> None:
    """With the monitors, in the same words; no secret is ever there to be shown."""
    alerts = "operator: [team]\nchannels:\n- {name: team, type: slack, url: 'env:HOOK', remind_every: 4h}\n"
    Path("monitors.yaml").write_text(alerts + SITES)
    first = vantage("monitors", "apply", "monitors.yaml")
    Path("monitors.yaml").write_text(alerts.replace("4h", "1d").replace("[team]", "[]") + SITES)
    changed = vantage("monitors", "diff", "monitors.yaml")
    vantage("monitors", "apply", "monitors.yaml")
    Path("export.yaml").write_text(vantage("monitors", "export").stdout)
    Path("monitors.yaml").write_text(SITES)
    pruned = json.loads(vantage("monitors", "diff", "--prune", "monitors.yaml", "--json").stdout)

    assert first.stdout.splitlines()[0] == "+ channel team: new, slack"
    assert changed.stdout.splitlines()[0] == "~ channel team: remind_every 4h -> 1d; operator true -> false"
    assert vantage("monitors", "diff", "--prune", "export.yaml").exit_code == 0
    assert pruned["channels"] == {"create": [], "update": [], "prune": ["team"], "unchanged": [], "stays": []}


def test_list_shows_every_monitor(vantage: Vantage) -> None:
    """As a table, in which markup is text, and as JSON in the file's words."""
    Path("monitors.yaml").write_text(
        "monitors:\n- {name: '[red]<b>A', slug: a, url: https://a.example.com/, regions: [EU]}\n"
    )
    vantage("monitors", "apply", "monitors.yaml")
    heads, row = vantage("monitors", "list").stdout.splitlines()
    [data] = json.loads(vantage("monitors", "list", "--json").stdout)["data"]

    assert heads.split() == ["SLUG", "NAME", "STATE", "EVERY", "REGIONS", "PUBLIC", "TARGET"]
    assert row.split() == ["a", "[red]<b>A", "on", "1m", "EU", "no", "https://a.example.com/"]
    assert (data["slug"], data["interval"], data["timeout"], data["expect"]) == (
        "a",
        "1m",
        "10s",
        {"status": ["200-299"]},
    )


def test_list_shows_a_heartbeat_with_the_path_that_its_job_calls(vantage: Vantage) -> None:
    """And no region, since nobody goes there; this once ended in a KeyError of `regions`."""
    Path("monitors.yaml").write_text("monitors:\n- {name: Backup, type: heartbeat, interval: 24h, grace: 1h}\n")
    vantage("monitors", "apply", "monitors.yaml")
    _, row = vantage("monitors", "list").stdout.splitlines()

    assert row.split()[:6] == ["backup", "Backup", "on", "1d", "-", "no"]
    assert row.split()[6].startswith("/ping/")


def test_pause_and_resume_name_what_they_did(vantage: Vantage) -> None:
    """Each slug with its own line."""
    vantage("monitors", "apply", "monitors.yaml")

    assert vantage("monitors", "pause", "a", "b").stdout == "a: paused\nb: paused\n"
    assert vantage("monitors", "resume", "b").stdout == "b: resumed\n"
    assert vantage("monitors", "pause", "a", "b").stdout == "a: was so already\nb: paused\n"


def test_an_unknown_slug_pauses_nothing(vantage: Vantage) -> None:
    """Exit code 2, a near one suggested."""
    Path("monitors.yaml").write_text(SITES.replace("name: A", "name: Website"))
    vantage("monitors", "apply", "monitors.yaml")

    result = vantage("monitors", "pause", "b", "wesbite", "zzz")

    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.splitlines() == [
        "There is no monitor 'wesbite'; is website meant?",
        "There is no monitor 'zzz'; `vantage monitors list` shows all.",
        "Nothing was paused.",
    ]
    assert all(item["enabled"] for item in json.loads(vantage("monitors", "list", "--json").stdout)["data"])


def test_a_region_that_is_not_enabled_is_noted(vantage: Vantage, database: Connection) -> None:
    """The plan is applied all the same; the note is not part of the JSON."""
    insert_region(database, "USA", "us-east-1", "monitor-runners-usa")
    Path("monitors.yaml").write_text(SITES.replace("a.example.com/}", "a.example.com/, regions: [USA, EU]}"))

    result = vantage("monitors", "apply", "monitors.yaml", "--json")

    assert result.stderr == "Note: EU is not enabled, nothing is checked from there (vantage regions enable EU).\n"
    assert json.loads(result.stdout)["create"] == ["a", "b"]


def test_private_addresses_take_an_explicit_option(vantage: Vantage) -> None:
    """The local system's own setting serves too."""
    Path("monitors.yaml").write_text("monitors:\n- {name: A, url: http://127.0.0.1:8081/}\n")

    assert vantage("monitors", "apply", "monitors.yaml").exit_code == 2
    assert vantage("monitors", "apply", "monitors.yaml", "--allow-private").exit_code == 0
    assert vantage("monitors", "diff", "monitors.yaml", ALLOW_PRIVATE_ADDRESSES="true").exit_code == 0


def test_without_a_database_it_says_what_to_set(vantage: Vantage) -> None:
    """One sentence; a file's own faults can be told all the same."""
    result = vantage("monitors", "list", DATABASE_URL=None)
    Path("wrong.yaml").write_text("monitors: {}\n")
    wrong = vantage("monitors", "apply", "wrong.yaml", DATABASE_URL=None)

    assert (result.exit_code, wrong.exit_code) == (2, 2)
    assert result.stderr == (
        "There is no database to speak to: set DATABASE_URL, or start a local system "
        "(none runs in .vantage; say --data-dir where it is elsewhere).\n"
    )
    assert wrong.stderr.startswith("wrong.yaml:1: monitors: must be a list")


def test_a_local_system_is_found_by_its_data_directory(vantage: Vantage, database_url: str) -> None:
    """Where DATABASE_URL is not set; such a system takes private addresses if it says so."""
    Path("data").mkdir()
    Path("data/urls.json").write_text(json.dumps({"DATABASE_URL": database_url, "ALLOW_PRIVATE_ADDRESSES": "true"}))
    Path("monitors.yaml").write_text("monitors:\n- {name: A, url: http://127.0.0.1:8081/}\n")

    applied = vantage("monitors", "apply", "monitors.yaml", "--data-dir", "data", DATABASE_URL=None)
    listed = vantage("monitors", "list", "--json", "--data-dir", "data", DATABASE_URL=None)

    assert (applied.exit_code, json.loads(listed.stdout)["data"][0]["slug"]) == (0, "a")


def test_a_local_system_that_is_gone_is_told_as_such(vantage: Vantage) -> None:
    """And not as a puzzle about sockets."""
    Path("data").mkdir()
    Path("data/urls.json").write_text(json.dumps({"DATABASE_URL": "postgresql://postgres@/vantage?host=/nowhere"}))

    result = vantage("monitors", "list", "--data-dir", "data", DATABASE_URL=None)

    assert result.exit_code == 2
    assert result.stderr == "The local system is not running any more. Start it again, or set DATABASE_URL.\n"


def test_a_database_url_s_password_is_in_no_message(vantage: Vantage) -> None:
    """Neither when the server does not answer nor when the URL is refused."""
    for url in (
        "postgresql://u:hunter2@127.0.0.1:1/x",
        "postgresql://u:hunter2@db.example.com/x",
        "postgresql://u:hunter2/@127.0.0.1/x",
        "postgresql://u:hunter2%zz@127.0.0.1/x",
        "nonsense:hunter2",
    ):
        result = vantage("monitors", "list", DATABASE_URL=url)

        assert result.exit_code == 2
        assert "hunter2" not in result.stdout + result.stderr
        assert len(result.stderr.splitlines()) == 1


def test_a_database_without_tables_is_told_to_be_migrated(vantage: Vantage, database_url: str) -> None:
    """One sentence that names the command."""
    elsewhere = f"{database_url}{'&' if '?' in database_url else '?'}options=-csearch_path%3Dnowhere"
    result = vantage("monitors", "list", DATABASE_URL=elsewhere)

    assert (result.exit_code, result.stderr.count("vantage migrate")) == (2, 1)


def test_regions_are_listed_enabled_and_disabled(vantage: Vantage) -> None:
    """Enabling one without a row makes it; disabling keeps it."""
    assert vantage("regions", "enable", "EU").stdout == "EU: enabled\n"
    assert vantage("regions", "enable", "EU").exit_code == 0
    assert vantage("regions", "disable", "EU").stdout == "EU: disabled\n"
    [row] = json.loads(vantage("regions", "list", "--json").stdout)["data"]
    heads, line = vantage("regions", "list").stdout.splitlines()

    assert row == {
        "name": "EU",
        "aws_region": "eu-central-1",
        "redis_group": "monitor-runners-eu",
        "enabled": False,
        "first_seen": None,
        "last_seen": None,
    }
    assert heads.split() == ["REGION", "AWS", "REGION", "GROUP", "STATE", "LAST", "SEEN"]
    assert line.split() == ["EU", "eu-central-1", "monitor-runners-eu", "disabled", "never"]


def test_an_unknown_region_is_refused(vantage: Vantage) -> None:
    """Unknown to the enum, and known but without a row."""
    unknown = vantage("regions", "enable", "MARS")
    absent = vantage("regions", "disable", "INDIA")

    assert (unknown.exit_code, absent.exit_code) == (2, 2)
    assert unknown.stderr == "There is no region 'MARS'; there are USA, INDIA, EU. A new one takes a migration.\n"
    assert absent.stderr == "INDIA is no region here yet; there is nothing to disable.\n"


def test_force_drops_the_group_at_once(vantage: Vantage, redis_client: "redis.Redis") -> None:
    """With what is unread in it; without --force the group stays until it is drained."""
    vantage("regions", "enable", "EU")
    redis_client.xgroup_create(STREAM, "monitor-runners-eu", "0", mkstream=True)
    redis_client.xadd(STREAM, {"n": 1})

    vantage("regions", "disable", "EU")
    assert len(redis_client.xinfo_groups(STREAM)) == 1

    assert vantage("regions", "disable", "EU", "--force").stdout == "EU: disabled, its group is dropped\n"
    assert redis_client.xinfo_groups(STREAM) == []


def test_the_published_schema_is_the_model_s(vantage: Vantage) -> None:
    """`vantage monitors schema > docs/monitors.schema.json` writes it."""
    published = Path(__file__).resolve().parents[2] / "docs" / "monitors.schema.json"

    assert published.read_text() == vantage("monitors", "schema").stdout
    assert json.loads(published.read_text()) == json_schema()
