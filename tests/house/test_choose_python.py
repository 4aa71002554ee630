"""tools/choose-python, given pretended Pythons: real ones that claim another version, and names that do not work."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CHOOSER = Path(__file__).resolve().parents[2] / "tools" / "choose-python"
PRETEND = """#!/bin/sh
exec {real} -c 'import sys; sys.version_info = ({version}, 9); sys._base_executable = sys.argv[1]
{change}
exec(sys.argv[2])' "$0" "$2"
"""
NO_ENSUREPIP = """import importlib.util
importlib.util.find_spec = lambda name: None"""


class Machine:
    """A folder that is the whole PATH, and a home: pretended Pythons and the few tools that the chooser uses."""

    def __init__(self, folder: Path) -> None:
        self.bin = folder / "bin"
        self.home = folder / "home"
        self.pyenv = self.home / ".pyenv" / "versions"
        for new in (self.bin, self.pyenv):
            new.mkdir(parents=True)
        for tool in ("sh", "ls", "grep", "sort"):
            (self.bin / tool).symlink_to(str(shutil.which(tool)))

    def has(self, name: str, version: str, change: str = "", folder: Path | None = None) -> str:
        """Install a Python by this name, of this version, and return its path."""
        text = PRETEND.format(real=sys.executable, version=version.replace(".", ","), change=change)
        return self._script(folder or self.bin, name, text)

    def has_broken(self, name: str) -> str:
        """Install a name that answers 127, as a pyenv shim does for a version that is not selected."""
        return self._script(self.bin, name, "#!/bin/sh\nexit 127\n")

    def choose(self, **env: str) -> subprocess.CompletedProcess[str]:
        """Run the chooser here."""
        env = {"PATH": str(self.bin), "HOME": str(self.home)} | env
        return subprocess.run(["/bin/sh", CHOOSER], env=env, capture_output=True, text=True, check=False, timeout=60)

    def _script(self, folder: Path, name: str, text: str) -> str:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / name
        path.write_text(text)
        path.chmod(0o755)
        return str(path)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A machine without any Python."""
    return Machine(tmp_path)


def test_the_newest_that_is_known_to_work_is_chosen(machine: Machine) -> None:
    """3.13 before 3.12 before 3.11 before whatever python3 is."""
    names = {version: machine.has(f"python{version}", version) for version in ("3.11", "3.13", "3.12")}
    machine.has("python3", "3.11")
    assert machine.choose().stdout.split() == [names["3.13"]]


def test_a_name_that_does_not_run_is_passed_over(machine: Machine) -> None:
    """A shim on PATH proves nothing. (Red when the chooser only asked `command -v`.)"""
    machine.has_broken("python3.13")
    chosen = machine.has("python3.12", "3.12")
    assert machine.choose().stdout.split() == [chosen]


def test_pyenv_is_looked_into_where_its_shim_does_not_run(machine: Machine) -> None:
    """The newest patch release there, and before an older minor on PATH; unfinished and free-threaded builds never."""
    machine.has_broken("python3.13")
    machine.has("python3.12", "3.12")
    for patch in ("3.13.2", "3.13.10", "3.13-dev", "3.13.11t"):
        machine.has("python3.13", "3.13", folder=machine.pyenv / patch / "bin")
    assert machine.choose().stdout.split() == [str(machine.pyenv / "3.13.10" / "bin" / "python3.13")]


def test_python3_serves_from_3_11_on(machine: Machine) -> None:
    """A newer one than all that are known by name, too."""
    chosen = machine.has("python3", "3.14")
    assert machine.choose().stdout.split() == [chosen]


@pytest.mark.parametrize("version", ["3.10", "2.7"])
def test_one_that_is_too_old_is_not_chosen(machine: Machine, version: str) -> None:
    """The message says what to install, and nothing is on standard output."""
    machine.has("python3", version)
    answer = machine.choose()
    assert (answer.returncode, answer.stdout) == (1, "")
    assert "Install one" in answer.stderr


def test_one_that_cannot_make_environments_is_the_last_choice(machine: Machine) -> None:
    """Debian's python3 without python3-venv: another is taken before it, and alone it is named with its cure."""
    bare = machine.has("python3.13", "3.13", NO_ENSUREPIP)
    answer = machine.choose()
    assert answer.returncode == 1
    assert "python3.13" in answer.stderr
    assert "python3-venv" in answer.stderr
    chosen = machine.has("python3.11", "3.11")
    assert machine.choose().stdout.split() == [chosen] != [bare]


def test_the_one_asked_for_is_the_only_one_looked_at(machine: Machine) -> None:
    """PYTHON=... wins over a newer one, and is not silently replaced where it does not work."""
    machine.has("python3.13", "3.13")
    asked = machine.has("python3.11", "3.11")
    assert machine.choose(PYTHON="python3.11").stdout.split() == [asked]
    answer = machine.choose(PYTHON="python3.10")
    assert answer.returncode == 1
    assert "PYTHON=python3.10" in answer.stderr


def test_this_machines_choice_runs() -> None:
    """Not pretended: what is chosen here is 3.11 or later."""
    env = {key: value for key, value in os.environ.items() if key != "PYTHON"}
    chosen = subprocess.run([CHOOSER], env=env, capture_output=True, text=True, check=True).stdout.strip()
    subprocess.run([chosen, "-c", "import sys; assert sys.version_info >= (3, 11)"], check=True)
