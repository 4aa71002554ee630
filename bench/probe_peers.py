"""What the probe is compared with, each where it is installed: its name, its command, and how its CPU time is read."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.probe_targets import address
from local.valkey import valkey_binary

ROOT = Path(__file__).parents[1]
AT_ONCE = 100
BLACKBOX = "prometheus-blackbox-exporter"
OF_PYTHON, OF_NODE, OF_NPM = ("vantage", "httpx", "floor"), ("fetch", "predecessor"), ("undici", "axios")
NAMES = {
    "httpx": "httpx, a pool per origin",
    "undici": "undici",
    "axios": "axios, kept connections",
    "fetch": "Node's fetch",
    "floor": "socket + ssl + httptools",
    "blackbox": BLACKBOX,
    "predecessor": "one fetch after the other, an ack per id",
}
Run = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Field:
    """Where the bench plays: the targets' ports and authority, and a Valkey's socket."""

    targets: Run
    valkey: str


def missing(client: str) -> str | None:
    """What to install so that this one can be compared with; None: nothing."""
    if client in (*OF_NODE, *OF_NPM) and shutil.which("node") is None:
        return "Node.js is not installed"
    if client in OF_NPM and not (ROOT / "bench" / "node_modules" / client).is_dir():
        return f"{client} is not installed (npm install --no-save --prefix bench axios undici@7)"
    if client == "blackbox" and shutil.which(BLACKBOX) is None:
        return f"{BLACKBOX} is not installed (Debian's package)"
    return None


def run(client: str, field: Field, origins: int) -> Run:
    """One client's figures: CPU ms per check, cold and (not blackbox, which keeps no connection) warm."""
    return _blackbox(field, origins) if client == "blackbox" else _command(client, field, origins)


@contextmanager
def valkey() -> Iterator[str]:
    """The socket of a Valkey."""
    with tempfile.TemporaryDirectory() as directory:
        socket = Path(directory) / "valkey.sock"
        words = ["--port", "0", "--unixsocket", str(socket), "--save", "", "--dir", directory]
        with subprocess.Popen(on_core(1, [str(valkey_binary()), *words]), stdout=subprocess.DEVNULL) as process:
            try:
                _until(socket.exists)
                yield str(socket)
            finally:
                process.terminate()


def on_core(core: int, command: list[str]) -> list[str]:
    """The command, held to a core where that can be done."""
    return ["taskset", "-c", str(core), *command] if shutil.which("taskset") and (os.cpu_count() or 1) > 1 else command


def _command(client: str, field: Field, origins: int) -> Run:
    where = ["https", str(field.targets["https"]), str(origins)]
    if client in OF_PYTHON:
        slow = ["slow"] if client == "vantage" else []
        command = [sys.executable, "-m", "bench.probe_clients", client, *where, field.targets["ca"], *slow]
    else:
        command = ["node", str(ROOT / "bench" / "probe_node.mjs"), client, *where, field.valkey]
    env = {**os.environ, "NODE_EXTRA_CA_CERTS": field.targets["ca"]}
    done = subprocess.run(on_core(0, command), capture_output=True, text=True, cwd=ROOT, env=env, check=False)
    if done.returncode:
        raise RuntimeError(f"{client}: {done.stderr[-500:]}")
    found: Run = json.loads(done.stdout)
    return found


def _blackbox(field: Field, origins: int) -> Run:
    """Asked over HTTP, as Prometheus asks it: what that costs is in the figure, as the stream is not in ours."""
    with tempfile.TemporaryDirectory() as directory:
        config, port = Path(directory) / "blackbox.yml", field.targets["free"]
        tls = {"preferred_ip_protocol": "ip4", "tls_config": {"ca_file": field.targets["ca"]}}
        config.write_text(json.dumps({"modules": {"https": {"prober": "http", "timeout": "30s", "http": tls}}}))
        words = [f"--config.file={config}", f"--web.listen-address=127.0.0.1:{port}", "--log.level=error"]
        env = {**os.environ, "GOMAXPROCS": "1"}
        with subprocess.Popen(on_core(0, [BLACKBOX, *words]), env=env) as process:
            try:
                _until(lambda: _probe(port, field.targets["https"], 0))
                began_ms = _cpu_ms(process.pid)
                with ThreadPoolExecutor(AT_ONCE) as pool:
                    answers = list(pool.map(lambda n: _probe(port, field.targets["https"], n), range(origins)))
                spent_ms = _cpu_ms(process.pid) - began_ms
            finally:
                process.terminate()
    if not all(answers):
        raise RuntimeError(f"blackbox: {answers.count(False)} of {origins} probes failed")
    return {"cold_ms": spent_ms / origins}


def _probe(port: int, https: int, number: int) -> bool:
    query = urllib.parse.urlencode({"module": "https", "target": f"https://{address(number)}:{https}/"})
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/probe?{query}") as answer:
            return b"\nprobe_success 1" in answer.read()
    except OSError:
        return False


def _cpu_ms(pid: int) -> float:
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) * 1000 / os.sysconf("SC_CLK_TCK")


def _until(holds: Any) -> None:
    deadline_s = time.monotonic() + 15
    while not holds():
        if time.monotonic() > deadline_s:
            raise RuntimeError("a server of the bench does not start")
        time.sleep(0.05)
