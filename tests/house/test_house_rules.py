"""What belongs to one machine stays out of the repository; what a machine lacks is said by name."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import require
from tools import house_rules

# In pieces, so that this file keeps the rules itself.
FORBIDDEN = [
    "see /wo" + "rk/main",
    "/ro" + "ot/.pyenv",
    "https://py" + "pi.org/simple",
    "files.python" + "hosted.org",
    "registry.n" + "pmjs.org",
    "pip install --index" + "-url x",
    "--extra-index" + "-url x",
    "--find" + "-links x",
    ".lib" + "rary/env",
    "../sha" + "red/DESIGN.md",
    "as in issue " + "B",
]


def test_no_tracked_file_breaks_a_house_rule() -> None:
    """Neither paths nor hosts nor words of one workplace."""
    assert [fault for path in house_rules.tracked_files() for fault in house_rules.faults_in(path)] == []


@pytest.mark.parametrize("line", FORBIDDEN)
def test_each_house_rule_sees_what_it_forbids(line: str, tmp_path: Path) -> None:
    """A planted line is named with its place."""
    (tmp_path / "page.md").write_text(f"fine\n{line}\n")
    assert [fault.split(": ")[0] for fault in house_rules.faults_in("page.md", tmp_path)] == ["page.md:2"]


@pytest.mark.parametrize(
    "line", ["functions/worker/app.py", "bench/work/", "/opt/python", "../shared.py", "issue I had"]
)
def test_house_rules_leave_ordinary_words_alone(line: str, tmp_path: Path) -> None:
    """A rule that cries wolf is soon switched off."""
    (tmp_path / "page.md").write_text(line)
    assert house_rules.faults_in("page.md", tmp_path) == []


def test_a_missing_tool_skips_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a person's machine the reason stands in the summary."""
    monkeypatch.delenv("VANTAGE_REQUIRE_ALL", raising=False)
    with pytest.raises(pytest.skip.Exception, match="needs a unicorn"):
        require("a unicorn", False)
    require("sh", shutil.which("sh") is not None)


def test_a_missing_tool_fails_where_all_is_required(monkeypatch: pytest.MonkeyPatch) -> None:
    """In CI a skipped test would hide a missing install step."""
    monkeypatch.setenv("VANTAGE_REQUIRE_ALL", "1")
    with pytest.raises(pytest.fail.Exception, match="a unicorn is missing"):
        require("a unicorn", False)


def test_what_is_installed_is_found_from_anywhere(tmp_path: Path) -> None:
    """The package, local and the functions import without the repository as the current folder."""
    python = house_rules.ROOT / ".venv" / "bin" / "python"
    require(".venv, by make setup", python.exists())
    code = "import functions, local, vantage; print(*vantage.__path__, *local.__path__)"
    run = subprocess.run([python, "-c", code], cwd=tmp_path, env={}, capture_output=True, text=True, check=True)
    expected = [house_rules.ROOT / "layers/shared/python/vantage", house_rules.ROOT / "local"]
    assert [Path(path) for path in run.stdout.split()] == expected
