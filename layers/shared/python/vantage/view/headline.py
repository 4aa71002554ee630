"""All monitors in words: the worst thing, from where and how many, and the rest in counts that add up."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from vantage.monitor import Region
from vantage.view.numbers import NBSP, capital, clock, counted, names, since_words, span
from vantage.view.words import CERTIFICATE_ENDS, Sight, Words, from_where


@dataclass(frozen=True, slots=True)
class Case:
    """A monitor among all: its verdict, its words, and what its regions see."""

    name: str
    verdict: str
    words: Words
    sights: Sequence[Sight]

    @property
    def rank(self) -> int:
        """How much it matters, 0 = most; the order of the page."""
        return _KINDS.index(self.kind)

    @property
    def kind(self) -> str:
        """Which of the sentences of a headline it belongs to."""
        if self.verdict in ("paused", "maintenance", "site_down"):
            return self.verdict
        if not any(sight.votes for sight in self.sights):
            return "no_data" if any(sight.state is not None for sight in self.sights) else "waiting"
        if any(sight.is_down for sight in self.sights):
            return "regional"
        if any(sight.is_slow for sight in self.sights):
            return "slow"
        if any(sight.is_ending for sight in self.sights):
            return "certificate"
        return "up" if all(sight.votes for sight in self.sights) else "partly"


_KINDS = ("site_down", "regional", "no_data", "slow", "certificate", "partly", "waiting", "maintenance", "up", "paused")


@dataclass(frozen=True, slots=True)
class Headline:
    """The worst thing, from where and how many; then the worst monitor by name, and the rest in counts that add up."""

    title: str
    name: str = ""
    lead: str = ""


def headline(cases: Sequence[Case], now: datetime, last_heard: datetime | None,
             silent: Sequence[tuple[Region, datetime]], looked_back: timedelta) -> Headline:  # fmt: skip
    """What is said of all monitors; `silent` are the regions that nothing is heard from, and when it last was."""
    if not cases:
        return Headline("Nothing to show yet", lead="A monitor with “public: true” is shown here.")
    watched = sorted((case for case in cases if case.kind != "paused"), key=lambda case: case.rank)
    if not watched:
        return Headline("All paused", lead=_counts(cases))
    kinds = {case.kind for case in watched}
    if kinds <= {"no_data", "waiting"}:
        return _nothing_heard(cases, now, last_heard, kinds)
    if silent and not kinds & {"site_down", "regional"}:
        return _region_silent(cases, now, silent)
    worst = watched[0]
    if worst.kind in ("up", "maintenance", "waiting", "partly"):
        return _well(cases, watched)
    rest = [case for case in cases if case is not worst]
    since = f" {since_words(worst.words.since, now, looked_back)}." if worst.kind != "no_data" else ""
    return Headline(_title(worst.kind, watched), worst.name, f"{worst.words.rest}{since} {_counts(rest, worst.kind)}")


def _title(kind: str, watched: Sequence[Case]) -> str:
    like = [case for case in watched if case.kind == kind]
    of = f"{len(like)}{NBSP}of{NBSP}{len(watched)}"
    if kind == "site_down":
        return f"Down: {of}"
    if kind == "no_data":
        return f"No data: {of}"
    if kind == "certificate":
        return f"{capital(CERTIFICATE_ENDS)}: {of}"
    return f"{capital(_where(kind, like))}: {of}"


def _where(kind: str, like: Sequence[Case]) -> str:
    """Such as `down from India only`, or `slow from USA or EU` where monitors differ."""
    concerned = [
        tuple(s.region for s in case.sights if (s.is_down if kind == "regional" else s.is_slow)) for case in like
    ]
    all_of_them = {region for regions in concerned for region in regions}
    ordered = [s.region for case in like for s in case.sights if s.region in all_of_them]
    regions = list(dict.fromkeys(ordered))
    if kind == "slow":
        if all(len(set(regions)) == len(case.sights) > 1 for case in like):
            return "slow from all regions"
        return f"slow from {names(regions, 'and' if len(set(concerned)) == 1 else 'or')}"
    alone = all(any(s.votes and not s.is_down for s in case.sights) for case in like)
    return f"down from {names(regions, 'and' if len(set(concerned)) == 1 else 'or')}{' only' if alone else ''}"


def _well(cases: Sequence[Case], watched: Sequence[Case]) -> Headline:
    up = [case for case in watched if case.kind == "up"]
    where = from_where(up[0].sights, up[0].sights) if up else ""
    if len({from_where(case.sights, case.sights) for case in up}) > 1:
        where = "all their regions"
    if len(up) < len(watched):
        partly = sum(case.kind == "partly" for case in watched)
        title = (
            f"{len(up)} of {len(watched)} up from {where}"
            if up
            else f"Up, not yet from everywhere: {partly} of {len(watched)}"
        )
        return Headline(title, lead=_counts(cases))
    unsure = [case for case in up if case.words.rest]
    lead = "Every monitor answered its last check." if not unsure else ""
    title = f"All {len(up)} up from {where}" if len(up) > 1 else f"Up from {where}"
    paused = _counts([case for case in cases if case.kind == "paused"])
    name, told = (unsure[0].name, unsure[0].words.rest) if unsure else ("", lead)
    return Headline(title, name, f"{told} {paused}".strip())


def _nothing_heard(cases: Sequence[Case], now: datetime, last_heard: datetime | None,
                   kinds: set[str]) -> Headline:  # fmt: skip
    if kinds == {"waiting"} and any(sight.failed_last for case in cases for sight in case.sights):
        return Headline("Not known yet", lead=f"One failure confirms nothing. {_counts(cases)}")
    if kinds == {"waiting"} or last_heard is None:
        return Headline("Waiting for the first checks", lead="A monitor is checked for the first time within minutes.")
    since = f"No data since {clock(last_heard, now)}"
    fault = "The fault is on our side: no region has reported since. How the sites are now is not known."
    return Headline(since, lead=f"{fault} {_counts([s for s in cases if s.kind != 'no_data'])}".strip())


def _region_silent(cases: Sequence[Case], now: datetime, silent: Sequence[tuple[Region, datetime]]) -> Headline:
    where = names(region for region, _ in silent)
    for_s = min((now - heard).total_seconds() for _, heard in silent)
    points = "vantage point is" if len(silent) == 1 else "vantage points are"
    return Headline(
        f"No data from {where} for {span(for_s)}",
        lead=f"The fault is on our side: the {where} {points} silent. {_counts(cases)}",
    )


_PHRASES = {
    "site_down": ("is down", "are down"),
    "no_data": ("has no data", "have no data"),
    "certificate": ("has a certificate that ends soon", "have certificates that end soon"),
    "waiting": ("is not known yet", "are not known yet"),
    "maintenance": ("is in maintenance", "are in maintenance"),
    "paused": ("is paused", "are paused"),
}


def _counts(cases: Sequence[Case], told: str = "") -> str:
    """Such as `One is slow from EU. Four are up from all regions.`; of the kind already told, so many more."""
    sentences = []
    for kind in _KINDS:
        like = [case for case in cases if case.kind == kind]
        if like:
            more = " more" if kind == told else ""
            sentences.append(f"{capital(counted(len(like)))}{more} {_phrase(kind, like)}.")
    return " ".join(sentences)


def _phrase(kind: str, like: Sequence[Case]) -> str:
    if kind in _PHRASES:
        return _PHRASES[kind][len(like) > 1]
    verb = "is" if len(like) == 1 else "are"
    if kind in ("regional", "slow"):
        return f"{verb} {_where(kind, like)}"
    voting = {from_where([s for s in case.sights if s.votes], case.sights) for case in like}
    where = voting.pop() if len(voting) == 1 else ("some of their regions" if kind == "partly" else "all their regions")
    return f"{verb} up from {where}"
