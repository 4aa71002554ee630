"""The composition root: one cached function per Lambda that makes what its handler needs, when it is first needed."""

import asyncio
import logging
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, Protocol, TypeVar

from vantage import metrics
from vantage.clock import Clock
from vantage.drain import Drain, Station, Summary
from vantage.errors import EventError, ServerUnavailable, SettingsError
from vantage.housekeep import Housekeeper, Kept
from vantage.judge import Judge, JudgeAside
from vantage.notify import Notified, Notifier
from vantage.notify.post import Post
from vantage.notify.senders import Means
from vantage.probe import Prober
from vantage.probe.report import check_of, in_full
from vantage.probe.secrets import NoSecret, Secrets
from vantage.produce import Producer, Pushed
from vantage.settings import DatabaseCa, Pooler, Settings, check_encrypted
from vantage.store.books import closed_between
from vantage.store.connection import RDS_AUTHORITIES, AsyncDatabase, Database
from vantage.stream.reader import StreamReader
from vantage.stream.writer import StreamWriter

BOOKS_SETTLE = timedelta(seconds=5)  # what was closed longer ago than this is committed


log = logging.getLogger("vantage")
T = TypeVar("T")
_secrets_read: dict[str, str] = {}  # by the name of their parameter


class Context(Protocol):
    """What is used of Lambda's context object."""

    @property
    def aws_request_id(self) -> str:
        """The invocation's id."""

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the function's timeout."""


def event_ms(event: dict[str, Any]) -> int:
    """The scheduled minute (epoch ms) of an event `{"time": "2026-11-24T08:41:00Z"}`; raises EventError."""
    text = event.get("time")
    try:
        at = datetime.fromisoformat(str(text).replace("Z", "+00:00"))
        if at.tzinfo is None:
            raise ValueError("no time zone")
        return int(at.timestamp() * 1000)
    except (ValueError, OverflowError):
        raise EventError(
            f"The event has {'no time' if text is None else f'the time {str(text)[:40]!r}'}; it must be "
            '{"time": "2026-11-24T08:41:00Z"}, which EventBridge Scheduler writes for <aws.scheduler.scheduled-time>.'
        ) from None


def _urls(settings: Settings) -> tuple[str, str]:
    """Redis's and PostgreSQL's URL: set here, or the values of SSM parameters, read once per environment."""
    return (
        settings.redis_url or _secret_url("REDIS_URL", settings.redis_url_parameter),
        _database_url(settings),
    )


def _database_url(settings: Settings) -> str:
    url = settings.database_url or _secret_url("DATABASE_URL", settings.database_url_parameter)
    if settings.database_ca is DatabaseCa.RDS and "sslrootcert=" not in url:
        return f"{url}{'&' if '?' in url else '?'}sslrootcert={RDS_AUTHORITIES}"
    return url


def with_current_secrets(run: Callable[[], T]) -> T:
    """Run; where a server refuses, and SSM holds another URL by now than was read, once more with that."""
    try:
        return run()
    except ServerUnavailable:
        if not _are_rotated():
            raise
    for made in (home, outpost, desk):
        made.cache_clear()
    return run()


def _are_rotated() -> bool:
    try:
        return any(_ssm(parameter) != value for parameter, value in _secrets_read.items())
    except NoSecret:  # what was read is as good as before
        return False


def _secret_url(name: str, parameter: str) -> str:
    url = _secrets_read[parameter] = _parameter(f"{name}_PARAMETER", parameter)
    check_encrypted(name, url)
    return url


def _parameter(setting: str, name: str) -> str:
    try:
        return _ssm(name)
    except NoSecret as error:
        raise SettingsError(f"{setting} is {name!r}, which SSM does not give ({error}).") from None


def _ssm(name: str) -> str:
    """The value of an SSM parameter; raises NoSecret."""
    # They import boto3, which costs a cold start and which a local run does without.
    from aws_lambda_powertools.utilities import parameters  # noqa: PLC0415
    from botocore.config import Config  # noqa: PLC0415
    from botocore.exceptions import BotoCoreError  # noqa: PLC0415

    patience = Config(connect_timeout=2, read_timeout=3, retries={"total_max_attempts": 2})
    try:
        return str(parameters.SSMProvider(boto_config=patience).get(name, decrypt=True, force_fetch=True))
    except (parameters.GetParameterError, BotoCoreError) as error:
        raise NoSecret(str(error)) from None


def _secrets(settings: Settings) -> Secrets:
    """What monitors' references stand for: of the environment only where it is one's own, else of SSM."""
    withheld = {settings.redis_url_parameter, settings.database_url_parameter}
    return Secrets(None if settings.is_deployed else os.environ, _ssm, withheld=withheld)


@dataclass(frozen=True, slots=True)
class Home:
    """What the producer and the housekeeper keep between invocations."""

    settings: Settings
    database: Database
    stream: StreamWriter

    def produce(self, event: dict[str, Any], context: Context) -> Pushed:
        """Push what the event's minute asks for."""
        settings = self.settings
        return Producer(
            self.database.connection(),
            self.stream,
            context.aws_request_id,
            settings.spread_s,
            settings.durations,
            settings.pace,
        ).run(event_ms(event))

    def housekeep(self, event: dict[str, Any]) -> Kept:
        """Do the minute's housekeeping."""
        event_ms(event)
        settings, connection, close_all = self.settings, self.database.connection(), event.get("close") == "all"
        wait_ms = settings.durations.close_after_s * 1000 if close_all else 0
        judged = Judge(connection, settings.durations).run(settings.pace.lived_ms(self.stream.time_s()) + wait_ms)
        kept = Housekeeper(connection, self.stream, settings.durations, settings.pace).run(close_all=close_all)
        kept.judged, kept.notices = len(judged.ticks), judged.notices
        if judged.notices:
            _kick(settings.notifier)
        return kept


