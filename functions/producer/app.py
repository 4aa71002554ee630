"""Lambda handler of the producer: event in, log line out."""

from dataclasses import asdict
from typing import Any

from vantage.errors import TickTaken
from vantage.log import run_logger
from vantage.wiring import Context, home, with_current_secrets

logger = run_logger("producer")


def handler(event: dict[str, Any], context: Context) -> dict[str, Any]:
    """Push the next minute's checks; a tick that another run holds is that run's, and no failure."""
    try:
        done = asdict(with_current_secrets(lambda: home("producer").produce(event, context)))
    except TickTaken as taken:
        done = {"left_to_another_run": str(taken)}
    logger.info("pushed", extra=done)
    return done
