"""Host processes by fork: one process has imported the handlers, and each environment is a copy of it.

A system of this suite has half a dozen processes, and importing takes each half a second. A copy is a process like
any other: with its own memory, pipes, connections and signals.
"""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import IO

from local.environments import IMPORT_PATH, REPLY_LIMIT_BYTES, ROOT, Process

PRELOADED = (
    "functions.worker.app", "functions.producer.app", "functions.housekeeper.app", "functions.notifier.app",
    "functions.api.app", "vantage.probe",
)  # fmt: skip
MESSAGE_BYTES = 1 << 16


def main(number: int) -> None:
    """Fork for each message; ends when nobody can send one any more."""
    import gc  # noqa: PLC0415
    import importlib  # noqa: PLC0415

    for module in PRELOADED:
        importlib.import_module(module)
    gc.freeze()  # a copy's collector does not go through what it will never drop, and so does not copy its pages
    asked = socket.socket(fileno=number)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody here waits for them
    while True:
        message, fds, _, _ = socket.recv_fds(asked, MESSAGE_BYTES, 3)
        if not message:
            return
        if (pid := os.fork()) == 0:
            asked.close()
            _become(json.loads(message), fds)
        for fd in fds:
            os.close(fd)
        asked.send(str(pid).encode())


def _become(spec: dict[str, dict[str, str]], fds: list[int]) -> None:
    from local.host import main as host  # noqa: PLC0415

    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    for fd, number in zip(fds, (0, 1, 2), strict=True):
        os.dup2(fd, number)
        os.close(fd)
    os.environ.clear()
    os.environ.update(spec["env"])
    host(*spec["words"])
    os._exit(0)


@dataclass
class Copy:
    """One of them, as seen by who asked for it."""

    pid: int
    stdin: asyncio.StreamWriter
    stdout: asyncio.StreamReader
    returncode: int | None = None
    _ended: asyncio.Event | None = None

    def watch(self) -> None:
        """Notice its end."""
        self._ended = asyncio.Event()
        try:
            fd = os.pidfd_open(self.pid)
        except ProcessLookupError:
            self.returncode = -signal.SIGKILL
            self._ended.set()
            return
        asyncio.get_running_loop().add_reader(fd, self._end, fd)

    def _end(self, fd: int) -> None:
        asyncio.get_running_loop().remove_reader(fd)
        os.close(fd)
        self.returncode = -signal.SIGKILL  # how else; its parent does not say
        self.stdin.close()
        assert self._ended is not None
        self._ended.set()

    async def wait(self) -> int:
        """Wait for its end."""
        assert self._ended is not None
        await self._ended.wait()
        assert self.returncode is not None
        return self.returncode

    def kill(self) -> None:
        """End it now."""
        self.send_signal(signal.SIGKILL)

    def send_signal(self, number: int) -> None:
        """Send it a signal."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, number)


class Nursery:
    """Starts environments; `start` is what `local.environments.Function` takes."""

    def __init__(self, asking: socket.socket) -> None:
        self._asking, self._lock = asking, threading.Lock()

    async def start(self, words: tuple[str, str, str], env: Mapping[str, str], log: IO[bytes]) -> Process:
        """A copy that hosts a handler."""
        (request_out, request_in), (reply_out, reply_in) = os.pipe(), os.pipe()
        try:
            pid = await asyncio.to_thread(self._fork, words, env, (request_out, reply_in, log.fileno()))
        finally:
            os.close(request_out)
            os.close(reply_in)
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(REPLY_LIMIT_BYTES)
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(reply_out, "rb", 0))
        transport, protocol = await loop.connect_write_pipe(
            asyncio.streams.FlowControlMixin, os.fdopen(request_in, "wb", 0)
        )
        copy = Copy(pid, asyncio.StreamWriter(transport, protocol, None, loop), reader)
        copy.watch()
        return copy

    def _fork(self, words: tuple[str, str, str], env: Mapping[str, str], fds: tuple[int, int, int]) -> int:
        with self._lock:
            socket.send_fds(self._asking, [json.dumps({"words": words, "env": dict(env)}).encode()], fds)
            return int(self._asking.recv(64))


@contextmanager
def nursery() -> Iterator[Nursery]:
    """Start it; every copy ends with the pipes of who asked for it."""
    ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    path = os.pathsep.join(str(place) for place in IMPORT_PATH)
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.faults.nursery", str(its.fileno())],
        pass_fds=[its.fileno()], cwd=ROOT, env={**os.environ, "PYTHONPATH": path}, start_new_session=True,
    )  # fmt: skip
    its.close()
    try:
        yield Nursery(ours)
    finally:
        ours.close()
        process.wait()


if __name__ == "__main__":
    main(int(sys.argv[1]))
