"""A monitor of Uptime Kuma in the words of the monitors file, and what of it has no word there. Pure.

Secrets stay where they are: the file names a variable of the environment for each, and the report lists them.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from local.kuma.reading import Kuma, Record
from vantage.monitors_file.channel import ChannelItem
from vantage.monitors_file.check import faults_of
from vantage.monitors_file.fault import Place
from vantage.monitors_file.model import MonitorItem
from vantage.monitors_file.tree import Node
from vantage.monitors_file.values import LONGEST_SLUG, Here, names_secret, slug_of

Entry = dict[str, Any]
SHORT_S = (10, 15, 20, 30)
LONGEST_S = 86_400
WEBHOOKS = {
    "slack": ("slack", "slackwebhookURL"), "mattermost": ("slack", "mattermostWebhookUrl"),
    "rocket.chat": ("slack", "rocketwebhookURL"), "webhook": ("webhook", "webhookURL"),
    "apprise": ("apprise", "appriseURL"),
}  # fmt: skip
"""Of each of Kuma's types that there is a like of: our type, and where Kuma keeps the URL."""
BY_HAND = {
    **dict.fromkeys(("discord", "googlechat", "line", "opsgenie", "pagerduty", "pagertree", "pushbullet", "pushover",
                     "signl4", "splunk", "telegram", "twilio"), "apprise"),
    "smtp": "email", "teams": "teams",
}  # fmt: skip
"""Of each of Kuma's types, in small letters, whose settings are no one URL: the type of a channel that is like it."""
WHY_NOT = {
    "ping": "Lambda cannot send ICMP", "group": "", "docker": "it looks into a host",
}  # fmt: skip
SIMPLE_PATH = re.compile(r"(\$\.)?[A-Za-z_]\w*(\.[A-Za-z_]\w*|\[\d+\])*")
KINDS = {"json": "application/json", "form": "application/x-www-form-urlencoded", "xml": "text/xml; charset=utf-8"}


@dataclass(slots=True)
class Translated:
    """The file's content, and a report: what was left out (by monitor), what was changed, which variables to set."""

    channels: list[Entry] = field(default_factory=list)
    monitors: list[Entry] = field(default_factory=list)
    left_out: list[tuple[str, str]] = field(default_factory=list)
    changed: list[tuple[str, str]] = field(default_factory=list)
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def document(self) -> Entry:
        """The monitors file as plain data."""
        return {"version": 1, **({"channels": self.channels} if self.channels else {}), "monitors": self.monitors}


def translate(kuma: Kuma) -> Translated:
    """All of it."""
    done = Translated()
    channels = dict(_channels(kuma, done))
    groups = {one["id"]: one["name"] for one in kuma.monitors if one["type"] == "group"}
    slugs: set[str] = set()
    for one in kuma.monitors:
        if one["type"] != "group":
            _take(one, kuma, channels, groups, slugs, done)
    if kuma.maintenance:
        done.left_out.append((f"{kuma.maintenance} maintenance windows", "announce them anew: vantage maintenance add"))
    return done


def _channels(kuma: Kuma, done: Translated) -> Iterator[tuple[int, str]]:
    """The channels, by Kuma's ids of them."""
    for one in kuma.notifications:
        if one["type"] not in WEBHOOKS:
            done.left_out.append((f"notification {one['name']}", _by_hand(one["type"] or "it")))
            continue
        kind, key = WEBHOOKS[one["type"]]
        variable = _variable(one["name"], "URL")
        entry = {"name": one["name"].strip(), "type": kind, "url": f"env:{variable}"}
        if faults_of(ChannelItem, _node(entry), Here())[1] or entry["name"] in {each["name"] for each in done.channels}:
            done.left_out.append((f"notification {one['name']}", "its name cannot be a channel's, or stands twice"))
            continue
        done.variables[variable] = f"the URL of {one['name']} ({key} in Kuma)"
        done.channels.append(entry)
        yield one["id"], entry["name"]


def _by_hand(kind: str) -> str:
    """What to do about a notification of a type that is not taken over."""
    if like := BY_HAND.get(kind.lower()):
        return f"for {kind} write a channel of type {like} (docs/alerts.md)"
    return f"there is no channel like {kind} yet"


