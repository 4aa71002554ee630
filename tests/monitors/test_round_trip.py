"""What is exported applies to no changes, and no text makes the reader fail."""

import json
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.monitors.conftest import HERE
from vantage.monitors_file.channel import ChannelItem, channel
from vantage.monitors_file.durations import format_ms, parse_ms
from vantage.monitors_file.entry import definition, entry
from vantage.monitors_file.maintenance import MaintenanceItem, maintenance
from vantage.monitors_file.model import MonitorItem
from vantage.monitors_file.plan import plan
from vantage.monitors_file.read import Reading, read
from vantage.monitors_file.write import to_yaml
from vantage.store.channels import EVENTS

TRICKY = (
    "no",
    "on",
    "12:30",
    "0200",
    "1e3",
    "~",
    "null",
    "true",
    "${HOME}",
    "$$",
    "5$",
    "a: b",
    "# c",
    "- d",
    "'",
    '"',
    "<<",
    "=",
)
visible = st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp"))
lines = (st.text(visible, min_size=1, max_size=40).map(str.strip).filter(bool)) | st.sampled_from(TRICKY)
slugs = st.from_regex(r"[a-z0-9]{1,12}(-[a-z0-9]{1,6}){0,3}", fullmatch=True)
printable = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1, max_size=40).map(str.strip)
plain_values = printable.filter(lambda text: text and not text.startswith(("env:", "ssm:")))
header_values = plain_values | st.sampled_from(["env:NAME", "ssm:/a/b"])
header_names = st.from_regex(r"X-[A-Za-z0-9]{1,10}", fullmatch=True)
headers = st.dictionaries(header_names, header_values, max_size=4).filter(
    lambda d: len({n.lower() for n in d}) == len(d)
)
paths = st.text(st.sampled_from("abc/?&=$%{}~-_.,'\"#!"), max_size=20)
statuses = st.integers(100, 599) | st.sampled_from(["200-299", "404"])
durations = st.tuples(
    st.sampled_from([10, 15, 20, 30]) | st.integers(1, 1440).map(lambda n: n * 60), st.integers(1, 10)
)

storable = st.characters(codec="utf-8", exclude_characters="\0")
stored_texts = st.text(storable, min_size=1, max_size=20)
numbers = st.integers(-(10**9), 10**9) | st.integers(-(10**9), 10**9).map(lambda n: n / 1000)
texts = st.lists(stored_texts | st.sampled_from(TRICKY), min_size=1, max_size=3)
hosts = st.sampled_from(["mail.example.com", "www.example.com", "a.b.example.com", "_dmarc.example.com"])
latencies = st.sampled_from(
    [{"degraded_over": "800ms"}, {"down_over": "5s"}, {"degraded_over": "1s", "down_over": "1m"}]
)
plain_json = st.recursive(
    st.none() | st.booleans() | numbers | stored_texts,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(stored_texts, inner, max_size=2),
    max_leaves=4,
)


def rules(subject: dict[str, st.SearchStrategy[str]]) -> st.SearchStrategy[dict[str, Any]]:
    """What is compared, and at least one comparison."""
    words = {
        "equals": plain_json,
        "not_equals": plain_json,
        "contains": plain_json,
        "matches": st.sampled_from(["^a", "b$", "${c}"]),
        "at_least": numbers,
        "at_most": st.integers(0, 9),
        "exists": st.booleans(),
    }
    return st.fixed_dictionaries(subject, optional=words).filter(lambda rule: len(rule) > len(subject))


