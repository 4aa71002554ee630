"""set_up.py run|dev: makes .venv hold what `make run` (or, with dev, what every target) needs, by the locks.

Run by a Python that may only have its standard library. What is already whole is left alone: .venv/set-up.json says
what was installed to its end, and is written last. Whatever is started and not finished is done again.
"""

import fcntl
import hashlib
import json
import os
import re
import subprocess
import sys
import tomllib
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / "set-up.json"
LOCKS = {"run": ROOT / "requirements.lock", "dev": ROOT / "requirements-dev.lock"}


def main(kind: str) -> None:
    """Bring .venv up to date for `kind`; a second call at the same time waits for the first."""
    wanted, folder = wanted_stamp(kind), os.open(ROOT, os.O_RDONLY)
    if is_whole(wanted):
        return
    fcntl.flock(folder, fcntl.LOCK_EX)
    if is_whole(wanted):  # the set-up that was waited for has done it
        return
    if not is_usable():
        make_venv()
    STAMP.unlink(missing_ok=True)  # without it, whatever is here is made anew: pip cut short leaves half a package
    install_packages(LOCKS[kind])
    install_vantage()
    STAMP.write_text(json.dumps(wanted))
    say("The environment is ready.")


def wanted_stamp(kind: str) -> dict[str, str]:
    """What the stamp says when all is in place; the development lock holds every version of the run-time lock."""
    digests = {name: hashlib.sha256(lock.read_bytes()).hexdigest() for name, lock in LOCKS.items()}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    installed = [project["build-system"], project["project"], project["tool"]["setuptools"]]
    kinds = ("run", "dev") if kind == "dev" else ("run",)
    return {"venv": str(VENV), "project": json.dumps(installed)} | {name: digests[name] for name in kinds}


def is_whole(wanted: dict[str, str]) -> bool:
    """Whether all that is wanted was installed here to its end (more may have been)."""
    return is_usable() and wanted.items() <= read_stamp().items()


def is_usable() -> bool:
    """Whether .venv was finished once, in this place, and its Python runs and is the one asked for, if one is."""
    if read_stamp().get("venv") != str(VENV):
        return False
    version = "import sys; print(sys.version_info[:2])"
    try:
        answer = subprocess.run([PYTHON, "-c", version], check=True, capture_output=True, text=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return False
    return not os.environ.get("PYTHON") or answer == str(sys.version_info[:2])


def read_stamp() -> dict[str, str]:
    """What was installed; nothing where there is no stamp or only a part of one."""
    try:
        stamp: dict[str, str] = json.loads(STAMP.read_text())
    except (OSError, ValueError):
        return {}
    return stamp


def make_venv() -> None:
    """Make .venv, empty but for pip; one that was not finished, or was moved here, makes room."""
    say(f"Making .venv with Python {sys.version.split()[0]} ({sys.executable}).")
    maker = "venv" if find_spec("ensurepip") else "virtualenv"
    finish(subprocess.run([sys.executable, "-m", maker, "--clear", VENV], check=False, stdout=subprocess.DEVNULL))


def install_packages(lock: Path) -> None:
    """Install exactly what the lock names, wheels only, every hash checked, and show how far it is."""
    total = len(re.findall(r"^\S+==", lock.read_text(), re.MULTILINE))
    say(f"Installing the packages of {lock.name}; the first time this downloads them.")
    # --no-deps: the lock is the whole answer, and pip before 23.1 stumbles over extras when it works it out again
    options = ["--no-deps", "--only-binary", ":all:", "--require-hashes", "--progress-bar", "off", "-r", str(lock)]
    output, seen = [], 0
    with subprocess.Popen(pip("install", *options), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as run:
        for line in run.stdout or ():
            output.append(line)
            seen += line.startswith(("Collecting ", "Processing ", "Requirement already "))
            show_progress(line, seen, total)
    if run.returncode != 0:
        say("".join(output[-15:]))
        sys.exit(f"pip could not install {lock.name} (above). With the cause mended, run the same command again.")


def show_progress(line: str, seen: int, total: int) -> None:
    """A line that counts up on a terminal; elsewhere a line now and then."""
    terminal = sys.stderr.isatty()
    start, end = ("\r\033[K", "") if terminal else ("", "\n")
    if line.startswith("Installing collected "):
        say(f"{start}  unpacking")
    elif line.startswith(("Collecting ", "Processing ")) and (terminal or seen % 20 == 0):
        package = Path(line.split()[1]).name
        print(f"{start}  {seen} of at most {total}: {package}", end=end, file=sys.stderr, flush=True)


def install_vantage() -> None:
    """Install this folder itself, editable, with the build backend that the lock brought."""
    finish(subprocess.run(pip("install", "-q", "--no-deps", "--no-build-isolation", "-e", str(ROOT)), check=False))


def pip(*arguments: str) -> list[str]:
    """The command line of .venv's own pip."""
    return [str(PYTHON), "-m", "pip", "--disable-pip-version-check", *arguments]


def finish(run: "subprocess.CompletedProcess[bytes]") -> None:
    """End with a sentence where a step failed; what it printed stands above."""
    if run.returncode != 0:
        sys.exit(f"Setting up stopped: {Path(str(run.args[0])).name} {run.args[2]} failed (above).")


def say(text: str) -> None:
    """Tell the person at the terminal; standard output belongs to the command that comes after."""
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    try:
        main(sys.argv[1])
    except KeyboardInterrupt:
        sys.exit("\nInterrupted. The same command begins again where it must.")
