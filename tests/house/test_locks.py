"""The locks: whole, hashed, without a host, and of one mind."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
RUN, DEV = "requirements.lock", "requirements-dev.lock"
LAYER = "layers/shared/requirements.txt"
FUNCTIONS = [f"functions/{name}/requirements.txt" for name in ("api", "housekeeper", "notifier")]
CHECKOV = "requirements-checkov.lock"
ENTRY = re.compile(r"^(?P<name>[a-z0-9._-]+)==(?P<version>[^ ;\\]+)(?P<rest>.*(?:\n[ ].*)*)", re.MULTILINE)


def versions(lock: str) -> dict[str, set[str]]:
    """Each package of a lock with its versions: more than one where they differ by Python."""
    found: dict[str, set[str]] = {}
    for entry in ENTRY.finditer((ROOT / lock).read_text()):
        found.setdefault(entry["name"], set()).add(entry["version"])
    return found


@pytest.mark.parametrize("lock", [RUN, DEV, LAYER, *FUNCTIONS, CHECKOV])
def test_a_lock_names_no_host(lock: str) -> None:
    """A clone on another machine installs from wherever that machine installs from."""
    lines = (ROOT / lock).read_text().splitlines()
    assert [line for line in lines if "://" in line or line.startswith("-")] == []


@pytest.mark.parametrize("lock", [RUN, DEV, LAYER, *FUNCTIONS, CHECKOV])
def test_every_requirement_has_its_version_and_a_hash(lock: str) -> None:
    """Nothing but `name==version` with hashes stands in a lock. (Red when a hash line or a version was cut out.)"""
    text = (ROOT / lock).read_text()
    assert [line for line in text.splitlines() if line[:1] not in {" ", ""} and not ENTRY.match(line)] == []
    assert [entry["name"] for entry in ENTRY.finditer(text) if "--hash=sha256:" not in entry["rest"]] == []


@pytest.mark.parametrize(("part", "whole"), [(RUN, DEV), (LAYER, RUN), *((lock, RUN) for lock in FUNCTIONS)])
def test_the_locks_agree(part: str, whole: str) -> None:
    """What is tested is what `make run` runs and what the layer carries: the same versions, to the last package."""
    larger = versions(whole)
    assert {name: larger.get(name) for name in versions(part)} == versions(part)


@pytest.mark.parametrize(
    ("source", "lock"),
    [("requirements.in", RUN), ("requirements-dev.in", DEV), ("requirements-checkov.in", CHECKOV)],
)
def test_a_lock_is_as_its_source_says(source: str, lock: str) -> None:
    """A version that was changed in a .in file has been locked. (Red after an edit without `make lock`.)"""
    pins = re.findall(r"^([A-Za-z0-9_-]+)(?:\[.*\])?==([^\s#]+)", (ROOT / source).read_text(), re.MULTILINE)
    assert pins
    locked = versions(lock)
    assert [(name, version) for name, version in pins if locked.get(name) != {version}] == []
