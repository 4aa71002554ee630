"""What a warm check costs beside few kept connections and beside many: two processes at once, asked in turn.

`python -m bench.probe_kept ORIGINS PORT CA` warms a connection to each origin, prints a line, and then answers each
line of its input with the CPU milliseconds per check of one more block. Both sizes make as many checks, and as many at
once: what is at once shares the loop's turns, and makes a check cheaper.
"""

import asyncio
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from bench.probe_clients import Ask, vantage
from bench.probe_peers import ROOT, Field, on_core
from bench.probe_targets import address
from bench.report import alternating

FEW, MANY = 10, 400
AT_ONCE = FEW  # no origin is asked twice at once, so none opens a second connection
CHECKS = 800  # of a block: 0.1 s of CPU, short beside what else a shared machine does
PAIRS, QUICK_PAIRS = 51, 9


def beside_many_and_few(field: Field, *, quick: bool) -> tuple[float, float, float]:
    """CPU ms per check beside MANY, beside FEW, and the ratio: medians of pairs of blocks, one after the other."""
    with _keeper(field, MANY) as many, _keeper(field, FEW) as few:
        return alternating(many, few, QUICK_PAIRS if quick else PAIRS)


@contextmanager
def _keeper(field: Field, origins: int) -> Iterator[Callable[[], float]]:
    """A process that is warm, as a function that has it check one more block."""
    where = [str(origins), str(field.targets["https"]), field.targets["ca"]]
    command = on_core(0, [sys.executable, "-m", "bench.probe_kept", *where])
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        asks, answers = process.stdin, process.stdout

        def block() -> float:
            print(file=asks, flush=True)
            return float(answers.readline())

        answers.readline()
        try:
            yield block
        finally:
            asks.close()


async def _check(ask: Ask, urls: list[str], checks: int) -> None:
    """So many checks, AT_ONCE at a time, every origin as often as any other."""

    async def share(first: int) -> None:
        mine = range(first, len(urls), AT_ONCE)
        for turn in range(checks // AT_ONCE):
            number = mine[turn % len(mine)]
            await ask(number, urls[number])

    await asyncio.gather(*(share(first) for first in range(AT_ONCE)))


def _serve(origins: int, port: int, authority: str) -> None:
    urls = [f"https://{address(number)}:{port}/" for number in range(origins)]
    with asyncio.Runner() as runner:
        ask = vantage(authority)
        runner.run(_check(ask, urls, 2 * CHECKS))
        print("warm", flush=True)
        for _ in sys.stdin:
            began_s = time.process_time()
            runner.run(_check(ask, urls, CHECKS))
            print((time.process_time() - began_s) * 1000 / CHECKS, flush=True)


if __name__ == "__main__":
    _serve(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
