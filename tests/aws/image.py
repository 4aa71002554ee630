"""A stand-in for Lambda's Python image, which comes from a registry that not every machine reaches: this machine's
Python 3.13 and C library, Lambda's own runtime client, boto3, and busybox for the commands that sam runs in it."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from local.emulator import PYTHON, provided

NAME = "public.ecr.aws/lambda/python:3.13-x86_64"
BUSYBOX = Path("/bin/busybox")
COMMANDS = ("sh", "mv", "cp", "rm", "chmod", "mkdir", "env")
UNUSED = ("test", "idlelib", "tkinter", "turtledemo", "ensurepip", "lib2to3", "site-packages", "pydoc_data")
OF_NO_USE_HERE = re.compile(r"(_tkinter|_test|_xx|readline|_curses|_dbm|_gdbm)")
OF_THE_C_LIBRARY = (
    "libdl.so.2",
    "librt.so.1",
    "libutil.so.1",
    "libresolv.so.2",
    "libnss_files.so.2",
    "libnss_dns.so.2",
)
BOOTSTRAP = """#!/bin/sh
export LD_LIBRARY_PATH=/var/lang/lib:/var/task/lib:/opt/lib AWS_EXECUTION_ENV=AWS_Lambda_python3.13
export PYTHONPATH=/opt/python:/var/runtime
exec /var/lang/bin/python3.13 -S -m awslambdaric "${_HANDLER:-$1}"
"""
CHANGES = (
    "ENV LAMBDA_TASK_ROOT=/var/task", "ENV LAMBDA_RUNTIME_DIR=/var/runtime", "ENV PATH=/var/lang/bin:/bin",
    "ENV LD_LIBRARY_PATH=/var/lang/lib", "WORKDIR /var/task",
)  # fmt: skip


def write_image(folder: Path) -> Path:
    """The image's files as a tar in `folder`, for `podman import` with CHANGES."""
    root = folder / "root"
    for place in ("bin", "lib64", "etc", "tmp", "var/task", "var/rapid", "var/lang/bin", "var/lang/lib", "opt"):
        (root / place).mkdir(parents=True)
    (root / "tmp").chmod(0o1777)
    (root / "var/runtime").mkdir()
    _add_commands(root)
    _add_python(root)
    _add_libraries(root)
    tar = folder / "root.tar"
    # In tar's own program, thrice as fast: symbolic links are followed.
    subprocess.run(["tar", "-chf", tar, "-C", root, "."], check=True)
    return tar


def _add_commands(root: Path) -> None:
    for command in COMMANDS:
        shutil.copy(BUSYBOX, root / "bin" / command)
    (root / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
    (root / "etc/nsswitch.conf").write_text("hosts: files dns\n")
    (root / "var/runtime/bootstrap").write_text(BOOTSTRAP)
    (root / "var/runtime/bootstrap").chmod(0o755)


def _add_python(root: Path) -> None:
    """Interpreter and standard library, and beside the function what Lambda puts there."""
    shutil.copy(PYTHON, root / "var/lang/bin/python3.13")
    library = Path(sys.base_prefix) / "lib"
    for shared in library.glob("libpython3.13.so.*"):
        shutil.copy(shared, root / "var/lang/lib")
    shutil.copytree(
        library / "python3.13", root / "var/lang/lib/python3.13", ignore=shutil.ignore_patterns("config-3.13*", *UNUSED)
    )
    provided(root / "var/runtime")


def _add_libraries(root: Path) -> None:
    """The system's shared libraries that Python, its extensions and the runtime client ask for."""
    modules = [path for path in (root / "var").rglob("*.so*") if not OF_NO_USE_HERE.match(path.name)]
    system = root / "lib/x86_64-linux-gnu"
    system.mkdir(parents=True)
    needed = _needed([root / "var/lang/bin/python3.13", *modules])
    [c_library] = [path.parent for path in needed if path.name == "libc.so.6"]
    for path in [*needed, *(c_library / name for name in OF_THE_C_LIBRARY)]:
        shutil.copy(path, system)
    shutil.copy("/lib64/ld-linux-x86-64.so.2", root / "lib64")


def _needed(files: Iterable[Path]) -> set[Path]:
    listed = subprocess.run(["ldd", *files], capture_output=True, text=True, check=False).stdout
    return {Path(path) for path in re.findall(r"=> (/\S+)", listed) if "libpython" not in path}
