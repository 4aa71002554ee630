"""The models of answers. They are what /openapi.json says; handlers tell plain data that is like them."""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from vantage.monitors_file.channel import ChannelItem
from vantage.monitors_file.model import MonitorItem

Percent = float | None
Ms = float | None


class Shape(BaseModel):
    """Nothing but what it names."""

    model_config = ConfigDict(extra="forbid")


class Fault(Shape):
    """A field or parameter that is not as it must be."""

    field: str = Field(description="dotted, such as expect.latency; empty: the body as a whole")
    detail: str


class Problem(Shape):
    """What is wrong, and what to do (RFC 9457)."""

    title: str
    status: int
    detail: str
    errors: list[Fault] = Field(default=[], description="each thing that is wrong")


class Page(Shape):
    """A page of a list."""

    next_cursor: str | None = Field(description="the parameter `cursor` of the next page; null: this is the last")


class Monitors(Page):
    """Monitors, by slug."""

    data: list[MonitorItem]


class PingPath(Shape):
    """What a heartbeat's job calls, behind this address; `/fail` and `/start` behind it say what it was."""

    path: str


class Result(Shape):
    """What a region saw of a monitor at a scheduled instant; times in microseconds."""

    checked_at: datetime
    region: str
    status: Literal["up", "degraded", "down", "refused", "expired", "dead"]
    reason: str | None
    http_status: int | None
    total_us: int | None
    dns_us: int | None
    connect_us: int | None
    tls_us: int | None
    first_byte_us: int | None
    download_us: int | None
    late_ms: int | None
    reused: bool
    cold: bool
    lagging: bool
    confirmed: bool
    extra: bool


class Results(Page):
    """Results, newest first."""

    data: list[Result]


class Failure(Result):
    """A failure, and what the other regions saw at the same instant."""

    slug: str | None
    elsewhere: dict[str, str]


class Failures(Page):
    """Failures, newest first."""

    data: list[Failure]


class FailedAlone(Shape):
    """How often a monitor failed from one region and no other, of the slots that this one and another one saw."""

    slug: str
    region: str
    failed_alone: int
    slots: int


class FailuresAlone(Page):
    """Those, most often first."""

    data: list[FailedAlone]


class Tally(Shape):
    """Percent, and the seconds that it was counted from; null: nothing was seen."""

    uptime: Percent
    coverage: Percent
    low: Percent
    high: Percent
    good_s: int
    bad_s: int
    unseen_s: int


class Shares(Shape):
    """Percentiles in milliseconds."""

    p50: Ms
    p95: Ms
    p99: Ms


class Phases(Shape):
    """What each phase usually takes."""

    dns_ms: Ms
    connect_ms: Ms
    tls_ms: Ms
    first_byte_ms: Ms
    download_ms: Ms


class RegionUptime(Tally):
    """A region's part, with its latency."""

    latency_ms: Shares
    first_byte_ms: Shares
    phases_ms: Phases


class Flip(Shape):
    """A change of a monitor's state in a region."""

    checked_at: datetime
    region: str
    from_state: str | None
    to_state: str


class _Figures(Shape):
    slug: str
    name: str
    down_s: int = Field(description="for how long it had an incident")
    regional_s: int = Field(description="for how long it was down from some regions only, by their advisories")
    availability: Tally = Field(description="each instant once, bad where a majority of the regions that saw it failed")
    reachability: Tally = Field(description="all regions' checks pooled")


class Uptime(_Figures):
    """A monitor's uptime in a span."""

    from_: datetime = Field(alias="from")
    to: datetime
    regions: dict[str, RegionUptime]
    flips: list[Flip]


class UptimeRow(_Figures):
    """A monitor's uptime in a span, without its latency."""

    regions: dict[str, Tally]


class Uptimes(Page):
    """Every monitor's uptime."""

    from_: datetime = Field(alias="from")
    to: datetime
    data: list[UptimeRow]


class Event(Shape):
    """What happened in an incident."""

    at: datetime
    kind: Literal["opened", "region", "resolved", "acknowledged", "note", "closed"]
    region: str | None
    author: str | None
    detail: dict[str, Any]


