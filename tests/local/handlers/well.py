"""A handler for tests of the host: does what its event says."""

import os
import time
from pathlib import Path
from typing import Any


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Print, fail, wait for a file, or just tell where it runs."""
    print("printed by the handler")  # noqa: T201  # what must not get between the replies
    if "fail" in event:
        raise ValueError(event["fail"])
    if "until" in event:
        Path(event["started"]).touch()
        while not Path(event["until"]).exists():
            time.sleep(0.01)
    return {
        "pid": os.getpid(),
        "consumer": os.environ["VANTAGE_CONSUMER"],
        "stream": context.log_stream_name,
        "request": context.aws_request_id,
        "remaining_ms": context.get_remaining_time_in_millis(),
    }
