"""Execution environments as Lambda keeps them: idle ones are used again, a busy function gets one more.

An environment's slot (usa-1, usa-2, …) is its consumer name. Who replaces a dead process takes its slot, and so at
once takes up what that one left pending.
"""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Protocol
from uuid import uuid4

from vantage.clock import Pace

ROOT = Path(__file__).resolve().parent.parent
IMPORT_PATH = (ROOT, ROOT / "layers" / "shared" / "python")
REPLY_LIMIT_BYTES = 1 << 20
Reply = dict[str, Any]


class Process(Protocol):
    """What is used of a host process; `asyncio.subprocess.Process` is one."""

    pid: int

    @property
    def stdin(self) -> asyncio.StreamWriter | None:
        """Where requests go."""

    @property
    def stdout(self) -> asyncio.StreamReader | None:
        """Where replies come from."""

    @property
    def returncode(self) -> int | None:
        """How it ended; None while it runs."""

    async def wait(self) -> int:
        """Wait for its end."""

    def kill(self) -> None:
        """End it now."""

    def send_signal(self, signal: int) -> None:
        """Send it a signal."""


Starter = Callable[[tuple[str, str, str], Mapping[str, str], IO[bytes]], Awaitable[Process]]


async def start_process(words: tuple[str, str, str], env: Mapping[str, str], log: IO[bytes]) -> Process:
    """Start a host process: module, function's name and slot; its environment; where its log goes."""
    path = os.pathsep.join(str(place) for place in IMPORT_PATH)
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "local.host", *words),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=log,
        env={**env, "PYTHONPATH": path},
        cwd=ROOT,
        limit=REPLY_LIMIT_BYTES,
        start_new_session=True,
    )


@dataclass(slots=True)
class Environment:
    """One slot and the host process (see `local/host.py`) in it; busy from the moment a run is promised to it."""

    slot: str
    process: Process | None = None
    busy: bool = False

    def is_alive(self) -> bool:
        """Is there a process and is it running."""
        return self.process is not None and self.process.returncode is None

    async def exchange(self, request: dict[str, Any], within_s: float) -> Reply:
        """Send a request and wait for its reply; a run over its time is killed, as on Lambda."""
        assert self.process is not None and self.process.stdin is not None and self.process.stdout is not None
        try:
            async with asyncio.timeout(within_s):
                self.process.stdin.write(json.dumps(request).encode() + b"\n")
                await self.process.stdin.drain()
                if line := await self.process.stdout.readline():
                    reply: Reply = json.loads(line)
                    return reply
        except TimeoutError:
            await self.kill()
            return {"error": f"took longer than {within_s:g} s and was killed", "type": "Timeout"}
        except (BrokenPipeError, ConnectionResetError):
            pass
        return {"error": f"died ({_ending(await self.process.wait())})", "type": "Died"}

    async def kill(self) -> None:
        """End its process now; what that held is taken up by the next one."""
        if self.process is not None:
            if self.process.returncode is None:
                self.process.kill()
            await self.process.wait()


@dataclass(slots=True)
class Function:
    """A handler deployed once, with its own settings, and the environments that run it."""

    name: str
    module: str
    slot_prefix: str
    settings: Mapping[str, str]
    timeout_s: float
    log: Path
    pace: Pace = Pace()
    changed: Callable[[], None] = lambda: None
    start: Starter = start_process
    environments: list[Environment] = field(default_factory=list)
    stopping: bool = False
    _watching: "set[asyncio.Task[None]]" = field(default_factory=set)

    async def invoke(self, event: Mapping[str, Any]) -> Reply:
        """Run it once, in an idle environment or a new one."""
        return await self._run(self._take(), event)

    def dead(self) -> list[Environment]:
        """The slots whose process died and that nobody has taken up yet."""
        return [environment for environment in self.environments if not (environment.busy or environment.is_alive())]

    def is_busy(self) -> bool:
        """Is any run of it under way."""
        return any(environment.busy for environment in self.environments)

    def pids(self) -> dict[str, int]:
        """Process ids: the first slot's under the function's name, the others' with their slot's number behind it."""
        return {
            self.name if number == 1 else f"{self.name}-{number}": environment.process.pid
            for number, environment in enumerate(self.environments, 1)
            if environment.process is not None and environment.is_alive()
        }

    async def stop(self) -> None:
        """End all its processes."""
        self.stopping = True
        await asyncio.gather(*(environment.kill() for environment in self.environments))
        await asyncio.gather(*self._watching)

    def _take(self) -> Environment:
        """Promise a run to a slot whose process died (for what it left), else to an idle one, else to a new one."""
        free = [environment for environment in self.environments if not environment.busy]
        if not free:
            self.environments.append(new := Environment(f"{self.slot_prefix}-{len(self.environments) + 1}"))
            free = [new]
        taken = min(free, key=Environment.is_alive)
        taken.busy = True
        return taken

    async def _run(self, environment: Environment, event: Mapping[str, Any]) -> Reply:
        try:
            if not environment.is_alive():
                await self._launch(environment)
            request = {"event": dict(event), "request_id": str(uuid4()), "timeout_s": self.timeout_s}
            request["scale"] = self.pace.scale
            return await environment.exchange(request, self.pace.real_s(self.timeout_s))
        finally:
            environment.busy = False

    async def _launch(self, environment: Environment) -> None:
        env = {**self.settings, "VANTAGE_CONSUMER": environment.slot}
        with self.log.open("ab") as log:
            environment.process = await self.start((self.module, self.name, environment.slot), env, log)
        self.changed()
        watching = asyncio.create_task(self._watch(environment.process))
        self._watching.add(watching)
        watching.add_done_callback(self._watching.discard)

    async def _watch(self, process: Process) -> None:
        await process.wait()
        self.changed()


def _ending(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"
