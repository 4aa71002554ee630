"""A check, and what a region saw of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from vantage.monitor import Json, MonitorType, Region


class Status(StrEnum):
    """How a check ended in a region; the SQL enum `check_status`."""

    UP = "up"
    DEGRADED = "degraded"
    DOWN = "down"
    REFUSED = "refused"  # the guard or the configuration, never the site
    EXPIRED = "expired"  # too late to probe
    DEAD = "dead"  # undecodable or poison


class Reason(StrEnum):
    """Why a result is not plainly up; the SQL enum `check_reason`."""

    DNS = "dns"
    CONNECT = "connect"
    TLS = "tls"
    TIMEOUT = "timeout"
    PROTOCOL = "protocol"
    STATUS = "status"
    BODY = "body"
    JSON = "json"
    HEADER = "header"
    SLOW = "slow"
    CERTIFICATE = "certificate"
    REDIRECT = "redirect"
    BLOCKED = "blocked"
    TOO_LARGE = "too_large"
    BANNER = "banner"
    RECORD = "record"
    GUARD = "guard"
    MISSED = "missed"  # a heartbeat that did not come in time
    FAILED = "failed"  # a job that said that it failed


@dataclass(frozen=True, slots=True)
class Check:
    """One monitor at one scheduled instant; identity = (monitor_id, checked_at)."""

    monitor_id: int
    checked_at_ms: int
    interval_s: int
    timeout_ms: int
    type: MonitorType
    spec: Mapping[str, Json]
    extra: bool = False

    @property
    def entry_id(self) -> str:
        """The id of its stream entry, `<checked_at in ms>-<monitor_id>`: a second enqueue is refused by Redis."""
        return f"{self.checked_at_ms}-{self.monitor_id}"


@dataclass(frozen=True, slots=True)
class Phases:
    """Where the time of a probe went, in microseconds; None = this phase was not part of it (a reused connection
    has no dns, connect and tls) or was not reached."""

    dns_us: int | None = None
    connect_us: int | None = None
    tls_us: int | None = None
    first_byte_us: int | None = None
    download_us: int | None = None


@dataclass(frozen=True, slots=True)
class ProbeDetail:
    """What is worth knowing of a probe beside its figures; nothing of a body, no credentials."""

    address: str | None = None
    protocol: str | None = None
    certificate_expires_at: datetime | None = None
    certificate_issuer: str | None = None
    certificate_names: tuple[str, ...] = ()
    text: str | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """What a region saw: identity = (monitor_id, checked_at, region)."""

    monitor_id: int
    checked_at_ms: int
    region: Region
    status: Status
    reason: Reason | None = None
    interval_s: int | None = None  # None: unknown here, the store looks it up in `monitor_schedule`
    total_us: int | None = None
    phases: Phases = Phases()
    late_ms: int | None = None
    http_status: int | None = None
    reused: bool = False
    cold: bool = False
    lagging: bool = False
    confirmed: bool = False
    extra: bool = False
    detail: ProbeDetail | None = None

    @property
    def entry_id(self) -> str:
        """The id of the stream entry this answers."""
        return f"{self.checked_at_ms}-{self.monitor_id}"
