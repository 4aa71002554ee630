"""What must be so before Vantage can run, looked at one by one; each finding that is not fine says its cure."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from local.migrate import FOLDER
from local.places import Place, place
from vantage.errors import VantageError
from vantage.settings import check_encrypted

OLDEST = {"redis": (7, 0), "valkey": (7, 2)}
OLDEST_POSTGRES = 15
FREE_CONNECTIONS = 20  # two workers per region, home's, and some for whoever looks at a page (docs/operations.md)
CLOCK_APART_S = 5
LAMBDAS_AT_ONCE = 10
AHEAD_MOST_S = 180  # a tick is pushed a minute ahead, by an event at most two minutes ahead
STUCK = ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED", "UPDATE_ROLLBACK_FAILED")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at; `cure` says what to do where it is not fine."""

    what: str
    fine: bool
    is_so: str
    cure: str = ""


def look_at_redis(url: str) -> Iterator[Finding]:
    """Reachable, encrypted, young enough, does not evict, and on time."""
    import redis

    yield _encryption("Redis", "REDIS_URL", url)
    try:
        with redis.Redis.from_url(url, socket_connect_timeout=10, socket_timeout=10) as client:
            info: Any = client.info()
            yield _redis_version(info)
            yield _eviction(client, info)
            yield _clock(client)
            yield _last_id(client)
    except (redis.RedisError, ValueError) as error:
        cure = "Check REDIS_URL, that the server runs, and that its firewall lets this machine in."
        yield Finding("Redis answers", False, type(error).__name__, cure)


def _encryption(what: str, name: str, url: str) -> Finding:
    try:
        check_encrypted(name, url)
    except VantageError as error:
        return Finding(f"{what} is encrypted", False, "plain text", str(error))
    return Finding(f"{what} is encrypted", True, "yes, or it does not leave this machine")


def _redis_version(info: Any) -> Finding:
    name = "valkey" if info.get("valkey_version") else "redis"
    text = str(info.get("valkey_version") or info.get("redis_version"))
    fine = tuple(int(part) for part in text.split(".")[:2]) >= OLDEST[name]
    return Finding("Redis's version", fine, f"{name} {text}", "Redis 7.0, Valkey 7.2 or later is needed.")


def _eviction(client: Any, info: Any) -> Finding:
    """By CONFIG or, where a provider does not let us ask it, by INFO."""
    import redis

    try:
        policy = client.config_get("maxmemory-policy").get("maxmemory-policy", "")
    except redis.RedisError:
        policy = ""
    policy = policy or info.get("maxmemory_policy") or "not readable here; it must be noeviction"
    cure = "Set maxmemory-policy to noeviction: with an allkeys policy, a full server throws the stream away."
    fine = "noeviction" in policy or policy.startswith("volatile-")  # the stream has no time to live
    return Finding("Redis keeps what it is given", fine, policy, cure)


def _clock(client: Any) -> Finding:
    import time

    before_s = time.time()
    seconds, micros = client.time()
    apart_s = seconds + micros / 1e6 - (before_s + time.time()) / 2
    cure = "Set the clock of the Redis server, or of this machine, by NTP: the functions go by Redis's."
    return Finding("Redis's clock", abs(apart_s) < CLOCK_APART_S, f"{apart_s:+.1f} s from this machine's", cure)


def _last_id(client: Any) -> Finding:
    """Redis refuses every id that is not greater than the last one: an entry of the future stands in the way of all."""
    from vantage.stream import STREAM

    seconds, _ = client.time()
    last = client.xinfo_stream(STREAM)["last-generated-id"] if client.exists(STREAM) else b"0-0"
    ahead_s = int(last.partition(b"-")[0]) // 1000 - seconds
    is_so = f"the last one is {ahead_s} s ahead" if ahead_s > 0 else "none lies ahead"
    cure = (
        "The producer's next run takes out what lies further ahead than it pushes. Find out who writes to the stream."
    )
    return Finding("The stream's ids", ahead_s <= AHEAD_MOST_S, is_so, cure)


def look_at_postgres(url: str) -> Iterator[Finding]:
    """Reachable, encrypted, young enough, migrated, and with connections to spare."""
    from vantage.store.connection import connect

    yield _encryption("PostgreSQL", "DATABASE_URL", url)
    try:
        with closing(connect(url)) as connection:
            version = connection.info.server_version // 10_000
            yield Finding(
                "PostgreSQL's version",
                version >= OLDEST_POSTGRES,
                str(version),
                f"{OLDEST_POSTGRES} or later is needed.",
            )
            yield (migrations := _migrations(connection))
            if migrations.fine:
                yield _newest_tick(connection)
            yield _connections(connection)
            yield _roles(connection)
    except VantageError as error:
        yield Finding("PostgreSQL answers", False, "no", str(error))


