"""Lambda handler of the producer: event in, log line out."""

from dataclasses import asdict
from typing import Any

from vantage.errors import TickTaken
from vantage.log import run_logger
from vantage.wiring.event import Context
from vantage.wiring.producer import produce

logger = run_logger("producer")


def handler(event: dict[str, Any], context: Context) -> dict[str, Any]:
    """Push the next minute's checks; a tick that another run holds is that run's, and no failure."""
    try:
        done = asdict(produce(event, context))
    except TickTaken as taken:
        done = {"left_to_another_run": str(taken)}
    logger.info("pushed", extra=done)
    return done
