"""The deployed functions as they would be on AWS, here: a producer, a housekeeper and a worker per region."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from local.environments import Function, Reply
from local.minutes import event_time
from local.places import regions
from local.server import Say
from vantage.clock import Pace

REGIONS = regions()
HOME = REGIONS["USA"]
# As in template.yaml.
PRODUCER_TIMEOUT_S = 120
HOUSEKEEPER_TIMEOUT_S = 120
NOTIFIER_TIMEOUT_S = 120
WORKER_TIMEOUT_S = 240
# At the very first start, the minute that is under way is pushed only while it is this young (a deployed system: 30 s):
# the demo has a monitor with an interval of 10 s, and what would be too late for it should not be its first impression.
YOUNG_S = 15


def group_of(region: str) -> str:
    """The consumer group of a region."""
    return f"monitor-runners-{region.lower()}"


@dataclass(slots=True)
class Fleet:
    """All functions, and the runs that are under way."""

    producer: Function
    housekeeper: Function
    workers: Mapping[str, Function]
    say: Say
    notifier: Function | None = None
    _runs: "set[asyncio.Task[None]]" = field(default_factory=set)

    def functions(self) -> Iterator[Function]:
        """Every function."""
        yield from (self.producer, self.housekeeper, *self.workers.values())
        if self.notifier is not None:
            yield self.notifier

    async def push_first(self, minute: int) -> None:
        """The first event, to the producer alone: when it has ended, the workers find what it pushed."""
        await self._report(self.producer, self.producer.invoke({"time": event_time(minute)}))

    def fire(self, minute: int, *, push: int | None) -> None:
        """A minute's events, to every function; `push` is the minute of the producer's, None for none."""
        if push is not None:
            self._spawn(self.producer, self.producer.invoke({"time": event_time(push)}))
        for function in (*self.workers.values(), self.housekeeper):
            self._spawn(function, function.invoke({"time": event_time(minute)}))
        if self.notifier is not None and not self.notifier.is_busy():
            self._spawn(self.notifier, self.notifier.invoke({"time": event_time(minute)}))

    async def notify(self, minute: int) -> None:
        """One notifier run, after the one that may be under way: that one has perhaps not seen what is new."""
        if self.notifier is not None:
            while self.notifier.is_busy():
                await asyncio.sleep(0.1)
            await self._report(self.notifier, self.notifier.invoke({"time": event_time(minute)}))

    async def push_again(self, minute: int) -> bool:
        """The producer's event of a minute once more, in case its run died; returns whether this one ended well."""
        reply = await self.producer.invoke({"time": event_time(minute)})
        return "error" not in reply

    def fire_last(self, minute: int) -> None:
        """One more event for each region's worker, or for each slot of it whose process died."""
        for worker in self.workers.values():
            for _ in range(max(1, len(worker.dead()))):  # a run is promised to the dead slots first
                self._spawn(worker, worker.invoke({"time": event_time(minute)}))

    def is_busy(self) -> bool:
        """Is any run under way."""
        return bool(self._runs)

    async def close_books(self, minute: int) -> None:
        """Close every tick that is still open; what is then missing is lost."""
        event = {"time": event_time(minute), "close": "all"}
        await self._report(self.housekeeper, self.housekeeper.invoke(event))

    def pids(self) -> dict[str, int]:
        """Every living process by its name."""
        return {name: pid for function in self.functions() for name, pid in function.pids().items()}

    async def stop(self) -> None:
        """End every process."""
        await asyncio.gather(*(function.stop() for function in self.functions()))
        if self._runs:
            await asyncio.wait(self._runs)

    def _spawn(self, function: Function, run: Coroutine[Any, Any, Reply]) -> None:
        task = asyncio.create_task(self._report(function, run))
        self._runs.add(task)
        task.add_done_callback(self._runs.discard)

    async def _report(self, function: Function, run: Coroutine[Any, Any, Reply]) -> None:
        reply = await run
        if "error" in reply and not function.stopping:
            self.say(f"{function.name}: {(reply['error'].splitlines() or [reply['type']])[0]} (log: {function.log})")


def deploy(settings: Mapping[str, str], logs: Path, say: Say, changed: Callable[[], None], pace: Pace) -> Fleet:
    """Make the functions, each with its own settings on top of those that are common; no process is started yet."""

    def function(kind: str, name: str, slot: str, timeout_s: float, own: Mapping[str, str]) -> Function:
        module, log = f"functions.{kind}.app", logs / f"{name}.log"
        return Function(name, module, slot, {**settings, **own}, timeout_s, log, pace, changed)

    return Fleet(
        function("producer", "producer", "producer", PRODUCER_TIMEOUT_S, {
            "AWS_REGION": HOME, "VANTAGE_FIRST_TICK_WITHIN_S": str(YOUNG_S),
        }),
        function("housekeeper", "housekeeper", "housekeeper", HOUSEKEEPER_TIMEOUT_S, {"AWS_REGION": HOME}),
        {
            region: function("worker", f"worker-{region}", region.lower(), WORKER_TIMEOUT_S, {
                "REGION": region, "REDIS_GROUP": group_of(region), "AWS_REGION": aws_region,
            })
            for region, aws_region in REGIONS.items()
        },
        say,
        function("notifier", "notifier", "notifier", NOTIFIER_TIMEOUT_S, {"AWS_REGION": HOME}),
    )  # fmt: skip
