"""Fixtures: one real PostgreSQL and one real Redis-protocol server for the session, clean for each test."""

import os
from collections.abc import Callable, Iterator
from contextlib import suppress

import psycopg
import pytest
import redis

from local.migrate import ROLES, migrate
from local.servers import Servers, embedded

# All but the partitions, which their parent empties, and the note of what was migrated. To truncate is to make a new
# file: of three dozen tables a test fills a few, and asking each first makes this twice as fast.
EMPTY_ALL = """
DO $$
DECLARE
    ask text;
    filled text;
BEGIN
    SELECT string_agg(format('SELECT %1$L WHERE EXISTS (SELECT FROM %1$I)', relname), ' UNION ALL ') INTO ask
      FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition
       AND relname <> 'migration';
    EXECUTE 'SELECT string_agg(quote_ident(name), '', '') FROM (' || ask || ') filled (name)' INTO filled;
    IF filled IS NOT NULL THEN
        EXECUTE 'TRUNCATE ' || filled || ' CASCADE';
    END IF;
    PERFORM setval(format('public.%I', sequencename), 1, false) FROM pg_sequences WHERE last_value IS NOT NULL;
END $$"""


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    """PostgreSQL, migrated, and Valkey; DATABASE_URL and REDIS_URL where set are used instead."""
    database, redis_ = os.environ.get("DATABASE_URL", ""), os.environ.get("REDIS_URL", "")
    with embedded(fast=True, given_database=database, given_redis=redis_) as running:
        migrate(running.database_url)
        yield running


@pytest.fixture(scope="module")
def roles(servers: Servers) -> Iterator[Callable[[str, str], str]]:
    """The functions' own roles, while they are needed: gives a URL by which one works under a function's."""
    with psycopg.connect(servers.database_url, autocommit=True) as owner:
        owner.execute(ROLES.read_bytes())
    yield lambda url, function: f"{url}{'&' if '?' in url else '?'}options=-c%20role%3Dvantage_{function}"
    with psycopg.connect(servers.database_url, autocommit=True) as owner:
        for (role,) in owner.execute("SELECT rolname FROM pg_roles WHERE rolname LIKE 'vantage\\_%'").fetchall():
            with suppress(psycopg.errors.DependentObjectsStillExist):  # in a database that another test has made
                owner.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")


def empty(database_url: str) -> None:
    """Remove all rows, and make the days around today."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(EMPTY_ALL)
        connection.execute("SELECT ensure_result_days(current_date - 2, current_date + 2)")


@pytest.fixture
def database_url(servers: Servers) -> str:
    """An empty, migrated database."""
    empty(servers.database_url)
    return servers.database_url


@pytest.fixture
def database(database_url: str) -> Iterator[psycopg.Connection]:
    """A connection to it."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def redis_url(servers: Servers) -> str:
    """An empty Redis."""
    with redis.Redis.from_url(servers.redis_url) as client:
        client.flushall()
    return servers.redis_url


@pytest.fixture
def redis_client(redis_url: str) -> Iterator["redis.Redis"]:
    """A client of it."""
    with redis.Redis.from_url(redis_url) as client:
        yield client


@pytest.fixture(scope="module")
def database_session(servers: Servers) -> Iterator[psycopg.Connection]:
    """One connection for a module's tests that only compute (other modules may cut every connection there is)."""
    with psycopg.connect(servers.database_url, autocommit=True) as connection:
        yield connection
