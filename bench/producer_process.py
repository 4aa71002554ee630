"""One run of the producer's handler in a fresh process, for the current minute's event; its settings are around it.

`python -m bench.producer_process` prints, as its last line, what it pushed, how long that took, and the most memory it
ever held.
"""

import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

from functions.producer.app import handler
from local.fleet import PRODUCER_TIMEOUT_S
from local.host import Context
from local.minutes import event_time


def peak_mb() -> float:
    """The process's peak memory; on Linux not the kernel's ru_maxrss, which begins at what the parent had."""
    if sys.platform == "linux":
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20)


def main() -> None:
    """Run it and print."""
    event = {"time": event_time(int(time.time() // 60) * 60)}
    context: Any = Context("bench", "producer", "producer-1", PRODUCER_TIMEOUT_S)
    began_s = time.perf_counter()
    done = handler(event, context)
    seconds = time.perf_counter() - began_s
    pushed = sum(next(iter(regions.values()))["pushed"] for regions in done["ticks"].values())
    print(json.dumps({"pushed": pushed, "seconds": seconds, "peak_mb": peak_mb()}))


if __name__ == "__main__":
    main()
