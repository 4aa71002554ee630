"""/openapi.json and /docs: true, whole, and without a request of their own."""

import json
import re
from typing import Any

import pytest

from tests.face.conftest import Asker
from vantage.face.api import examples
from vantage.face.api.operation import Operation
from vantage.face.api.routes import OPERATIONS, described
from vantage.face.api.shapes import Health, Shield, Status
from vantage.monitors_file.values import Here

HERE = Here(channels=frozenset(("team",)))


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda one: one.name)
def test_every_example_is_what_its_model_says(operation: Operation) -> None:
    """Who copies one gets what was promised; red with an example of another thing."""
    if operation.tells:
        operation.tells.model_validate_json(json.dumps(operation.example), context=HERE)
    if operation.takes and not operation.takes_part:
        operation.takes.model_validate(operation.takes_example, context=HERE)


PAGES = ("/", "/monitors/<slug>", "/incidents", "/login", "/logout", "/ops", "/ops/status", "/ops/status/<slug>",
         "/ops/incidents", "/ops/monitors", "/ops/monitors/<slug>", "/ops/add", "/docs", "/openapi.json")  # fmt: skip


def test_every_route_that_is_served_is_described_or_a_page(anyone: Asker) -> None:
    """And nothing is described that is not served; red with a route that stands in no table."""
    served = {(method.lower(), re.sub(r"<(\w+)>", r"{\1}", path)) for method, path in anyone.app.routes()
              if path not in PAGES}  # fmt: skip
    assert served == {(method, path) for path, methods in described()["paths"].items() for method in methods}


def test_what_is_told_beside_the_api_has_true_examples() -> None:
    """Each of a model's. Red with an example of another thing."""
    for model, example in ((Status, examples.STATUS), (Shield, examples.SHIELD), (Health, examples.HEALTH)):
        model.model_validate_json(json.dumps(example))


def test_every_operation_of_the_table_is_described_and_every_reference_leads_somewhere() -> None:
    """From one table: an operation that is served and not told of cannot be."""
    told = described()
    text = json.dumps(told)
    names = re.findall(r'"#/components/schemas/(\w+)"', text)
    assert set(names) <= told["components"]["schemas"].keys()
    ids = [one["operationId"] for methods in told["paths"].values() for one in methods.values()]
    assert len(ids) == len(set(ids))
    assert set(ids) >= {one.name for one in OPERATIONS}


def test_it_is_read_without_a_token(anyone: Asker) -> None:
    """By ETag, too."""
    told = anyone.get("/openapi.json")
    assert told.json["openapi"] == "3.1.0"
    assert anyone.get("/openapi.json", if_none_match=told.headers["etag"]).status == 304


def test_the_documentation_asks_for_nothing_and_runs_nothing(anyone: Asker) -> None:
    """One page; its policy allows its own style alone."""
    told = anyone.get("/docs")
    assert told.headers["content-type"] == "text/html; charset=utf-8"
    assert "script" not in re.sub(r"<pre.*?</pre>", "", told.text, flags=re.DOTALL)
    assert set(re.findall(r'(?:src|href)="([^"]*)"', told.text)) == {"data:,", "/openapi.json"}
    assert told.headers["content-security-policy"].startswith("default-src 'none'; style-src 'sha256-")
    for operation in OPERATIONS:
        assert operation.summary in told.text.replace("&#39;", "'")


@pytest.mark.parametrize("path", ["/v1/monitors", "/status.json", "/openapi.json"])
def test_no_other_sites_page_reads_an_answer(reader: Asker, path: str) -> None:
    """CORS is closed, also to who asks first."""
    told: dict[str, Any] = {**reader.get(path, origin="https://evil.example.com").headers}
    assert not [name for name in told if name.startswith("access-control-")]
    preflight = reader.ask("OPTIONS", path, origin="https://evil.example.com", access_control_request_method="GET")
    assert preflight.status == 405
    assert not [name for name in preflight.headers if name.startswith("access-control-")]
