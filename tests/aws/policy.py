"""docs/deploy-policy.json: what it allows, what CloudFormation asks for, and what a program asked for."""

import json
import re
from base64 import b64decode
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.aws.templates import ROOT

POLICY = ROOT / "docs" / "deploy-policy.json"
HANDLERS = ("create", "read", "update", "delete")


@cache
def allowed_actions() -> frozenset[str]:
    """The patterns of all statements, in small letters."""
    statements = json.loads(POLICY.read_text())["Statement"]
    actions = [each["Action"] for each in statements]
    return frozenset(each.lower() for one in actions for each in ([one] if isinstance(one, str) else one))


def is_allowed(action: str) -> bool:
    """Whether a statement has it, on whichever resource."""
    return any(fnmatchcase(action.lower(), pattern) for pattern in allowed_actions())


def asked_by_cloudformation(types: Iterable[str]) -> set[str]:
    """By what resources of these types are made, read and removed: from AWS's own schemas, which cfn-lint brings."""
    import cfnlint  # type: ignore[import-untyped]

    schemas = Path(cfnlint.__file__).parent / "data" / "schemas"
    file_of = json.loads((schemas / "providers" / "us-east-1.json").read_text())
    handlers = [json.loads((schemas / "resources" / f"{file_of[kind]}.json").read_text())["handlers"] for kind in types]
    return {
        permission for each in handlers for name in HANDLERS for permission in each.get(name, {}).get("permissions", ())
    }


def asked_of_aws(recording: str) -> Iterator[str]:
    """The actions, such as ssm:PutParameter, of the requests that moto recorded; S3 has its own way and is left out."""
    for line in filter(None, recording.splitlines()):
        request = json.loads(line)
        headers = {name.lower(): value for name, value in request["headers"].items()}
        if signed := re.search(r"Credential=[^/]+/\d+/[^/]+/([^/]+)/", headers.get("authorization", "")):
            service = {"monitoring": "cloudwatch"}.get(signed[1], signed[1])
            if service != "s3" and (name := _action(service, request, headers)):
                yield f"{service}:{name}"


def _action(service: str, request: dict[str, Any], headers: dict[str, str]) -> str:
    if target := headers.get("x-amz-target"):
        return target.rpartition(".")[2]
    path = urlsplit(request["url"]).path
    if "/operation/" in path:
        return str(path.rpartition("/")[2])
    body = request["body"] or ""
    if request["body_encoded"]:
        body = b64decode(body).decode(errors="replace")
    if named := parse_qs(body).get("Action"):
        return str(named[0])
    return _rest_action(service, request["method"], path)


def _rest_action(service: str, method: str, path: str) -> str:
    """By botocore's model of the service: whose method and path it is."""
    from botocore.session import Session

    model = Session().get_service_model(service)
    for name in model.operation_names:
        http = model.operation_model(name).http
        pattern = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(http["requestUri"].partition("?")[0].rstrip("/")))
        if http["method"] == method and re.fullmatch(pattern, path.rstrip("/")):
            return str(name)
    raise AssertionError(f"{service} {method} {path} is no operation")
