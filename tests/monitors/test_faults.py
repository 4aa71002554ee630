"""Every fault of a monitors file is told with its line and a sentence; the whole list at once."""

from pathlib import Path

import pytest

from tests.monitors.conftest import ENV, HERE, Written, said
from vantage.errors import MonitorsFileError
from vantage.monitors_file.fault import refuse
from vantage.monitors_file.read import read

MONITOR = "monitors:\n  - name: Website\n    url: https://www.example.com/\n"

IN_A_MONITOR = {  # what is added as line 4, and the fault there
    "intervall: 60s": "intervall: is no known key; is interval meant?",
    "colour: red": "colour: is no known key; there are name, slug, type, url, host, port, tls, record, group, tags, "
    "enabled, public, show_url, interval, grace, timeout, regions, confirmations, channels, method, headers, body, "
    "auth, user_agent, redirects, ip_family, http2, verify_tls, expect",
    "body: x": "body: is sent with method POST only",
    "auth: {bearer: env:T, basic: {user: u, password: env:P}}": "auth: must be either bearer or basic",
    "auth: {}": "auth: must be either bearer or basic",
    "auth: {bearer: t0ken}": "auth.bearer: secrets are named, not written: env:NAME or ssm:/path",
    "auth: {basic: {user: bot, password: hunter2}}": "auth.basic.password: secrets are named, not written: env:NAME "
    "or ssm:/path",
    "{headers: {authorization: env:A}, auth: {bearer: env:T}}": "auth: is the header Authorization, which stands in "
    "headers too",
    "ip_family: ipv5": "ip_family: must be 'any', 'ipv4', 'ipv6' or 'both'; it is ipv5",
    "http2: 2": "http2: must be true or false; it is 2",
    "channels: [team]": "channels.0: is no channel here; none is configured",
    "channels: team": "channels: must be a list",
    "method: DELETE": "method: must be 'GET', 'HEAD' or 'POST'; it is DELETE",
    "type: ftp": "type: must be 'http', 'tcp', 'dns' or 'heartbeat'; it is ftp",
    "grace: 1h": "grace: is not for type http, but for heartbeat",
    "host: www.example.com": "host: is not for type http, but for tcp and dns",
    "port: 993": "port: is not for type http, but for tcp",
    "expect: {banner: OK}": "expect.banner: is not for type http, but for tcp; it is OK",
    "expect: {values: [1.2.3.4]}": "expect.values: is not for type http, but for dns",
    "expect: {body: }": "expect.body: is empty; give it a value or take the line out",
    "expect: {body: {contain: [x]}}": "contain: is no known key; is contains meant?",
    "expect: {body: {contains: []}}": "expect.body.contains: must have at least 1 entry",
    'expect: {body: {contains: [""]}}': "expect.body.contains.0: must have at least 1 character",
    'expect: {body: {contains: ["\\0"]}}': "expect.body.contains.0: holds a character that cannot be stored; it is ?",
    "expect: {body: {size: {max: 2MiB}}}": "expect.body.size.max: must be at most 1MiB, which is as much of a body as "
    "is looked at; it is 2MiB",
    "expect: {body: {size: {min: 2, max: 1}}}": "expect.body.size: min must not be above max",
    "expect: {json: [{path: 'a[', equals: 1}]}": "expect.json.0.path: not a JMESPath: Invalid "
    'jmespath expression: Incomplete expression: "a[" ^; it is a[',
    "expect: {json: [{path: a}]}": "expect.json.0: say what is expected: one of equals, not_equals, contains, matches, "
    "at_least, at_most, exists",
    "expect: {json: [{path: a, at_least: ten}]}": "expect.json.0.at_least: must be a number; it is ten",
    "expect: {headers: [{name: etag, matches: '('}]}": "expect.headers.0.matches: not a regular expression: missing ), "
    "unterminated subpattern at position 0; it is (",
    "expect: {headers: [{equals: x}]}": "expect.headers.0.name: is missing",
    "expect: {latency: {}}": "expect.latency: says nothing; give it degraded_over, down_over or both",
    "expect: {latency: {down_over: 1s, degraded_over: 2s}}": "expect.latency: degraded_over must be shorter than "
    "down_over",
    "expect: {latency: {down_over: 5}}": "expect.latency.down_over: has no unit; write 5s, or another of ms, s, m, h, "
    "d; it is 5",
    "expect: {certificate: {days: 0}}": "expect.certificate.days: must be at least 1; it is 0",
    "expect: {redirect: {}}": "expect.redirect: say a host, or to which URL",
    "expect: {redirect: {to: 'ftp://a.example.com/'}}": "expect.redirect.to: Only http and https can be watched; the "
    "URL must begin with http:// or https://.; it is ftp://a.example.com/",
    "expect: {stats: 200}": "stats: is no known key; is status meant?",
    "expect: {status: [99]}": "expect.status: must be codes or ranges of codes from 100 to 599, such as [200-299, 304]",
    "expect: {status: [299-200]}": "expect.status: must be codes or ranges of codes from 100 to 599, "
    "such as [200-299, 304]",
    "expect: [200]": "expect: must be keys with values",
    "interval: 45s": "interval: must be 10s, 15s, 20s, 30s or whole minutes up to 24h; it is 45s",
    "interval: 90s": "interval: must be 10s, 15s, 20s, 30s or whole minutes up to 24h; it is 90s",
    "interval: 25h": "interval: must be 10s, 15s, 20s, 30s or whole minutes up to 24h; it is 25h",
    "interval: 60": "interval: has no unit; write 60s, or another of ms, s, m, h, d; it is 60",
    "interval: 1 min": "interval: must be a whole number with its unit, such as 800ms, 30s, 5m, 1h or 14d; it is 1 min",
    "interval: 0s": "interval: must be 10s, 15s, 20s, 30s or whole minutes up to 24h; it is 0s",
    "interval: -5m": "interval: must be a whole number with its unit, such as 800ms, 30s, 5m, 1h or 14d; it is -5m",
    "interval: \u0663\u0660s": "interval: must be a whole number with its unit, such as 800ms, 30s, 5m, 1h or 14d; "
    "it is \u0663\u0660s",
    "timeout: 999ms": "timeout: must be from 1s to 30s; it is 999ms",
    "timeout: 31s": "timeout: must be from 1s to 30s; it is 31s",
    "{interval: 10s, timeout: 11s}": "timeout: must not be longer than the interval of 10s; it is 11s",
    "regions: [MARS]": "regions.0: is no region here; there are USA, INDIA, EU; it is MARS",
    "regions: [usa]": "regions.0: is no region here; there are USA, INDIA, EU; it is usa",
    "regions: []": "regions: names no region; leave it out to mean all that are enabled",
    "regions: [EU, EU]": "regions: names a region twice",
    "regions: EU": "regions: must be a list; it is EU",
    "confirmations: 0": "confirmations: must be at least 1",
    "confirmations: 11": "confirmations: must be at most 10",
    'confirmations: "2"': "confirmations: must be a whole number; it is 2",
    "enabled: no": "enabled: must be true or false; it is no",
    "public: 1": "public: must be true or false; it is 1",
    "slug: My Site": "slug: must be lower-case letters and digits, with single hyphens, and at most 100 long; "
    "it is My Site",
    "slug: vantage-reference-1": "slug: belongs to a built-in monitor; write another one; it is vantage-reference-1",
    "group: 404": "group: must be text; put it in quotes",
    "verify_tls:": "verify_tls: is empty; give it a value or take the line out",
    "tags: [web]": "tags: must be keys with values",
    "tags: {team: 7}": "tags.team: must be text; put it in quotes",
    "redirects: {follow: 21}": "redirects.follow: must be at most 20",
    "redirects: {folow: 1}": "folow: is no known key; is follow meant?",
    'headers: {X-Note: "a\\r\\nX-Other: b"}': "headers.X-Note: The value of the header X-Note holds a line break, a "
    "control character or is not Latin-1.",
    "headers: {Host: other.example.com}": "headers.Host: The header Host is written by the prober; take it out.",
    "headers: {user-agent: me}": "headers.user-agent: has a key of its own, user_agent",
    "headers: {X-A: a, x-a: b}": "headers.x-a: is the same header as X-A",
    "headers: {X-Key: 'env:'}": "headers.X-Key: must be env:NAME or ssm:/path, whole, where it is a reference",
    "headers: {Authorization: Bearer s3cret}": "headers.Authorization: carries a secret, and secrets are named, not "
    "written: env:NAME or ssm:/path for the whole value",
    'user_agent: "a\\nb"': "user_agent: must be printable ASCII, without spaces around it",
    "group: ${MISSING}": "${MISSING}: MISSING is not set in the environment",
    "group: $HOST": "write ${NAME} for a value of the environment, and $$ for a dollar",
    "group: ${HOST": "write ${NAME} for a value of the environment, and $$ for a dollar",
    "group: !!python/name:os.system x": "has the tag tag:yaml.org,2002:python/name:os.system; tags are not taken, "
    "quote what is to be text",
    "name: Again": "name: stands twice, first in line 2",
}


