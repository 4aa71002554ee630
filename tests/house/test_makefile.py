"""The Makefile and the scripts beside it, on what an old macOS has: GNU make 3.81 and bash 3.2."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TARGETS = ["setup", "run", "test", "check", "bench", "soak", "lock", "clean"]
NEWER_MAKE = r"\.ONESHELL|\.RECIPEPREFIX|\.EXTRA_PREREQS|::=|!=|&:|\$\((file|guile|let|intcmp) |^undefine|^load "
NEWER_BASH = r"declare -[Agn]|mapfile|readarray|\$\{\w+(,,|\^\^|@)|\|&|&>>|\bcoproc\b|wait -n"


def dry_run(*arguments: str) -> str:
    """What make would do."""
    return subprocess.run(["make", "-n", *arguments], cwd=ROOT, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("target", TARGETS)
def test_a_target_can_be_made(target: str) -> None:
    """Every target is known to make, with what it stands on."""
    assert dry_run(target)


def test_help_is_the_default_and_names_every_target() -> None:
    """`make` alone tells what there is."""
    shown = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert [target for target in TARGETS if f"make {target} " not in shown] == []


def test_a_run_needs_only_the_run_time_lock() -> None:
    """A newcomer's first command does not download what only developers need."""
    assert "set_up.py run" in dry_run("run")
    assert "set_up.py dev" not in dry_run("run")
    assert "set_up.py dev" in dry_run("test")


def test_arguments_reach_the_commands() -> None:
    """ARGS and NAME are passed on as they are."""
    assert ".venv/bin/vantage local --duration 5 --json" in dry_run("run", "ARGS=--duration 5 --json")
    assert "-m bench probe" in dry_run("bench", "NAME=probe")


def test_every_environment_is_deployed_and_home_is_the_first() -> None:
    """Those of samconfig.toml, a region that was added among them; seen red where the Makefile named three. (Which
    is home, tests/aws/test_places.py asks.)"""
    tables = tomllib.loads((ROOT / "samconfig.toml").read_text())
    assert "tools/deploy $(.venv/bin/python -m local.places)\n" in dry_run("deploy-all")
    named = subprocess.run([sys.executable, "-m", "local.places"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert set(named.stdout.split()) == tables.keys() - {"version"}


def test_the_makefile_keeps_to_make_3_81() -> None:
    """Nothing that came after it. (Red with .ONESHELL in the Makefile.)"""
    assert re.findall(NEWER_MAKE, (ROOT / "Makefile").read_text(), re.MULTILINE) == []


@pytest.mark.parametrize("script", ["Makefile", "tools/choose-python", "tools/make-locks"])
def test_scripts_keep_to_bash_3_2(script: str) -> None:
    """Nothing that came after it, and no fault that bash itself can see."""
    assert re.findall(NEWER_BASH, (ROOT / script).read_text()) == []
    if script != "Makefile":
        subprocess.run(["bash", "-n", ROOT / script], check=True)
