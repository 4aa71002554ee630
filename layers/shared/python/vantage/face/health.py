"""/healthz: whether both servers answer."""

from http import HTTPStatus

import psycopg
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver

from vantage.errors import ServerUnavailable
from vantage.face.answers import READ, Answer, as_json
from vantage.face.sources import Sources


def register(app: APIGatewayHttpResolver, sources: Sources) -> None:
    """Its route."""

    @app.route("/healthz", method=READ)
    def healthz() -> Answer:
        servers = {"postgresql": _postgresql_answers(sources), "redis": sources.redis_answers()}
        well = all(servers.values())
        status = HTTPStatus.OK if well else HTTPStatus.SERVICE_UNAVAILABLE
        return as_json({"status": "ok" if well else "away", **servers}, status)


def _postgresql_answers(sources: Sources) -> bool:
    try:
        sources.connection().execute("SELECT 1")
    except (ServerUnavailable, psycopg.Error):
        return False
    return True