@pytest.mark.parametrize("line", IN_A_MONITOR)
def test_a_fault_in_a_monitor_is_told_with_its_line(line: str, reading: Written) -> None:
    """Each wrong line gives exactly its own fault, at its line."""
    added = f"    <<: {line}\n" if line.startswith("{") else f"    {line}\n"

    assert said(reading(MONITOR + added)) == [f"1.yaml:4: {IN_A_MONITOR[line]}"]


IN_A_FILE = {
    "monitors:\n  - {name: A, url: https://a.example.com/}\nversion: 2\n": "3: version: must be 1; it is 2",
    "monitors: []\noperator: [team]\n": "2: operator.0: is no channel here; none is configured",
    "monitors: []\noperator: [team, a]\nchannels:\n- {name: a, type: slack, url: env:A}\n": "2: operator.0: is no "
    "channel here; there are a",
    "monitors: []\nstatus_page: {colour: red}\n": "2: status_page.colour: must be like #1a4fbf; put it in quotes",
    "monitors: []\nstatus_page: {logo: 'https://x/y.png'}\n": (
        "2: status_page.logo: must be the image itself, as data:image/svg+xml;base64,… or data:image/png;base64,…"
    ),
    "monitors: []\nmonitor: []\n": "2: monitor: is no known key; is monitors meant?",
    "monitors: {a: b}\n": "1: monitors: must be a list",
    "version: 1\nmonitors:\n": "2: monitors: is empty; give it a value or take the line out",
    "monitors:\n- A\n": "2: must be keys with values",
    "- name: A\n": "1: must be keys with values",
    "": "1: is empty; a file without monitors says `monitors: []`",
    "# nothing\n": "1: is empty; a file without monitors says `monitors: []`",
    "monitors: []\n---\nmonitors: []\n": "2: begins a second document (---); make it a file of its own",
    "monitors:\n\t- name: A\n": "2: is indented with a tab; YAML takes spaces only",
    "monitors: [\n": "1: is not YAML: did not find expected node content",
    "monitors:\n- {name: A, url: https://${HOST}/}\n": "2: is not YAML: did not find expected ',' or '}'; within { } a "
    "value with ${NAME} needs quotes",
    "monitors: *all\n": "1: *all has no &all before it, or stands within it",
    "monitors: &all [*all]\n": "1: *all has no &all before it, or stands within it",
    "monitors: " + "[" * 100_000: "1: is nested deeper than 30 levels",
    "monitors: " + "{a: " * 100_000: "1: is nested deeper than 30 levels",
    "monitors: []\n? [a]\n: b\n": "2: has a key that is not plain text",
    "monitors: []\nx: \x07\n": "2: has the character U+0007, which no YAML file may hold",
    "monitors: []\nx: \0\n": "2: has the character U+0000, which no YAML file may hold",
    "defaults: {name: A}\nmonitors: []\n": "1: name: is each monitor's own and cannot be a default",
    "monitors: []\ndefaults:\n  interval: 7s\n": "3: interval: must be 10s, 15s, 20s, 30s or whole minutes up to 24h; "
    "it is 7s",
    "monitors: []\ndefaults: {channels: [team]}\n": "2: channels.0: is no channel here; none is configured",
    "defaults: {timeout: 20s}\nmonitors:\n- name: A\n  url: https://a.example.com\n  interval: 10s\n": "3: timeout: "
    "must not be longer than the interval of 10s; it is 20s, by the default at 1.yaml:1",
    "monitors:\n- url: https://a.example.com/\n": "2: name: is missing",
    "monitors:\n- name: A\n": "2: url: is missing",
    'monitors:\n- name: "\\0"\n  url: https://a.example.com/\n': "2: name: must be one line without control characters",
    "monitors:\n- name: ' A'\n  url: https://a.example.com/\n": "2: name: must not be empty, nor begin or end "
    "with a space",
    f"monitors:\n- name: {'n' * 201}\n  url: https://a.example.com/\n": "2: name: is longer than 200 characters",
    "monitors:\n- name: 東京\n  url: https://a.example.com/\n": "2: slug: cannot be made from this name, which has no "
    "letter or digit of ASCII; write one",
    "monitors:\n- name: 404\n  url: https://a.example.com/\n": "2: name: must be text; put it in quotes",
    "monitors:\n- name: A\n  url: ftp://a.example.com/\n": "3: url: Only http and https can be watched; the URL must "
    "begin with http:// or https://.",
    "monitors:\n- name: A\n  url: http://169.254.169.254/\n": "3: url: 169.254.169.254 is a link-local address (cloud "
    "metadata lives there); only public addresses can be watched.",
    "monitors:\n- name: A\n  url: ${NOTHING}\n": "3: url: is empty; give it a value or take the line out",
}