class Incident(Shape):
    """A confirmed span of site down; `began_at` is its first failing check."""

    id: int
    slug: str
    name: str
    began_at: datetime
    opened_at: datetime
    resolved_at: datetime | None
    single_vantage: bool
    reason: str | None
    phase: str | None
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    events: list[Event]
    last_failed_at: datetime | None = Field(
        None, description="its last failing check; told of an incident that is asked for by itself"
    )


class Incidents(Page):
    """Incidents, newest first."""

    data: list[Incident]


class Maintenance(Shape):
    """Announced work. Without groups and monitors it is on everything."""

    id: int
    name: str
    start: str = Field(description="what the clocks of the time zone show")
    duration: str
    timezone: str
    rrule: str | None
    groups: list[str]
    monitors: list[str]
    ended_at: datetime | None
    next_at: datetime | None = Field(description="when it begins next, or began where it is under way")


class Maintenances(Page):
    """Announced work, newest first."""

    data: list[Maintenance]


class Channel(ChannelItem):
    """A channel, and whether it is on."""

    operator: bool = Field(False, description="hears of Vantage's own faults")
    enabled: bool = True
    disabled_reason: str | None = None
    waiting: int = Field(0, description="how many messages wait for it")


class Channels(Page):
    """Channels, by name."""

    data: list[Channel]


class Region(Shape):
    """A vantage point; `last_seen` is when its worker last started."""

    name: str
    aws_region: str
    redis_group: str
    enabled: bool
    first_seen: datetime | None
    last_seen: datetime | None


class Regions(Page):
    """Vantage points."""

    data: list[Region]


class Counts(Shape):
    """scheduled = stored + expired + skipped + dead + lost; `open` is what may still come, before the close."""

    due: int | None
    scheduled: int
    stored: int
    expired: int
    skipped: int
    dead: int
    open: int | None
    lost: int | None


class Tick(Shape):
    """A minute's sheet."""

    tick: datetime
    state: Literal["gap", "pushing", "open", "closed"]
    regions: dict[str, Counts]


class Backlog(Shape):
    """What Redis estimates to hold for a region."""

    pending: int
    unread: int | None


class Ledger(Page):
    """The newest minutes first; `backlog` is empty where Redis does not answer."""

    data: list[Tick]
    backlog: dict[str, Backlog]


class LastCheck(Shape):
    """The newest check of a monitor from a region."""

    checked_at: datetime
    status: str
    reason: str | None
    http_status: int | None
    latency_ms: Ms
    phases: Phases
    connection_reused: bool


class Seen(Shape):
    """A monitor from a region: its state as it was judged, and whether what that is made of is fresh."""

    region: str
    state: Literal["up", "degraded", "down"] | None
    fresh: bool
    since: datetime | None
    last: LastCheck | None


class Stands(Shape):
    """How a monitor stands."""

    slug: str
    name: str
    group: str | None
    url: str | None = Field(description="where it may be shown")
    interval_s: int
    verdict: Literal["up", "degraded", "regional", "site_down", "vantage_fault", "no_data", "maintenance", "paused"]
    words: str
    since: datetime | None
    regions: list[Seen]


class Heard(Shape):
    """When a region was heard last."""

    region: str
    reported_at: datetime | None
    silent: bool


class Status(Shape):
    """The status page for programs."""

    generated_at: datetime
    headline: str
    summary: str
    regions: list[Heard]
    monitors: list[Stands]


class Shield(BaseModel):
    """A badge as Shields reads it."""

    schema_version: Literal[1] = Field(alias="schemaVersion")
    label: str
    message: str
    color: str


class Health(Shape):
    """Whether the servers answer."""

    status: Literal["ok", "away"]
    postgresql: bool
    redis: bool


class Change(Shape):
    """Who did what to what."""

    id: int
    at: datetime
    actor: str
    action: str
    subject: str
    detail: dict[str, Any]


class Changes(Page):
    """Changes, newest first."""

    data: list[Change]
