"""What `make build` makes: artifacts of the right machine, compiled, small, and whole by themselves."""

import io
import subprocess
import zipfile
from pathlib import Path

import pytest

from local.emulator import PYTHON, is_possible, provided
from tests.aws.templates import ROOT
from tests.conftest import require

MOST_ZIPPED_BYTES = 10_000_000
MACHINES = {"arm64": 183, "x86_64": 62}  # e_machine of an ELF header
CARRIED = {
    "Api": {"jinja2", "pydantic", "yaml", "dateutil", "tzdata"},
    "Housekeeper": {"dateutil", "tzdata"},
    "Notifier": {"aiosmtplib", "apprise"},
}
FUNCTIONS = sorted(path.parent.name.capitalize() for path in (ROOT / "functions").glob("*/app.py"))


@pytest.fixture(params=MACHINES)
def built_for(request: pytest.FixtureRequest, built: Path) -> tuple[Path, str]:
    """A build, and for which machine it is."""
    return built / request.param, request.param


def test_every_shared_object_is_of_the_machine_it_is_built_for(built_for: tuple[Path, str]) -> None:
    """SAM would build x86_64 binaries into an arm64 layer without a word (seen without SAM_ARCH)."""
    place, architecture = built_for
    libraries = [path for path in place.rglob("*") if ".so" in path.suffixes]
    assert len(libraries) > 15
    for path in libraries:
        header = path.read_bytes()[:20]
        assert header[:4] == b"\x7fELF"
        assert int.from_bytes(header[18:20], "little") == MACHINES[architecture], path


def test_the_layer_is_small(built_for: tuple[Path, str]) -> None:
    """At most 10 MB zipped, as sam zips it: each cold start loads it."""
    place, _ = built_for
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in (place / "SharedLayer").rglob("*"):
            archive.write(path, path.relative_to(place))
    assert len(packed.getvalue()) <= MOST_ZIPPED_BYTES


def test_every_module_is_compiled_and_believed_without_looking_at_its_source(built_for: tuple[Path, str]) -> None:
    """/opt is read-only: what is not compiled here would be compiled in each cold start. No check of dates either."""
    layer = built_for[0] / "SharedLayer" / "python"
    compiled = list(layer.rglob("*.pyc"))
    assert len(compiled) > 500
    for path in compiled:
        assert int.from_bytes(path.read_bytes()[4:8], "little") == 0b01, path  # hash-based, unchecked
    sources = list(layer.rglob("*.py"))
    assert {path.relative_to(layer).parts[0] for path in sources} == {"vantage"}
    assert all((path.parent / "__pycache__" / f"{path.stem}.cpython-313.pyc").exists() for path in sources)


def test_a_function_is_its_one_file(built_for: tuple[Path, str]) -> None:
    """All else is the layer's, but for what a function alone needs; nothing of this machine comes along."""
    for function in FUNCTIONS:
        if function in CARRIED:
            there = {path.name for path in (built_for[0] / function).iterdir()}
            assert {"app.py", *CARRIED[function]} <= there
            assert [path.name for path in (built_for[0] / function).rglob("*.py")] == ["app.py"]
            continue
        assert [path.name for path in (built_for[0] / function).iterdir() if path.name != "__pycache__"] == ["app.py"]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_starts_from_function_and_layer_alone_and_without_boto3(
    built: Path, function: str, tmp_path: Path
) -> None:
    """Nothing of this environment's packages is there but what Lambda provides; of that, boto3 and tracing would cost
    each cold start their import, as would the rules of judging in a worker, which its first run loads (each broken
    once by importing it at the top)."""
    require("x86_64 Linux with Python 3.13", is_possible())
    place = built / "x86_64"
    path = [str(place / function), str(place / "SharedLayer" / "python"), str(provided(tmp_path))]
    late = ["boto3", "botocore.session", "aws_xray_sdk", "pydantic", "yaml"]
    late += ["vantage.judge.tick", "vantage.verdict"] if function == "Worker" else []
    if function == "Api":  # its bodies and answers are models
        late = [name for name in late if name not in ("pydantic", "yaml")]
    program = f"""
import sys; sys.path[:0] = {path}
import app
assert callable(app.handler)
print([name for name in {late} if name in sys.modules])
import boto3, botocore.session
"""
    run = subprocess.run([PYTHON, "-S", "-c", program], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip() == "[]"
