"""What users write may take for ever to tell: it is stopped, its monitor is refused, and those beside it are served.

CPU time and not wall time is bounded.
"""

import asyncio
import json
import signal
import threading
import time
import tracemalloc
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from tests.probe import zoo
from tests.probe.probing import check, prober, text
from vantage.check import Reason, Result, Status
from vantage.probe import cpu
from vantage.probe.comparison import compile_comparison
from vantage.probe.expect import BODY_MOST, TOO_LONG, compile_expectations
from vantage.probe.paths import Path
from vantage.probe.seen import Seen

MOST_S = 1.5  # of CPU, for two checks; each of these takes from seconds to hours where nothing stops it
WIDE = "[" + "1," * (BODY_MOST // 2 - 10) + "1]"
FEW = json.dumps([0] * 60, separators=(",", ":"))
BACKTRACKS = {"matches": "^(a+)+$"}
FOUR = "|".join(["[@,@]"] * 4)
FAR = "".join(f"{chr(at)}-{chr(at + 1)}" for at in range(0x10000, 0x10000 + 4 * 64, 4))  # which no table makes fast
SILENT = {"matches": f"[^{FAR}]+x"}  # Python's re goes through the whole text in one step, and again from each place

ENDLESS: dict[str, tuple[str, dict[str, Any]]] = {
    "a pattern for a header": ("[]", {"headers": [{"name": "x-a", **BACKTRACKS}]}),
    "a pattern for a value": (json.dumps(["a" * 32 + "!"]), {"json": [{"path": "[0]", **BACKTRACKS}]}),
    "maps of maps": (WIDE, {"json": [{"path": f"map(&map(&map(&@, `{FEW}`), `{FEW}`), @)", "exists": True}]}),
    "copies that are shown": (WIDE, {"json": [{"path": FOUR, "equals": 1}]}),
    "copies that are matched": (WIDE, {"json": [{"path": FOUR, "matches": "^x"}]}),
    "a pattern that hears no signal": (json.dumps(["a" * 4096]), {"json": [{"path": "[0]", **SILENT}]}),
}


@pytest.mark.parametrize("name", ENDLESS)
def test_what_takes_too_long_to_tell_is_refused_and_holds_up_nobody(name: str) -> None:
    """Refused and never down, with words that help; the monitor beside it is up. Seen red: without the alarm."""
    body, expect = ENDLESS[name]
    head = f"HTTP/1.1 200 OK\r\nX-A: {'a' * 32}!\r\nContent-Length: {len(body)}\r\n\r\n"

    async def ask() -> list[Result]:
        async with zoo.target(zoo.says(head.encode() + body.encode())) as target, prober() as made:
            checks = [check(target.url, timeout_ms=10_000, expect=expect), check(target.url, monitor_id=2)]
            return await asyncio.gather(*(made.probe(each, confirm=False) for each in checks))

    began_s = time.process_time()
    endless, healthy = asyncio.run(ask())
    assert time.process_time() - began_s < MOST_S
    assert (endless.status, endless.reason, text(endless)) == (Status.REFUSED, Reason.GUARD, TOO_LONG)
    assert healthy.status is Status.UP


def test_a_pattern_is_tried_on_texts_of_some_length_only() -> None:
    """A longer one does not hold, and the words say why: a target must not get out of being down by saying much.

    Seen red: without the measure, this takes minutes, and no signal ends it.
    """
    fault = compile_comparison(SILENT, "")("a" * 900_000)
    assert fault is not None
    assert fault.endswith("longer than the 4096 characters on which a pattern is tried")


GROWS: dict[str, tuple[str, str]] = {
    "a text between each two": (json.dumps({"a": "x" * 3_000, "b": [""] * 100_000}), "join(a, b)"),
    "quotes of quotes": (json.dumps('"' * 500_000), "to_string([" * 6 + "@" + "])" * 6),
}


@pytest.mark.parametrize("name", GROWS)
def test_what_a_path_makes_of_a_document_has_a_measure(name: str) -> None:
    """A text of 300 MB, or more with more of it, is not made. Seen red: with jmespath's own functions."""
    body, path = GROWS[name]
    rules = compile_expectations({"json": [{"path": path, "exists": False}]})
    seen = Seen(200, httpx.URL("http://x.test/"), httpx.Headers(), body.encode(), False, 1.0, None, datetime.now(UTC))
    tracemalloc.start()
    try:
        assert rules.judge(seen).text == TOO_LONG
        assert tracemalloc.get_traced_memory()[1] < 60_000_000
    finally:
        tracemalloc.stop()


def test_texts_are_made_as_ever_within_that_measure() -> None:
    """Separators between, JSON without spaces. Seen red: with the separator before the first one."""
    found = {path: Path(path, "").search({"a": ["x", "y"], "b": 1}) for path in ("join('-', a)", "to_string(@)")}
    assert found == {"join('-', a)": "x-y", "to_string(@)": '{"a":["x","y"],"b":1}'}


def test_a_signal_that_comes_late_ends_nothing() -> None:
    """Neither the process nor what it does next. Seen red: with the former handler put back, which ends it."""
    with cpu.at_most(10):
        pass
    signal.raise_signal(signal.SIGVTALRM)
    assert signal.getitimer(signal.ITIMER_VIRTUAL) == (0, 0)


def test_off_the_main_thread_nothing_is_limited_and_nothing_breaks() -> None:
    """Signals are the main thread's."""
    done = list[bool]()

    def work() -> None:
        with cpu.at_most(0.001):
            done.append(sum(range(1_000_000)) > 0)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done == [True]
