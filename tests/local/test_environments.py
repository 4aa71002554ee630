"""Execution environments: as on Lambda, but what a dead one left is taken up at once."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from local.environments import Function
from tests.local.conftest import is_running, script, wait_until
from vantage.clock import Pace

pytestmark = pytest.mark.anyio
FUNCTION_IN_A_PARENT = """
import asyncio, os, sys
from pathlib import Path
from local.environments import Function
place = Path(sys.argv[1])
function = Function("f", "tests.local.handlers.well", "f", os.environ, 60, place / "f.log")
async def main():
    run = asyncio.create_task(function.invoke({"started": str(place / "started"), "until": str(place / "never")}))
    while not (place / "started").exists():
        await asyncio.sleep(0.01)
    print(function.pids()["f"], flush=True)
    await run
asyncio.run(main())
"""


@asynccontextmanager
async def function(place: Path, module: str = "well", timeout_s: float = 60, **more: Any) -> AsyncIterator[Function]:
    """A function of a test handler; its processes end with the block."""
    made = Function("worker-USA", f"tests.local.handlers.{module}", "usa", os.environ, timeout_s, place / "log", **more)
    try:
        yield made
    finally:
        await made.stop()


async def killed(made: Function, name: str = "worker-USA") -> None:
    """Kill a process as kill -9 does, and wait until that is known."""
    os.kill(made.pids()[name], signal.SIGKILL)
    while name in made.pids():
        await asyncio.sleep(0.01)


async def test_an_idle_environment_is_used_again(tmp_path: Path) -> None:
    """Two runs one after the other share a process, under the slot's name."""
    async with function(tmp_path) as made:
        first, second = await made.invoke({}), await made.invoke({})
        assert first["result"]["pid"] == second["result"]["pid"] == made.pids()["worker-USA"]
        assert first["result"]["request"] != second["result"]["request"]
        assert second["result"]["consumer"] == second["result"]["stream"] == "usa-1"


async def test_a_busy_function_gets_a_second_environment(tmp_path: Path) -> None:
    """A run that is asked for while another is under way starts at once, under another consumer's name."""
    async with function(tmp_path) as made:
        waiting = {"started": str(tmp_path / "started"), "until": str(tmp_path / "until")}
        first = asyncio.create_task(made.invoke(waiting))
        while not (tmp_path / "started").exists():
            await asyncio.sleep(0.01)
        assert (await made.invoke({}))["result"]["consumer"] == "usa-2"
        assert made.pids().keys() == {"worker-USA", "worker-USA-2"}
        (tmp_path / "until").touch()
        assert (await first)["result"]["consumer"] == "usa-1"
        assert (await made.invoke({}))["result"]["consumer"] == "usa-1"


async def test_a_dead_environment_is_replaced_under_the_same_name(tmp_path: Path) -> None:
    """Its successor is the same consumer, and so takes up what it left; red when `_take` preferred the living."""
    async with function(tmp_path) as made:
        waiting = {"started": str(tmp_path / "started"), "until": str(tmp_path / "until")}
        first = asyncio.create_task(made.invoke(waiting))
        while not (tmp_path / "started").exists():
            await asyncio.sleep(0.01)
        await made.invoke({})  # leaves usa-2 idle
        dead = made.pids()["worker-USA"]
        await killed(made)
        assert await first == {"error": "died (SIGKILL)", "type": "Died"}
        reply = await made.invoke({})
        assert reply["result"]["consumer"] == "usa-1"
        assert reply["result"]["pid"] != dead


async def test_runs_asked_for_at_once_never_share_a_slot(tmp_path: Path) -> None:
    """A slot is promised before its process is there."""
    async with function(tmp_path) as made:
        replies = await asyncio.gather(*(made.invoke({}) for _ in range(3)))
        assert {reply["result"]["consumer"] for reply in replies} == {"usa-1", "usa-2", "usa-3"}


async def test_a_run_over_its_time_is_killed(tmp_path: Path) -> None:
    """As Lambda does; life may run faster than the clock on the wall."""
    async with function(tmp_path, timeout_s=20, pace=Pace(scale=20)) as made:
        reply = await made.invoke({"started": str(tmp_path / "started"), "until": str(tmp_path / "never")})
        assert reply == {"error": "took longer than 1 s and was killed", "type": "Timeout"}
        assert made.pids() == {}


async def test_a_failed_run_is_a_reply_and_the_environment_lives_on(tmp_path: Path) -> None:
    """The error's text comes back; its trace is in the log, with what the handler printed."""
    async with function(tmp_path) as made:
        assert await made.invoke({"fail": "no good"}) == {"error": "no good", "type": "ValueError"}
        assert "result" in await made.invoke({})
        assert {"Traceback (most recent call last):", "printed by the handler"} <= set(
            (tmp_path / "log").read_text().splitlines()
        )


async def test_a_handler_that_cannot_be_imported_says_why(tmp_path: Path) -> None:
    """The first run of it replies with the import's error."""
    async with function(tmp_path, module="broken") as made:
        assert await made.invoke({}) == {"error": "REGION is not set", "type": "RuntimeError"}


async def test_the_time_that_remains_is_counted_in_life(tmp_path: Path) -> None:
    """`get_remaining_time_in_millis` begins at the timeout and falls faster where life is faster."""
    async with function(tmp_path, timeout_s=240, pace=Pace(scale=20)) as made:
        reply = await made.invoke({})
        assert 200_000 < reply["result"]["remaining_ms"] <= 240_000


async def test_process_ids_are_told_when_they_change(tmp_path: Path) -> None:
    """At each start and each death."""
    told: list[dict[str, int]] = []
    async with function(tmp_path) as made:
        made.changed = lambda: told.append(made.pids())
        await made.invoke({})
        started = made.pids()
        await killed(made)
        while len(told) < 2:
            await asyncio.sleep(0.01)
        assert told == [started, {}]


async def test_a_busy_process_ends_with_its_parent(tmp_path: Path) -> None:
    """kill -9 of the parent ends a run even in its middle; red when the host read its input only between runs."""
    with script(FUNCTION_IN_A_PARENT, tmp_path) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert is_running(pid)
        parent.kill()
        wait_until(lambda: not is_running(pid))


async def test_ctrl_c_is_the_parents_affair(tmp_path: Path) -> None:
    """SIGINT does not end an environment."""
    async with function(tmp_path) as made:
        await made.invoke({})
        os.kill(made.pids()["worker-USA"], signal.SIGINT)
        assert "result" in await made.invoke({})
