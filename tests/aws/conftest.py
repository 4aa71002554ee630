"""The build that the tests of this folder share."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.aws.templates import ROOT
from tests.conftest import require

# `make test-aws` runs these: they take minutes.
collect_ignore = (
    [] if os.environ.get("VANTAGE_TEST_AWS") else ["test_deploy.py", "test_local_invoke.py", "test_checkov.py"]
)


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `make build` makes, in a folder of its own: `arm64/` and `x86_64/`."""
    require("Python 3.13, which Lambda runs", sys.version_info[:2] == (3, 13))
    folder = tmp_path_factory.mktemp("built")
    env = {**os.environ, "BUILD_INTO": str(folder)}
    run = subprocess.run([ROOT / "tools" / "build-aws"], env=env, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    return folder
