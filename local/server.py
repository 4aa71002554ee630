"""A server process with its shim: started until it answers, stopped with its parent, started again when it died."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from vantage.errors import ServerUnavailable

SHIM = Path(__file__).with_name("shim.py")
START_WITHIN_S = 60  # crash recovery of a large history included
RETRY_WITHIN_S = 10
ORPHAN_WITHIN_S = 15
SMALL_LOG_BYTES = 10 << 20
Owner = tuple[int, int]
Say = Callable[[str], None]


def quiet(_line: str) -> None:
    """Say nothing."""


@dataclass(slots=True)
class Server:
    """One running server with its shim; `start` again replaces one that died."""

    name: str
    command: Sequence[str]
    stop_signal: signal.Signals
    log: Path
    home: Path
    is_ready: Callable[[], bool]
    lock: int
    sockets: Path
    owner: Owner | None = None
    temporary: Sequence[Path] = ()
    pid: int = 0
    _shim: "subprocess.Popen[bytes] | None" = None

    def start(self) -> None:
        """Start it and wait until it answers; raises ServerUnavailable with the last line of its log."""
        began_s = time.monotonic()
        while not self._starts(began_s + START_WITHIN_S):
            # After a kill -9 its helper processes may hold its memory for a moment more.
            if time.monotonic() > began_s + RETRY_WITHIN_S:
                raise ServerUnavailable(f"{self.name} does not start: {last_line(self.log)} (all of it: {self.log})")
            time.sleep(0.2)

    def is_alive(self) -> bool:
        """Is the server (and who would stop it) still running."""
        return self._shim is not None and self._shim.poll() is None and _exists(self.pid)

    def revive(self) -> bool:
        """Start it again if it died; returns whether it had."""
        if self.is_alive():
            return False
        if self._shim is not None and (self._shim.poll() or 0) < 0:
            self._stop_orphan()
        self.end_stop()
        self.start()
        return True

    def begin_stop(self) -> None:
        """Ask it to stop; returns at once."""
        if self._shim is not None and self._shim.stdin is not None:
            self._shim.stdin.close()

    def end_stop(self) -> None:
        """Wait until it has stopped."""
        if self._shim is not None:
            self._shim.wait()
            for pipe in (self._shim.stdin, self._shim.stdout):
                if pipe is not None:
                    pipe.close()
            self._shim = None

    def _stop_orphan(self) -> None:
        """It was its shim that was killed: nobody else would stop the server, and two would share its data."""
        send(self.pid, self.stop_signal)
        deadline_s = time.monotonic() + ORPHAN_WITHIN_S
        while _exists(self.pid):
            if time.monotonic() > deadline_s:
                send(self.pid, signal.SIGKILL)
            time.sleep(0.02)

    def _starts(self, deadline_s: float) -> bool:
        self._launch()
        while self._shim is not None and self._shim.poll() is None:
            if self.is_ready():
                return True
            if time.monotonic() > deadline_s:
                self.begin_stop()
            time.sleep(0.02)
        self.end_stop()
        return False

    def _launch(self) -> None:
        spec = {
            "command": [str(word) for word in self.command],
            "signal": int(self.stop_signal),
            "uid": self.owner and self.owner[0],
            "gid": self.owner and self.owner[1],
            "cwd": str(self.home),
            "keep_open": [self.lock],
            "remove": [str(directory) for directory in (self.sockets, *self.temporary)],
        }
        with open_log(self.log) as log:
            self._shim = subprocess.Popen(
                [sys.executable, "-I", "-S", str(SHIM), json.dumps(spec)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                pass_fds=[self.lock],
                start_new_session=True,
            )
        assert self._shim.stdout is not None
        self.pid = int(self._shim.stdout.readline() or 0)


def socket_directory(owner: Owner | None) -> Path:
    """A new private directory with a path far shorter than the 104 bytes that macOS allows a socket."""
    directory = Path(tempfile.mkdtemp(prefix="vantage-", dir="/tmp"))
    if owner is not None:
        os.chown(directory, *owner)
    return directory


def open_log(path: Path) -> IO[bytes]:
    """A log to append to; one that has grown large begins anew."""
    small = not path.exists() or path.stat().st_size < SMALL_LOG_BYTES
    return path.open("ab" if small else "wb")


def last_line(log: Path) -> str:
    """What a log says last."""
    lines = log.read_text(errors="replace").split("\n") if log.exists() else []
    return next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")


def _exists(pid: int) -> bool:
    """Is there such a process; what is left of one that nobody has asked after (in a container) is none."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return sys.platform != "linux"


def send(pid: int, number: signal.Signals) -> None:
    """Send a signal to a process, if it is there and ours."""
    with suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)
