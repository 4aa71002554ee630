"""One worker run, on what its environment keeps."""

import asyncio
import logging
import os
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from vantage import metrics
from vantage.clock import Clock
from vantage.drain import Drain, Station, Summary
from vantage.judge.aside import JudgeAside
from vantage.probe import Prober
from vantage.probe.report import check_of, in_full
from vantage.settings import Pooler, Settings
from vantage.store.books import note_told, untold
from vantage.store.connection import AsyncDatabase, Database, answering
from vantage.stream.reader import StreamReader
from vantage.wiring.event import Context, event_ms
from vantage.wiring.kick import kick
from vantage.wiring.references import references
from vantage.wiring.urls import database_url, redis_url, with_current_secrets

BOOKS_SETTLE = timedelta(seconds=5)  # what was closed longer ago than this is committed

log = logging.getLogger("vantage")


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
        aside = JudgeAside(self.bench, clock, self.settings.durations, lambda: kick(self.settings.notifier))
        async with aside:
            run = Drain(replace(self.station, flushed=aside.call), clock, context.aws_request_id, left_ms)
            summary = await run.run()
        for trouble in aside.trouble:
            log.warning("a tick could not be judged here and is left to others: %s", trouble)
        if self.settings.metrics_namespace:
            await self._report(run, minute, (time.monotonic() - began_s) * 1000)
        return summary

    async def _report(self, run: Drain, minute: datetime, run_ms: float) -> None:
        """The run's figures, and the books that no run has told: what one that died did not tell, the next one does.

        Told first and noted then, so that books are told twice at worst, and never not at all.
        """
        until = minute - BOOKS_SETTLE
        connection = await self.station.database.connection()
        with answering():
            books = await untold(connection, self.station.region, until)
            figures = metrics.figures_of(run, books, run_ms, detailed=self.settings.detailed_metrics)
            metrics.report(figures, namespace=self.settings.metrics_namespace, region=self.station.region)
            await note_told(connection, self.station.region, until)


@cache
def outpost() -> Outpost:
    """The worker's environment, made at its first invocation; raises SettingsError."""
    settings = Settings.from_env(os.environ, worker=True)
    at = database_url(settings)
    region, prepare = settings.region, settings.pooler is Pooler.NONE
    station = Station(
        region,
        settings.aws_region,
        StreamReader(redis_url(settings), settings.redis_group, settings.consumer or f"{region.lower()}-{os.getpid()}"),
        AsyncDatabase(at, prepare=prepare, name=f"vantage-worker-{region}"),
        Prober(region, allow_private=settings.allow_private, resolve=references(settings).value),
        concurrency=settings.concurrency,
        polling=settings.polling,
        durations=settings.durations,
    )
    return Outpost(settings, asyncio.Runner(), station, Database(at, prepare=prepare, name=f"vantage-judge-{region}"))


def drain(event: dict[str, Any], context: Context) -> Summary:
    """One worker run."""
    return with_current_secrets(outpost, lambda: outpost().drain(event, context))


def check(asked: Any) -> dict[str, Any]:
    """What this region sees of a target now; nothing is stored. Raises EventError."""
    return outpost().check(asked)
