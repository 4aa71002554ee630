"""Where a bench plays: fresh servers with three regions, or those of DATABASE_URL and REDIS_URL if they are empty."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from shutil import which
from typing import Any
from urllib.parse import urlsplit

import psycopg
import redis
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from bench.delay import delayed
from local.fleet import REGIONS, group_of
from local.migrate import migrate
from local.servers import embedded
from vantage.errors import VantageError
from vantage.store.connection import Connection, connect
from vantage.store.regions import insert_region
from vantage.stream import PUSHED, STREAM, run_key

BUFFERS = "512MB"  # a million monitors and their indexes; a server for as many has 2 GB or more


@dataclass(frozen=True, slots=True)
class Stage:
    """Migrated, empty servers with three regions, and a connection to each."""

    database_url: str
    redis_url: str
    database: Connection
    redis: Any

    def settings(self, **own: str) -> dict[str, str]:
        """The environment of a function that works here."""
        urls = {"DATABASE_URL": self.database_url, "REDIS_URL": self.redis_url}
        return {**os.environ, **urls, "ALLOW_PRIVATE_ADDRESSES": "true", **own}

    @contextmanager
    def distant(self, rtt_ms: float) -> Iterator[tuple[str, str]]:
        """The URLs of PostgreSQL and Redis from a place that is so far away."""
        where = conninfo_to_dict(self.database_url)
        host, port = str(where.get("host") or "127.0.0.1"), where.get("port") or 5432
        postgres = f"{host}/.s.PGSQL.{port}" if host.startswith("/") else f"{host}:{port}"
        url = urlsplit(self.redis_url)
        valkey = url.path if url.scheme == "unix" else f"{url.hostname}:{url.port or 6379}"
        who = f"{url.netloc.rpartition('@')[0]}@" if "@" in url.netloc else ""
        with delayed(postgres, rtt_ms) as postgres_port, delayed(valkey, rtt_ms) as valkey_port:
            yield (
                make_conninfo(self.database_url, host="127.0.0.1", port=postgres_port),
                f"redis://{who}127.0.0.1:{valkey_port}",
            )

    def clear_ticks(self) -> None:
        """Forget every tick, result and entry; monitors and regions stay."""
        self.database.execute("TRUNCATE tick_ledger, check_result, dead_letter CASCADE")
        self.redis.delete(STREAM, PUSHED, *(run_key(group_of(region)) for region in REGIONS))

    def clear(self) -> None:
        """Forget the monitors too."""
        self.clear_ticks()
        self.database.execute("TRUNCATE monitor RESTART IDENTITY CASCADE")

    def add_monitors(self, first: int, last: int, url: str, interval: str) -> None:
        """Monitors by number; `url` and `interval` are SQL over n, their number."""
        self.database.execute(
            f"""INSERT INTO monitor (slug, name, type, spec, interval_s, timeout_ms)
                SELECT 'monitor-' || n, 'Monitor ' || n, 'http', jsonb_build_object('url', {url}), {interval}, 10000
                  FROM generate_series(%s::int, %s::int) n""",
            (first, last),
        )
        self.database.execute("VACUUM ANALYZE monitor, monitor_schedule")


@contextmanager
def stage() -> Iterator[Stage]:
    """Set it, and clear it again; raises VantageError where servers that were given are in use."""
    given_database, given_redis = os.environ.get("DATABASE_URL", ""), os.environ.get("REDIS_URL", "")
    with embedded(fast=True, given_database=given_database, given_redis=given_redis, buffers=BUFFERS) as servers:
        migrate(servers.database_url)
        with connect(servers.database_url, name="bench") as database, redis.Redis.from_url(servers.redis_url) as client:
            _refuse_if_in_use(database, client)
            for region, aws_region in REGIONS.items():
                insert_region(database, region, aws_region, group_of(region))
            # VACUUM can mark no page whose commit is still on its way to the disk.
            database.execute("SET synchronous_commit = on; SELECT ensure_result_days(current_date, current_date + 1)")
            set_ = Stage(servers.database_url, servers.redis_url, database, client)
            try:
                yield set_
            finally:
                _clear(set_)


def _refuse_if_in_use(database: Connection, client: Any) -> None:
    used = database.execute("SELECT EXISTS (SELECT FROM monitor) OR EXISTS (SELECT FROM region)").fetchone()
    if (used and used[0]) or client.exists(STREAM):
        raise VantageError("DATABASE_URL or REDIS_URL is in use by Vantage; a bench would empty it. Unset both.")


def _clear(set_: Stage) -> None:
    with suppress(psycopg.Error, redis.RedisError):  # after Ctrl-C the servers may have stopped before us
        set_.clear()
        set_.database.execute("TRUNCATE region CASCADE")


def tool(name: str) -> str | None:
    """Where a tool of Debian is; not everybody has sbin on PATH."""
    path = os.environ.get("PATH", "")
    return which(name, path=f"{path}:{path.replace('/bin', '/sbin')}")
