"""The template as CloudFormation would see it in one region: transformed, and every intrinsic function worked out."""

import functools
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
TEMPLATE = ROOT / "template.yaml"
ACCOUNT = "123456789012"
Json = Any


class _NoManagedPolicies:
    def load(self) -> dict[str, str]:
        return {}


@functools.cache
def source() -> Json:
    """template.yaml as it stands."""
    return read(TEMPLATE)


def read(path: Path) -> Json:
    """A template, its short forms of functions written out."""
    from samtranslator.yaml_helper import yaml_parse  # type: ignore[import-untyped]

    return yaml_parse(path.read_text())


@functools.cache
def transformed(path: Path = TEMPLATE) -> Json:
    """Plain CloudFormation, its code in a bucket that is nobody's."""
    os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")  # the translator asks boto3 for one
    from samtranslator.translator.transform import transform  # type: ignore[import-untyped]

    template = read(path)
    for name, resource in template["Resources"].items():
        for key in ("CodeUri", "ContentUri"):
            if key in resource.get("Properties", {}):
                resource["Properties"][key] = f"s3://bucket/{name}.zip"
    return transform(template, {}, _NoManagedPolicies())


@functools.cache
def environments() -> dict[str, dict[str, Any]]:
    """The environments of samconfig.toml by name."""
    read = tomllib.loads((ROOT / "samconfig.toml").read_text())
    return {name: table for name, table in read.items() if name != "version"}


@functools.cache
def names() -> dict[str, str]:
    """What the regions of the template's Mappings are called, by AWS region."""
    return {place: row["Region"] for place, row in source()["Mappings"]["Regions"].items()}


def aws_regions() -> list[str]:
    """Where the project is deployed to, home first."""
    return [table["global"]["parameters"]["region"] for table in environments().values()]


@functools.cache
def deployed(aws_region: str, path: Path = TEMPLATE, **parameters: str) -> Json:
    """The resources that a deployment to `aws_region` makes, worked out; `Fn::GetAtt` gives "<Name.Attribute>"."""
    template = transformed(path)
    stack = Stack(template, aws_region, parameters)
    return {
        name: stack.work_out({key: value for key, value in resource.items() if key != "Condition"})
        for name, resource in template["Resources"].items()
        if stack.holds(resource.get("Condition"))
    }


class Stack:
    """What the intrinsic functions of one deployment mean."""

    def __init__(self, template: Json, aws_region: str, parameters: Mapping[str, str]) -> None:
        self._template = template
        given = {name: parameters.get(name, spec.get("Default")) for name, spec in template["Parameters"].items()}
        lists = {name for name, spec in template["Parameters"].items() if spec["Type"] == "CommaDelimitedList"}
        self._values = {
            **{name: str(value).split(",") if name in lists else value for name, value in given.items()},
            "AWS::Region": aws_region, "AWS::StackName": "vantage", "AWS::AccountId": ACCOUNT, "AWS::Partition": "aws",
            "AWS::NoValue": None,
        }  # fmt: skip

    def holds(self, condition: str | None) -> bool:
        """Whether a condition of the template is true here."""
        return condition is None or bool(self.work_out(self._template["Conditions"][condition]))

    def work_out(self, value: Json) -> Json:
        """A value without intrinsic functions; what is AWS::NoValue is left out."""
        if isinstance(value, list):
            return [item for item in map(self.work_out, value) if item is not None]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            (key, argument), *_ = value.items()
            if function := getattr(self, "_" + key.replace("Fn::", "").lower(), None):
                return function(argument)
        worked = {key: self.work_out(item) for key, item in value.items()}
        return {key: item for key, item in worked.items() if item is not None}

    def _ref(self, name: str) -> Json:
        return self._values.get(name, f"<{name}>")

    def _getatt(self, path: list[str]) -> str:
        return f"<{'.'.join(path)}>"

    def _condition(self, name: str) -> bool:
        return self.holds(name)

    def _if(self, argument: Json) -> Json:
        condition, yes, no = argument
        return self.work_out(yes if self.holds(condition) else no)

    def _equals(self, argument: Json) -> bool:
        first, second = self.work_out(argument)
        return bool(first == second)

    def _not(self, argument: Json) -> bool:
        return not self.work_out(argument[0])

    def _and(self, argument: Json) -> bool:
        return all(self.work_out(item) for item in argument)

    def _join(self, argument: Json) -> str:
        return str(argument[0]).join(map(str, self.work_out(argument[1])))

    def _select(self, argument: Json) -> Json:
        number, values = argument
        return self.work_out(values)[int(number)]

    def _findinmap(self, argument: Json) -> Json:
        name, first, second = self.work_out(argument)
        return self._template["Mappings"][name][first][second]

    def _sub(self, argument: Json) -> str:
        text, names = argument if isinstance(argument, list) else (argument, {})
        names = self.work_out(names)

        def value(match: re.Match[str]) -> str:
            name = match[1]
            return str(names[name] if name in names else self._values.get(name, f"<{name}>"))

        return re.sub(r"\$\{([\w.:]+)\}", value, text)


def of_type(resources: Json, kind: str) -> dict[str, Json]:
    """The properties of all resources of a type, by logical name."""
    return {name: each["Properties"] for name, each in resources.items() if each["Type"] == kind}