@pytest.mark.parametrize("text", IN_A_FILE, ids=lambda text: repr(text[:40]))
def test_a_fault_of_a_file_is_told_with_its_line(text: str, reading: Written, tmp_path: Path) -> None:
    """Each text gives exactly its own fault, at its line."""
    told = [fault.replace(f"{tmp_path}/", "") for fault in said(reading(text))]

    assert told == [f"1.yaml:{IN_A_FILE[text]}"]


IN_A_CHANNEL = {  # of type webhook: what is added as line 5, and the fault there
    "events: [down, sideways]": "events.1: must be 'down', 'up', 'regional', 'degraded', 'certificate' or 'flapping'; "
    "it is sideways",
    "events: []": "events: must have at least 1 entry",
    "events: [up, up]": "events: names one twice",
    "secret: hunter2": "secret: secrets are named, not written: env:NAME or ssm:/path",
    "headers: {Authorization: Bearer s3cret}": "headers.Authorization: carries a secret, and secrets are named, not "
    "written: env:NAME or ssm:/path for the whole value",
    "headers: {webhook-id: x}": "headers.webhook-id: is written by Vantage; take it out",
    "remind_every: 10s": "remind_every: must be whole seconds from 1m to 30d",
    "remind_every: 4": "remind_every: has no unit; write 4s, or another of ms, s, m, h, d",
    "evnts: [down]": "evnts: is no known key; is events meant?",
    "{url: 'http://10.0.0.1/hook'}": "url: 10.0.0.1 is a private or loopback address; only public addresses can be "
    "watched.",
    "{url: 'https://bot:hunter2@hook.example.com/'}": "url: The URL carries a user name or password; take them out and "
    "use `auth:`.",
    "{type: slack, url: 'https://hooks.slack.com/services/T0/B0/x'}": "url: is a secret by itself, and secrets are "
    "named, not written: env:NAME or ssm:/path",
    "{type: slack, secret: env:A, url: env:B}": "secret: is not for type slack, but for webhook",
    "{type: pager}": "type: must be 'webhook', 'slack', 'teams', 'email', 'sns' or 'apprise'; it is pager",
}