def _take(
    one: Record, kuma: Kuma, channels: Mapping[int, str], groups: Mapping[int, str], slugs: set[str],
    done: Translated,
) -> None:  # fmt: skip
    name = " ".join(str(one["name"]).split())[:200]
    why = _impossible(one)
    if why:
        done.left_out.append((name, why))
        return
    slug = _free(slug_of(name) or f"kuma-{one['id']}", slugs)
    slugs.add(slug)
    entry: Entry = {"name": name, "slug": slug, **_target(one, slug, name, done), **_rhythm(one, name, done)}
    entry |= {
        "group": groups.get(one.get("parent") or 0), "tags": {tag: value or "yes" for tag, value in one["tags"]},
        "enabled": bool(one["active"]), "public": one["id"] in kuma.public,
        "channels": sorted({channels[id_] for id_ in one["notifications"] if id_ in channels}),
    }  # fmt: skip
    kept = {key: value for key, value in entry.items() if value not in (None, {}, [], False) or key == "enabled"}
    kept = {key: value for key, value in kept.items() if (key, value) != ("enabled", True)} | _verify(one)
    _, faults = faults_of(MonitorItem, _node(kept), Here(allow_private=True, channels=frozenset(channels.values())))
    if faults:
        done.left_out.append((name, "; ".join(fault.sentence for fault in faults)))
    else:
        done.monitors.append(kept)


def _free(slug: str, taken: set[str]) -> str:
    """The slug, or the first of it with a number that nobody has."""
    numbered = (f"{slug[: LONGEST_SLUG - 6].rstrip('-')}-{n}" for n in count(2))
    return slug if slug not in taken else next(each for each in numbered if each not in taken)


def _impossible(one: Record) -> str:
    """Why there can be no such monitor; empty where there can."""
    kind = one["type"]
    if kind not in ("http", "keyword", "json-query", "port", "dns", "push"):
        return f"type {kind}" + (f": {WHY_NOT[kind]}" if WHY_NOT.get(kind) else " is not known here")
    if one.get("upside_down"):
        return "it is up where its target is down (upside down mode)"
    method = one.get("method") or "GET"
    if kind not in ("port", "dns", "push") and method not in ("GET", "HEAD", "POST"):
        return f"method {method}; there are GET, HEAD and POST"
    return ""


def _target(one: Record, slug: str, name: str, done: Translated) -> Entry:
    if one["type"] == "push":
        done.changed.append((name, "its job must call another address, which `vantage monitors list` shows"))
        return {"type": "heartbeat"}
    if one["type"] == "port":
        return {"type": "tcp", "host": one["hostname"], "port": one["port"]}
    if one["type"] == "dns":
        if (server := one.get("dns_resolve_server")) not in (None, "", "1.1.1.1"):
            done.changed.append((name, f"asks the region's own resolver, and not {server}"))
        return {"type": "dns", "host": one["hostname"], "record": one.get("dns_resolve_type") or "A"}
    headers = _headers(one, slug, name, done)
    user_agent = next((headers.pop(header) for header in list(headers) if header.lower() == "user-agent"), None)
    return {
        "url": one["url"], "method": one.get("method") or "GET", "headers": headers, "user_agent": user_agent,
        "body": one.get("body") if one.get("method") == "POST" else None, "auth": _auth(one, slug, name, done),
        "redirects": _redirects(one), "expect": _expect(one, name, done),
    }  # fmt: skip


def _rhythm(one: Record, name: str, done: Translated) -> Entry:
    interval_s = _interval_s(int(one.get("interval") or 60))
    if interval_s != one.get("interval"):
        done.changed.append((name, f"every {interval_s} s instead of {one.get('interval')} s"))
    if one["type"] == "push":
        return {"interval": f"{max(60, interval_s)}s"}
    asked = float(one.get("timeout") or 0)
    timeout_s = min(max(round(asked) or 10, 1), 30, interval_s)
    if asked > 30 and asked != 0.8 * float(one.get("interval") or 0):  # that is what Kuma fills in by itself
        done.changed.append((name, f"times out after {timeout_s} s instead of {asked:g} s"))
    if one.get("proxy_id"):
        done.changed.append((name, "goes without its proxy"))
    return {
        "interval": f"{interval_s}s", "timeout": f"{timeout_s}s",
        "confirmations": min(10, int(one.get("maxretries") or 0) + 1),
    }  # fmt: skip


