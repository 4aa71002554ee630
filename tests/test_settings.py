"""A server's URL with a password that was not escaped."""

import traceback

import pytest

from vantage.errors import SettingsError
from vantage.settings import Settings

OTHERS = {"DATABASE_URL": "postgresql:///vantage", "REDIS_URL": "redis://localhost:6379"}


@pytest.mark.parametrize("url", [
    "rediss://u:HUSH/hush@cache.example.com:6379/0", "rediss://u:HUSH#hush@cache.example.com:6379/0",
    "rediss://u:x@HUSH#hush@cache.example.com:6379", "rediss://u:HUSH[hush@cache.example.com:6379/0",
    "postgresql://u:HUSH#hush@db.example.com/v?sslmode=verify-full",
    "postgresql://u:x@HUSH#hush@db.example.com/v?sslmode=verify-full",
    "postgresql://u:HUSH[hush@db.example.com/v?sslmode=verify-full",
])  # fmt: skip
def test_no_error_repeats_a_part_of_a_password(url: str) -> None:
    """Its signs are taken for the URL's own, so what stands where the host or the port should may be half of it.

    Red before: a stack trace with `Port could not be cast to integer value as 'HUSH'`.
    """
    name = "REDIS_URL" if url.startswith("rediss") else "DATABASE_URL"
    with pytest.raises(SettingsError, match=f"{name} is malformed") as told:
        Settings.from_env(OTHERS | {name: url})
    assert "HUSH" not in "".join(traceback.format_exception(told.value, chain=True))


def test_several_hosts_of_postgresql_are_fine() -> None:
    """Each with its port, as libpq has it."""
    url = "postgresql://u:p@127.0.0.1:5432,127.0.0.1:5433/v?sslmode=verify-full"
    assert Settings.from_env(OTHERS | {"DATABASE_URL": url}).database_url == url
