"""mutate.py: takes one guard after the other out of a copy of the tree, and shows that the suite notices.

A test that cannot fail is decoration. Each mutation below names the guard, the file and the text it stands in, and
the tests that must then be red, and that are green with the guard; the tree itself is not touched. `tools/mutate.py
NAME...` does only those that are named. What came of each is written into the table of docs/faults.md.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = "layers/shared/python/vantage"
PAGE = ROOT / "docs" / "faults.md"
BEGIN, END = "<!-- mutations: written by tools/mutate.py -->", "<!-- end of mutations -->"


@dataclass(frozen=True)
class Mutation:
    """One guard, and what stands there without it; `tests` as pytest takes them."""

    name: str
    path: str
    guard: str
    without: str
    tests: tuple[str, ...]
    more: tuple[tuple[str, str], ...] = ()


def _tests(path: str, names: str) -> tuple[str, ...]:
    return (path, "-k", names)


MUTATIONS = (
    Mutation(
        "ack before insert", f"{PACKAGE}/drain/recorder.py",
        "        while True:\n            try:\n                connection = await",
        "        self._on_stored([item.entry_id for item in batch])\n        while True:\n            try:\n"
        "                connection = await",
        _tests("tests/test_drain.py", "not_committed"),
    ),
    Mutation(
        "group made at $", f"{PACKAGE}/stream/reader.py",
        'id="0", mkstream=True', 'id="$", mkstream=True',
        _tests("tests/test_drain.py", "group_lost or stored_result"),
    ),
    Mutation(
        "no expiry", f"{PACKAGE}/drain/fate.py",
        "    return now_ms - check.checked_at_ms > limit_s * 1000", "    return limit_s < 0",
        _tests("tests/test_drain.py", "expires"),
    ),
    Mutation(
        "no delivery cap", f"{PACKAGE}/drain/fate.py",
        "MOST_DELIVERIES = 5", "MOST_DELIVERIES = 1 << 30",
        _tests("tests/test_drain.py", "poison"),
    ),
    Mutation(
        "plain pipeline instead of MULTI", f"{PACKAGE}/stream/writer.py",
        "$5\\r\\nMULTI", "$4\\r\\nPING",
        _tests("tests/test_produce.py", "all_or_nothing"), (("$4\\r\\nEXEC", "$4\\r\\nPING"),),
    ),
    Mutation(
        "ledger rows locked in any order", "migrations/0025_judging_in_portions.sql",
        "      ORDER BY l.tick FOR UPDATE;", "      ORDER BY random() FOR UPDATE;",
        ("tests/faults/test_recording.py",),
    ),
    Mutation(
        "MAXLEN trim", f"{PACKAGE}/stream/scripts.py",
        "'XTRIM', KEYS[1], 'MINID', keep", "'XTRIM', KEYS[1], 'MAXLEN', 1",
        _tests("tests/test_housekeep.py", "trim"),
    ),
    Mutation(
        "entries without an id of their own", f"{PACKAGE}/produce.py",
        '(b"%d-%d" % (at_ms, monitor_id), wire', '(b"*", wire',
        _tests("tests/test_produce.py", "second_producer or in_order"),
    ),
    Mutation(
        "results without a key", "migrations/0002_results.sql",
        "    PRIMARY KEY (monitor_id, checked_at, region)\n) PARTITION", "    CHECK (true)\n) PARTITION",
        _tests("tests/test_drain.py", "second_delivery"),
    ),
    Mutation(
        "withheld from one pending check on, not two", f"{PACKAGE}/produce.py",
        "if count >= 2}", "if count >= 1}",
        _tests("tests/test_produce.py", "overdue"),
    ),
    Mutation(
        "the old rule: nothing is pushed behind an entry that was not delivered", f"{PACKAGE}/produce.py",
        "        for count, (entry_id, value) in enumerate(self.stream.range(last_delivered",
        "        if last_delivered[0] < now_ms - 60_000:\n            return Withheld(away=True)\n"
        "        for count, (entry_id, value) in enumerate(self.stream.range(last_delivered",
        _tests("tests/test_produce.py", "group_lost or in_order"),
    ),
    Mutation(
        "a pool smaller than the probes", f"{PACKAGE}/probe/prober.py",
        "        return await http.attempt(self._means, self._plan(check), trace)",
        "        self._pool = getattr(self, '_pool', None) or asyncio.Semaphore(4)\n        async with self._pool:\n"
        "            return await http.attempt(self._means, self._plan(check), trace)",
        _tests("tests/faults/test_lived.py", "everything-hangs"),
    ),
    Mutation(
        "no places kept for healthy sites", f"{PACKAGE}/drain/slots.py",
        "self._suspects_most = count - self._kept", "self._suspects_most = count",
        _tests("tests/test_drain.py", "hanging"),
    ),
    Mutation(
        "no lease when a tick is taken", f"{PACKAGE}/store/ledger.py",
        "           AND (owner IS NULL OR owner = %(owner)s OR lease_until < clock_timestamp())\n", "",
        _tests("tests/test_produce.py", "holds_is_left"),
    ),
    Mutation(
        "no owner when a page is booked", f"{PACKAGE}/store/ledger.py",
        " AND l.owner = %(owner)s AND l.pushed_at IS NULL", " AND l.pushed_at IS NULL",
        _tests("tests/test_produce.py", "lost_its_tick"),
    ),
    Mutation(
        "a resumed tick is not counted first", f"{PACKAGE}/produce.py",
        "        pusher.count_what_is_there()\n", "",
        _tests("tests/faults/test_cuts.py", "away_now"),
    ),
    Mutation(
        "what Redis refused is booked as pushed", f"{PACKAGE}/produce.py",
        "        if refused:\n            pushed", "        if refused < 0:\n            pushed",
        _tests("tests/faults/test_cuts.py", "refuses"),
    ),
    Mutation(
        "a gap is resumed behind later ticks", f"{PACKAGE}/store/ledger.py",
        "tick > coalesce((SELECT max(tick) FROM tick_ledger WHERE pushed_at IS NOT NULL), '-infinity')", "true",
        _tests("tests/test_produce.py", "gap"),
    ),
    Mutation(
        "consumers are removed with what they hold", f"{PACKAGE}/stream/scripts.py",
        "if named['pending'] == 0 and named['idle']", "if named['idle']",
        _tests("tests/test_housekeep.py", "holds_something"),
    ),
    Mutation(
        "what this consumer held is not taken up", f"{PACKAGE}/drain/run.py",
        "self._must_take_up = True\n        self._quiet", "self._must_take_up = False\n        self._quiet",
        _tests("tests/test_drain.py", "takes_up_its_own or claimed"),
    ),
    Mutation(
        "a lock outlasts the run", f"{PACKAGE}/drain/run.py",
        "async with asyncio.timeout(self._clock.pace.real_s(left_ms / 1000)):", "async with asyncio.timeout(None):",
        _tests("tests/faults/test_lived.py", "postgres-slow"),
    ),
    Mutation(
        "a full Redis stops the workers", f"{PACKAGE}/stream/reader.py",
        ' or await self.group_exists()', "",
        _tests("tests/faults/test_lived.py", "out-of-memory"),
    ),
    Mutation(
        "open books are trimmed", f"{PACKAGE}/stream/scripts.py",
        "less(open, floor) and open or floor", "floor",
        _tests("tests/test_housekeep.py", "refused_and_said"),
    ),
    Mutation(
        "an id of the future stays", f"{PACKAGE}/produce.py",
        "        done.recalled = self._recall(now_ms, regions)\n", "",
        _tests("tests/test_produce.py", "future"),
    ),
    Mutation(
        "a bad row takes its batch along", f"{PACKAGE}/drain/recorder.py",
        "            if len(rows) == 1:", "            if rows:\n                raise\n            if len(rows) == 1:",
        _tests("tests/test_drain.py", "costs_only_itself"),
    ),
    Mutation(
        "a disabled region's group is made again", f"{PACKAGE}/drain/run.py",
        "        if enabled:\n            self.summary.gr", "        if True:\n            self.summary.gr",
        _tests("tests/test_drain.py", "only_where_its_region"),
    ),
    Mutation(
        "a connection more than is documented", f"{PACKAGE}/wiring/home.py",
        "    _check_eviction(stream)\n    prepare",
        "    _check_eviction(stream)\n    stream.more = StreamWriter(redis_url(settings))\n"
        "    stream.more.time_s()\n    prepare",
        _tests("tests/faults/test_lived.py", "connections-counted"),
    ),
)  # fmt: skip


def main(names: list[str]) -> int:
    """Do them one by one; returns how many the suite did not notice."""
    asked = [mutation for mutation in MUTATIONS if not names or mutation.name in names]
    with tempfile.TemporaryDirectory(prefix="vantage-mutate-", dir="/tmp") as directory:
        copy = Path(directory) / "tree"
        Path(directory).chmod(0o755)
        _copy_tree(copy)
        for tests in dict.fromkeys(mutation.tests for mutation in asked):
            _require_green(tests, copy)
        rows = [_row(mutation, *_noticed(mutation, copy)) for mutation in asked]
    _write(rows)
    return sum(" **no** " in row for row in rows)


def _copy_tree(copy: Path) -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, check=True, capture_output=True
    )
    for path in filter(None, listed.stdout.decode().split("\0")):
        if (ROOT / path).is_file():
            (copy / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / path, copy / path)


def _require_green(tests: tuple[str, ...], copy: Path) -> None:
    """The control: tests that are red with every guard in its place notice nothing."""
    control = _run(tests, copy)
    if control.returncode != 0:
        sys.exit(f"{' '.join(tests)}: not green with nothing taken out:\n{control.stdout[-2000:]}")


def _run(tests: tuple[str, ...], copy: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", "--no-header", "-p", "no:cacheprovider", *tests],
        cwd=copy, env={**os.environ, "PYTHONPATH": str(copy / "layers/shared/python")}, check=False,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def _noticed(mutation: Mutation, copy: Path) -> tuple[bool, float]:
    """Take the guard out, run its tests, put it back; whether they failed, and how many seconds that took."""
    file = copy / mutation.path
    whole = file.read_text()
    text = whole
    for guard, without in ((mutation.guard, mutation.without), *mutation.more):
        if text.count(guard) != 1:
            sys.exit(f"{mutation.name}: {guard!r} stands {text.count(guard)} times in {mutation.path}, not once")
        text = text.replace(guard, without)
    file.write_text(text)
    began_s = time.monotonic()
    try:
        code = _run(mutation.tests, copy)
    finally:
        file.write_text(whole)
    if code.returncode not in (0, 1):
        sys.exit(f"{mutation.name}: its tests did not run:\n{code.stdout[-2000:]}")
    noticed = code.returncode == 1 and " failed" in code.stdout.splitlines()[-1]
    print(f"{'noticed' if noticed else 'NOT NOTICED':12} {mutation.name}", flush=True)
    return noticed, time.monotonic() - began_s


def _row(mutation: Mutation, noticed: bool, seconds: float) -> str:
    path, tests = mutation.path.removeprefix(f"{PACKAGE}/"), " ".join(mutation.tests)
    return f"| {mutation.name} | `{path}` | `{tests}` | {'yes' if noticed else ' **no** '} | {seconds:.0f} s |"


def _write(rows: list[str]) -> None:
    """Put the rows into the page's table, each in the place of the one it replaces."""
    before, _, rest = PAGE.read_text().partition(BEGIN)
    table, _, after = rest.partition(END)
    known = {row.split("|")[1].strip(): row for row in (*table.splitlines(), *rows) if row.startswith("| ")}
    lines = [known[mutation.name] for mutation in MUTATIONS if mutation.name in known]
    head = ["| taken out | of | tests | red | in |", "|---|---|---|---|---|"]
    PAGE.write_text("\n".join([before + BEGIN, *head, *lines, END]) + after)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
