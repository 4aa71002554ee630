"""Lambda handler of the housekeeper: event in, log line out."""

from dataclasses import asdict
from typing import Any

from vantage.log import run_logger
from vantage.wiring.event import Context
from vantage.wiring.housekeeper import housekeep

logger = run_logger("housekeeper")


def handler(event: dict[str, Any], _context: Context) -> dict[str, Any]:
    """Close books, make and drop days, trim the stream."""
    done = asdict(housekeep(event))
    logger.info("kept", extra=done)
    return done
