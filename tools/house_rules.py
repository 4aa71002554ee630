"""house_rules.py: names every line of a tracked file that holds what belongs to one machine, and not to the project.

The patterns are written so that they do not match themselves.
"""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
RULES = {
    "a folder of one machine": re.compile(r"(?<![\w.])/(work|root)/|/opt/(wheels|pypi)"),
    "a package index": re.compile(r"pypi[.]org|python[h]osted|registry[.](npm|yarn)|deb[.]debian[.]org|proxy[.]golang"),
    "an option that names one": re.compile(r"--(extra-)?index[-]url|--find[-]links"),
    "a workplace's own thing": re.compile(r"[.]library\b|\.\./shared[/]|\bissue [A-HJ-Z]\b"),
}
LOCK_RULES = {"a host": re.compile(r"://|^-")}
LOCKS = ("requirements.lock", "requirements-dev.lock", "layers/shared/requirements.txt", "requirements-checkov.lock")


def main() -> None:
    """Print each fault as path:line and end with 1 where there is any."""
    faults = [fault for path in tracked_files() for fault in faults_in(path)]
    for fault in faults:
        print(fault)
    sys.exit(1 if faults else 0)


def tracked_files() -> list[str]:
    """The paths that git knows of and that are still there."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return [path for path in listed.split("\0") if path and (ROOT / path).is_file()]


def faults_in(path: str, root: Path = ROOT) -> list[str]:
    """A sentence for each line of the file at `path` that breaks a rule; nothing for a picture."""
    try:
        text = (root / path).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return []
    rules = RULES | LOCK_RULES if path in LOCKS else RULES
    return [
        f"{path}:{number}: {what}: {line.strip()[:100]}"
        for number, line in enumerate(text.splitlines(), start=1)
        for what, rule in rules.items()
        if rule.search(line)
    ]


if __name__ == "__main__":
    main()
