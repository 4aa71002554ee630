"""/status.json, the status page for programs: UTC instants, durations in milliseconds, null for what is not known."""

from datetime import UTC, datetime
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver

from vantage.face.answers import READ, Answer, as_json, as_text, etag_of
from vantage.face.pages.board import Board, Seen
from vantage.face.sources import Sources
from vantage.face.who import who_asks
from vantage.store.status import Latest
from vantage.view.numbers import NBSP
from vantage.view.words import PHASES, Sight


def register(app: APIGatewayHttpResolver, sources: Sources) -> None:
    """What everybody may read, and, with a token that may `read`, private monitors too."""

    @app.route("/status.json", method=READ)
    def status_json() -> Answer:
        return _answer(sources.board())

    @app.route("/ops/status.json", method=READ)
    def everything_json() -> Answer:
        who_asks(sources, app.current_event.raw_event, "read")
        return _answer(sources.board(private=True))


def _answer(board: Board) -> Answer:
    told = document(board)
    # Another second with the same news is nothing new: who polls by ETag is told that.
    regions = [{**region, "reported_at": None} for region in told["regions"]]
    news = {**told, "generated_at": None, "regions": regions}
    return as_json(told, headers={"etag": etag_of(as_text(news))})


def document(board: Board) -> dict[str, Any]:
    """What /status.json answers with."""
    return {
        "generated_at": _instant(board.now),
        "headline": _plain(board.headline.title),
        "summary": _plain(": ".join(filter(None, (board.headline.name, board.headline.lead)))),
        "regions": [
            {"region": region, "reported_at": _instant(board.heard.get(region)), "silent": region in board.silent}
            for region in board.snapshot.regions
        ],
        "monitors": [_monitor(one, board) for one in board.seen],
    }


def _monitor(one: Seen, board: Board) -> dict[str, Any]:
    words = one.case.words
    return {
        "slug": one.monitor.slug,
        "name": one.monitor.name,
        "group": one.monitor.group,
        "url": one.monitor.url,
        "interval_s": one.monitor.interval_s,
        "verdict": one.case.verdict,
        "words": _plain(f"{words.verdict}. {words.rest}".strip()),
        "since": _instant(words.since),
        "regions": [_region(sight, board.latest(one, sight.region)) for sight in one.case.sights],
    }


def _region(sight: Sight, latest: Latest | None) -> dict[str, Any]:
    return {
        "region": sight.region,
        "state": sight.state,
        "fresh": sight.votes,
        "since": _instant(sight.since),
        "last": None if latest is None else _check(latest),
    }


def _check(latest: Latest) -> dict[str, Any]:
    return {
        "checked_at": _instant(latest.checked_at),
        "status": latest.status,
        "reason": latest.reason,
        "http_status": latest.http_status,
        "latency_ms": _ms(latest.total_us),
        "phases": {name.replace("_us", "_ms"): _ms(getattr(latest.phases, name)) for name in PHASES},
        "connection_reused": latest.reused,
    }


def _instant(at: datetime | None) -> str | None:
    return None if at is None else at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _ms(microseconds: int | None) -> float | None:
    return None if microseconds is None else microseconds / 1000


def _plain(text: str) -> str:
    return text.replace(NBSP, " ")
