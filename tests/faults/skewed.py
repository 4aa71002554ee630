"""Workers on machines whose wall clocks are wrong by `SKEW_S`: behind in the region USA, ahead elsewhere."""

import os
import time
from typing import Any

from functions.worker.app import handler as right

_really = time.time
_skew_s = float(os.environ["SKEW_S"]) * (-1 if os.environ["REGION"] == "USA" else 1)
time.time = lambda: _really() + _skew_s


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """The worker's own handler."""
    return right(event, context)