WORK = "name: Release, start: 2026-12-01T22:00, duration: 2h"
IN_MAINTENANCE = {  # what a maintenance says, and the fault there
    "name: Release, duration: 2h": "start: is missing",
    WORK.replace(
        "2026-12-01T22:00", "tomorrow"
    ): "start: must be an instant such as 2026-12-01T22:00; in the file put it in quotes",
    WORK.replace("22:00", "22:00Z"): "start: is what the clocks of `timezone` show; leave its offset out",
    WORK.replace("2026", "1999"): "start: must be within the years 2000 to 2099",
    WORK.replace("2h", "90s"): "duration: must be whole minutes from 1m to 30d",
    f"{WORK}, timezone: Moon/Base": "timezone: is not known; write one of the IANA names, such as Europe/Berlin",
    f"{WORK}, rrule: every tuesday": "rrule: is no recurrence rule of RFC 5545, such as FREQ=WEEKLY;BYDAY=TU",
    f"{WORK}, groups: [A, A]": "groups: names one twice",
    f"{WORK}, group: A": "group: is no known key; is groups meant?",
}


@pytest.mark.parametrize("words", IN_MAINTENANCE)
def test_a_fault_of_announced_work_is_told(words: str, reading: Written) -> None:
    """Each gives exactly its own fault."""
    assert said(reading(f"monitors: []\nmaintenance:\n- {{{words}}}\n")) == [f"1.yaml:3: {IN_MAINTENANCE[words]}"]


