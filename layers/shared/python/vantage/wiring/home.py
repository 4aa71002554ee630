"""What the functions of the home region that write the stream keep between invocations."""

import logging
import os
from dataclasses import dataclass
from functools import cache

from vantage.errors import SettingsError
from vantage.settings import Pooler, Settings
from vantage.store.connection import Database
from vantage.stream.writer import StreamWriter
from vantage.wiring.urls import database_url, redis_url

log = logging.getLogger("vantage")


@dataclass(frozen=True, slots=True)
class Home:
    """One connection to PostgreSQL and one to Redis."""

    settings: Settings
    database: Database
    stream: StreamWriter


@cache
def home(name: str) -> Home:
    """The producer's or housekeeper's environment, made at its first invocation; raises SettingsError."""
    settings = Settings.from_env(os.environ)
    stream = StreamWriter(redis_url(settings))
    _check_eviction(stream)
    prepare = settings.pooler is Pooler.NONE
    return Home(settings, Database(database_url(settings), prepare=prepare, name=f"vantage-{name}"), stream)


def _check_eviction(stream: StreamWriter) -> None:
    """Refuse a Redis that may drop the stream to make room; keys without a time to live are safe from volatile-*."""
    policy = stream.eviction_policy()
    if policy.startswith("allkeys"):
        raise SettingsError(
            f"REDIS_URL: when its memory is full this Redis drops keys, the stream among them (maxmemory-policy "
            f"{policy}), and checks would be lost. Set its eviction policy to noeviction."
        )
    if not policy:
        log.warning("Redis does not say its eviction policy; it must be noeviction, or checks can be lost")
