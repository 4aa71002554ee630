"""Run a server, and stop it when the process that asked for it is gone, however that died.

Started as a script (standard library only, so that it is up in milliseconds) with one argument, a JSON object:
`command`, `signal` (its number: how the server is told to stop), `uid` and `gid` (or null), `cwd`, `keep_open`
(file descriptors the server inherits: the lock on its data), `remove` (directories to remove after it was stopped).
It prints the server's process id, and takes the end of its standard input as "stop, or the parent is gone".
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from typing import Any

GRACE_S = 15


def main(spec: dict[str, Any]) -> int:
    """Run the server to its end; returns its exit code."""
    os.environ["LC_ALL"] = "C"  # on macOS PostgreSQL refuses to start where the locale is not set
    who = {} if spec["uid"] is None else {"user": spec["uid"], "group": spec["gid"], "extra_groups": []}
    server = subprocess.Popen(
        spec["command"],
        stdin=subprocess.DEVNULL,
        stdout=sys.stderr,
        cwd=spec["cwd"],
        pass_fds=spec["keep_open"],
        start_new_session=True,  # a Ctrl-C in the terminal must not reach the server before its clients are done
        **who,
    )

    stopping = threading.Event()

    def stop(*_: object) -> None:
        stopping.set()
        server.send_signal(spec["signal"])

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)
    threading.Thread(target=stop_when_parent_is_gone, args=(server, stop), daemon=True).start()
    print(server.pid, flush=True)
    code = server.wait()
    for directory in spec["remove"] if stopping.is_set() else ():
        shutil.rmtree(directory, ignore_errors=True)
    return code


def stop_when_parent_is_gone(server: "subprocess.Popen[bytes]", stop: Any) -> None:
    """Wait for the end of standard input, then stop the server, in the end by force."""
    while os.read(0, 1024):
        pass
    stop()
    try:
        server.wait(GRACE_S)
    except subprocess.TimeoutExpired:
        server.kill()


if __name__ == "__main__":
    sys.exit(main(json.loads(sys.argv[1])))
