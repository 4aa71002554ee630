"""One answer to HTTP, on what its environment keeps."""

import os
from functools import cache
from http import HTTPStatus
from typing import Any

from vantage.errors import ServerUnavailable
from vantage.face.app import App
from vantage.face.sources import Sources
from vantage.settings import Pooler, Settings
from vantage.store.connection import Database
from vantage.stream.writer import StreamWriter
from vantage.wiring.event import Context
from vantage.wiring.urls import database_url, redis_url, with_current_secrets

REDIS_PATIENCE_S = 2.0  # who asks whether we are well waits for the answer


class Away(ServerUnavailable):
    """An answer that says that a server is away; carries it."""

    def __init__(self, told: dict[str, Any]) -> None:
        super().__init__("A server does not answer.")
        self.told = told


@cache
def front() -> App:
    """The app, made at its first request; raises SettingsError."""
    settings = Settings.from_env(os.environ)
    database = Database(database_url(settings), prepare=settings.pooler is Pooler.NONE, name="vantage-api")
    stream = StreamWriter(redis_url(settings), timeout_s=REDIS_PATIENCE_S)
    return App(Sources(database, stream, settings.allow_private))


def answer(event: dict[str, Any], context: Context) -> dict[str, Any]:
    """Answer a request; where a server is away because its URL has changed, by the new one."""
    try:
        return with_current_secrets(front, lambda: _answer(event, context))
    except Away as away:
        return away.told


def _answer(event: dict[str, Any], context: Context) -> dict[str, Any]:
    told = front().answer(event, context)
    if told["statusCode"] == HTTPStatus.SERVICE_UNAVAILABLE:
        raise Away(told)
    return told
