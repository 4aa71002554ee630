"""How one attempt ended, whatever the monitor's type."""

from dataclasses import dataclass

from vantage.check import Reason, Status


@dataclass(frozen=True, slots=True)
class Outcome:
    """A status with its reason and a sentence that says what was seen (and, where a rule failed, what was expected)."""

    status: Status
    reason: Reason | None = None
    text: str | None = None
    http_status: int | None = None


def down(reason: Reason, text: str, http_status: int | None = None) -> Outcome:
    """The target is at fault."""
    return Outcome(Status.DOWN, reason, text, http_status)


def refused(reason: Reason, text: str) -> Outcome:
    """The guard or the configuration stands in the way; says nothing about the target."""
    return Outcome(Status.REFUSED, reason, text)
