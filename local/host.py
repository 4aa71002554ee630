"""One execution environment: `python -m local.host functions.worker.app` hosts a handler as Lambda would.

Requests come as JSON lines on standard input, {"event", "request_id", "timeout_s", "scale"}; each is answered by one
JSON line on standard output, {"result"} or {"error", "type"}. What the handler prints goes to standard error, the log.
The end of standard input means that the parent is gone: the process ends at once, even in the middle of a run, so
that nothing outlives a killed parent. The parent decides about Ctrl-C and kills a run that is over its time.
"""

import importlib
import json
import os
import queue
import resource
import signal
import sys
import threading
import time
import traceback
from dataclasses import dataclass, field
from typing import IO, Any

LAMBDA_FILE_DESCRIPTORS = 1024


@dataclass(frozen=True, slots=True)
class Context:
    """What a handler is given beside its event; `scale` > 1: life, and so the time that remains, runs faster."""

    aws_request_id: str
    function_name: str
    log_stream_name: str
    timeout_s: float
    scale: float = 1.0
    function_version: str = "$LATEST"
    memory_limit_in_mb: int = 512
    started_s: float = field(default_factory=time.monotonic)

    @property
    def invoked_function_arn(self) -> str:
        """An ARN that is nobody's."""
        return f"arn:aws:lambda:local:000000000000:function:{self.function_name}"

    @property
    def log_group_name(self) -> str:
        """Where Lambda would write the log."""
        return f"/aws/lambda/{self.function_name}"

    def get_remaining_time_in_millis(self) -> int:
        """How long this run may still last, ms of life; never negative."""
        spent_s = (time.monotonic() - self.started_s) * self.scale
        return max(0, int((self.timeout_s - spent_s) * 1000))


def main(module: str, function_name: str, stream_name: str) -> None:
    """Import the handler, then answer requests until the parent is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    replies = _take_standard_output()
    _limit_file_descriptors()
    requests: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(requests,), daemon=True).start()
    try:
        handler = importlib.import_module(module).handler
    except Exception as error:  # noqa: BLE001  # whatever it is, it is the reply
        traceback.print_exc()
        _write(replies, {"error": str(error), "type": type(error).__name__})
        sys.exit(1)
    while True:
        request = json.loads(requests.get())
        context = Context(
            request["request_id"], function_name, stream_name, request["timeout_s"], request.get("scale", 1.0)
        )
        _write(replies, _answer(handler, request["event"], context))


def _answer(handler: Any, event: Any, context: Context) -> dict[str, Any]:
    try:
        return {"result": handler(event, context)}
    except Exception as error:  # noqa: BLE001  # as Lambda does, the environment lives on
        traceback.print_exc()
        return {"error": str(error), "type": type(error).__name__}


def _read(requests: "queue.SimpleQueue[str]") -> None:
    for line in sys.stdin:
        requests.put(line)
    os._exit(0)


def _take_standard_output() -> IO[str]:
    """Keep the pipe to the parent for replies, and let everything that is printed go to the log."""
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # a TextIOWrapper here
    return replies


def _limit_file_descriptors() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard == resource.RLIM_INFINITY or hard >= LAMBDA_FILE_DESCRIPTORS:
        resource.setrlimit(resource.RLIMIT_NOFILE, (LAMBDA_FILE_DESCRIPTORS, hard))


def _write(replies: IO[str], reply: dict[str, Any]) -> None:
    replies.write(json.dumps(reply, default=str) + "\n")
    replies.flush()


if __name__ == "__main__":
    main(*sys.argv[1:4])
