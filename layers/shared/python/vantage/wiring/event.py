"""What Lambda hands a handler: the scheduled minute, and how long the run may last."""

from datetime import datetime
from typing import Any, Protocol

from vantage.errors import EventError


class Context(Protocol):
    """What is used of Lambda's context object."""

    @property
    def aws_request_id(self) -> str:
        """The invocation's id."""

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the function's timeout."""


def event_ms(event: dict[str, Any]) -> int:
    """The scheduled minute (epoch ms) of an event `{"time": "2026-11-24T08:41:00Z"}`; raises EventError."""
    text = event.get("time")
    try:
        at = datetime.fromisoformat(str(text).replace("Z", "+00:00"))
        if at.tzinfo is None:
            raise ValueError("no time zone")
        return int(at.timestamp() * 1000)
    except (ValueError, OverflowError):
        raise EventError(
            f"The event has {'no time' if text is None else f'the time {str(text)[:40]!r}'}; it must be "
            '{"time": "2026-11-24T08:41:00Z"}, which EventBridge Scheduler writes for <aws.scheduler.scheduled-time>.'
        ) from None
