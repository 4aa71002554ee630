"""The pages' routes."""

from http import HTTPStatus

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response

from vantage.face.answers import READ, Answer
from vantage.face.pages import edit
from vantage.face.pages.incidents_page import incidents_variables, parse_before
from vantage.face.pages.ops_page import ops_variables
from vantage.face.pages.render import OPERATORS, Templates
from vantage.face.pages.shown import MonitorPage, StatusPage
from vantage.face.sources import Sources
from vantage.face.who import cookie_of, reader


def register(app: APIGatewayHttpResolver, sources: Sources) -> None:
    """All of them."""
    status, monitor = StatusPage(sources), MonitorPage(sources)
    edit.register(app, sources)

    def asked(name: str) -> str:
        return app.current_event.get_query_string_value(name) or ""

    @app.route("/", method=READ)
    def status_page() -> Answer:
        return status.answer(asked("last"))

    @app.route("/monitors/<slug>", method=READ)
    def monitor_page(slug: str) -> Answer:
        return monitor.answer(slug, asked("last"))

    @app.route("/incidents", method=READ)
    def incidents_page() -> Answer:
        told = incidents_variables(sources.connection(), parse_before(asked("before")))
        return Templates.load().page("incidents.html", told, here="/incidents", site=sources.site())

    @app.route("/ops", method=READ)
    def ops_page() -> Answer:
        event = app.current_event.raw_event
        if reader(sources, event) is None:
            return Response(int(HTTPStatus.SEE_OTHER), "text/plain; charset=utf-8", "", {"location": "/login"})
        told = {**ops_variables(sources), "signed_in": cookie_of(event) is not None}
        return Templates.load().page("ops.html", told, here="/ops", nav=OPERATORS, site=sources.site())

    @app.route("/login", method=READ)
    def login_page() -> Answer:
        wrong = "wrong" in (app.current_event.query_string_parameters or {})
        told = {"title": "Sign in", "description": "Sign in with a token.", "wrong": wrong}
        return Templates.load().page("login.html", told, site=sources.site())
