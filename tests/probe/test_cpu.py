"""What users write may take for ever to tell: it is stopped, its monitor is refused, and those beside it are served.

CPU time and not wall time is bounded.
"""

import asyncio
import json
import signal
import threading
import time
from typing import Any

import pytest

from tests.probe import zoo
from tests.probe.probing import check, prober, text
from vantage.check import Reason, Result, Status
from vantage.probe import cpu
from vantage.probe.expect import BODY_MOST, TOO_LONG

MOST_S = 1.5  # of CPU, for two checks; each of these takes from seconds to hours where nothing stops it
WIDE = "[" + "1," * (BODY_MOST // 2 - 10) + "1]"
FEW = json.dumps([0] * 60, separators=(",", ":"))
BACKTRACKS = {"matches": "^(a+)+$"}

ENDLESS: dict[str, tuple[str, dict[str, Any]]] = {
    "a pattern for a header": ("[]", {"headers": [{"name": "x-a", **BACKTRACKS}]}),
    "a pattern for a value": (json.dumps(["a" * 32 + "!"]), {"json": [{"path": "[0]", **BACKTRACKS}]}),
    "maps of maps": (WIDE, {"json": [{"path": f"map(&map(&map(&@, `{FEW}`), `{FEW}`), @)", "exists": True}]}),
    "copies that are shown": (WIDE, {"json": [{"path": "|".join(["[@,@]"] * 6), "equals": 1}]}),
    "copies that are matched": (WIDE, {"json": [{"path": "|".join(["[@,@]"] * 6), "matches": "^x"}]}),
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