MAIL = "to: [ops@example.com], sender: vantage@example.com, host: smtp.example.com"
IN_A_CHANNEL_OF_ITS_OWN = {  # what a channel says, and the fault there
    f"type: email, {MAIL}, user: bot": "user and password go together",
    f"type: email, {MAIL}, user: bot, password: hunter2": "password: secrets are named, not written: env:NAME or "
    "ssm:/path",
    f"type: email, {MAIL}, tls: none": "tls: must be 'starttls' or 'tls'; it is none",
    f"type: email, {MAIL}, url: env:A": "url: is not for type email, but for webhook and slack and teams and apprise",
    f"type: email, {MAIL}".replace("smtp.example.com", "10.0.0.1"): "host: 10.0.0.1 is a private or loopback address; "
    "only public addresses can be watched.",
    f"type: email, {MAIL}".replace(
        "[ops@example.com]", '["Ops <ops@example.com>"]'
    ): "to.0: must be a mail address such as ops@example.com, without a name",
    f"type: email, {MAIL}".replace("[ops@example.com]", "[]"): "to: must have at least 1 entry",
    "type: email, to: [ops@example.com], host: smtp.example.com": "sender: is missing",
    "type: apprise, url: 'pagerduty://key@key'": "url: is a secret by itself, and secrets are named, not "
    "written: env:NAME or ssm:/path",
    "type: sns, topic: alerts": "topic: must be the ARN of a topic, such as arn:aws:sns:us-east-1:123456789012:alerts",
}


@pytest.mark.parametrize("words", IN_A_CHANNEL_OF_ITS_OWN)
def test_a_fault_of_a_mail_or_a_topic_is_told(words: str, reading: Written) -> None:
    """Each gives exactly its own fault."""
    text = f"monitors: []\nchannels:\n  - {{name: team, {words}}}\n"

    assert said(reading(text)) == [f"1.yaml:3: {IN_A_CHANNEL_OF_ITS_OWN[words]}"]


