"""The producer, from a million monitors in PostgreSQL to the stream, beside redis-benchmark's pipelined XADD."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean, median
from urllib.parse import urlsplit

from bench.report import REPEATS, Row, alternating, at_least, at_most, compared, measured, not_compared
from bench.stage import Stage, stage, tool
from vantage.stream import STREAM
from vantage.wire import FIELD

ROOT = Path(__file__).resolve().parent.parent
SMALL, LARGE = 100_000, 1_000_000
SHARE, MEMORY_MB, FLAT = at_least(0.12), at_most(80), at_most(1.1)
# 30 % each minute, 40 % every five, the rest every 10 to 30 minutes
INTERVAL = "CASE WHEN mod(n, 10) < 3 THEN 60 WHEN mod(n, 10) < 7 THEN 300 ELSE 600 + mod(n, 21) * 60 END"
DUE = (0.3, 0.5)  # their share that is due in a minute is 0.4
URL = "'https://site-' || n || '.example.com/health'"
_REFERENCE = "bench:{0}"


def rows(quick: bool) -> list[Row]:
    """Rate against redis-benchmark, memory, and memory at a tenth of the monitors."""
    return measure(SMALL // 10, LARGE // 10, 2) if quick else measure(SMALL, LARGE, REPEATS)


def measure(small: int, large: int, repeats: int) -> list[Row]:
    """The same for so many monitors."""
    with stage() as set_:
        set_.add_monitors(1, small, URL, INTERVAL)
        few = _Producer(set_, small)
        for _ in range(repeats):
            few.rate()
        set_.clear_ticks()  # else what is added now is in force only after the newest of them
        set_.add_monitors(small + 1, large, URL, INTERVAL)
        many = _Producer(set_, large)
        many.rate()  # the server's cache is warm, as with every tick but the first
        return [_rate(set_, many, repeats, large), *_memory(few, many, small, large)]


def _rate(set_: Stage, producer: "_Producer", repeats: int, monitors: int) -> Row:
    name, unit = f"producer: {monitors:,} monitors to the stream", "checks/s"
    if (benchmark := tool("redis-benchmark")) is None:
        rate = median(producer.rate() for _ in range(repeats))
        return not_compared(name, rate, unit, "redis-benchmark is not installed (redis-tools)", SHARE)
    reference = _Reference(set_, benchmark, producer.value_bytes, producer.checks)
    ours, theirs, ratio = alternating(producer.rate, reference.rate, repeats)
    return compared(name, ours, unit, f"redis-benchmark -c 1 -P 1000 XADD: {theirs:,.0f}/s", ratio, SHARE)


def _memory(few: "_Producer", many: "_Producer", small: int, large: int) -> Iterator[Row]:
    peak_mb, small_mb = median(many.peaks_mb), median(few.peaks_mb)
    yield measured(f"producer: peak memory, {large:,} monitors", peak_mb, "MB", MEMORY_MB)
    ratio = max(peak_mb, small_mb) / min(peak_mb, small_mb)
    yield compared("producer: the same", peak_mb, "MB", f"{small:,} monitors: {small_mb:.1f} MB", ratio, FLAT)


@dataclass(slots=True)
class _Producer:
    """Runs of the producer's handler, each in a process of its own on an empty stream; keeps their peaks of memory."""

    stage: Stage
    monitors: int
    peaks_mb: list[float] = field(default_factory=list)
    checks: int = 0
    value_bytes: int = 0

    def rate(self) -> float:
        """Checks per second of one run."""
        self.stage.clear_ticks()
        done = subprocess.run(
            [sys.executable, "-m", "bench.producer_process"],
            check=True,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=self.stage.settings(VANTAGE_FIRST_TICK_WITHIN_S="0"),
        )
        run = json.loads(done.stdout.splitlines()[-1])
        self.peaks_mb.append(run["peak_mb"])
        self.checks = self.stage.redis.xlen(STREAM)
        assert self.checks == run["pushed"]
        assert DUE[0] < self.checks / self.monitors < DUE[1], "not all of the monitors were in force"
        self.value_bytes = round(mean(len(fields[FIELD]) for _, fields in self.stage.redis.xrange(STREAM, count=1000)))
        return float(run["pushed"] / run["seconds"])


@dataclass(slots=True)
class _Reference:
    """redis-benchmark on a stream of its own: as many entries, of the same size."""

    stage: Stage
    benchmark: str
    value_bytes: int
    entries: int

    def rate(self) -> float:
        """Its entries per second."""
        url = urlsplit(self.stage.redis_url)
        where = ["-s", url.path] if url.scheme == "unix" else ["-u", self.stage.redis_url]
        command = ["XADD", _REFERENCE, "*", FIELD.decode(), "x" * self.value_bytes]
        done = subprocess.run(
            [self.benchmark, *where, "-c", "1", "-P", "1000", "-n", str(self.entries), "--csv", *command],
            check=True,
            capture_output=True,
            text=True,
        )
        self.stage.redis.delete(_REFERENCE)
        return float(done.stdout.splitlines()[-1].rsplit('",', 1)[0].split('","')[1])
