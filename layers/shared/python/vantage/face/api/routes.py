"""The API's routes: the operations, and what they are."""

from collections.abc import Callable
from functools import cache
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver

from vantage.face.answers import READ, Answer, as_json
from vantage.face.api import books, channels, docs, incidents, maintenance, monitors, results
from vantage.face.api.openapi import document
from vantage.face.api.operation import Operation
from vantage.face.api.serve import serve
from vantage.face.sources import Sources

OPERATIONS: tuple[Operation, ...] = (
    *monitors.OPERATIONS, *results.OPERATIONS, *incidents.OPERATIONS, *maintenance.OPERATIONS, *channels.OPERATIONS,
    *books.OPERATIONS,
)  # fmt: skip


def register(app: APIGatewayHttpResolver, sources: Sources) -> None:
    """All of them."""
    readers = {operation.path: operation for operation in OPERATIONS if operation.method == "GET"}
    for operation in OPERATIONS:
        methods = READ if operation.method == "GET" else operation.method
        app.route(operation.rule, method=methods)(_handler(app, operation, readers.get(operation.path), sources))

    @app.route("/openapi.json", method=READ)
    def openapi() -> Answer:
        return as_json(described())

    @app.route("/docs", method=READ)
    def documentation() -> Answer:
        return docs.page_of(described())


@cache
def described() -> dict[str, Any]:
    """The OpenAPI document."""
    return document(OPERATIONS)


def _handler(
    app: APIGatewayHttpResolver, operation: Operation, read: Operation | None, sources: Sources
) -> Callable[..., Answer]:
    def handle(**path: str) -> Answer:
        return serve(operation, read, sources, app.current_event.raw_event, path)

    return handle
