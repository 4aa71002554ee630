"""The probe's bench: CPU, memory and truth of a check, beside httpx, Node's fetch and the floor, on the same targets.

One core for the client, another for the targets, a fresh process for each run, the clients in turn; each ratio is the
median of the repeats' own ratios. Linux only: all of 127/8 is its loopback, and processes can be held to a core.
"""

import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from bench.report import REPEATS, Limit, Row, at_most, compared, measured, not_compared

ROOT = Path(__file__).parents[1]
ORIGINS, QUICK_ORIGINS, QUICK_REPEATS = 1000, 400, 2
FEW, MANY = 10, 400
NAMES = {"httpx": "httpx, a pool per origin", "undici": "Node's fetch (undici)", "floor": "socket + ssl + httptools"}
Run = dict[str, Any]


def rows(quick: bool) -> list[Row]:
    """What the probe promises, and what it is compared with."""
    if sys.platform != "linux":
        return [not_compared("probe: CPU, memory, truth", None, "", "needs Linux")]
    origins, repeats = (QUICK_ORIGINS, QUICK_REPEATS) if quick else (ORIGINS, REPEATS)
    with _many_files(), _targets(max(origins, MANY)) as targets:
        runs = [_round(targets, origins) for _ in range(repeats)]
        few = [(_run("vantage", targets, FEW), _run("vantage", targets, MANY)) for _ in range(repeats)]
    return [*_compared(runs), _flat(few), *_by_itself(runs), *_missing()]


@contextmanager
def _many_files() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def _round(targets: Run, origins: int) -> dict[str, Run]:
    clients = ["vantage", "httpx", "floor"] + (["undici"] if shutil.which("node") else [])
    found = {client: _run(client, targets, origins) for client in clients}
    found["truth"] = json.loads(urllib.request.urlopen(f"http://127.0.1.1:{targets['http']}/spent").read())
    return found


def _run(client: str, targets: Run, origins: int) -> Run:
    where = ["https", str(targets["https"]), str(origins)]
    if client == "undici":
        command = ["node", str(ROOT / "bench" / "probe_undici.mjs"), *where]
    else:
        slow = ["slow"] if client == "vantage" else []
        command = [sys.executable, "-m", "bench.probe_clients", client, *where, targets["ca"], *slow]
    env = {**os.environ, "NODE_EXTRA_CA_CERTS": targets["ca"]}
    done = subprocess.run(_on_core(0, command), capture_output=True, text=True, cwd=ROOT, env=env, check=False)
    if done.returncode:
        raise RuntimeError(f"{client}: {done.stderr[-500:]}")
    found: Run = json.loads(done.stdout)
    return found


@contextmanager
def _targets(origins: int) -> Iterator[Run]:
    with tempfile.TemporaryDirectory() as directory:
        command = _on_core(1, [sys.executable, "-m", "bench.probe_targets", directory, str(origins)])
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            yield json.loads(process.stdout.readline())
            process.stdin.close()


def _on_core(core: int, command: list[str]) -> list[str]:
    return ["taskset", "-c", str(core), *command] if shutil.which("taskset") and (os.cpu_count() or 1) > 1 else command


def _compared(runs: list[dict[str, Run]]) -> Iterator[Row]:
    """Ours against each other client; without a limit: reported, no gate."""
    limits: dict[tuple[str, str], Limit | None] = {
        ("httpx", "cold"): at_most(0.65), ("httpx", "warm"): at_most(0.25),
        ("undici", "cold"): at_most(1.0), ("undici", "warm"): at_most(1.0),
        ("floor", "cold"): None, ("floor", "warm"): None,
    }  # fmt: skip
    for (client, kind), limit in limits.items():
        name, ours = f"probe: CPU per check, {kind}", median(run["vantage"][f"{kind}_ms"] for run in runs)
        if client in runs[0]:
            ratio = median(run["vantage"][f"{kind}_ms"] / run[client][f"{kind}_ms"] for run in runs)
            yield compared(name, ours, "ms", NAMES[client], ratio, limit)
        else:
            yield not_compared(name, ours, "ms", "Node.js is not installed", limit)


def _flat(few: list[tuple[Run, Run]]) -> Row:
    ratio = median(many["warm_ms"] / ten["warm_ms"] for ten, many in few)
    ours = median(many["warm_ms"] for _, many in few)
    return compared(f"probe: CPU per check, warm, {MANY} origins", ours, "ms", f"{FEW} origins", ratio, at_most(1.15))


def _by_itself(runs: list[dict[str, Run]]) -> Iterator[Row]:
    kept_kb = median(run["vantage"]["kept_kb"] for run in runs)
    yield measured("probe: memory per kept TLS connection", kept_kb, "kB", at_most(50))
    error_ms = median(_error_p99_ms(run) for run in runs)
    yield measured("probe: first-byte error p99, 50 ms target, 200 at once", error_ms, "ms", at_most(3))


def _error_p99_ms(run: dict[str, Run]) -> float:
    truth, seen = run["truth"], run["vantage"]["first_byte_us"]
    errors = sorted(abs(us - truth[f"/slow/{number}"]) / 1000 for number, us in enumerate(seen))
    return float(errors[int(len(errors) * 0.99)])


def _missing() -> Iterator[Row]:
    for name in ("axios", "prometheus-blackbox-exporter", "this design's predecessor"):
        yield not_compared("probe: CPU per check, cold", None, "ms", f"{name}: not compared here")
