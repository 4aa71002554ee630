"""The functions together, as the minute clock drives them."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from local.environments import Function
from local.fleet import Fleet

pytestmark = pytest.mark.anyio
HANDLERS = "tests.local.handlers"


@asynccontextmanager
async def fleet(place: Path, said: list[str], worker: str = "well") -> AsyncIterator[Fleet]:
    """A fleet of test handlers with one region."""

    def function(name: str, module: str, slot: str) -> Function:
        return Function(name, f"{HANDLERS}.{module}", slot, os.environ, 60, place / f"{name}.log")

    workers = {"USA": function("worker-USA", worker, "usa")}
    made = Fleet(function("producer", "well", "producer"), function("housekeeper", "well", "h"), workers, said.append)
    try:
        yield made
    finally:
        await made.stop()


async def settled(made: Fleet) -> None:
    """Wait until no run is under way."""
    while made.is_busy():
        await asyncio.sleep(0.01)


def runs(place: Path) -> int:
    """How often the worker has run."""
    return (place / "worker-USA.log").read_text().count("printed by the handler")


async def test_a_minute_is_an_event_for_every_function(tmp_path: Path) -> None:
    """The producer's own may be another minute's, or none."""
    async with fleet(tmp_path, []) as made:
        made.fire(1_764_000_000, push=None)
        await settled(made)
        assert made.pids().keys() == {"worker-USA", "housekeeper"}
        made.fire(1_764_000_060, push=1_764_000_000)
        await settled(made)
        assert made.pids().keys() == {"producer", "worker-USA", "housekeeper"}


async def test_the_last_run_is_one_for_each_slot_whose_process_died(tmp_path: Path) -> None:
    """So that all they held is taken up, or one run where none died; red when `fire_last` did nothing."""
    async with fleet(tmp_path, []) as made:
        worker = made.workers["USA"]
        await asyncio.gather(*(worker.invoke({}) for _ in range(3)))
        made.fire_last(1_764_000_000)
        await settled(made)
        assert runs(tmp_path) == 4
        held = made.pids()
        for name in ("worker-USA", "worker-USA-3"):
            os.kill(held[name], signal.SIGKILL)
        while len(worker.dead()) < 2:
            await asyncio.sleep(0.01)
        made.fire_last(1_764_000_000)
        await settled(made)
        assert runs(tmp_path) == 6
        assert made.pids().keys() == held.keys()
        assert made.pids()["worker-USA-2"] == held["worker-USA-2"]


async def test_a_run_that_fails_is_said_with_its_log(tmp_path: Path) -> None:
    """In one line."""
    said: list[str] = []
    async with fleet(tmp_path, said, worker="broken") as made:
        made.fire(1_764_000_000, push=None)
        await settled(made)
    assert said == [f"worker-USA: REGION is not set (log: {tmp_path / 'worker-USA.log'})"]


async def test_whether_the_producer_ended_well_is_known(tmp_path: Path) -> None:
    """A run that died is tried again by who asks."""
    async with fleet(tmp_path, []) as made:
        assert await made.push_again(1_764_000_000)
        made.producer.module = f"{HANDLERS}.broken"
        await made.producer.stop()
        assert not await made.push_again(1_764_000_000)
