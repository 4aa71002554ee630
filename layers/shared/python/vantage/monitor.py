"""What a user configured: a target, an interval, expectations."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

Json = Any
Region = str
"""A vantage point's name, a value of the SQL enum `location` (USA, INDIA, EU).

A plain string on purpose: a fourth region is a row and a migration, not a change of code.
"""


class MonitorType(StrEnum):
    """How a target is reached."""

    HTTP = "http"
    TCP = "tcp"
    DNS = "dns"
    HEARTBEAT = "heartbeat"


@dataclass(frozen=True, slots=True)
class Monitor:
    """One monitor as it is stored; identity outside is its `slug`, inside its `id`.

    `spec` is what the prober needs (url, method, headers, expect, …), as it travels in the stream;
    credentials in it are references (`env:NAME`, `ssm:/path`), never values.
    `regions` None means: every enabled one.
    """

    id: int
    slug: str
    name: str
    type: MonitorType
    spec: Mapping[str, Json]
    interval_s: int
    timeout_ms: int
    regions: tuple[Region, ...] | None
    confirmations: int
    enabled: bool
    public: bool
    show_url: bool
    group: str | None
