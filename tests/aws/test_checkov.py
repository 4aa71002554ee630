"""checkov over the template: what it finds is known, and why it stays is said."""

import json
import re
import subprocess
from pathlib import Path

from tests.aws.templates import ROOT

SUPPRESSED = re.compile(r"^  - (CKV_AWS_\d+) *(?:# (.*))?$", re.MULTILINE)


def test_what_checkov_finds_is_suppressed_with_its_reason(tmp_path: Path) -> None:
    """Nothing else is found, and nothing is suppressed that is not found. (Red without a line of .checkov.yaml, with
    one too many, and with SqsManagedSseEnabled's reason cut off.)"""
    reasons = dict(SUPPRESSED.findall((ROOT / ".checkov.yaml").read_text()))
    assert reasons
    assert [check for check, reason in reasons.items() if len(reason) < 20] == []
    arguments = ["--framework", "cloudformation", "--skip-download", "--soft-fail", "-o", "json"]
    command = [str(ROOT / "tools" / "checkov"), *arguments, "-f", str(ROOT / "template.yaml")]
    # From elsewhere, so that what .checkov.yaml suppresses is found too.
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr[-2000:]
    found = json.loads(run.stdout)
    assert found["summary"]["passed"] > 40
    assert {each["check_id"] for each in found["results"]["failed_checks"]} == reasons.keys()
