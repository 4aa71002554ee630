"""Pages that are read no oftener than need be: how monitors stand with each look, what lies behind once a minute."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

from aws_lambda_powertools.event_handler.exceptions import NotFoundError

from vantage.face.answers import Answer
from vantage.face.pages.audience import EVERYBODY, Audience
from vantage.face.pages.board import Board, read_board, read_hours
from vantage.face.pages.monitor_page import monitor_variables, read_monitor
from vantage.face.pages.past import BARS, SPANS, Past, fitting_span, read_past
from vantage.face.pages.pictures import Look
from vantage.face.pages.render import Templates
from vantage.face.pages.variables import INCIDENT_DAYS, INCIDENTS, Around, split, variables
from vantage.face.sources import Sources
from vantage.store.connection import Connection
from vantage.store.troubles import coming_work, list_troubles

PAST_KEPT_S = 60.0
PAGES_KEPT = 8
AHEAD = timedelta(days=7)


@dataclass(slots=True)
class StatusPage:
    """The status page, for everybody or for who is signed in; each keeps what it has read for itself."""

    sources: Sources
    audience: Audience = EVERYBODY
    clock: Callable[[], float] = time.monotonic
    _pasts: dict[str, tuple[float, set[int], set[int], Past]] = field(default_factory=dict)
    _shown: dict[tuple[str, int], tuple[Board, Answer]] = field(default_factory=dict)

    def answer(self, asked: str, page: str = "") -> Answer:
        """The page with the span that was asked for, or the one that fits; of several the one of that number."""
        to = self.audience
        board = self.sources.board(private=to.private)
        number = int(page) if page.isascii() and page.isdigit() and len(page) < 6 else 1
        if (kept := self._shown.get((asked, number))) and kept[0] is board:
            return kept[1]
        connection = self.sources.connection()
        span = asked if asked in SPANS else fitting_span(connection, board.now)
        look = self._look(connection, board, span)
        first, site = board.now - timedelta(days=INCIDENT_DAYS), self.sources.site()
        around = Around(
            span, list_troubles(connection, first, limit=INCIDENTS + 1, private=to.private),
            coming_work(connection, AHEAD, private=to.private), site.groups, to, max(1, number), site.logo,
        )  # fmt: skip
        told = Templates.load().page("status.html", variables(board, look, around), here=to.status, site=site, to=to)
        if len(self._shown) > PAGES_KEPT or any(kept[0] is not board for kept in self._shown.values()):
            self._shown.clear()
        self._shown[asked, number] = (board, told)
        return told

    def _look(self, connection: Connection, board: Board, span: str) -> Look:
        if span not in BARS:
            return read_hours(connection, board)
        ids = {one.monitor.id for one in board.seen}
        timed = {one.monitor.id for one in split(board.seen)[0]}
        kept = self._pasts.get(span)
        if kept is None or self.clock() - kept[0] > PAST_KEPT_S or not (ids <= kept[1] and timed <= kept[2]):
            past = read_past(connection, sorted(ids), sorted(timed), board.now, span)
            self._pasts[span] = kept = (self.clock(), ids, timed, past)
        return kept[3]


@dataclass(slots=True)
class MonitorPage:
    """A monitor's own page; what its audience must not see, and what does not exist, is not found alike."""

    sources: Sources
    audience: Audience = EVERYBODY

    def answer(self, slug: str, asked: str) -> Answer:
        """The page with the span that was asked for, or the one that fits."""
        connection = self.sources.connection()
        to = self.audience
        board = read_board(connection, slug, private=to.private)
        if not board.seen:
            raise NotFoundError
        span = asked if asked in SPANS else fitting_span(connection, board.now)
        ids = [board.seen[0].monitor.id]
        past = read_past(connection, ids, ids, board.now, span if span in BARS else "24h")
        look = past if span in BARS else read_hours(connection, board)
        told = {**monitor_variables(read_monitor(connection, board, look, past), span), "watch": to.watch}
        return Templates.load().page("monitor.html", told, site=self.sources.site(), to=to)
