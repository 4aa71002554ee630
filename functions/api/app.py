"""Lambda handler of the API and the pages: an HTTP API event in, an answer out, a log line for each."""

import time
from typing import Any

from vantage.log import run_logger
from vantage.wiring.api import answer
from vantage.wiring.event import Context

logger = run_logger("api")


def handler(event: dict[str, Any], context: Context) -> dict[str, Any]:
    """Answer one request."""
    began_s = time.monotonic()
    told = answer(event, context)
    http = event.get("requestContext", {}).get("http", {})
    ms = round((time.monotonic() - began_s) * 1000, 1)
    logger.info("answered", extra={"method": http.get("method"), "status": told["statusCode"], "ms": ms})
    return told
