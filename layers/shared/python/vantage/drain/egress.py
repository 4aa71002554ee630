"""Whether it is this region's own way out that fails: asked before a mass failure is recorded, and so believed."""

import asyncio
import logging
from collections import Counter
from collections.abc import Sequence

import psycopg

from vantage.check import Check, Result, Status
from vantage.clock import Clock
from vantage.drain.probes import Probes
from vantage.errors import ServerUnavailable
from vantage.monitor import Region
from vantage.schedule import tick_of
from vantage.store import references as store
from vantage.store.connection import AsyncDatabase

# The same as the rules of judging have, which a worker does not load for this.
SHARE_PERCENT, REFERENCES = 30, 2
MASS = 3  # monitors that begin to fail in one tick; of fewer, a wrong confirmation costs less than asking each time
GOOD_FOR_MS = 15_000  # an answer holds for what fails right after it
log = logging.getLogger("vantage")


class Egress:
    """Holds failures back while the reference targets are asked; where none of them answers, that is noted first."""

    def __init__(self, region: Region, probes: Probes, database: AsyncDatabase, clock: Clock) -> None:
        self._region, self._probes, self._database, self._clock = region, probes, database, clock
        self._targets: Sequence[Check] = ()
        self._probed: Counter[int] = Counter()  # by tick (epoch s)
        self._failing: Counter[int] = Counter()
        self._asking: asyncio.Task[bool] | None = None
        self._asked_ms = 0
        self._noting: dict[int, asyncio.Task[None]] = {}  # by tick: what is noted before failures go on

    async def begin(self) -> None:
        """Learn whom to ask; two at least, or nobody is asked."""
        targets = await store.references(await self._database.connection())
        self._targets = targets if len(targets) >= REFERENCES else ()

    async def is_cut_off(self, result: Result, *, is_news: bool) -> bool:
        """Whether a failure is the region's own, which it waits here to know; `is_news`: it was not down before."""
        tick_s = tick_of(result.checked_at_ms)
        self._probed[tick_s] += 1
        if result.status is not Status.DOWN or not is_news or not self._targets:
            return False
        self._failing[tick_s] += 1
        if tick_s not in self._noting:
            if not (self._is_mass(tick_s) and await self._is_cut()):
                return False
            if tick_s not in self._noting:  # nobody else who waited was first
                self._noting[tick_s] = asyncio.create_task(self._note(tick_s))
        await asyncio.shield(self._noting[tick_s])
        return True

    def _is_mass(self, tick_s: int) -> bool:
        share = self._failing[tick_s] * 100 >= SHARE_PERCENT * self._probed[tick_s]
        return share and self._failing[tick_s] >= MASS

    async def _is_cut(self) -> bool:
        """One question for all that fail at about the same time."""
        if self._asking is None or (self._asking.done() and self._clock.now_ms() - self._asked_ms > GOOD_FOR_MS):
            self._asked_ms = self._clock.now_ms()
            self._asking = asyncio.create_task(self._ask())
        return await asyncio.shield(self._asking)

    async def _ask(self) -> bool:
        answers = await asyncio.gather(
            *(self._probes.probe(target, confirm=False) for target in self._targets), return_exceptions=True
        )
        return not any(isinstance(one, Result) and one.status in (Status.UP, Status.DEGRADED) for one in answers)

    async def _note(self, tick_s: int) -> None:
        log.warning("%s: none of %s reference targets answers from here", self._region, len(self._targets))
        try:
            await store.note_cut(await self._database.connection(), self._region, tick_s, len(self._targets))
        except (psycopg.Error, ServerUnavailable) as error:
            log.warning("that could not be noted: %s", error)
