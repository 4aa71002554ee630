"""One producer run."""

import logging
from typing import Any

from vantage.produce import Producer, Pushed
from vantage.wiring.event import Context, event_ms
from vantage.wiring.home import home
from vantage.wiring.urls import with_current_secrets

log = logging.getLogger("vantage")


def produce(event: dict[str, Any], context: Context) -> Pushed:
    """Push what the event's minute asks for; raises TickTaken where another run holds the tick."""
    return with_current_secrets(home, lambda: _produce(event_ms(event), context.aws_request_id))


def _produce(minute_ms: int, request_id: str) -> Pushed:
    here = home("producer")
    settings = here.settings
    pushed = Producer(
        here.database.connection(), here.stream, request_id, settings.spread_s, settings.durations, settings.pace
    ).run(minute_ms)
    if pushed.recalled:
        log.warning(
            "%s entries of the future were taken out of the stream, into dead_letter: while they were in it, Redis "
            "refused every check. Find out who wrote them; a producer never does",
            pushed.recalled,
        )
    return pushed