@pytest.mark.parametrize("line", IN_A_CHANNEL)
def test_a_fault_in_a_channel_is_told_with_its_line(line: str, reading: Written) -> None:
    """Each wrong line gives exactly its own fault, at its line, and quotes no secret."""
    text = "monitors: []\nchannels:\n  - name: team\n    <<: {type: webhook, url: 'https://hook.example.com/x'}\n"
    text += f"    <<: {line}\n" if line.startswith("{") else f"    {line}\n"

    assert said(reading(text)) == [f"1.yaml:5: {IN_A_CHANNEL[line]}"]


def test_a_channel_needs_what_its_type_needs_and_a_name_of_its_own(reading: Written, tmp_path: Path) -> None:
    """Across files; a monitor may name a channel of another file."""
    one = "channels: [{name: a, type: slack}, {name: b, type: webhook, url: env:B}]\nmonitors: []\n"
    two = "channels:\n- {name: b, type: slack, url: env:C}\n"
    two += "monitors:\n- {name: A, url: https://a.example.com/, channels: [b]}\n"

    told = [fault.replace(f"{tmp_path}/", "") for fault in said(reading(one, two))]

    assert told == [
        "1.yaml:1: url: is missing",
        "2.yaml:2: name: b stands at 1.yaml:1 too; each channel has a name of its own",
    ]


def test_bytes_that_are_not_utf_8_are_told_with_their_line(reading: Written) -> None:
    """A Latin-1 file is refused, not guessed at."""
    assert said(reading("# one\nmonitors: []  # \xfc".encode("latin-1"))) == ["1.yaml:2: is not UTF-8"]


def test_a_heartbeat_has_no_keys_of_what_is_probed(reading: Written) -> None:
    """Nobody goes there: no regions, no timeout; and a job of less than a minute is none."""
    text = "monitors:\n- {name: Backup, type: heartbeat, interval: 24h, grace: 1h}\n"
    text += "- {name: Other, type: heartbeat, grase: 1h}\n"
    text += "- {name: Third, type: heartbeat, regions: [EU], timeout: 5s, url: https://example.com}\n"
    text += "- {name: Fourth, type: heartbeat, interval: 30s, timeout: 5s}\n"
    text += "- {name: Fifth, type: heartbeat, grace: 25h}\n"

    assert said(reading(text)) == [
        "1.yaml:3: grase: is no known key; is grace meant?",
        "1.yaml:4: url: is not for type heartbeat, but for http",
        "1.yaml:5: interval: must be a minute at least for type heartbeat; it is 30s",
        "1.yaml:5: timeout: is not for type heartbeat, whose job calls by itself; it is 5s",
        "1.yaml:6: grace: must be from 1m to 24h",
    ]


def test_each_type_has_its_own_keys(reading: Written) -> None:
    """What a type needs is missed, what it cannot have is refused, and both say so."""
    text = "monitors:\n- {name: Mail, type: tcp, url: https://m.example.com, expect: {status: 200}}\n"
    text += "- {name: Zone, type: dns, host: localhost, record: AXFR, method: HEAD}\n"
    text += "- {name: Port, type: tcp, host: 10.0.0.1, port: 0}\n"

    assert said(reading(text)) == [
        "1.yaml:2: expect.status: is not for type tcp, but for http; it is 200",
        "1.yaml:2: host: is missing",
        "1.yaml:2: port: is missing",
        "1.yaml:2: url: is not for type tcp, but for http",
        "1.yaml:3: host: 'localhost' is a name of one's own network; write a full name such as www.example.com.",
        "1.yaml:3: method: is not for type dns, but for http",
        "1.yaml:3: record: must be 'A', 'AAAA', 'CAA', 'CNAME', 'MX', 'NS', 'PTR', 'SOA', 'SRV' or 'TXT'; it is AXFR",
        "1.yaml:4: host: 10.0.0.1 is a private or loopback address; only public addresses can be watched.",
        "1.yaml:4: port: must be at least 1",
    ]