entries = st.fixed_dictionaries(
    {"name": lines, "slug": slugs, "url": paths.map(lambda path: f"https://www.example.com/{path}")},
    optional={
        "group": lines | st.none(),
        "tags": st.dictionaries(lines, lines, max_size=3),
        "enabled": st.booleans(),
        "public": st.booleans(),
        "show_url": st.booleans(),
        "regions": st.none() | st.lists(st.sampled_from(["USA", "INDIA", "EU"]), min_size=1, unique=True),
        "confirmations": st.integers(1, 10),
        "channels": st.lists(st.sampled_from(["team", "hook"]), unique=True),
        "method": st.sampled_from(["GET", "HEAD", "POST"]),
        "auth": st.sampled_from([{"bearer": "env:TOKEN"}, {"basic": {"user": "bot", "password": "ssm:/vantage/pw"}}]),
        "ip_family": st.sampled_from(["any", "ipv4", "ipv6"]),
        "headers": headers,
        "user_agent": st.none() | plain_values,
        "redirects": st.fixed_dictionaries(
            {}, optional={"follow": st.integers(0, 20), "allow_downgrade": st.booleans()}
        ),
        "http2": st.booleans(),
        "verify_tls": st.booleans(),
        "expect": st.fixed_dictionaries(
            {},
            optional={
                "status": statuses | st.lists(statuses, min_size=1, max_size=3),
                "body": st.fixed_dictionaries(
                    {},
                    optional={
                        "contains": texts,
                        "not_contains": texts,
                        "size": st.sampled_from([{"min": 1}, {"max": "64KiB"}, {"min": "1KiB", "max": 1048576}]),
                        "no_error_page": st.booleans(),
                    },
                ),
                "json": st.lists(
                    rules({"path": st.sampled_from(["a", "length(b)", '"c-d"[0]'])}), min_size=1, max_size=3
                ),
                "headers": st.lists(rules({"name": st.just("content-type")}), min_size=1, max_size=2),
                "latency": latencies,
                "certificate": st.integers(1, 365).map(lambda days: {"days": days}),
                "redirect": st.sampled_from([{"host": "www.example.com"}, {"to": "https://example.com/$x"}]),
            },
        ),
    },
)
tcp_entries = st.fixed_dictionaries(
    {"name": lines, "slug": slugs, "type": st.just("tcp"), "host": hosts, "port": st.integers(1, 65535)},
    optional={
        "tls": st.booleans(),
        "verify_tls": st.booleans(),
        "ip_family": st.sampled_from(["any", "ipv4", "ipv6"]),
        "expect": st.fixed_dictionaries({}, optional={"banner": stored_texts, "latency": latencies}),
    },
)
dns_entries = st.fixed_dictionaries(
    {"name": lines, "slug": slugs, "type": st.just("dns"), "host": hosts},
    optional={
        "record": st.sampled_from(["A", "AAAA", "MX", "TXT"]),
        "expect": st.fixed_dictionaries({}, optional={"values": texts, "latency": latencies}),
    },
)
timed = st.tuples(entries | tcp_entries | dns_entries, durations).map(
    lambda both: {**both[0], "interval": f"{both[1][0]}s", "timeout": f"{both[1][1]}s"}
)
events = st.lists(st.sampled_from(EVENTS), min_size=1, unique=True)
told = {"events": events, "remind_every": st.integers(1, 30).map(lambda hours: f"{hours}h")}
references = st.sampled_from(["env:TOKEN", "ssm:/vantage/token"])
hooks = st.fixed_dictionaries(
    {"name": lines, "type": st.just("webhook"), "url": references | st.just("https://hook.example.com/$x")},
    optional={**told, "secret": references, "headers": headers},
)
slacks = st.fixed_dictionaries({"name": lines, "type": st.just("slack"), "url": references}, optional=told)
mails = st.fixed_dictionaries(
    {
        "name": lines, "type": st.just("email"), "to": st.just(["ops@example.com"]), "sender": st.just("v@example.com"),
        "host": hosts,
    },
    optional={**told, "port": st.sampled_from([25, 587]), "tls": st.sampled_from(["starttls", "tls"])},
)  # fmt: skip
topics = st.fixed_dictionaries(
    {"name": lines, "type": st.just("sns"), "topic": st.just("arn:aws:sns:eu-central-1:123456789012:a.fifo")},
    optional=told,
)
channels = st.lists(hooks | slacks | mails | topics, max_size=3, unique_by=lambda words: str(words["name"]))
fleets = st.lists(entries | tcp_entries | dns_entries | timed, max_size=5, unique_by=lambda words: str(words["slug"]))


