"""A project with a fourth region, made by doing what docs/operations.md says under "Add a region"."""

import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.aws.templates import ROOT
from tests.docs.markdown import section

TAKEN_ALONG = ("template.yaml", "samconfig.toml", "tools/dashboards.py")


@dataclass(frozen=True)
class Grown:
    """The copy: its folder, its migrations, and what the fourth region is called where."""

    folder: Path
    migrations: Path
    environment: str
    aws_region: str

    @property
    def template(self) -> Path:
        """Its template."""
        return self.folder / "template.yaml"


def grown(folder: Path) -> Grown:
    """Copy what changes into `folder`, and follow the page: row, environment, dashboards, migration."""
    page = section(ROOT / "docs" / "operations.md", "Add a region")
    [row] = re.findall(r"`(\S+: \{Region: [^}]*\})`", page)
    [environment] = re.findall(r"environment\s+`(\w+)`", page)
    [statement] = re.findall(r"`(ALTER TYPE [^`]*;)`", page)
    assert "make dashboards" in page
    for path in TAKEN_ALONG:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, folder / path)
    migrations = Path(shutil.copytree(ROOT / "migrations", folder / "migrations"))
    (migrations / "9999_brazil.sql").write_text(statement)
    made = Grown(folder, migrations, environment, row.partition(":")[0])
    _add_row(made.template, row)
    _add_environment(folder / "samconfig.toml", made)
    subprocess.run([sys.executable, "tools/dashboards.py"], cwd=folder, check=True)
    return made


def _add_row(template: Path, row: str) -> None:
    """Below the last one of the Mappings."""
    text = template.read_text()
    *_, last = re.finditer(r"^    \S+: \{Region: .*\}\n", text, re.MULTILINE)
    template.write_text(f"{text[: last.end()]}    {row}\n{text[last.end() :]}")


def _add_environment(config: Path, made: Grown) -> None:
    """As its neighbour is."""
    text = config.read_text()
    neighbour = text[text.index("[eu.global") :]
    config.write_text(
        f"{text}\n{neighbour.replace('[eu.', f'[{made.environment}.').replace('eu-central-1', made.aws_region)}"
    )
