"""Lambda handler of the notifier: event in, log line out."""

from dataclasses import asdict
from typing import Any

from vantage.log import run_logger
from vantage.wiring.event import Context
from vantage.wiring.notifier import notify

logger = run_logger("notifier")


def handler(event: dict[str, Any], context: Context) -> dict[str, Any]:
    """Tell what waits in the outbox."""
    done = asdict(notify(event, context))
    logger.info("notified", extra=done)
    return done
