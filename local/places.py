"""Where the project is deployed: what samconfig.toml, deploy.env and template.yaml say of each region, read as
`make deploy` reads it."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vantage.errors import SettingsError

ROOT = Path(__file__).resolve().parent.parent
BOTH = ("redis-url", "database-url")
EVERYWHERE: Mapping[str, tuple[str, ...]] = {"worker": BOTH}
AT_HOME: Mapping[str, tuple[str, ...]] = {
    "producer": BOTH,
    "housekeeper": BOTH,
    "notifier": ("database-url",),
    "api": BOTH,
}


@dataclass(frozen=True, slots=True)
class Place:
    """An environment of samconfig.toml: its stack, its AWS region, and the one that is home."""

    environment: str
    stack: str
    aws_region: str
    home: str

    @property
    def is_home(self) -> bool:
        """Whether producer, housekeeper, notifier and API are here."""
        return self.aws_region == self.home

    def urls(self) -> dict[str, tuple[str, ...]]:
        """Which URLs each function of this place reads: the last parts of their parameters' names."""
        return {**EVERYWHERE, **(AT_HOME if self.is_home else {})}


def regions(root: Path = ROOT) -> dict[str, str]:
    """The AWS region of each region, by the rows of the template's Mappings: what is added there is everywhere."""
    rows = re.findall(r"^    (\S+): \{Region: (\w+), ", (root / "template.yaml").read_text(), re.MULTILINE)
    return {region: aws_region for aws_region, region in rows}


def place(environment: str, root: Path = ROOT) -> Place:
    """An environment by its name; raises SettingsError where samconfig.toml has none of that name."""
    tables = _tables(root)
    if environment not in tables:
        raise SettingsError(f"There is no region {environment!r} in samconfig.toml; there are {', '.join(tables)}.")
    where = tables[environment]["global"]["parameters"]
    return Place(environment, where["stack_name"], where["region"], parameter("HomeRegion", environment, root))


def environments(root: Path = ROOT) -> list[str]:
    """The names of all of them, home first."""
    return sorted(_tables(root), key=lambda name: not place(name, root).is_home)


def parameter(name: str, environment: str, root: Path = ROOT) -> str:
    """What a parameter of the template is given where an environment is deployed: by deploy.env, by samconfig.toml, or
    by default. What has no default is empty."""
    given = dict(_defaults(root))
    given |= _written(_tables(root)[environment].get("deploy", {}).get("parameters", {}).get("parameter_overrides", ""))
    if (own := root / "deploy.env").exists():
        text = own.read_text()
        given |= _written(re.findall(r"^[A-Za-z]+=.*$", text, re.MULTILINE))
        given |= _written(re.findall(rf"^{environment}:([A-Za-z]+=.*)$", text, re.MULTILINE))
    return given.get(name, "")


def _tables(root: Path) -> dict[str, Any]:
    read = tomllib.loads((root / "samconfig.toml").read_text())
    return {name: table for name, table in read.items() if isinstance(table, dict)}


def _written(overrides: str | list[str]) -> Iterator[tuple[str, str]]:
    """Of NAME=value, in a list or one behind the other."""
    for each in overrides.split() if isinstance(overrides, str) else overrides:
        name, mark, value = each.partition("=")
        if mark:
            yield name.strip(), value.strip().strip('"')


def _defaults(root: Path) -> Iterator[tuple[str, str]]:
    """Of the template, as its lines say: its short forms are no plain YAML, and nothing else of it is needed here."""
    parameters = (root / "template.yaml").read_text().partition("\nParameters:\n")[2].partition("\n\n")[0]
    for name, default in re.findall(r"^  (\w+):\n(?:    .*\n)*?    Default: (.*)$", parameters, re.MULTILINE):
        yield name, default.strip('"')


if __name__ == "__main__":
    print(*environments())
