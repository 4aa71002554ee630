"""/ping/{key}: what jobs call by themselves, with GET, HEAD or POST; /fail and /start behind it say what it was."""

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver

from vantage.face.answers import Answer, plain
from vantage.face.sources import Sources
from vantage.store.heartbeats import Ping, ping

CALLS = ["GET", "HEAD", "POST"]
LONGEST = 100


def register(app: APIGatewayHttpResolver, sources: Sources) -> None:
    """Its routes; whoever knows the key may call."""

    @app.route("/ping/<key>", method=CALLS)
    def success(key: str) -> Answer:
        return _told(sources, key, Ping.SUCCESS)

    @app.route("/ping/<key>/fail", method=CALLS)
    def fail(key: str) -> Answer:
        return _told(sources, key, Ping.FAIL)

    @app.route("/ping/<key>/start", method=CALLS)
    def start(key: str) -> Answer:
        return _told(sources, key, Ping.START)


def _told(sources: Sources, key: str, kind: Ping) -> Answer:
    if len(key) > LONGEST or not key.isalnum() or not ping(sources.connection(), key, kind):
        return plain(404, "No job has this address.")
    return plain(200, "OK")
