"""What a monitors file means: YAML without surprises, the environment, defaults, several files as one."""

from pathlib import Path

import pytest
import yaml

from tests.monitors.conftest import ENV, HERE, Written, said
from tests.monitors.test_faults import IN_A_FILE, IN_A_MONITOR, MONITOR
from vantage.monitors_file.model import MonitorItem
from vantage.monitors_file.read import Reading, read
from vantage.monitors_file.tree import expand, parse, resolve
from vantage.monitors_file.values import Here, slug_of


def items(reading: Reading) -> list[MonitorItem]:
    """The monitors of a reading without faults."""
    assert said(reading) == []
    return list(reading.monitors)


def test_a_minimal_monitor_has_the_defaults_of_the_design(reading: Written) -> None:
    """A name and a URL are enough."""
    [item] = items(reading(MONITOR))

    assert (item.slug, item.type, item.method, item.interval, item.timeout) == (
        "website",
        "http",
        "GET",
        60_000,
        10_000,
    )
    assert (item.enabled, item.public, item.show_url, item.verify_tls) == (True, False, False, True)
    assert (item.regions, item.confirmations, item.group, item.tags) == (None, 2, None, {})
    assert (item.redirects.follow, item.redirects.allow_downgrade) == (10, False)
    assert (item.headers, item.user_agent, item.expect.status) == ({}, None, ["200-299"])


def test_every_key_that_is_taken_is_read(reading: Written) -> None:
    """All of them at once, with references kept as references."""
    [item] = items(
        reading("""
version: 1
monitors:
  - name: "Ünïcode <b>Site</b> & 'more'"
    slug: site
    type: http
    url: https://www.example.com:8443/health?deep=1
    group: Public
    tags: {team: web, "on": "no"}
    enabled: false
    public: true
    show_url: true
    interval: 5m
    timeout: 1500ms
    regions: [EU, USA]
    confirmations: 3
    method: HEAD
    headers: {Accept: application/json, Authorization: "env:API_TOKEN", X-Api-Key: "ssm:/vantage/key"}
    user_agent: Mozilla/5.0 (watching)
    redirects: {follow: 0, allow_downgrade: true}
    verify_tls: false
    expect: {status: [200, 301-304]}
""")
    )

    assert item.name == "Ünïcode <b>Site</b> & 'more'"
    assert (item.interval, item.timeout, item.regions) == (300_000, 1_500, ["EU", "USA"])
    assert item.headers["Authorization"] == "env:API_TOKEN"
    assert item.tags == {"team": "web", "on": "no"}
    assert (item.redirects.follow, item.expect.status) == (0, [200, "301-304"])


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        *((word, word) for word in ("on", "off", "yes", "no", "y", "N", "On", "NO")),
        *(("true", True), ("True", True), ("FALSE", False), ("", None), ("~", None), ("null", None)),
        *(("12:30", "12:30"), ("1:20:30", "1:20:30"), ("0200", "0200"), ("0x1F", "0x1F"), ("0o17", "0o17")),
        *(("1_000", "1_000"), ("2026-12-01", "2026-12-01"), ("200-299", "200-299"), ("1.2.3.4", "1.2.3.4")),
        *(("7", 7), ("-7", -7), ("1.5", 1.5), ("1e3", 1000.0), (".inf", ".inf"), (".nan", ".nan"), ("=", "=")),
        *(("9" * 30, "9" * 30), ("1e999", "1e999"), ("NO", "NO"), ("Null", None)),
    ],
)
def test_a_plain_scalar_means_what_it_looks_like(text: str, meaning: object) -> None:
    """YAML 1.1 would make booleans, base-60 numbers, octals and dates of many of these."""
    assert resolve(text) == meaning
    assert type(resolve(text)) is type(meaning)


def test_yaml_1_1_does_not_surprise(reading: Written) -> None:
    """Keys are text, and so are words and times that YAML 1.1 takes for something else."""
    [item] = items(
        reading("monitors:\n- name: no\n  url: https://a.example.com/\n  group: 12:30\n  tags: {on: off, y: n}\n")
    )

    assert (item.name, item.slug, item.group, item.tags) == ("no", "no", "12:30", {"on": "off", "y": "n"})


def test_the_environment_is_put_in_after_parsing(reading: Written) -> None:
    """So a value can neither add keys nor be taken for a tag or a comment, and $$ is a dollar."""
    text = (
        "monitors:\n- name: A ${HOST}\n  url: https://${HOST}/?$$select=a$$${HOST}\n"
        "  enabled: ${TRUTH}\n  group: '${TRUTH}'\n  tags: {price: 5$, nine: $9}\n"
    )

    [item] = items(reading(text))

    assert item.name == "A www.example.com"
    assert item.url == "https://www.example.com/?$select=a$www.example.com"
    assert (item.enabled, item.group) == (False, "false")
    assert item.tags == {"price": "5$", "nine": "$9"}


def test_a_value_of_the_environment_is_not_expanded_again() -> None:
    """What it holds stays as it is."""
    assert expand("${A}$${A}", {"A": "${B}$$: #x"}) == "${B}$$: #x${A}"


def test_anchors_and_merge_keys_work(reading: Written) -> None:
    """The first of several wins, and a monitor's own key over all, as YAML says."""
    text = """
monitors:
  - &base {name: A, url: "https://a.example.com/", interval: 5m, group: one}
  - {<<: *base, name: B}
  - <<: [{group: two}, *base]
    name: C
    interval: 10m
"""
    a, b, c = items(reading(text))

    assert (a.slug, b.slug, c.slug) == ("a", "b", "c")
    assert (b.interval, b.group) == (300_000, "one")
    assert (c.interval, c.group) == (600_000, "two")


