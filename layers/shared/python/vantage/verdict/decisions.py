"""What judging decides: flips, incidents, advisories and notices."""

from dataclasses import dataclass
from enum import StrEnum

from vantage.check import Status
from vantage.monitor import Region
from vantage.verdict.votes import Verdict, Votes


class NoticeKind(StrEnum):
    """What people hear of a monitor."""

    SITE_DOWN = "site_down"
    SITE_UP = "site_up"
    REGIONAL = "regional"
    REGIONAL_OVER = "regional_over"
    FLAPPING = "flapping"
    FLAPPING_OVER_DOWN = "flapping_over_down"
    FLAPPING_OVER_UP = "flapping_over_up"


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing to tell, and where it was decided."""

    at_ms: int
    kind: NoticeKind
    region: Region | None = None


@dataclass(frozen=True, slots=True)
class Flip:
    """A change of the state in one region; `at_ms` is the row that confirmed it, `since_ms` the first that said so."""

    region: Region
    at_ms: int
    before: Status | None
    after: Status
    since_ms: int


@dataclass(frozen=True, slots=True)
class Incident:
    """A confirmed span of site down; `began_ms` is the first failure of the region that completed the quorum."""

    opened_ms: int
    began_ms: int
    single: bool
    resolved_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Advisory:
    """Down for long in one region only; `told` False where it opened in silence."""

    region: Region
    opened_ms: int
    told: bool = True
    closed_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Judgement:
    """What was decided at a slot."""

    at_ms: int
    verdict: Verdict
    votes: Votes
    flips: tuple[Flip, ...] = ()
    opened: Incident | None = None
    resolved: Incident | None = None
    advisories_opened: tuple[Advisory, ...] = ()
    advisories_closed: tuple[Advisory, ...] = ()
    notices: tuple[Notice, ...] = ()
