"""The probe's bench: CPU, memory and truth of a check, beside what else asks sites, on the same targets.

One core for the client, another for the targets, a fresh process for each run, the clients in turn; each ratio is the
median of the repeats' own ratios. Linux only: all of 127/8 is its loopback, and processes can be held to a core.
"""

import json
import resource
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from bench.probe_kept import FEW, MANY, beside_many_and_few
from bench.probe_peers import NAMES, Field, Run, missing, on_core, run, valkey
from bench.report import REPEATS, Limit, Row, at_most, compared, measured, not_compared

ROOT = Path(__file__).parents[1]
ORIGINS, QUICK_ORIGINS, QUICK_REPEATS = 1000, 400, 2


def rows(quick: bool) -> list[Row]:
    """What the probe promises, and what it is compared with."""
    if sys.platform != "linux":
        return [not_compared("probe: CPU, memory, truth", None, "", "needs Linux")]
    origins, repeats = (QUICK_ORIGINS, QUICK_REPEATS) if quick else (ORIGINS, REPEATS)
    with _many_files(), _targets(max(origins, MANY)) as targets, valkey() as socket:
        field = Field(targets, socket)
        runs = [_round(field, origins) for _ in range(repeats)]
        flat = beside_many_and_few(field, quick=quick)
    return [*_compared(runs), _flat(*flat), *_by_itself(runs)]


@contextmanager
def _many_files() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def _round(field: Field, origins: int) -> dict[str, Run]:
    found = {client: run(client, field, origins) for client in ("vantage", *NAMES) if missing(client) is None}
    found["truth"] = json.loads(urllib.request.urlopen(f"http://127.0.1.1:{field.targets['http']}/spent").read())
    return found


@contextmanager
def _targets(origins: int) -> Iterator[Run]:
    with tempfile.TemporaryDirectory() as directory:
        command = on_core(1, [sys.executable, "-m", "bench.probe_targets", directory, str(origins)])
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            yield json.loads(process.stdout.readline())
            process.stdin.close()


LIMITS: dict[tuple[str, str], Limit | None] = {
    ("httpx", "cold"): at_most(0.65), ("httpx", "warm"): at_most(0.25),
    ("undici", "cold"): at_most(1.0), ("undici", "warm"): at_most(1.0),
    ("axios", "cold"): at_most(1.0), ("axios", "warm"): at_most(1.0),
    ("fetch", "cold"): None, ("fetch", "warm"): None,
    ("floor", "cold"): None, ("floor", "warm"): None,
    ("blackbox", "cold"): None,
    ("predecessor", "cold"): None, ("predecessor", "warm"): None,
}  # fmt: skip


def _compared(runs: list[dict[str, Run]]) -> Iterator[Row]:
    """Ours against each other client; without a limit: reported, no gate."""
    for (client, kind), limit in LIMITS.items():
        name, ours = f"probe: CPU per check, {kind}", median(run["vantage"][f"{kind}_ms"] for run in runs)
        if why := missing(client):
            yield not_compared(name, ours, "ms", why, limit)
        else:
            ratio = median(run["vantage"][f"{kind}_ms"] / run[client][f"{kind}_ms"] for run in runs)
            yield compared(name, ours, "ms", NAMES[client], ratio, limit)


def _flat(ours_ms: float, _few_ms: float, ratio: float) -> Row:
    name = f"probe: CPU per check, warm, {MANY} kept origins"
    return compared(name, ours_ms, "ms", f"{FEW} kept origins", ratio, at_most(1.15))


def _by_itself(runs: list[dict[str, Run]]) -> Iterator[Row]:
    kept_kb = median(run["vantage"]["kept_kb"] for run in runs)
    yield measured("probe: memory per kept TLS connection", kept_kb, "kB", at_most(50))
    error_ms = median(_error_p99_ms(run) for run in runs)
    yield measured("probe: first-byte error p99, 50 ms target, 200 at once", error_ms, "ms", at_most(3))


def _error_p99_ms(run: dict[str, Run]) -> float:
    truth, seen = run["truth"], run["vantage"]["first_byte_us"]
    errors = sorted(abs(us - truth[f"/slow/{number}"]) / 1000 for number, us in enumerate(seen))
    return float(errors[int(len(errors) * 0.99)])
