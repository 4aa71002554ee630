"""A cold start's INIT of each function, as built and under Lambda's emulator, beside its third-party packages alone.

The other side is a process of the same Python that imports the packages the function does, and nothing of Vantage or of
Lambda's runtime client. Both are CPU time from the start of the process: on a shared machine, time by the clock is no
property of the code.
"""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.report import REPEATS, Limit, Row, alternating, at_most, compared, not_compared
from local.emulator import PYTHON, emulated, is_possible

ROOT = Path(__file__).resolve().parents[1]
FUNCTIONS: dict[str, Limit | None] = {
    "Worker": at_most(1.3), "Producer": None, "Housekeeper": None, "Notifier": None, "Api": None,
}  # fmt: skip
TRIES = 3  # whatever else runs here only ever makes a process dearer: the cheapest of a few is the nearest to the truth
# Modules of the layer that are others', without those that a package only imports by its own name.
_PACKAGES = """
import sys, app
layer = sys.argv[1]
print(*(name for name, module in list(sys.modules.items())
        if str(getattr(module, "__file__", None)).startswith(layer) and name.partition(".")[0] != "vantage"))
"""


def rows(quick: bool) -> list[Row]:
    """A row per function."""
    if not is_possible():
        missing = "needs x86_64 Linux, Python 3.13 and what `make setup` brings"
        return [not_compared(_name(each), None, "ms CPU", missing, limit) for each, limit in FUNCTIONS.items()]
    with _built() as place:
        return [_row(place, each, limit, 1 if quick else REPEATS) for each, limit in FUNCTIONS.items()]


def _name(function: str) -> str:
    return f"cold start: INIT of the {function.lower()}"


def _row(place: Path, function: str, limit: Limit | None, repeats: int) -> Row:
    packages = _python(place, function, "-c", _PACKAGES, str(_layer(place)))
    tries = TRIES if limit else 1
    ours, theirs, ratio = alternating(
        lambda: min(_init_ms(place, function) for _ in range(tries)),
        lambda: min(_imports_ms(place, function, packages) for _ in range(tries)),
        repeats,
    )
    return compared(_name(function), ours, "ms CPU", f"its third-party packages: {theirs:.0f} ms", ratio, limit)


@contextmanager
def _built() -> Iterator[Path]:
    """A fresh build for x86_64, which the emulator runs."""
    with TemporaryDirectory() as folder:
        env = {**os.environ, "BUILD_INTO": folder}
        subprocess.run([ROOT / "tools" / "build-aws", "x86_64"], env=env, check=True, stdout=subprocess.DEVNULL)
        yield Path(folder) / "x86_64"


def _init_ms(place: Path, function: str) -> float:
    with TemporaryDirectory() as folder:
        here = Path(__file__).parent
        with emulated(
            place, function, {"COLD": "app"}, Path(folder), handler="cold_start_init.handler", beside=here
        ) as environment:
            return float(environment.invoke({}))


def _imports_ms(place: Path, function: str, packages: str) -> float:
    return float(_python(place, function, str(Path(__file__).with_name("cold_start_init.py")), COLD=packages))


def _python(place: Path, function: str, *arguments: str, **env: str) -> str:
    """What Lambda's Python prints, with nothing but function and layer."""
    path = f"{place / function}:{_layer(place)}"
    run = subprocess.run(
        [PYTHON, "-S", "-P", *arguments], env={"PYTHONPATH": path, **env}, capture_output=True, text=True, check=True
    )
    return run.stdout.strip()


def _layer(place: Path) -> Path:
    return place / "SharedLayer" / "python"
