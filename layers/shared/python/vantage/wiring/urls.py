"""Where the servers are: set here, or the values of SSM parameters, read once per environment."""

from collections.abc import Callable
from typing import Protocol, TypeVar

from vantage.errors import NoSecret, ServerUnavailable, SettingsError
from vantage.settings import DatabaseCa, Settings, check_encrypted
from vantage.store.connection import RDS_AUTHORITIES
from vantage.wiring.ssm import parameter

T = TypeVar("T")
_secrets_read: dict[str, str] = {}  # by the name of their parameter


class Kept(Protocol):
    """What makes an environment once and keeps it: a cached function."""

    def cache_clear(self) -> None:
        """Forget what was made."""


def redis_url(settings: Settings) -> str:
    """Redis's URL; raises SettingsError where SSM does not give it or it would speak plain text."""
    return settings.redis_url or _secret_url("REDIS_URL", settings.redis_url_parameter)


def database_url(settings: Settings) -> str:
    """PostgreSQL's URL, with the authorities that its certificate is believed by; raises SettingsError likewise."""
    url = settings.database_url or _secret_url("DATABASE_URL", settings.database_url_parameter)
    if settings.database_ca is DatabaseCa.RDS and "sslrootcert=" not in url:
        return f"{url}{'&' if '?' in url else '?'}sslrootcert={RDS_AUTHORITIES}"
    return url


def with_current_secrets(kept: Kept, run: Callable[[], T]) -> T:
    """Run; where a server refuses, and SSM holds another URL by now than was read, once more in a new environment."""
    try:
        return run()
    except ServerUnavailable:
        if not _are_rotated():
            raise
    kept.cache_clear()
    return run()


def _are_rotated() -> bool:
    try:
        return any(parameter(name) != value for name, value in _secrets_read.items())
    except NoSecret:  # what was read is as good as before
        return False


def _secret_url(name: str, kept_in: str) -> str:
    url = _secrets_read[kept_in] = _value(f"{name}_PARAMETER", kept_in)
    check_encrypted(name, url)
    return url


def _value(setting: str, name: str) -> str:
    try:
        return parameter(name)
    except NoSecret as error:
        raise SettingsError(f"{setting} is {name!r}, which SSM does not give ({error}).") from None
