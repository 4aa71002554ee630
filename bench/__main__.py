"""`python -m bench [NAME ...] [--quick]`: measures what is promised, prints a table, writes bench/results.json.

A bench is a module here with `rows(quick)`, which returns its rows; a quick one repeats less and is smaller, so its
figures are for whoever changes a bench, not for anybody else. Where all are run, those in LONG are quick ones. The exit
code is 1 where a limit is missed, 2 where there is no such bench.
"""

import argparse
import importlib
import sys
import time
from pathlib import Path

from bench import report
from vantage.errors import VantageError

BENCHES = (
    "producer", "acks", "flush", "end_to_end", "probe", "judge", "verdicts", "history", "migrations", "cold_start"
)  # fmt: skip
LONG = ("history", "judge")  # at full size take as long as all others together: only where asked for by name
RESULTS = Path(__file__).with_name("results.json")


def main(arguments: list[str] | None = None, results: Path = RESULTS) -> int:
    """Run the benches that are named, or all; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure what is promised.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of {', '.join(BENCHES)} (default: all)")
    parser.add_argument("--quick", action="store_true", help="fewer repeats of smaller things")
    asked = parser.parse_args(arguments)
    if unknown := [name for name in asked.names if name not in BENCHES]:
        parser.error(f"there is no bench {unknown[0]!r}; there are {', '.join(BENCHES)}")
    rows: list[report.Row] = []
    for name in asked.names or BENCHES:
        found = _run(name, quick=asked.quick or (name in LONG and not asked.names))
        print(report.table(found), flush=True)
        rows += found
        report.write(rows, results)  # what was measured is kept, whatever happens to those that follow
    return report.exit_code(rows)


def _run(name: str, *, quick: bool) -> list[report.Row]:
    began_s = time.monotonic()
    found: list[report.Row] = importlib.import_module(f"bench.{name}").rows(quick)
    print(f"bench {name}: {time.monotonic() - began_s:.0f} s", file=sys.stderr, flush=True)
    return found


if __name__ == "__main__":
    try:
        sys.exit(main())
    except VantageError as error:
        sys.exit(f"bench: {error}")
