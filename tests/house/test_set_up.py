"""tools/set_up.py on a project of its own: two tiny wheels in a folder, a lock with their hashes, and a real pip."""

import copy
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

SET_UP = Path(__file__).resolve().parents[2] / "tools" / "set_up.py"
PROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
[project]
name = "tiny"
version = "1"
[tool.setuptools]
"""
BACKEND = """
from zipfile import ZipFile
def build_editable(folder, config_settings=None, metadata_directory=None):
    with ZipFile(folder + "/tiny-1-py3-none-any.whl", "w") as wheel:
        wheel.writestr("tiny.pth", "")
        wheel.writestr("tiny-1.dist-info/METADATA", "Metadata-Version: 2.1\\nName: tiny\\nVersion: 1\\n")
        wheel.writestr("tiny-1.dist-info/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr("tiny-1.dist-info/RECORD", "")
    return "tiny-1-py3-none-any.whl"
"""


class Project:
    """A folder with set_up.py, a lock for running and one for development."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "project"
        self.wheels = folder / "wheels"
        for new in (self.root / "tools", self.wheels):
            new.mkdir(parents=True)
        shutil.copy(SET_UP, self.root / "tools")
        (self.root / "pyproject.toml").write_text(PROJECT)
        (self.root / "backend.py").write_text(BACKEND)
        run, dev = self.wheel("needed", "1"), self.wheel("extra", "1")
        self.lock("requirements.lock", run)
        self.lock("requirements-dev.lock", run, dev)

    def wheel(self, name: str, version: str) -> str:
        """Put a package of one module into the folder of wheels, and return its line for a lock."""
        path, info = self.wheels / f"{name}-{version}-py3-none-any.whl", f"{name}-{version}.dist-info"
        with zipfile.ZipFile(path, "w") as wheel:
            wheel.writestr(f"{name}.py", f"version = {version!r}\n")
            wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
            wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
            wheel.writestr(f"{info}/RECORD", "")
        return f"{name}=={version} \\\n    --hash=sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}\n"

    def lock(self, name: str, *lines: str) -> None:
        """Write a lock."""
        (self.root / name).write_text("".join(lines))

    def begin(self, kind: str, **env: str) -> "subprocess.Popen[str]":
        """Start set_up.py in a session of its own."""
        local = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(self.wheels), "PYTHON": ""}
        return subprocess.Popen(
            [sys.executable, self.root / "tools" / "set_up.py", kind],
            env=os.environ | local | env,
            stderr=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def set_up(self, kind: str, **env: str) -> tuple[int, str]:
        """Run set_up.py to its end; its exit code and what it said. Nothing may be on standard output."""
        run = self.begin(kind, **env)
        out, said = run.communicate(timeout=120)
        assert out == ""
        return run.returncode, said

    def imports(self, name: str) -> str:
        """The version of a module in .venv, or nothing where it has none."""
        code = f"import {name}; print({name}.version)"
        run = subprocess.run([self.root / ".venv/bin/python", "-c", code], capture_output=True, text=True, check=False)
        return run.stdout.strip()


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project that has been set up for running, for all tests in their order: to make one costs 3 s."""
    project = Project(tmp_path_factory.mktemp("whole"))
    code, said = project.set_up("run")
    assert code == 0, said
    return project


def test_a_second_call_changes_nothing_and_takes_a_second(finished: Project) -> None:
    """It is called before every run and every test."""
    began_s, stamp = time.monotonic(), (finished.root / ".venv" / "set-up.json").stat().st_mtime_ns
    assert finished.set_up("run") == (0, "")
    assert time.monotonic() - began_s < 1
    assert (finished.root / ".venv" / "set-up.json").stat().st_mtime_ns == stamp


def test_running_installs_only_the_run_time_lock(finished: Project) -> None:
    """Development adds its own to it, and running is content with that."""
    assert (finished.imports("needed"), finished.imports("extra")) == ("1", "")
    code, said = finished.set_up("dev")
    assert (code, finished.imports("extra")) == (0, "1"), said
    assert "Making .venv" not in said
    assert finished.set_up("run") == (0, "")


def test_a_changed_lock_is_installed(finished: Project) -> None:
    """After a pull the next command brings the new versions. (Red when the stamp did not hold the lock's digest.)"""
    finished.lock("requirements.lock", finished.wheel("needed", "2"))
    code, said = finished.set_up("run")
    assert (code, finished.imports("needed")) == (0, "2"), said
    assert "Making .venv" not in said


def test_a_folder_that_was_moved_gets_a_new_environment(finished: Project, tmp_path: Path) -> None:
    """Scripts in .venv/bin name the place where they were made."""
    project = copy.copy(finished)
    project.root = shutil.copytree(finished.root, tmp_path / "elsewhere", symlinks=True)
    code, said = project.set_up("run")
    assert code == 0, said
    assert "Making .venv" in said
    assert str(tmp_path / "elsewhere") in (project.root / ".venv" / "bin" / "pip").read_text()


def test_an_altered_package_is_refused(finished: Project) -> None:
    """A wheel that is not what was locked stops the set-up, which says so and is not taken for whole afterwards."""
    line = finished.wheel("needed", "3")
    finished.lock("requirements.lock", line[:-5] + "0000\n")
    code, said = finished.set_up("run")
    assert code == 1
    assert "DO NOT MATCH THE HASHES" in said
    assert "pip could not install requirements.lock" in said
    assert not (finished.root / ".venv" / "set-up.json").exists()


def test_a_set_up_that_was_killed_is_done_again_and_two_at_once_make_one_environment(tmp_path: Path) -> None:
    """kill -9 once packages are being installed; then `make run` and `make test` at once: the second waits, and
    finds what it wants. (Red when .venv/bin/python alone was taken for an environment.)"""
    project = Project(tmp_path)
    run = project.begin("run")
    assert run.stderr is not None
    for line in run.stderr:
        if line.startswith("Installing"):
            break
    os.killpg(run.pid, signal.SIGKILL)
    run.communicate()
    assert (project.root / ".venv" / "bin" / "python").exists()
    runs = [project.begin("run"), project.begin("run")]
    said = [run.communicate(timeout=120)[1] for run in runs]
    assert ([run.returncode for run in runs], project.imports("needed")) == ([0, 0], "1"), said
    assert sum("Making .venv" in text for text in said) == 1
    assert json.loads((project.root / ".venv" / "set-up.json").read_text())["venv"] == str(project.root / ".venv")
