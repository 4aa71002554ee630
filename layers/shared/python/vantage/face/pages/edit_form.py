"""The form of a monitor: its fields from the file's words, and the file's words from its fields."""

from collections.abc import Mapping, Sequence
from typing import Any

from vantage.check import Phases
from vantage.face.api.operation import Json
from vantage.face.refusal import of_field
from vantage.monitors_file.entry import whole
from vantage.probe.credentials import credentials
from vantage.store.monitors import Definition
from vantage.view.numbers import capital, milliseconds, region_name
from vantage.view.words import PHASES, reason_words, stopped_in

LISTED = ("name", "slug", "group", "url", "interval", "timeout", "contains", "degraded_over", "regions", "channels",
          "public", "show_url")  # fmt: skip
TEXTS = ("name", "group", "interval", "timeout")
SWITCHES = ("public", "show_url")
EVERY = "every"
DEFAULTS = {"interval": "1m", "timeout": "10s"}
_STATUS = {"up": ("Up", "U"), "degraded": ("Up, and worth a look", "S"), "down": ("Down", "R"),
           "refused": ("Refused", "N")}  # fmt: skip


def fields_of(words: Mapping[str, Any], regions: Sequence[str], channels: Sequence[tuple[str, bool]]) -> Json:
    """What stands in the fields, and why there is no probe; `channels` by name, and whether each is on."""
    expect = words.get("expect", {})
    chosen = words.get("regions")
    return {
        **{name: words.get(name) or DEFAULTS.get(name, "") for name in (*TEXTS, "slug", "url")},
        "is_http": words.get("type", "http") == "http",
        "is_heartbeat": words.get("type") == "heartbeat",
        "contains": next(iter(expect.get("body", {}).get("contains", ())), ""),
        "degraded_over": expect.get("latency", {}).get("degraded_over", ""),
        "every": chosen is None or EVERY in chosen,
        "regions": [(name, region_name(name), chosen is not None and name in chosen) for name in regions],
        "channels": [(name, enabled, name in words.get("channels", ())) for name, enabled in channels],
        **{name: bool(words.get(name)) for name in SWITCHES},
        "not_probed": not_probed(words),
    }


def not_probed(words: Mapping[str, Any]) -> str:
    """Why a monitor is not probed by the function that serves the page; empty where it is."""
    if words.get("type") == "heartbeat":
        return "A heartbeat is called by its job, and there is nothing to probe."
    if credentials(words):
        return "It is sent with a secret. Secrets are sent by the regions only, so there is no probe from here."
    return ""


def changed(stored: Json, form: Mapping[str, Sequence[str]], *, is_new: bool) -> Json:
    """The monitor as the form wants it; what has no field stays as it is."""
    words = dict(stored)
    for name in (*TEXTS, "slug", "url"):
        if text := next(iter(form[name]), "").strip():
            words[name] = text
        elif name != "slug" and form[name]:
            words.pop(name, None)
    if is_new and not words.get("slug"):
        words.pop("slug", None)
    for name in SWITCHES:
        words[name] = bool(form[name])
    words["channels"] = list(form["channels"])
    if words.get("type") != "heartbeat":
        words["regions"] = list(form["regions"])
    if words.get("regions") == [EVERY]:
        del words["regions"]
    if words.get("type", "http") == "http":
        _expect(words, "body", "contains", form["contains"])
        _expect(words, "latency", "degraded_over", form["degraded_over"])
    return words


def check_regions(chosen: Sequence[str]) -> None:
    """Raises Refusal where every region is ticked and single ones too: which is meant is not for us to guess."""
    if EVERY in chosen and len(chosen) > 1:
        raise of_field("regions", "every region, or only the ones that are ticked? Untick one or the other")


def _expect(words: Json, part: str, key: str, given: Sequence[str]) -> None:
    """One expectation set or taken away; others, and further texts of the same one, stay."""
    text = next(iter(given), "").strip()
    expect = dict(words.get("expect", {}))
    within = dict(expect.get(part, {}))
    if not text:
        within.pop(key, None)
    elif key == "contains":
        within[key] = [text, *within.get(key, [])[1:]]
    else:
        within[key] = text
    expect = {**expect, part: within} if within else {name: rule for name, rule in expect.items() if name != part}
    words.pop("expect", None)
    if expect:
        words["expect"] = expect


def row_of(one: Definition) -> Json:
    """A line of the list."""
    words = whole(one)
    target = words.get("url") or words.get("host") or ""
    return {
        "slug": one.slug, "name": one.name, "group": one.group or "", "type": one.type, "enabled": one.enabled,
        "public": one.public, "interval": words["interval"], "target": target,
    }  # fmt: skip


def probed_words(seen: Json, expected: str, timeout_ms: int) -> Json:
    """What a probe saw, phase by phase."""
    phases = Phases(**{name: _us(seen["phases"][name.replace("_us", "_ms")]) for name in PHASES})
    stopped = None
    if seen["status"] == "down" and seen["http_status"] is None:
        stopped = stopped_in(phases, seen["reason"], secure=seen["certificate_expires_at"] is not None, reused=False)
    why = reason_words(
        seen["reason"], http_status=seen["http_status"], total_us=_us(seen["latency_ms"]), timeout_ms=timeout_ms,
        stopped=stopped, failed=seen["status"] != "degraded",
    )  # fmt: skip
    status, colour = _STATUS[seen["status"]]
    return {
        "status": status,
        "colour": colour,
        "why": "" if seen["reason"] == "slow" and seen["detail"] else capital(why),  # the detail has the numbers, too
        "detail": capital(seen["detail"] or ""),
        "http": seen["http_status"] or "",
        "expected": expected,
        "total": milliseconds(seen["latency_ms"]),
        "phases": [(capital(name), milliseconds(_ms(getattr(phases, key)))) for key, name in PHASES.items()],
    }


def _us(ms: float | None) -> int | None:
    return None if ms is None else round(ms * 1000)


def _ms(us: int | None) -> float | None:
    return None if us is None else us / 1000