def _migrations(connection: Any) -> Finding:
    files = {path.stem for path in FOLDER.glob("[0-9]*.sql")}
    row = connection.execute("SELECT to_regclass('migration')").fetchone()
    applied = set()
    if row and row[0]:
        applied = {name for (name,) in connection.execute("SELECT name FROM migration").fetchall()}
    missing, unknown = sorted(files - applied), sorted(applied - files)
    if unknown:
        return Finding("Migrations", False, f"{unknown[-1]} is of a later version", "Use that version of Vantage.")
    is_so = f"{len(applied)} applied" + (f", {len(missing)} missing" if missing else "")
    return Finding("Migrations", not missing, is_so, "Run: vantage migrate (before the functions are deployed).")


def _newest_tick(connection: Any) -> Finding:
    """Ticks are pushed in order: none is, until the time of the newest one has come."""
    row = connection.execute(
        "SELECT coalesce(extract(epoch FROM max(tick) - clock_timestamp()), 0)::int FROM tick_ledger"
    ).fetchone()
    is_so = f"{row[0]} s ahead" if row[0] > 0 else "not ahead"
    cure = (
        "A clock was ahead when it was opened, and nothing is pushed until that time has come. With functions and "
        "workers stopped: DELETE FROM tick_ledger WHERE tick > now() + interval '3 minutes'."
    )
    return Finding("The newest tick", row[0] <= AHEAD_MOST_S, is_so, cure)


def _connections(connection: Any) -> Finding:
    row = connection.execute(
        """SELECT current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
                  - (SELECT count(*) FROM pg_stat_activity
                      WHERE backend_type = 'client backend' AND application_name NOT LIKE 'vantage-%'
                        AND pid <> pg_backend_pid())"""
    ).fetchone()
    cure = f"Leave it at least {FREE_CONNECTIONS}: raise max_connections, or put a pooler before it (DatabasePooler)."
    return Finding("PostgreSQL's connections", row[0] >= FREE_CONNECTIONS, f"{row[0]} for Vantage", cure)


def _roles(connection: Any) -> Finding:
    row = connection.execute("SELECT count(*) FROM pg_roles WHERE rolname = 'vantage_worker'").fetchone()
    each = "each function has its own" if row[0] else "one for all; make roles gives each function its own"
    return Finding("PostgreSQL's roles", True, each)


def look_at_aws(environment: str, stack: str = "") -> Iterator[Finding]:
    """Account, quota, parameters and the stack's state in one environment of samconfig.toml."""
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    where = place(environment)
    region, stack = where.aws_region, stack or where.stack
    session = boto3.Session(region_name=region)
    try:
        account = session.client("sts").get_caller_identity()["Account"]
        yield Finding("AWS", True, f"account {account}, {region}")
        yield _quota(session)
        yield _parameters(session, stack, where)
        yield _stack(session, stack)
    except (BotoCoreError, ClientError) as error:
        cure = "Sign in (aws sso login, or AWS_PROFILE), with what docs/operations.md lists for who deploys."
        yield Finding("AWS answers", False, str(error), cure)


def _quota(session: Any) -> Finding:
    from botocore.exceptions import ClientError

    try:
        most = session.client("lambda").get_account_settings()["AccountLimit"]["ConcurrentExecutions"]
    except ClientError:  # who deploys need not be allowed to see it
        return Finding("Lambda's quota", True, "not readable here")
    cure = "Ask AWS (Service Quotas, Lambda, concurrent executions) for 1000; it costs nothing."
    return Finding("Lambda's quota", most >= LAMBDAS_AT_ONCE, f"{most} at once", cure)


def _parameters(session: Any, stack: str, where: Place) -> Finding:
    names = [f"/{stack}/{function}/{url}" for function, urls in where.urls().items() for url in urls]
    asked = [{"Key": "Name", "Option": "Equals", "Values": names}]  # never their values
    pages = session.client("ssm").get_paginator("describe_parameters").paginate(ParameterFilters=asked)
    missing = set(names) - {each["Name"] for page in pages for each in page["Parameters"]}
    is_so = f"{len(names) - len(missing)} of {len(names)} there"
    cure = f"Run: make secrets REGION={where.environment} (needs the URLs)."
    return Finding("Secrets in SSM", not missing, is_so, cure)


def _stack(session: Any, stack: str) -> Finding:
    from botocore.exceptions import ClientError

    try:
        state = session.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "ValidationError":
            raise
        state = "not deployed yet"
    cure = (
        f"Nothing can be deployed onto it: sam delete --stack-name {stack} --region {session.region_name}, then again."
    )
    return Finding("The stack", state not in STUCK, state, cure)