def test_a_slug_that_stands_twice_names_both_places(reading: Written, tmp_path: Path) -> None:
    """Across files and within one, made from the name or given, even where one of the two has another fault."""
    one = "monitors:\n- {name: Web Site, url: https://a.example.com/}\n- {name: B, url: https://b.example.com/}\n"
    two = "monitors:\n- {name: Other, slug: web-site, url: https://c.example.com/, interval: 7s}\n"
    two += "- {name: b, url: https://d.example.com/}\n"

    told = [fault.replace(f"{tmp_path}/", "") for fault in said(reading(one, two))]

    assert told == [
        "2.yaml:2: interval: must be 10s, 15s, 20s, 30s or whole minutes up to 24h; it is 7s",
        "2.yaml:2: slug: web-site stands at 1.yaml:2 too; give one of them a slug of its own",
        "2.yaml:3: slug: b stands at 1.yaml:3 too; give one of them a slug of its own",
    ]


def test_a_slug_that_stands_twice_in_one_line_is_a_fault(reading: Written) -> None:
    """The line alone does not tell two monitors apart."""
    text = "monitors: [{name: A, url: https://a.example.com/}, {name: a, url: https://b.example.com/}]\n"

    assert len(said(reading(text))) == 1


def test_defaults_that_differ_between_files_are_a_fault(reading: Written, tmp_path: Path) -> None:
    """They hold for all files together, so they must agree."""
    one, two = "defaults: {interval: 5m}\nmonitors: []\n", "monitors: []\ndefaults: {interval: 10m}\n"

    told = [fault.replace(f"{tmp_path}/", "") for fault in said(reading(one, two))]

    assert told == ["2.yaml:2: interval: differs from 1.yaml:1; defaults hold for all files"]


def test_every_fault_of_every_file_is_listed(reading: Written) -> None:
    """A file that cannot be parsed hides nothing of the others, and one fault nothing of the next."""
    one = "monitors:\n- name: A\n  url: http://localhost/\n  interval: 1s\n  enabeld: true\n"

    assert [fault.split(":")[:3] for fault in said(reading(one, "monitors: ["))] == [
        ["1.yaml", "3", " url"],
        ["1.yaml", "4", " interval"],
        ["1.yaml", "5", " enabeld"],
        ["2.yaml", "1", " is not YAML"],
    ]


def test_a_path_that_cannot_be_read_is_a_fault(tmp_path: Path) -> None:
    """A missing file, a folder without any, a file without permission: each by its name."""
    (tmp_path / "empty").mkdir()

    faults = read([tmp_path / "none.yaml", tmp_path / "empty"], ENV, HERE).faults

    assert [str(fault) for fault in faults] == [
        f"{tmp_path}/empty: has no file that ends in .yaml or .yml",
        f"{tmp_path}/none.yaml: cannot be read: No such file or directory",
    ]


def test_no_fault_shows_a_secret(reading: Written) -> None:
    """Neither a value of the environment nor what stands in a header or a URL is repeated."""
    text = "monitors:\n- name: A\n  url: https://user:${TOKEN}@a.example.com/?key=hunter2\n"
    text += "  headers: {Cookie: hunter2, slug: 'env:hunter2 ', X-Note: '${TOKEN}\n    ä'}\n"
    text += "  interval: ${TOKEN}\n  slug: ${TOKEN}$x\n"

    told = "\n".join(said(reading(text)))

    assert told.count("\n") == 4
    assert "s3cret" not in told
    assert "hunter2" not in told


def test_what_is_refused_is_one_error_that_lists_all(reading: Written) -> None:
    """The error's text is what a user sees: a line per fault and their number."""
    faults = reading("monitors:\n- {nme: A}\n").faults

    with pytest.raises(
        MonitorsFileError, match=r"1\.yaml:2: name: is missing\n(.*\n){2}3 faults; nothing was applied\.$"
    ):
        refuse(faults)
