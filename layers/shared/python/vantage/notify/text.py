"""What a message says in words: what, from where, since when, which phase, what the others see."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any

from vantage.view.numbers import NBSP, capital, clock, day, names, region_name, span
from vantage.view.words import reason_words

Facts = Mapping[str, Any]


def text_of(kind: str, facts: Facts, at: datetime) -> str:
    """One line or two of plain text for a message of a type; `at` is when it was decided to tell it."""
    return _TEXTS[kind](facts, at).replace(NBSP, " ")


def _opened(facts: Facts, at: datetime) -> str:
    name, down, others = _name(facts), _down(facts), _others(facts)
    is_alone = facts.get("single_vantage") and not _is_job(facts)
    alone = " Only this one region can see it now." if is_alone else ""
    return f"{name} is down{_from(down, facts)}{_why(down)}.{others}{alone} {_since(facts['began_at'], at)}."


def _acknowledged(facts: Facts, at: datetime) -> str:
    who = facts.get("author") or "somebody"
    return f"{_name(facts)} is down, and {who} looks after it. {_since(facts['began_at'], at)}."


def _reminder(facts: Facts, _at: datetime) -> str:
    at, down = _moment(facts["at"]), _down(facts)
    lasted = span((at - _moment(facts["began_at"])).total_seconds())
    since = _since(facts["began_at"], at)
    return f"{_name(facts)} is still down{_from(down, facts)}, for {lasted} now{_why(down)}. {since}."


def _resolved(facts: Facts, at: datetime) -> str:
    if facts["kind"] == "deleted":
        return _not_watched(facts)
    began, ended = _moment(facts["began_at"]), _moment(facts["resolved_at"] or facts["at"])
    lasted = span((ended - began).total_seconds())
    return f"{_name(facts)} is up again, after {lasted} (down from {clock(began, at)} to {clock(ended, at)} UTC)."


def _regional(facts: Facts, at: datetime) -> str:
    if facts["kind"] == "degraded":
        return _slow(facts)
    here = [seen for seen in facts["regions"] if seen["region"] == facts["region"]]
    since = here[0]["since"] if here else facts["at"]
    where = region_name(facts["region"])
    return f"{_name(facts)} is down from {where} only{_why(here)}.{_others(facts)} {_since(since, at)}."


def _slow(facts: Facts) -> str:
    slow = [seen for seen in facts["regions"] if seen["state"] in ("degraded", "down")]
    since = _since(facts["began_at"], _moment(facts["at"]))
    return f"{_name(facts)} is degraded{_from(slow, facts)}{_why(slow)}. {since}."


def _regional_over(facts: Facts, _at: datetime) -> str:
    if facts["kind"] == "deleted":
        return _not_watched(facts)
    if facts.get("quiet"):
        what = "degraded" if facts["kind"] == "degraded_over" else f"down from {region_name(facts['region'])} only"
        return f"{_name(facts)} is not {what} any more; what it is now is told by itself."
    if facts["kind"] == "degraded_over":
        lasted = span((_moment(facts["at"]) - _moment(facts["began_at"])).total_seconds())
        return f"{_name(facts)} is well again, after {lasted} of being degraded."
    return f"{_name(facts)} is not down from {region_name(facts['region'])} any more."


def _flapping(facts: Facts, _at: datetime) -> str:
    return f"{_name(facts)} goes up and down again and again. You hear of it when it has settled."


def _settled(facts: Facts, _at: datetime) -> str:
    if facts["kind"] == "deleted":
        return _not_watched(facts)
    if facts["kind"] == "flapping_over_down":
        return f"{_name(facts)} has settled: it is down{_from(_down(facts), facts)}{_why(_down(facts))}."
    return f"{_name(facts)} has settled: it is up."


def _certificate(facts: Facts, _at: datetime) -> str:
    at, ends = _moment(facts["at"]), _moment(facts["certificate"]["expires_at"])
    where = names(facts["certificate"]["regions"])
    return (
        f"The certificate of {_name(facts)} ends in {span((ends - at).total_seconds())}, on {day(ends)} UTC, as seen "
        f"from {where}. Renew it before then, or the site is down."
    )


def _operator(facts: Facts, _at: datetime) -> str:
    region = region_name(facts["region"]) if facts.get("region") else ""
    return {
        "vantage_fault": f"Vantage cannot believe what {region} sees: too much fails from there alone. Its results are "
        "kept and do not count.",
        "vantage_fault_over": f"Vantage believes {region} again.",
        "blind": "Vantage sees nothing: no region gives results that can be believed. All states stay as they are.",
        "blind_over": "Vantage sees again.",
        "channel_silent": f"Channel {facts.get('channel')} takes no messages: {facts.get('reason')}. They are tried "
        "again for a day.",
        "channel_silent_over": f"Channel {facts.get('channel')} takes messages again.",
        "channel_off": f"Channel {facts.get('channel')} is switched off: {facts.get('reason')}. Nobody is told by it.",
        "channel_off_over": f"Channel {facts.get('channel')} is not switched off any more.",
    }[facts["kind"]]


def _test(facts: Facts, _at: datetime) -> str:
    return f"This is a test of channel {facts['channel']}. Nothing is wrong."


_TEXTS: Mapping[str, Callable[[Facts, datetime], str]] = {
    "incident.opened": _opened,
    "incident.acknowledged": _acknowledged,
    "incident.reminder": _reminder,
    "incident.resolved": _resolved,
    "advisory.opened": _regional,
    "advisory.closed": _regional_over,
    "monitor.flapping": _flapping,
    "monitor.settled": _settled,
    "certificate.expiring": _certificate,
    "operator.opened": _operator,
    "operator.closed": _operator,
    "test": _test,
}


def _not_watched(facts: Facts) -> str:
    return f"{_name(facts)} is not watched any more."


def _name(facts: Facts) -> str:
    return str(facts["monitor"]["name"])


def _is_job(facts: Facts) -> bool:
    """It calls by itself: from where it is seen that it did not is no news."""
    return bool(facts["monitor"].get("type") == "heartbeat")


def _down(facts: Facts) -> list[Facts]:
    return [seen for seen in facts["regions"] if seen["state"] == "down"]


def _from(seen: Sequence[Facts], facts: Facts) -> str:
    return f" from {names(one['region'] for one in seen)}" if seen and not _is_job(facts) else ""


def _why(seen: Sequence[Facts]) -> str:
    """Such as `: TLS timed out`, and by region where they differ."""
    reasons = [(_reason(one), one["region"]) for one in seen if one["reason"]]
    grouped = {
        why: [region for _, region in group]
        for why, group in groupby(sorted(reasons, key=lambda one: one[0]), key=lambda one: one[0])
    }
    if len(grouped) == 1:
        return f": {next(iter(grouped))}"
    parts = [f"{why} from {names(regions)}" for why, regions in grouped.items()]
    return f": {', '.join(parts)}" if parts else ""


def _reason(seen: Facts) -> str:
    latency_ms = seen["latency_ms"]
    return reason_words(
        seen["reason"],
        http_status=seen["http_status"],
        total_us=None if latency_ms is None else int(latency_ms * 1000),
        timeout_ms=seen["timeout_ms"] or 0,
        stopped=f"{seen['phase']}_us" if seen["phase"] else None,
        failed=seen["state"] != "degraded",
    )


def _others(facts: Facts) -> str:
    told = ""
    for state, word in (("up", "fine"), ("degraded", "degraded")):
        if some := [seen["region"] for seen in facts["regions"] if seen["state"] == state]:
            told += f" {capital(names(some))} {'is' if len(some) == 1 else 'are'} {word}."
    return told


def _since(moment: str, at: datetime) -> str:
    return f"Since {clock(_moment(moment), at)} UTC"


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))
