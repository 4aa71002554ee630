"""One housekeeper run."""

import logging
from typing import Any

from vantage.housekeep import Housekeeper, Kept
from vantage.judge.tick import Judge
from vantage.store.connection import answering
from vantage.wiring.event import event_ms
from vantage.wiring.home import home
from vantage.wiring.kick import kick
from vantage.wiring.urls import with_current_secrets

log = logging.getLogger("vantage")


def housekeep(event: dict[str, Any]) -> Kept:
    """Do the minute's housekeeping; `"close": "all"` closes every tick that is over."""
    event_ms(event)
    return with_current_secrets(home, lambda: _housekeep(close_all=event.get("close") == "all"))


def _housekeep(*, close_all: bool) -> Kept:
    here = home("housekeeper")
    settings, connection = here.settings, here.database.connection()
    wait_ms = settings.durations.close_after_s * 1000 if close_all else 0
    with answering():
        judged = Judge(connection, settings.durations).run(settings.pace.lived_ms(here.stream.time_s()) + wait_ms)
    if judged.notices:
        kick(settings.notifier)  # before all else that may fail
    kept = Housekeeper(connection, here.stream, settings.durations, settings.pace, settings.references).run(
        close_all=close_all
    )
    if kept.trim_refused:
        log.warning(
            "entries older than %s s stay in the stream: not all have read them, and their books are open",
            settings.durations.keep_stream_s,
        )
    kept.judged, kept.notices = len(judged.ticks), judged.notices
    return kept
