"""A built function under Lambda's own runtime interface emulator, which sam brings, and Lambda's own runtime client."""

import importlib.util
import json
import os
import platform
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

PYTHON = f"{sys.base_prefix}/bin/python{sys.version_info[0]}.{sys.version_info[1]}"  # without what .venv holds
PROVIDED = ("boto3", "botocore", "s3transfer", "dateutil", "six.py", "urllib3", "jmespath")
CLIENT = ("awslambdaric", "snapshot_restore_py.py", "simplejson")


def is_possible() -> bool:
    """Whether the emulator, its client and Lambda's Python are here."""
    return (
        sys.version_info[:2] == (3, 13)
        and (sys.platform, platform.machine()) == ("linux", "x86_64")
        and importlib.util.find_spec("awslambdaric") is not None
    )


def provided(folder: Path) -> Path:
    """What Lambda puts beside a function, the client and boto3, and nothing else of this environment's packages."""
    packages = Path(str(importlib.util.find_spec("awslambdaric").origin)).parents[1]  # type: ignore[union-attr]
    for name in [*CLIENT, *PROVIDED, *(path.name for path in packages.glob("runtime_client*.so"))]:
        (folder / name).symlink_to(packages / name)
    return folder


@dataclass
class Emulator:
    """One execution environment of one function."""

    url: str
    log: Path
    process: "subprocess.Popen[bytes]"

    def invoke(self, event: Mapping[str, Any], within_s: float = 60) -> Any:
        """The handler's answer, or what Lambda would say of its failure."""
        answer = httpx.post(self.url, json=event, timeout=within_s, trust_env=False)
        try:
            return answer.json()
        except ValueError:
            return {"errorMessage": answer.text}

    def runtime_pid(self) -> int:
        """The process that the function runs in."""
        tasks = Path(f"/proc/{self.process.pid}/task").iterdir()
        [pid] = [int(child) for task in tasks for child in (task / "children").read_text().split()]
        return pid

    def lines(self, kind: str) -> list[str]:
        """The lines of its log that hold a word."""
        return [line for line in self.log.read_text().splitlines() if kind in line]

    def json_lines(self) -> list[dict[str, Any]]:
        """What the function logged as JSON."""
        found = (line[line.index("{") :] for line in self.lines("{"))
        return [json.loads(line) for line in found if line.endswith("}") and '"' in line]


@contextmanager
def emulated(
    built: Path,
    function: str,
    env: Mapping[str, str],
    folder: Path,
    *,
    timeout_s: int = 240,
    handler: str = "app.handler",
    beside: Path | None = None,
) -> Iterator[Emulator]:
    """Run a built function with its environment variables until the block ends; started by its first invocation.

    `handler`, where it is not the function's own, is found in the folder `beside`.
    """
    task, layer = built / function, built / "SharedLayer" / "python"
    home = folder / f"{function}-{free_port()}"
    (home / "runtime").mkdir(parents=True)
    runtime, port, log = provided(home / "runtime"), free_port(), home / "log"
    emulator = Path(str(importlib.util.find_spec("samcli").origin)).parent / "local/rapid/aws-lambda-rie-x86_64"  # type: ignore[union-attr]
    lambda_env = {
        "PATH": os.environ["PATH"], "HOME": "/tmp", "LAMBDA_TASK_ROOT": str(task), "LAMBDA_RUNTIME_DIR": str(runtime),
        "_HANDLER": handler, "AWS_LAMBDA_FUNCTION_NAME": f"vantage-{function.lower()}",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
        "AWS_LAMBDA_FUNCTION_TIMEOUT": str(timeout_s), "AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x", "AWS_EXECUTION_ENV": "AWS_Lambda_python3.13",
        "PYTHONPATH": ":".join(str(path) for path in (task, layer, runtime, beside) if path),
    }  # fmt: skip
    addresses = ["--runtime-interface-emulator-address", f"127.0.0.1:{port}"]
    addresses += ["--runtime-api-address", f"127.0.0.1:{free_port()}"]
    # -S: nothing that is installed for this Python is seen, as on Lambda
    command = [str(emulator), "--log-level", "info", *addresses, PYTHON, "-S", "-m", "awslambdaric"]
    with (
        log.open("wb") as output,
        subprocess.Popen(
            [*command, handler], cwd=task, env={**lambda_env, **env}, stdout=output, stderr=output
        ) as process,
    ):
        try:
            wait_for_port(port)
            url = f"http://127.0.0.1:{port}/2015-03-31/functions/function/invocations"
            yield Emulator(url, log, process)
        finally:
            process.terminate()


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def wait_for_port(port: int, within_s: float = 20) -> None:
    """Wait until somebody listens."""
    deadline_s = time.monotonic() + within_s
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if time.monotonic() > deadline_s:
                raise
            time.sleep(0.02)
        else:
            return