def read_text(text: str) -> Reading:
    """Read one file of this text, with nothing in the environment."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "monitors.yaml"
        file.write_bytes(text.encode(errors="surrogatepass"))
        return read([file], {}, replace(HERE, channels=None))


@given(fleets)
@settings(max_examples=80, deadline=None)
def test_an_export_applies_to_no_changes(fleet: list[dict[str, Any]]) -> None:
    """For whatever can be configured: stored, written as a file, read again, compared."""
    stored = [definition(MonitorItem.model_validate(words)) for words in fleet]

    reading = read_text(to_yaml(stored))
    todo = plan(stored, [definition(item) for item in reading.monitors])

    assert [str(fault) for fault in reading.faults] == []
    assert not todo.has_changes
    assert len(todo.unchanged) == len(fleet)


@given(channels, st.sets(st.integers(0, 2)))
@settings(max_examples=100, deadline=None)
def test_exported_channels_are_read_back_as_they_are(words: list[dict[str, Any]], operators: set[int]) -> None:
    """And so is who of them is the operator."""
    stored = [channel(ChannelItem.model_validate(one), operator=n in operators) for n, one in enumerate(words)]

    reading = read_text(to_yaml([], stored))

    assert [str(fault) for fault in reading.faults] == []
    operator = reading.operator or frozenset()
    assert [channel(item, operator=item.name in operator) for item in reading.channels] == stored


work = st.fixed_dictionaries(
    {
        "name": lines, "start": st.sampled_from(["2026-12-01T22:00", "2027-03-28T02:30"]),
        "duration": st.sampled_from(["90m", "2h", "1d"]),
    },
    optional={
        "timezone": st.sampled_from(["UTC", "Europe/Berlin", "Asia/Kolkata"]),
        "rrule": st.sampled_from(["FREQ=WEEKLY;BYDAY=TU,TH", "FREQ=DAILY;COUNT=3"]),
        "groups": st.lists(lines, max_size=2, unique=True),
        "monitors": st.lists(slugs, max_size=2, unique=True),
    },
)  # fmt: skip


@given(st.lists(work, max_size=3, unique_by=lambda words: str(words["name"])))
@settings(max_examples=50, deadline=None)
def test_exported_work_is_read_back_as_it_is(words: list[dict[str, Any]]) -> None:
    """Rules, zones and all."""
    stored = [maintenance(MaintenanceItem.model_validate(one)) for one in words]

    reading = read_text(to_yaml([], (), stored))

    assert [str(fault) for fault in reading.faults] == []
    assert [maintenance(item) for item in reading.maintenance] == stored


@given(timed)
@settings(max_examples=100, deadline=None)
def test_the_file_s_words_and_what_is_stored_are_inverse(words: dict[str, Any]) -> None:
    """Nothing is lost on the way, and defaults are not written."""
    stored = definition(MonitorItem.model_validate(words))

    assert definition(MonitorItem.model_validate(entry(stored))) == stored
    assert entry(stored).keys() <= words.keys()


@given(st.integers(0, 10**11))
def test_a_duration_is_read_back_as_it_was_written(duration_ms: int) -> None:
    """In ms, for every whole number of them that nine digits of a unit can say."""
    text = format_ms(duration_ms)
    if len(text.rstrip("dhms")) <= 9:
        assert parse_ms(text) == duration_ms


KEYS = sorted({*MonitorItem.model_fields, *MonitorItem.not_yet, "follow", "status", "monitors", "defaults", "<<", "x"})
junk = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=8)
    | st.sampled_from(TRICKY),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=6),
    max_leaves=20,
)


@given(
    st.fixed_dictionaries(
        {"monitors": junk | st.lists(st.dictionaries(st.sampled_from(KEYS), junk, max_size=8), max_size=3)},
        optional={"defaults": junk, "version": junk},
    )
)
@settings(max_examples=120, deadline=None)
def test_whatever_a_file_holds_is_read_or_told(content: dict[str, Any]) -> None:
    """A wrong shape anywhere is a fault with a place, never an exception."""
    for fault in read_text(json.dumps(content)).faults:
        assert fault.place.line > 0
        assert "\n" not in fault.sentence


@given(st.text(max_size=60) | st.text("{}[]:-,&*!|>'\"%@`#?<$ \n\tab1", max_size=60))
@settings(max_examples=250, deadline=None)
def test_whatever_text_a_file_is_it_is_read_or_told(text: str) -> None:
    """No text makes the reader fail."""
    for fault in read_text(text).faults:
        assert "\n" not in str(fault)
