"""When a letter that was not taken is tried again, and when no more."""

from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

FIRST_S, MOST_S, FACTOR = 5.0, 900.0, 2.0
LONGEST_WISH_S = 3600.0


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds: before the second attempt, between two at the most, and how old a letter may become."""

    first_s: float = FIRST_S
    most_s: float = MOST_S
    give_up_after_s: float = 86_400.0

    def delay_s(self, attempts: int, wish_s: float | None = None) -> float:
        """How long to wait after so many attempts; `wish_s` is the receiver's (Retry-After), honoured up to an hour."""
        own_s = float(min(self.first_s * FACTOR ** min(attempts - 1, 30), self.most_s))
        return own_s if wish_s is None else max(own_s, min(wish_s, LONGEST_WISH_S))


def retry_after_s(header: str | None, now: datetime) -> float | None:
    """Retry-After in seconds: a number or a date (RFC 9110, 10.2.3); None where it is neither."""
    if header is None:
        return None
    if header.strip().isdecimal():
        return float(header.strip())
    try:
        at = parsedate_to_datetime(header)
    except (ValueError, OverflowError):  # the latter for a year that no number holds
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return max(0.0, (at - now).total_seconds())
