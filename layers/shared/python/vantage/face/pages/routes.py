"""The pages' routes: those of everybody, and those behind the login."""

from collections.abc import Callable

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver

from vantage.face.answers import READ, Answer
from vantage.face.login import sent_to_login, way_back
from vantage.face.pages import edit
from vantage.face.pages.audience import EVERYBODY, SIGNED_IN, Audience
from vantage.face.pages.incidents_page import incidents_variables, parse_before
from vantage.face.pages.ops_page import ops_variables
from vantage.face.pages.render import Templates
from vantage.face.pages.shown import MonitorPage, StatusPage
from vantage.face.sources import Sources
from vantage.face.who import cookie_of, reader


def register(app: APIGatewayHttpResolver, sources: Sources) -> None:
    """All of them."""
    edit.register(app, sources)
    for to in (EVERYBODY, SIGNED_IN):
        _register(app, sources, to)

    @app.route("/ops", method=READ)
    def ops_page() -> Answer:
        event = app.current_event.raw_event
        if reader(sources, event) is None:
            return sent_to_login(event)
        told = {**ops_variables(sources), "signed_in": cookie_of(event) is not None}
        return Templates.load().page("ops.html", told, here="/ops", to=SIGNED_IN, site=sources.site())

    @app.route("/login", method=READ)
    def login_page() -> Answer:
        query = app.current_event.query_string_parameters or {}
        told = {"title": "Sign in", "description": "Sign in with a token.", "wrong": "wrong" in query,
                "ended": "ended" in query, "back": way_back(query.get("next", ""))}  # fmt: skip
        return Templates.load().page("login.html", told, site=sources.site())


def _register(app: APIGatewayHttpResolver, sources: Sources, to: Audience) -> None:
    """An audience's pages; where it is those who are signed in, nobody else gets any of them."""
    status, monitor = StatusPage(sources, to), MonitorPage(sources, to)

    def asked(name: str) -> str:
        return app.current_event.get_query_string_value(name) or ""

    def shown(answer: Callable[[], Answer]) -> Answer:
        event = app.current_event.raw_event
        return sent_to_login(event) if to.private and reader(sources, event) is None else answer()

    @app.route(to.status, method=READ)
    def status_page() -> Answer:
        return shown(lambda: status.answer(asked("last"), asked("page")))

    @app.route(f"{to.monitors}<slug>", method=READ)
    def monitor_page(slug: str) -> Answer:
        return shown(lambda: monitor.answer(slug, asked("last")))

    @app.route(to.incidents, method=READ)
    def incidents_page() -> Answer:
        def answer() -> Answer:
            told = incidents_variables(sources.connection(), parse_before(asked("before")), to)
            return Templates.load().page("incidents.html", told, here=to.incidents, site=sources.site(), to=to)

        return shown(answer)
