"""Redis beside Valkey: the tests of the stream on Debian's, and a policy that would lose the stream."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import redis

from local.valkey import redis_url
from tests.conftest import require
from tests.faults.stage import REDIS, a_redis
from vantage.errors import SettingsError
from vantage.settings import Settings
from vantage.wiring.home import home

ROOT = Path(__file__).resolve().parents[1]
OF_THE_STREAM = (
    "tests/test_produce.py", "tests/test_drain.py", "tests/test_housekeep.py", "tests/local/test_ledger.py",
)  # fmt: skip


@pytest.mark.skipif("REDIS_URL" in os.environ, reason="one such run within another is enough")
def test_the_tests_of_the_stream_pass_on_redis(tmp_path: Path, database_url: str) -> None:
    """Debian's Redis 7.0 does all that Valkey does; broken once by a command of Redis 8.2 (XACKDEL)."""
    require("redis-server", REDIS is not None)
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *OF_THE_STREAM]
    with a_redis(tmp_path / "redis", REDIS) as server:
        with redis.Redis.from_url(redis_url(server)) as client:
            assert "valkey_version" not in client.info("server")
        env = {**os.environ, "REDIS_URL": redis_url(server), "DATABASE_URL": database_url}
        done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-4000:]


@pytest.fixture
def producer_s(redis_client: "redis.Redis", redis_url: str, database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment of a producer's function, with nothing kept from one before."""
    monkeypatch.setenv("REDIS_URL", redis_url)
    monkeypatch.setenv("DATABASE_URL", database_url)
    home.cache_clear()


@pytest.mark.usefixtures("producer_s")
@pytest.mark.parametrize(("policy", "is_fine"), [("allkeys-lru", False), ("volatile-lru", True), ("noeviction", True)])
def test_a_policy_that_drops_the_stream_is_refused(redis_client: "redis.Redis", policy: str, is_fine: bool) -> None:
    """A Redis that makes room by dropping any key is refused at a function's start; the stream has no time to live."""
    redis_client.config_set("maxmemory-policy", policy)
    try:
        if is_fine:
            assert home("producer").stream.eviction_policy() == policy
        else:
            with pytest.raises(SettingsError, match="noeviction"):
                home("producer")
    finally:
        redis_client.config_set("maxmemory-policy", "noeviction")
        home.cache_clear()


@pytest.mark.usefixtures("producer_s")
def test_a_policy_that_cannot_be_read_is_warned_of(
    redis_client: "redis.Redis", monkeypatch: pytest.MonkeyPatch, redis_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Where Redis does not let us ask, the function starts all the same and its log says what to look at."""
    redis_client.acl_setuser("blind", enabled=True, nopass=True, keys=["*"], commands=["+@all", "-info"])
    try:
        mark = "&" if "?" in redis_url else "?"
        monkeypatch.setenv("REDIS_URL", f"{redis_url.replace('unix://', 'unix://blind:x@')}{mark}db=0")
        assert home("producer").stream.eviction_policy() == ""
        assert "eviction policy" in caplog.text
    finally:
        redis_client.acl_deluser("blind")
        home.cache_clear()


def test_a_trim_that_would_cut_what_is_still_probed_is_refused(redis_url: str, database_url: str) -> None:
    """A setting that keeps less of the stream than an entry lives is no setting."""
    env = {"REDIS_URL": redis_url, "DATABASE_URL": database_url, "VANTAGE_KEEP_STREAM_S": "299"}
    with pytest.raises(SettingsError, match="VANTAGE_KEEP_STREAM_S is 299"):
        Settings.from_env(env)