def test_aliases_of_aliases_cost_nothing(reading: Written) -> None:
    """The text of ten lines that stands for 10 ** 10 nodes is refused as fast as any other."""
    laughs = "".join(f"  l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 10)}]\n" for n in range(1, 11))
    text = f"monitors:\n- name: A\n  url: https://a.example.com/\n  tags:\n  - &l0 [ha]\nx:\n{laughs}"

    assert [fault.split(": ", 1)[1] for fault in said(reading(text))][-1].startswith("x: is no known key")


def test_defaults_hold_where_a_monitor_says_nothing(reading: Written) -> None:
    """Keys within keys too; a list or a value of the monitor replaces the default's."""
    text = """
defaults: {interval: 5m, regions: [USA, EU], tags: {team: web, tier: one}, expect: {status: [200]}, group: G}
monitors:
  - {name: A, url: "https://a.example.com/"}
  - {name: B, url: "https://b.example.com/", interval: 10m, regions: [INDIA], tags: {tier: two}, expect: {}, group: }
"""
    a, b = items(reading(text))

    assert (a.interval, a.regions, a.tags) == (300_000, ["USA", "EU"], {"team": "web", "tier": "one"})
    assert (b.interval, b.regions, b.tags) == (600_000, ["INDIA"], {"team": "web", "tier": "two"})
    assert (a.expect.status, b.expect.status) == ([200], [200])
    assert (a.group, b.group) == ("G", None)


def test_a_default_that_a_type_cannot_have_is_for_the_others(reading: Written) -> None:
    """The README's defaults beside one of each type; a heartbeat once was refused for the timeout of the others."""
    text = """
defaults: {interval: 5m, timeout: 8s, regions: [EU], confirmations: 3, method: HEAD, expect: {status: [200]}}
monitors:
  - {name: Website, url: "https://a.example.com/"}
  - {name: Mail, type: tcp, host: a.example.com, port: 993}
  - {name: Zone, type: dns, host: a.example.com}
  - {name: Backup, type: heartbeat, interval: 24h, grace: 1h}
"""
    website, mail, zone, backup = items(reading(text))

    assert [item.timeout for item in (website, mail, zone)] == [8_000] * 3
    assert (backup.regions, backup.interval, backup.grace) == (None, 86_400_000, 3_600_000)


def test_null_takes_a_default_back(reading: Written) -> None:
    """Regions null means all of them again."""
    text = "defaults: {regions: [EU]}\nmonitors:\n- {name: A, url: https://a.example.com/, regions: null}\n"

    assert items(reading(text))[0].regions is None


def test_files_and_folders_are_one(tmp_path: Path) -> None:
    """In a fixed order, hidden files left out, each file once however often it is named; defaults hold for all."""
    (tmp_path / "shop").mkdir()
    (tmp_path / "defaults.yml").write_text("defaults: {interval: 5m}\n")
    (tmp_path / "a.yaml").write_text(MONITOR)
    (tmp_path / "shop" / "b.yaml").write_text(MONITOR.replace("Website", "Shop"))
    (tmp_path / ".hidden.yaml").write_text("nonsense: [")
    (tmp_path / "notes.txt").write_text("nonsense: [")

    found = items(read([tmp_path, tmp_path / "a.yaml", tmp_path / "shop"], ENV, HERE))

    assert [(item.slug, item.interval) for item in found] == [("website", 300_000), ("shop", 300_000)]


def test_a_byte_order_mark_and_windows_lines_do_no_harm(reading: Written) -> None:
    """As editors on Windows write them; the lines are still counted right."""
    text = ("\ufeff" + MONITOR + "    interval: 7s\n").replace("\n", "\r\n")

    assert [fault.split(": ")[0] for fault in said(reading(text))] == ["1.yaml:4"]


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Website", "website"),
        ("  My Shop (EU) \u2013 checkout  ", "my-shop-eu-checkout"),
        ("Café Ünïversal Straße", "cafe-universal-strasse"),
        ("<script>alert(1)</script>", "script-alert-1-script"),
        ("\uff26\uff35\uff2c\uff2c\u3000\uff57\uff49\uff44\uff54\uff48 \uff11", "full-width-1"),
        ("a/../../b", "a-b"),
        ("東京 API", "api"),
        ("東京", ""),
        ("x" * 300, "x" * 100),
        ("a" * 99 + " b", "a" * 99),
    ],
)
def test_a_slug_is_ascii_and_stays_the_same(name: str, slug: str) -> None:
    """These pairs never change: a slug is a monitor's identity."""
    assert slug_of(name) == slug


def test_private_addresses_are_taken_where_that_is_said(reading: Written) -> None:
    """The explicit setting of a local system; metadata addresses stay refused."""
    text = "monitors:\n- {name: A, url: http://127.0.0.1:8081/}\n- {name: B, url: http://169.254.169.254/}\n"

    faults = said(reading(text, here=Here(allow_private=True)))

    assert [fault.split(": ")[0:2] for fault in faults] == [["1.yaml:3", "url"]]


@pytest.mark.parametrize("text", [*(MONITOR + f"    {line}\n" for line in IN_A_MONITOR), *IN_A_FILE])
def test_both_of_pyyaml_s_parsers_serve(text: str) -> None:
    """Without libyaml the same trees come out, and faults in the same lines but for where a text just ends."""
    fast, fast_faults = parse(text, "f", ENV)
    slow, slow_faults = parse(text, "f", ENV, yaml.SafeLoader)

    assert (fast and fast.plain) == (slow and slow.plain)
    assert [fault.place for fault in fast_faults] == [fault.place for fault in slow_faults]
