"""What `tools/deploy` makes of deploy.env, read as sam reads it."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from samcli.cli.types import CfnParameterOverridesType  # type: ignore[import-untyped]

from tests.aws.templates import ROOT

DEPLOY_ENV = """\
# what is ours
AlertEmail=ops@example.com
ReferenceUrls=https://a.example/x?y=z https://b.example/
PublicUrl=
PublicUrlOfNobody
SecretsKeyArn="arn:aws:kms:us-east-1:123456789012:key/k"\t
WorkerMemoryMb=512
india:WorkerMemoryMb=256
india:Architecture=x86_64
usa:ReferenceUrls=
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with nothing in it but tools/deploy and programs that print what they were asked."""
    for name in (".venv/bin/vantage", ".venv/bin/sam", "tools/build-aws"):
        program = tmp_path / name
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_text('#!/bin/sh\nprintf \'%s\\n\' "${0##*/}" "$@"\n')
        program.chmod(0o755)
    for name in ("tools/deploy", "tools/dashboards.py", "template.yaml", "samconfig.toml"):
        shutil.copy(ROOT / name, tmp_path / name)
    python = tmp_path / ".venv/bin/python"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    return tmp_path


def deploy(project: Path, region: str) -> list[str]:
    """All arguments of all programs, in their order."""
    command = ["bash", str(project / "tools" / "deploy"), region]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()


def overrides(project: Path, region: str) -> dict[str, str]:
    """The parameters that sam takes from what it is given."""
    printed = deploy(project, region)
    given = tuple(printed[printed.index("--parameter-overrides") + 1 :])
    taken: dict[str, str] = CfnParameterOverridesType().convert(given, None, None)
    return taken


def test_values_with_blanks_and_empty_ones_arrive_whole(project: Path) -> None:
    """Seen red where they were handed on as they stand: sam cut the first at its blank and got no empty one."""
    (project / "deploy.env").write_text(DEPLOY_ENV)
    everywhere = {
        "AlertEmail": "ops@example.com",
        "PublicUrl": "",
        "SecretsKeyArn": "arn:aws:kms:us-east-1:123456789012:key/k",
        "WorkerUsdPerSecond": "0.000006666700,0.000004166675,0.000006666700",  # india's: half the memory, x86_64
    }
    two = "https://a.example/x?y=z https://b.example/"
    assert overrides(project, "eu") == everywhere | {"ReferenceUrls": two, "WorkerMemoryMb": "512"}
    assert overrides(project, "usa") == everywhere | {"ReferenceUrls": "", "WorkerMemoryMb": "512"}
    india = {"ReferenceUrls": two, "WorkerMemoryMb": "256", "Architecture": "x86_64"}
    assert overrides(project, "india") == everywhere | india


def test_the_architecture_says_what_is_built(project: Path) -> None:
    """arm64 where nothing is said; seen red where the quotes came along."""
    assert ".aws-sam/arm64/template.yaml" in deploy(project, "india")
    (project / "deploy.env").write_text(DEPLOY_ENV)
    printed = deploy(project, "india")
    assert printed[printed.index("build-aws") + 1] == "x86_64"
    assert ".aws-sam/x86_64/template.yaml" in printed