@cache
def home(name: str) -> Home:
    """The producer's or housekeeper's environment, made at its first invocation; raises SettingsError."""
    settings = Settings.from_env(os.environ)
    redis_url, database_url = _urls(settings)
    prepare = settings.pooler is Pooler.NONE
    stream = StreamWriter(redis_url)
    _check_eviction(stream)
    return Home(settings, Database(database_url, prepare=prepare, name=f"vantage-{name}"), stream)


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


@dataclass(frozen=True, slots=True)
class Outpost:
    """What a worker keeps between invocations: one event loop, one client, one database and two Redis connections."""

    settings: Settings
    runner: asyncio.Runner
    station: Station
    bench: Database

    def drain(self, event: dict[str, Any], context: Context) -> Summary:
        """One worker run."""
        minute = datetime.fromtimestamp(event_ms(event) / 1000, UTC)
        return self.runner.run(self._drain(minute, context))

    def check(self, asked: Any) -> dict[str, Any]:
        """What this region sees of a target now; nothing is stored. Raises EventError."""
        return in_full(self.runner.run(self.station.prober.probe(check_of(asked))))

    async def _drain(self, minute: datetime, context: Context) -> Summary:
        began_s = time.monotonic()
        clock = Clock(await self.station.reader.time_s(), self.settings.pace)
        left_ms = int(self.settings.pace.real_s(context.get_remaining_time_in_millis()))
        aside = JudgeAside(self.bench, clock, self.settings.durations, lambda: _kick(self.settings.notifier))
        async with aside:
            run = Drain(replace(self.station, flushed=aside.call), clock, context.aws_request_id, left_ms)
            summary = await run.run()
        for trouble in aside.trouble:
            log.warning("a tick could not be judged here and is left to others: %s", trouble)
        if self.settings.metrics_namespace:
            await self._report(run, minute, (time.monotonic() - began_s) * 1000)
        return summary

    async def _report(self, run: Drain, minute: datetime, run_ms: float) -> None:
        """The run's figures, and the books closed in the minute before its own: each minute's are one run's to tell."""
        until = minute - BOOKS_SETTLE
        connection = await self.station.database.connection()
        books = await closed_between(connection, self.station.region, until - timedelta(minutes=1), until)
        figures = metrics.figures_of(run, books, run_ms, detailed=self.settings.detailed_metrics)
        metrics.report(figures, namespace=self.settings.metrics_namespace, region=self.station.region)


@cache
def outpost() -> Outpost:
    """The worker's environment, made at its first invocation; raises SettingsError."""
    settings = Settings.from_env(os.environ, worker=True)
    redis_url, database_url = _urls(settings)
    region, prepare = settings.region, settings.pooler is Pooler.NONE
    station = Station(
        region,
        settings.aws_region,
        StreamReader(redis_url, settings.redis_group, settings.consumer or f"{region.lower()}-{os.getpid()}"),
        AsyncDatabase(database_url, prepare=prepare, name=f"vantage-worker-{region}"),
        Prober(region, allow_private=settings.allow_private, resolve=_secrets(settings).value),
        concurrency=settings.concurrency,
        polling=settings.polling,
        durations=settings.durations,
    )
    bench = Database(database_url, prepare=prepare, name=f"vantage-judge-{region}")
    return Outpost(settings, asyncio.Runner(), station, bench)


NOTIFIER_MARGIN_S = 45.0  # a batch of letters to receivers that hang takes no longer


@dataclass(frozen=True, slots=True)
class Desk:
    """What the notifier keeps between invocations."""

    settings: Settings
    runner: asyncio.Runner
    notifier: Notifier

    def notify(self, event: dict[str, Any], context: Context) -> Notified:
        """One notifier run."""
        event_ms(event)
        left_s = self.settings.pace.real_s(context.get_remaining_time_in_millis() / 1000)
        return self.runner.run(self._notify(left_s - self.settings.pace.real_s(NOTIFIER_MARGIN_S)))

    async def _notify(self, seconds: float) -> Notified:
        return await self.notifier.run(asyncio.get_running_loop().time() + seconds)


@cache
def desk() -> Desk:
    """The notifier's environment, made at its first invocation; raises SettingsError."""
    settings = Settings.from_env(os.environ, redis=False)
    database_url = _database_url(settings)
    database = AsyncDatabase(database_url, prepare=settings.pooler is Pooler.NONE, name="vantage-notifier")
    means = Means(Post(allow_private=settings.allow_private), _secrets(settings).value)
    return Desk(settings, asyncio.Runner(), Notifier(database, means, pace=settings.pace))


def _kick(notifier: str) -> None:
    """Have the notifier run now; where that fails, its schedule finds what there is to tell."""
    if not notifier:
        return
    import boto3  # noqa: PLC0415  # as in _ssm
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

    minute = datetime.now(UTC).replace(second=0, microsecond=0).isoformat().replace("+00:00", "Z")
    try:
        client = boto3.client("lambda", region_name=notifier.split(":")[3] if ":" in notifier else None)
        client.invoke(FunctionName=notifier, InvocationType="Event", Payload=f'{{"time": "{minute}"}}')
    except (BotoCoreError, ClientError) as error:
        log.warning("the notifier could not be called and will run by its schedule: %s", type(error).__name__)
