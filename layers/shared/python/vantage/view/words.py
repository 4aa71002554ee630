"""One monitor in words: why a check failed, what the regions see, the verdict."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from vantage.check import Phases
from vantage.monitor import Region
from vantage.view.numbers import NBSP, capital, latency, names

CERTIFICATE_ENDS = "certificate ends soon"
JOB_REASONS = ("missed", "failed")
"""Of heartbeats, which nobody probes."""
PHASES = {"dns_us": "DNS", "connect_us": "connect", "tls_us": "TLS", "first_byte_us": "first byte",
          "download_us": "download"}  # fmt: skip
_STOPPED = {
    "dns_us": "DNS timed out",
    "connect_us": "connect timed out",
    "tls_us": "TLS timed out",
    "first_byte_us": "no answer in {limit}",
    "download_us": "cut off after {limit}",
}
_REASONS = {
    "dns": "DNS failed",
    "connect": "connect failed",
    "tls": "TLS failed",
    "protocol": "answer is not HTTP",
    "body": "unexpected text",
    "json": "unexpected JSON",
    "header": "unexpected header",
    "certificate": "certificate expired",
    "redirect": "unexpected redirect",
    "blocked": "blocked by a bot check",
    "too_large": "answer too large",
    "banner": "unexpected banner",
    "record": "unexpected record",
    "guard": "not allowed",
    "missed": "no call in time",
    "failed": "the job says it failed",
}


def stopped_in(phases: Phases, reason: str | None, *, secure: bool, reused: bool) -> str | None:
    """The phase (such as `tls_us`) that a probe without an answer did not get through; None where it passed all, or
    where nobody was asked.

    It is the one behind the last that it passed. A name that was not found has a reason of its own, so that any other
    failure is behind DNS, which an address needs not pass.
    """
    if reason in JOB_REASONS:
        return None
    if reason == "dns":
        return "dns_us"
    order = list(_STOPPED)
    passed = [order.index(name) for name in order if getattr(phases, name) is not None]
    least = max([*passed, order.index("tls_us" if reused else "dns_us")])
    return next((name for name in order[least + 1 :] if secure or name != "tls_us"), None)


@dataclass(frozen=True, slots=True)
class Took:
    """What the phases of an answer took, and what all of it may take before it is slow or down."""

    phases: Phases
    limit_ms: float | None = None


def reason_words(reason: str | None, *, http_status: int | None, total_us: int | None, timeout_ms: int,
                 stopped: str | None, failed: bool = True, took: Took | None = None) -> str:  # fmt: skip
    """Why a result is not plainly up, as the middle of a sentence: the phase, the number and the limit."""
    if reason == "certificate" and not failed:
        return CERTIFICATE_ENDS
    if reason == "status" and http_status is not None:
        return f"status{NBSP}{http_status}"
    if reason == "timeout":
        return _STOPPED[stopped or "first_byte_us"].format(limit=latency(timeout_ms * 1000).replace(".00", ""))
    if reason == "dns" and (total_us or 0) >= timeout_ms * 1000:
        return _STOPPED["dns_us"]
    if reason == "slow":
        return _slow_words(total_us, took or Took(Phases(None, None, None, None, None)))
    return _REASONS.get(reason or "", reason or "")


def _slow_words(total_us: int | None, took: Took) -> str:
    """Such as `first byte takes 1.24 s (limit 800 ms)`: the phase that alone is too much, else all of the answer."""
    limit_ms = took.limit_ms
    limit = f" (limit {latency(round(limit_ms * 1000))})" if limit_ms else ""
    spent = {name: us for name in PHASES if (us := getattr(took.phases, name)) is not None}
    slowest = max(spent, key=lambda name: spent[name], default=None)
    if slowest is None or not limit_ms or total_us is None:
        return f"answer takes {latency(total_us)}{limit}"
    if spent[slowest] > limit_ms * 1000:
        return f"{PHASES[slowest]} takes {latency(spent[slowest])}{limit}"
    return f"answer takes {latency(total_us)}{limit}, {PHASES[slowest]} alone {latency(spent[slowest])}"


@dataclass(frozen=True, slots=True)
class Sight:
    """A monitor in one region, as it is told.

    `state` is up, degraded or down, None before the first result; without fresh data it is held and does not `vote`.
    `since` None: for longer than was looked back. `reason` is why the last result is not plainly up, in words;
    `failed_last`: that was a failure, and it is not confirmed.
    """

    region: Region
    state: str | None
    votes: bool
    since: datetime | None = None
    reason: str = ""
    failed_last: bool = False

    @property
    def is_down(self) -> bool:
        """It is down as far as anyone can say now."""
        return self.votes and self.state == "down"

    @property
    def is_slow(self) -> bool:
        """It answers, and too slowly."""
        return self.votes and self.state == "degraded" and self.reason != CERTIFICATE_ENDS

    @property
    def is_ending(self) -> bool:
        """It is up, and its certificate ends soon."""
        return self.votes and self.state == "degraded" and self.reason == CERTIFICATE_ENDS


@dataclass(frozen=True, slots=True)
class Words:
    """What is said of a monitor: the verdict in bold, what the regions see, and from which instant on."""

    verdict: str
    rest: str = ""
    since: datetime | None = None


def from_where(some: Sequence[Sight], every: Sequence[Sight]) -> str:
    """Such as `India`, `USA and EU`, or `all regions` where they are."""
    return "all regions" if len(some) == len(every) > 1 else names(sight.region for sight in some)


def verdict_words(verdict: str, sights: Sequence[Sight]) -> Words:
    """A verdict in words; `sights` are all the regions that the monitor is for."""
    speak: dict[str, Callable[[Sequence[Sight]], Words]] = {
        "paused": lambda _: Words("Paused"),
        "maintenance": lambda _: Words("In maintenance"),
        "site_down": _site_down,
        "no_data": _no_data,
        "vantage_fault": _no_data,
    }
    if verdict in speak:
        return speak[verdict](sights)
    if any(sight.is_down for sight in sights):
        return _down_somewhere(sights)
    if any(sight.is_slow for sight in sights):
        return _slow(sights)
    return _ending(sights) if any(sight.is_ending for sight in sights) else _up(sights)


def _site_down(sights: Sequence[Sight]) -> Words:
    down = [sight for sight in sights if sight.is_down]
    alone = len(sights) > 1 and sum(sight.votes for sight in sights) == 1
    began = sorted(sight.since for sight in down if sight.since is not None)
    quorum = max(1, sum(sight.votes for sight in sights) // 2 + 1)
    since = began[quorum - 1] if len(began) == len(down) >= quorum else None
    return Words("Down, single vantage point" if alone else "Site down", _what_is_seen(down, sights), since)


def _down_somewhere(sights: Sequence[Sight]) -> Words:
    down = [sight for sight in sights if sight.is_down]
    others = any(sight.votes and not sight.is_down for sight in sights)
    rest = _what_is_seen(down, sights)
    return Words(f"Down from {from_where(down, sights)}{' only' if others else ''}", rest, _earliest(down))


def _slow(sights: Sequence[Sight]) -> Words:
    slow = [sight for sight in sights if sight.is_slow]
    return Words(f"Slow from {from_where(slow, sights)}", _what_is_seen(slow, sights), _earliest(slow))


def _ending(sights: Sequence[Sight]) -> Words:
    up = [sight for sight in sights if sight.votes]
    rest = [f"Up from {from_where(up, sights)}.", *_silent_words(sights), *_unconfirmed("last", sights)]
    return Words(capital(CERTIFICATE_ENDS), " ".join(rest), _earliest([s for s in sights if s.is_ending]))


def _up(sights: Sequence[Sight]) -> Words:
    up = [sight for sight in sights if sight.votes]
    rest = [*_silent_words(sights), *_unconfirmed("last", sights)]
    return Words(f"Up from {from_where(up, sights)}", " ".join(rest))


def _no_data(sights: Sequence[Sight]) -> Words:
    known = [sight for sight in sights if sight.state is not None]
    if not known:
        failed = _unconfirmed("first", sights)
        return Words("Not known yet", failed[0]) if failed else Words("Waiting for the first check")
    down = [sight for sight in known if sight.state == "down"]
    held = f"down from {from_where(down, sights)}" if down else f"up from {from_where(known, sights)}"
    return Words("No data", f"Last seen {held}.")


def _unconfirmed(which: str, sights: Sequence[Sight]) -> list[str]:
    """A sentence for failures that are too few to count, where there are any."""
    failed = [sight for sight in sights if sight.failed_last]
    seen = ", ".join(dict.fromkeys(sight.reason for sight in failed))
    where = from_where(failed, sights)
    return [f"The {which} check from {where} failed ({seen}); not confirmed yet."] if failed else []


def _what_is_seen(told: Sequence[Sight], sights: Sequence[Sight]) -> str:
    """Such as `TLS timed out from India; USA and EU fine.`"""
    parts = [
        f"{reason or 'failed'} from {from_where(list(group), sights)}"
        for reason, group in groupby(sorted(told, key=lambda sight: sight.reason), key=lambda sight: sight.reason)
    ]
    fine = [sight for sight in sights if sight.votes and sight not in told and not sight.is_slow]
    slow = [sight for sight in sights if sight.is_slow and sight not in told]
    parts += [f"{names(s.region for s in group)} {word}" for group, word in ((fine, "fine"), (slow, "slow")) if group]
    return " ".join([capital("; ".join(parts)) + ".", *_silent_words(sights)])


def _silent_words(sights: Sequence[Sight]) -> list[str]:
    """A sentence for the regions that had something to say once, and one for those that never had."""
    silent = [sight.region for sight in sights if not sight.votes and sight.state is not None]
    new = [s.region for s in sights if not s.votes and s.state is None and not s.failed_last]
    return [
        f"{word} from {names(group)}."
        for group, word in ((silent, "No data"), (new, "No result yet"))
        if group and len(group) < len(sights)
    ]


def _earliest(sights: Sequence[Sight]) -> datetime | None:
    known = [sight.since for sight in sights if sight.since is not None]
    return min(known) if len(known) == len(sights) else None
