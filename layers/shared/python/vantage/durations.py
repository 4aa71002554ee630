"""How a worker run paces itself, and the durations of a check's way; each of them a setting."""

from dataclasses import dataclass
from enum import StrEnum


class Polling(StrEnum):
    """When a worker run ends: as soon as nothing is due (thrifty), or when the next run takes over (punctual)."""

    THRIFTY = "thrifty"
    PUNCTUAL = "punctual"


@dataclass(frozen=True, slots=True)
class Durations:
    """The durations of a check's way, each a setting: `VANTAGE_<NAME>`; the defaults are the design's."""

    ahead_s: int = 60  # the event of minute T pushes T + this
    event_ahead_limit_s: int = 120  # a tick further than this past Redis TIME is refused
    event_behind_limit_s: int = 180  # an event older than this is refused
    first_tick_within_s: int = 30  # the very first run still pushes a minute this young
    resume_s: int = 120  # an incomplete tick is resumed while it is at most this much older than the event's
    lease_s: int = 30
    overdue_s: int = 90
    away_after_s: int = 300
    take_work_s: int = 120  # a worker run takes work for at most this long
    claim_margin_s: int = 15  # min-idle of a claim = the function's timeout + this
    read_ahead_s: int = 2
    quiet_s: int = 15  # a thrifty run ends when nothing unread is due within this
    wait_for_tick_s: int = 30
    start_margin_s: int = 5  # a check starts only if 2 x its deadline + this remain of the run
    patience_s: float = 1.0  # a target that takes longer gives its place up while others wait for one
    expiry_least_s: int = 90
    expiry_most_s: int = 300
    flush_s: float = 1.0
    judge_after_s: int = 75  # a tick is judged without those that have not reported this long after its last check
    close_after_s: int = 660
    keep_stream_s: int = 600
    consumer_idle_s: int = 3600
    retention_days: int = 30
    partitions_ahead_days: int = 7