def _interval_s(asked_s: int) -> int:
    if asked_s < 45:
        return min(SHORT_S, key=lambda short: (abs(short - asked_s), short))
    return min(LONGEST_S, max(60, round(asked_s / 60) * 60))


def _headers(one: Record, slug: str, name: str, done: Translated) -> Entry:
    try:
        given = json.loads(one.get("headers") or "{}")
    except ValueError:
        given = None
    if not isinstance(given, dict):
        done.changed.append((name, "goes without its headers: they are no JSON object"))
        given = {}
    headers = {}
    for header, value in given.items():
        if names_secret(header):
            variable = _variable(slug, header)
            done.variables[variable] = f"the header {header} of {slug}"
            headers[header] = f"env:{variable}"
        else:
            headers[header] = str(value)
    if one.get("method") == "POST" and one.get("body") and "content-type" not in map(str.lower, headers):
        headers["Content-Type"] = KINDS.get(one.get("http_body_encoding") or "json", KINDS["json"])
    return headers


def _auth(one: Record, slug: str, name: str, done: Translated) -> Entry | None:
    method = one.get("auth_method") or ("basic" if one.get("basic_auth_user") else "")
    if method == "basic" and one.get("basic_auth_user"):
        variable = _variable(slug, "PASSWORD")
        done.variables[variable] = f"the password of {one['basic_auth_user']} at {slug}"
        return {"basic": {"user": one["basic_auth_user"], "password": f"env:{variable}"}}
    if method not in ("", "basic", "null"):
        done.changed.append((name, f"signs in nowhere: there is no {method} here"))
    return None


def _redirects(one: Record) -> Entry | None:
    follow = one.get("maxredirects")
    return None if follow in (None, 10) else {"follow": min(20, int(follow))}


def _expect(one: Record, name: str, done: Translated) -> Entry:
    rules = [int(text) if text.isdigit() else text for text in map(str, one["accepted"])]
    expect: Entry = {"status": rules} if rules not in ([], ["200-299"]) else {}
    if one["type"] == "keyword" and one.get("keyword"):
        expect["body"] = {"not_contains" if one.get("invert_keyword") else "contains": [one["keyword"]]}
    if one["type"] == "json-query":
        rule = _json_rule(one)
        if rule is None:
            done.changed.append((name, f"is not asked for its JSON: {one.get('json_path')!r} is no JMESPath"))
        else:
            expect["json"] = [rule]
    if one.get("expiry_notification") and str(one["url"]).startswith("https:"):
        expect["certificate"] = {"days": 14}
    return expect


def _json_rule(one: Record) -> Entry | None:
    """A path that JSONata and JMESPath read alike, compared as Kuma does; None for any other."""
    path, wanted = str(one.get("json_path") or ""), str(one.get("expected_value") or "")
    key = {None: "equals", "": "equals", "==": "equals", "!=": "not_equals", "contains": "contains"}.get(
        one.get("json_path_operator")
    )
    if key is None or not SIMPLE_PATH.fullmatch(path):
        return None
    try:
        value = json.loads(wanted)
    except ValueError:
        value = wanted
    return {"path": path.removeprefix("$."), key: value if isinstance(value, int | float | bool | None) else wanted}


def _verify(one: Record) -> Entry:
    return {"verify_tls": False} if one.get("ignore_tls") and one["type"] not in ("dns", "push") else {}


def _variable(*words: str) -> str:
    return re.sub(r"[^A-Z0-9]+", "_", "_".join(("KUMA", *words)).upper()).strip("_")


def _node(plain: Any) -> Node:
    if isinstance(plain, dict):
        return Node(plain, Place("kuma", 0), keys={key: _node(part) for key, part in plain.items()})
    if isinstance(plain, list):
        return Node(plain, Place("kuma", 0), items=tuple(map(_node, plain)))
    return Node(plain, Place("kuma", 0), str(plain))
