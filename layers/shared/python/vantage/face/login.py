"""/login: a token becomes a cookie, so that a browser can be signed in. The form itself is a page.

Who is sent to it comes back to where they wanted to be.
"""

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs, quote

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.shared.cookies import Cookie, SameSite

from vantage.face.answers import Answer, plain
from vantage.face.api.body import raw_body
from vantage.face.sources import Sources
from vantage.face.who import COOKIE, cookie_of, is_of_this_site
from vantage.store.tokens import PREFIX, who_has

FORM = "application/x-www-form-urlencoded"
LONGEST = 4_000
KEPT_S = 30 * 86_400
SIGNED_IN, SIGNED_OUT, NOT_KNOWN = "/ops", "/", "/login?wrong"
INSIDE = re.compile(r"/ops(/[a-z0-9-]+)*")
"""Where people are sent back to: our own pages behind the login, and never another site."""


def register(app: APIGatewayHttpResolver, sources: Sources) -> None:
    """Signing in and out."""

    @app.post("/login")
    def login() -> Answer:
        event = app.current_event.raw_event
        if not is_of_this_site(event):
            return plain(HTTPStatus.FORBIDDEN, "This form is taken from this site's own page only.")
        form = _form_of(event)
        token, back = form.get("token", ""), way_back(form.get("next", ""))
        who = who_has(sources.connection(), token) if token.startswith(PREFIX) else None
        if who is None or who.used > sources.a_minute:
            return _go(f"{NOT_KNOWN}&next={quote(back)}" if back else NOT_KNOWN)
        return _go(back or SIGNED_IN, _cookie(token, KEPT_S))

    @app.post("/logout")
    def logout() -> Answer:
        if not is_of_this_site(app.current_event.raw_event):
            return plain(HTTPStatus.FORBIDDEN, "This form is taken from this site's own page only.")
        return _go(SIGNED_OUT, _cookie("", 0))


def way_back(wanted: str) -> str:
    """A page behind the login, or nothing."""
    return wanted if INSIDE.fullmatch(wanted) else ""


def sent_to_login(event: Mapping[str, Any]) -> Answer:
    """The way to the form, and back to what was asked for; whose cookie opens nothing any more is told so."""
    return _go(path_to_login(event, ended=cookie_of(event) is not None))


def path_to_login(event: Mapping[str, Any], *, ended: bool = False) -> str:
    """The form's path, with the way back."""
    back = way_back(str(event.get("rawPath", "")))
    asked = ["ended"] if ended else []
    asked += [f"next={quote(back)}"] if back not in ("", SIGNED_IN) else []
    return f"/login?{'&'.join(asked)}" if asked else "/login"


def _form_of(event: Mapping[str, Any]) -> dict[str, str]:
    body = raw_body(event)
    if len(body) > LONGEST or not str(event.get("headers", {}).get("content-type", "")).startswith(FORM):
        return {}
    return {name: values[0].strip() for name, values in parse_qs(body.decode("latin-1")).items()}


def _cookie(value: str, max_age_s: int) -> Cookie:
    strict = SameSite.STRICT_MODE
    return Cookie(COOKIE, value, path="/", secure=True, http_only=True, same_site=strict, max_age=max_age_s)


def _go(where: str, cookie: Cookie | None = None) -> Answer:
    """Another page, read with GET."""
    headers = {"location": where}
    return Response(int(HTTPStatus.SEE_OTHER), "text/plain; charset=utf-8", "", headers, [cookie] if cookie else None)
