"""Secrets: written by `make secrets` into SSM, read by the built worker, and to be found nowhere else."""

import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import boto3
import psycopg
import pytest
import redis

from local.emulator import emulated, is_possible
from local.servers import Servers
from tests.aws.templates import ROOT, aws_regions, deployed, environments, of_type
from tests.conftest import require
from tools import put_secrets
from vantage import wire
from vantage.stream import PUSHED, STREAM, pushed_mark

CANARY = "canary-7f3a"
URLS = {
    "REDIS_URL": f"rediss://default:{CANARY}@redis.example.com:6379/0",
    "DATABASE_URL": f"postgresql://vantage:{CANARY}@db.example.com/vantage?sslmode=verify-full",
}


@dataclass(frozen=True)
class Ended:
    """How a command ended and what it printed."""

    code: int
    said: str


def secrets(region: str, **env: str) -> Ended:
    """What `make secrets` runs, with an environment."""
    with redirect_stdout(StringIO()) as printed:
        try:
            put_secrets.main([region], {**os.environ, **env})
        except SystemExit as ended:  # a sentence, which Python prints, with exit code 1
            return Ended(1, f"{printed.getvalue()}{ended.code}")
    return Ended(0, printed.getvalue())


def parameters(aws_region: str) -> dict[str, str]:
    """What SSM holds there, decrypted."""
    ssm = boto3.client("ssm", region_name=aws_region)
    found = ssm.describe_parameters()["Parameters"]
    assert {each["Type"] for each in found} <= {"SecureString"}
    names = [each["Name"] for each in found]
    return {name: ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"] for name in names}


@pytest.mark.usefixtures("aws")
def test_each_region_gets_the_parameters_that_its_functions_read() -> None:
    """Under the very names in the template, encrypted, printed nowhere; a function's own URL wins."""
    for name, aws_region in zip(environments(), aws_regions(), strict=True):
        own = URLS["REDIS_URL"].replace("default", "worker")
        run = secrets(name, **URLS, WORKER_REDIS_URL=own)
        assert run.code == 0, run.said
        assert CANARY not in run.said
        functions = of_type(deployed(aws_region), "AWS::Lambda::Function").values()
        expected = {}
        for variables in (each["Environment"]["Variables"] for each in functions):
            if parameter := variables.get("REDIS_URL_PARAMETER"):
                expected[parameter] = own if "REGION" in variables else URLS["REDIS_URL"]
            expected[variables["DATABASE_URL_PARAMETER"]] = URLS["DATABASE_URL"]
        assert parameters(aws_region) == expected


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize(
    ("region", "change", "sentence"),
    [
        ("mars", {}, "usa, india, eu"),
        ("usa", {"REDIS_URL": ""}, "Neither WORKER_REDIS_URL nor REDIS_URL is set"),
        ("usa", {"REDIS_URL": f"redis://:{CANARY}@redis.example.com/0"}, "use rediss://"),
        ("eu", {"DATABASE_URL": f"postgresql://v:{CANARY}@db.example.com/v?sslmode=require"}, "sslmode=verify-full"),
    ],
)
def test_what_cannot_be_right_is_refused_before_anything_is_written(
    region: str, change: dict[str, str], sentence: str
) -> None:
    """A sentence that names the variable, and never its value."""
    run = secrets(region, **{**URLS, **change})
    assert run.code == 1
    assert sentence in run.said
    assert CANARY not in run.said
    assert not any(parameters(aws_region) for aws_region in aws_regions())


def settings_of(function: str, aws: Mapping[str, str]) -> dict[str, str]:
    """The environment of a deployed function, which speaks to the stand-in."""
    variables = of_type(deployed("us-east-1"), "AWS::Lambda::Function")[function]["Environment"]["Variables"]
    return {**{key: str(value) for key, value in variables.items()}, **aws}


def event_of(function: str) -> dict[str, Any]:
    """Its file of events/, of this minute."""
    event: dict[str, Any] = json.loads((ROOT / "events" / f"{function.lower()}.json").read_text())
    return {**event, "time": time.strftime("%Y-%m-%dT%H:%M:00Z", time.gmtime())}


def keep_secrets(ssm: Any, servers: Servers) -> None:
    """Every URL and every credential that a function reads, each with the canary in it."""
    redis_url = servers.redis_url.replace("unix://", f"unix://default:{CANARY}@")
    database_url = servers.database_url.replace("postgres@", f"postgres:{CANARY}@")
    values = {"/vantage/token": CANARY, "/vantage/hook": f"https://10.0.0.1/{CANARY}"}
    for function in ("worker", "producer", "housekeeper", "notifier", "api"):
        values |= {f"/vantage/{function}/redis-url": redis_url, f"/vantage/{function}/database-url": database_url}
    for name, value in values.items():
        ssm.put_parameter(Name=name, Value=value, Type="SecureString")


def what_is_there_to_do(database: "psycopg.Connection[Any]", redis_client: "redis.Redis") -> None:
    """A check with a credential, due now; a message to a channel whose place is a secret."""
    spec = {"url": "https://10.0.0.1/", "auth": {"bearer": "ssm:/vantage/token"}}
    now_ms = int(time.time() * 1000)
    redis_client.xadd(
        STREAM, {wire.FIELD: wire.head(("USA",), 60) + json.dumps([1000, "http", spec]).encode()}, id=f"{now_ms}-1"
    )
    redis_client.set(PUSHED, pushed_mark(now_ms // 1000 + 600, below_a_minute=False))
    database.execute(
        """INSERT INTO channel (name, type, config, events)
           VALUES ('hook', 'webhook', '{"url": "ssm:/vantage/hook", "secret": "ssm:/vantage/token"}', '{down}')"""
    )
    database.execute(
        "INSERT INTO outbox (channel, subject, key, type, facts) VALUES ('hook', '1', 'test', 'test', '{}')"
    )


def test_a_secret_is_in_ssm_and_nowhere_else(
    built: Path, servers: Servers, database: "psycopg.Connection[Any]", redis_client: "redis.Redis",
    aws: dict[str, str], tmp_path: Path,
) -> None:  # fmt: skip
    """The deployed functions read their URLs and what monitors and channels refer to from SSM, once; and neither what
    they answer or log, nor the stream, the tables, the template, an environment or an output holds any of it (broken
    once by a log line with the channel's place)."""
    require("x86_64 Linux with Python 3.13", is_possible())
    ssm = boto3.client("ssm", region_name="us-east-1")
    keep_secrets(ssm, servers)
    what_is_there_to_do(database, redis_client)
    answers, left = {}, []
    for function in ("Worker", "Producer", "Housekeeper", "Notifier", "Api"):
        with emulated(built / "x86_64", function, settings_of(function, aws), tmp_path) as environment:
            answers[function] = [environment.invoke(event_of(function))]
            if function == "Worker":  # whoever read it anew now would fail
                ssm.delete_parameter(Name="/vantage/worker/redis-url")
                answers[function].append(environment.invoke(event_of(function)))
            ssm.put_parameter(
                Name=f"/vantage/{function.lower()}/database-url", Type="SecureString", Overwrite=True,
                Value=f"postgresql://vantage:{CANARY}@127.0.0.1:1/vantage?sslmode=verify-full",
            )  # fmt: skip
            left.append(environment.log.read_text())
        with emulated(built / "x86_64", function, settings_of(function, aws), tmp_path) as environment:
            answers[function].append(environment.invoke(event_of(function)))
            left.append(environment.log.read_text())
    assert [answer.get("stored") for answer in answers["Worker"][:2]] == [1, 0], answers
    assert all("errorType" not in answer for said in answers.values() for answer in said[:-1]), answers
    assert [answer["statusCode"] for answer in answers["Api"]] == [200, 503]  # which says so instead of failing
    assert all("errorType" in said[-1] for function, said in answers.items() if function != "Api"), answers
    assert database.execute("SELECT last_error FROM outbox").fetchone() != (None,)
    left += [json.dumps(answers), *stored_in(redis_client), *rows_of(database), *written_down(built)]
    assert all(CANARY not in text for text in left)


def stored_in(client: "redis.Redis") -> list[str]:
    """Every key and all that it holds, whatever it is."""
    keys: Any = client.keys()
    return [f"{key!r} {client.dump(key)!r}" for key in keys]


def written_down(built: Path) -> list[str]:
    """The templates, and what CloudFormation makes of them: environments, outputs, dashboards."""
    files = (ROOT / "template.yaml", ROOT / "samconfig.toml", built / "x86_64/template.yaml")
    return [*(path.read_text() for path in files), *(json.dumps(deployed(where)) for where in aws_regions())]


@dataclass(frozen=True)
class Rotated:
    """A user of each server, whose password is changed; what SSM holds is another matter."""

    servers: Servers
    redis: "redis.Redis"
    database: "psycopg.Connection[Any]"
    ssm: Any

    def redis_to(self, password: str, *, told: bool = True) -> None:
        """A new password, at once; nobody stays signed in."""
        self.redis.acl_setuser("rotated", enabled=True, reset_passwords=True, passwords=[f"+{password}"],
                               keys=["*"], commands=["+@all"])  # fmt: skip
        self.redis.client_kill_filter(user="rotated")
        if told:
            self._tell("redis-url", self.servers.redis_url.replace("unix://", f"unix://rotated:{password}@"))

    def postgres_to(self, password: str, *, told: bool = True) -> None:
        """The same."""
        self.database.execute(f"ALTER ROLE rotated PASSWORD '{password}'")
        self.database.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'rotated'")
        if told:
            self._tell("database-url", self.servers.database_url.replace("postgres@", f"rotated:{password}@"))

    def _tell(self, url: str, value: str) -> None:
        self.ssm.put_parameter(Name=f"/vantage/worker/{url}", Value=value, Type="SecureString", Overwrite=True)


@pytest.fixture
def rotated(
    servers: Servers, database: "psycopg.Connection[Any]", redis_client: "redis.Redis", aws: dict[str, str]
) -> Iterator[Rotated]:
    """Users whose passwords are asked for, also by a PostgreSQL that trusts everybody else on this machine."""
    require("an embedded PostgreSQL", not os.environ.get("DATABASE_URL"))
    [(path,)] = database.execute("SHOW hba_file").fetchall()
    trusting = Path(path).read_text()
    database.execute("CREATE ROLE rotated SUPERUSER LOGIN PASSWORD 'none'")
    Path(path).write_text(f"local all rotated scram-sha-256\nhost all rotated all scram-sha-256\n{trusting}")
    try:
        database.execute("SELECT pg_reload_conf()")
        anybody = servers.database_url.replace("postgres@", "rotated:wrong@")
        while signs_in(anybody):
            time.sleep(0.02)
        yield Rotated(servers, redis_client, database, boto3.client("ssm", region_name="us-east-1"))
    finally:
        Path(path).write_text(trusting)
        database.execute("SELECT pg_reload_conf()")
        database.execute("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = 'rotated'")
        database.execute("DROP ROLE rotated")
        redis_client.acl_deluser("rotated")


def signs_in(url: str) -> bool:
    """Whether PostgreSQL lets somebody in."""
    try:
        psycopg.connect(url).close()
    except psycopg.OperationalError:
        return False
    return True


def test_a_rotated_secret_is_read_anew_in_the_run_that_meets_it(
    built: Path, rotated: Rotated, aws: dict[str, str], tmp_path: Path
) -> None:
    """Redis or PostgreSQL refuses the old password: the same run goes on with the new one; while SSM has the old, that
    is an error, and over when it has the new. (Red without with_current_secrets.)"""
    require("x86_64 Linux with Python 3.13", is_possible())
    rotated.redis_to("first")
    rotated.postgres_to("first")
    rotated.redis.set(PUSHED, pushed_mark(int(time.time()) + 600, below_a_minute=False))
    with emulated(built / "x86_64", "Worker", settings_of("Worker", aws), tmp_path) as worker:

        def ends() -> str:
            answer = worker.invoke(event_of("Worker"))
            return str(answer.get("ended") or answer["errorType"])

        assert ends() == "quiet"
        for rotate in (rotated.redis_to, rotated.postgres_to):
            rotate("second")
            assert ends() == "quiet"
            rotate("third", told=False)
            assert ends() == "ServerUnavailable"
            rotate("fourth")
            assert ends() == "quiet"


def rows_of(database: "psycopg.Connection[Any]") -> list[str]:
    """Every row of every table, as text."""
    tables = database.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
    return [str(database.execute(f'SELECT t::text FROM "{table}" t').fetchall()) for (table,) in tables]
