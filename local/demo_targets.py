"""The demo targets as seen from the system: their process, and the monitors that watch them."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import certifi

from local.demo import MONITORS
from local.environments import IMPORT_PATH, ROOT
from local.server import last_line, open_log
from vantage.errors import ServerUnavailable


@dataclass(slots=True)
class DemoTargets:
    """The process of `local/demo.py`; started again when it died, on the same ports."""

    directory: Path
    env: Mapping[str, str]
    urls: dict[str, str] = field(default_factory=dict)
    _process: "subprocess.Popen[bytes] | None" = None

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid if self._process else 0

    def start(self) -> None:
        """Start it and wait until it listens; raises ServerUnavailable."""
        log = self.directory / "logs" / "demo.log"
        with open_log(log) as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "local.demo", str(self.directory)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=output,
                env={**self.env, "PYTHONPATH": os.pathsep.join(str(path) for path in IMPORT_PATH)},
                cwd=ROOT,
                start_new_session=True,
            )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise ServerUnavailable(f"The demo targets do not start: {last_line(log)} (all of it: {log})")
        self.urls = json.loads(line)

    def revive(self) -> bool:
        """Start it again if it died; returns whether it had."""
        if self._process is not None and self._process.poll() is None:
            return False
        self.stop()
        self.start()
        return True

    def stop(self) -> None:
        """End it."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()

    def monitors_file(self) -> Path:
        """The monitors file of the demo, written where its user can look at it."""
        path = self.directory / "demo.yaml"
        path.write_text(MONITORS.format(**self.urls))
        return path

    def trusted_certificates(self) -> Path:
        """The authorities that are trusted here anyway, and the demo's own."""
        usual = Path(self.env.get("SSL_CERT_FILE") or certifi.where())
        path = self.directory / "demo-ca" / "trusted.pem"
        path.write_bytes(usual.read_bytes() + b"\n" + Path(self.urls["ca"]).read_bytes())
        return path


@contextmanager
def demo_targets(directory: Path, env: Mapping[str, str]) -> Iterator[DemoTargets]:
    """Run the demo targets until the block ends."""
    targets = DemoTargets(directory, env)
    try:
        targets.start()
        yield targets
    finally:
        targets.stop()
