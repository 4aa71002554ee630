"""Secrets of monitors: where they come from, and where they must never be seen."""

import asyncio
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import redis

from local.environments import Function
from tests.drains import World
from tests.probe import zoo
from vantage import wire
from vantage.errors import NoSecret, SettingsError, VantageError
from vantage.probe.secrets import Secrets
from vantage.stream import STREAM

CANARY = "c4nary-of-the-mine"


def asked(secrets: Secrets, *references: str) -> list[str]:
    """The values of references, one after another; what is refused, as its sentence."""

    async def ask() -> list[str]:
        values = []
        for reference in references:
            try:
                values.append(await secrets.value(reference))
            except NoSecret as error:
                values.append(f"refused: {error}")
        return values

    return asyncio.run(ask())


def parameter(*answers: str | None) -> tuple[Callable[[str], str], list[str]]:
    """SSM that gives these answers in turn, None: it is away; and what it was asked."""
    questions: list[str] = []
    turns = iter(answers)

    def read(name: str) -> str:
        questions.append(name)
        if (answer := next(turns)) is None:
            raise SettingsError("SSM is away.")
        return answer

    return read, questions


def test_a_deployed_worker_gives_out_nothing_of_its_environment() -> None:
    """It holds the role's keys; also on one's own machine the settings of Vantage are no secrets of a monitor."""
    assert asked(Secrets(None, None), "env:TOKEN")[0].startswith("refused: ")
    env = {"TOKEN": "t", "AWS_SECRET_ACCESS_KEY": "x", "DATABASE_URL": "x", "VANTAGE_TOKEN": "x"}
    assert asked(Secrets(env, None), "env:TOKEN") == ["t"]
    for name in ("AWS_SECRET_ACCESS_KEY", "DATABASE_URL", "VANTAGE_TOKEN", "MISSING"):
        assert asked(Secrets(env, None), f"env:{name}")[0].startswith("refused: ")


def test_the_parameters_of_vantage_itself_are_withheld() -> None:
    """A monitor that names them would send the database's password to a stranger."""
    read, questions = parameter("postgresql://")
    assert asked(Secrets(None, read, withheld=["/vantage/db"]), "ssm:/vantage/db")[0].startswith("refused: ")
    assert questions == []


def test_a_parameter_is_read_once() -> None:
    """Also by many checks at the same time."""
    read, questions = parameter("one", "two")
    secrets = Secrets(None, read)

    async def both() -> list[str]:
        return list(await asyncio.gather(secrets.value("ssm:/a"), secrets.value("ssm:/a")))

    assert asyncio.run(both()) == ["one", "one"]
    assert questions == ["/a"]


def test_a_value_outlives_its_source() -> None:
    """Old and away: the old value; changed: the new one; never known and away: refused, and not asked at each probe."""
    read, questions = parameter("one", None, "two")
    assert asked(Secrets(None, read, fresh_s=-1, try_again_s=-1), *["ssm:/a"] * 3) == ["one", "one", "two"]
    read, questions = parameter(None, "late")
    assert asked(Secrets(None, read), "ssm:/a", "ssm:/a") == ["refused: SSM is away."] * 2
    assert len(questions) == 1


def test_a_broken_source_is_one_sentence() -> None:
    """SSM's own errors are the user's to read."""
    assert issubclass(NoSecret, VantageError)


def everything(database: "psycopg.Connection[Any]", store: "redis.Redis") -> str:
    """All rows of all tables and all that Redis holds, as text."""
    tables = database.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
    rows = [database.execute(f'SELECT t::text FROM "{table}" t').fetchall() for (table,) in tables]
    return f"{rows} {store.xrange(STREAM)} {store.keys()}"


def echo(status: bytes) -> zoo.Serve:
    """Answers with the request itself: as body, as a header, as the place it redirects to."""

    async def serve(reader: Any, writer: Any) -> None:
        while True:
            head = await zoo.head_of(reader)
            value = head.partition(b"Authorization: Bearer ")[2].partition(b"\r\n")[0]
            body = json.dumps({"token": value.decode()}).encode()
            writer.write(
                b"HTTP/1.1 %s\r\nX-Echo: %s\r\nLocation: /%s\r\nContent-Length: %d\r\n\r\n%s"
                % (status, value, value, len(body), body)
            )
            await writer.drain()

    return serve


def test_a_secret_reaches_its_target_and_nothing_else(
    database_url: str, redis_url: str, database: "psycopg.Connection[Any]", redis_client: "redis.Redis", tmp_path: Path
) -> None:
    """A worker as it is deployed here, targets that send back what they were sent, expectations that quote it: the
    value is in no table, no stream, no log and no reply. Seen red: with the texts left as they come.
    """
    world = World(database_url, redis_url, database, redis_client)
    world.begin(3)
    log = tmp_path / "worker.log"
    settings = {
        **os.environ, "DATABASE_URL": database_url, "REDIS_URL": redis_url, "REGION": "EU", "REDIS_GROUP": "g-eu",
        "ALLOW_PRIVATE_ADDRESSES": "true", "VANTAGE_FLUSH_S": "0.05", "POWERTOOLS_LOG_LEVEL": "DEBUG", "TOKEN": CANARY,
    }  # fmt: skip
    worker = Function("worker-EU", "functions.worker.app", "eu", settings, 60, log)

    async def run() -> tuple[list[bytes], dict[str, Any]]:
        async with zoo.target(echo(b"200 OK")) as fine, zoo.target(echo(b"302 Found")) as moving:
            spec = {"auth": {"bearer": "env:TOKEN"}}
            expected = {
                "json": [{"path": "token", "equals": "x"}], "headers": [{"name": "x-echo", "equals": "x"}],
                "body": {"contains": ["absent"]},
            }  # fmt: skip
            specs = [
                {"url": fine.url, **spec},
                {"url": fine.url, **spec, "expect": expected},
                {"url": moving.url, **spec, "redirects": {"follow": 0}, "expect": {"redirect": {"host": "a.example"}}},
            ]
            for number, each in enumerate(specs, 1):
                value = wire.head(("EU",), 60) + json.dumps([1000, "http", each]).encode()
                world.push(number, value=value)
            reply = await worker.invoke({"time": "2026-11-24T08:41:00Z"})
            await worker.stop()
            return fine.requests + moving.requests, reply

    requests, reply = asyncio.run(run())
    assert len(requests) >= 3
    assert all(CANARY.encode() in request for request in requests)
    assert world.rows() == {1: "up", 2: "down", 3: "down"}
    assert CANARY not in everything(database, redis_client) + log.read_text() + json.dumps(reply)
