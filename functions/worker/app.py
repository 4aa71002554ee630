"""Lambda handler of a region's worker: event in, log line out."""

from dataclasses import asdict
from typing import Any

from vantage.log import run_logger
from vantage.wiring.event import Context
from vantage.wiring.worker import check, drain

logger = run_logger("worker")


def handler(event: dict[str, Any], context: Context) -> dict[str, Any]:
    """Probe what is due in this region, store it, acknowledge it; asked for one check, probe that and store nothing."""
    if "check" in event:
        return check(event["check"])
    done = asdict(drain(event, context))
    logger.info("drained", extra=done)
    return done
