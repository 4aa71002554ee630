"""Monitors added, changed and paused in a browser: the API's operations behind forms, and a probe before saving."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response

from vantage.face.answers import READ, Answer
from vantage.face.api import monitors as api
from vantage.face.api.body import raw_body
from vantage.face.api.operation import Ask, Json
from vantage.face.login import path_to_login, sent_to_login
from vantage.face.pages.audience import SIGNED_IN
from vantage.face.pages.edit_form import LISTED, changed, check_regions, fields_of, not_probed, probed_words, row_of
from vantage.face.pages.render import Templates
from vantage.face.refusal import Refusal
from vantage.face.sources import Sources
from vantage.face.who import reader, who_asks
from vantage.monitors_file.entry import entry
from vantage.store.channels import load_channels
from vantage.store.connection import Connection
from vantage.store.monitors import definitions_after, load_definitions
from vantage.store.regions import list_regions

HERE = "/ops/monitors"
ADD = "/ops/add"
"""Not below the list: there, any word may be a monitor's slug."""
A_PAGE = 200
PROBE_AT_MOST_MS = 10_000
"""Twice this, since a failure is asked again: an HTTP API waits for 30 s."""
Event = Mapping[str, Any]


def register(app: APIGatewayHttpResolver, sources: Sources) -> None:
    """The list, the form, and what its buttons do."""

    @app.route(HERE, method=READ)
    def monitors_page() -> Answer:
        return _list(sources, app.current_event.raw_event)

    @app.route(ADD, method=READ)
    def new_page() -> Answer:
        return _shown(sources, app.current_event.raw_event, "")

    @app.route(f"{HERE}/<slug>", method=READ)
    def edit_page(slug: str) -> Answer:
        return _shown(sources, app.current_event.raw_event, slug)

    @app.post(ADD)
    def new_sent() -> Answer:
        return _sent(sources, app.current_event.raw_event, "")

    @app.post(f"{HERE}/<slug>")
    def edit_sent(slug: str) -> Answer:
        return _sent(sources, app.current_event.raw_event, slug)


def _list(sources: Sources, event: Event) -> Answer:
    if reader(sources, event) is None:
        return sent_to_login(event)
    after = parse_qs(event.get("rawQueryString") or "").get("after", [""])[0]
    found, further = definitions_after(sources.connection(), after, A_PAGE)
    told = {"title": "Monitors", "description": "All monitors.", "rows": [row_of(one) for one in found],
            "further": further}  # fmt: skip
    return Templates.load().page("monitors.html", told, here=HERE, to=SIGNED_IN, site=sources.site())


def _shown(sources: Sources, event: Event, slug: str) -> Answer:
    who = reader(sources, event)
    if who is None:
        return sent_to_login(event)
    more = {} if who.may("write") else {"only_reads": path_to_login(event)}
    return _form(sources, slug, _stored(sources.connection(), slug), more)


def _sent(sources: Sources, event: Event, slug: str) -> Answer:
    """What a button does; whose token may not write is told how to go on, and what they typed is not lost."""
    try:
        who = who_asks(sources, event, "write")
    except Refusal as refusal:
        if refusal.status not in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            raise
        return _not_taken(sources, event, refusal)
    form = parse_qs(raw_body(event).decode("utf-8", "replace"), keep_blank_values=True)
    ask = Ask(sources, sources.connection(), who, {"slug": slug}, {})
    if switch := {"pause": api.pause_monitor, "resume": api.resume_monitor}.get(_one(form, "do")):
        with ask.connection.transaction():
            switch(ask)
        return _go(HERE)
    return _save_or_probe(sources, ask, slug, form)


def _not_taken(sources: Sources, event: Event, refusal: Refusal) -> Answer:
    """Who was signed out meanwhile, or may only read, signs in beside it and sends the same form again."""
    is_known = refusal.status == HTTPStatus.FORBIDDEN
    told = {
        "title": "This token may only read" if is_known else "You are not signed in any more",
        "description": "Nothing was changed.",
        "why": refusal.detail if is_known else "The token was revoked, or its cookie is gone.",
        "what": "Sign in with a token that may write" if is_known else "Sign in again",
        "login": path_to_login(event, ended=not is_known),
    }  # fmt: skip
    page = Templates.load().page("not_taken.html", told, to=SIGNED_IN, site=sources.site(), status=refusal.status)
    page.headers.update(refusal.headers or {})
    return page


def _save_or_probe(sources: Sources, ask: Ask, slug: str, form: Mapping[str, Sequence[str]]) -> Answer:
    """The form again, with what is wrong or with what a probe saw; or the list, once it is saved."""
    wanted = changed(_stored(ask.connection, slug), {name: form.get(name, []) for name in LISTED}, is_new=not slug)
    is_probe = _one(form, "do") == "probe"
    try:
        check_regions(form.get("regions", []))
        if is_probe:
            return _form(sources, slug, wanted, {"probed": _probed(sources, wanted, api.checked_item(ask, wanted))})
        with ask.connection.transaction():
            body = replace(ask, body=wanted)
            api.put_monitor(body) if slug else api.create_monitor(body)
    except Refusal as refusal:
        if refusal.status not in (HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.CONFLICT):
            raise
        faults = [error["field"] + ": " + error["detail"] for error in refusal.errors] or [refusal.detail]
        undone = {"faults": faults, "undone": "probed" if is_probe else "saved"}
        return _form(sources, slug, wanted, undone, HTTPStatus.UNPROCESSABLE_ENTITY)
    sources.forget()
    return _go(HERE)


def _form(sources: Sources, slug: str, words: Json, more: Json, status: int = HTTPStatus.OK) -> Answer:
    regions = [one.name for one in list_regions(sources.connection()) if one.enabled]
    channels = [(one.name, one.enabled) for one in load_channels(sources.connection())]
    title = f"Change {words.get('name', slug)}" if slug else "Add a monitor"
    told = {
        "title": title, "description": title, "action": f"{HERE}/{slug}" if slug else ADD, "is_new": not slug,
        "faults": [], "probed": None, "only_reads": "", "fields": fields_of(words, regions, channels), **more,
    }  # fmt: skip
    return Templates.load().page("edit.html", told, here=HERE, to=SIGNED_IN, site=sources.site(), status=status)


def _stored(connection: Connection, slug: str) -> Json:
    """A monitor in the file's words; empty for a new one. Raises Refusal with 404."""
    if not slug:
        return {"type": "http"}
    if found := load_definitions(connection, [slug]):
        return dict(entry(found[0]))
    raise Refusal(HTTPStatus.NOT_FOUND, f"There is no monitor {slug[:100]!r}.")


def _probed(sources: Sources, words: Json, item: Any) -> Json:
    """What one probe from here sees, as words; raises Refusal where there can be none."""
    from vantage.probe import OwnFault, Prober  # noqa: PLC0415  # only who probes pays for it
    from vantage.probe.report import check_of, expected, in_full  # noqa: PLC0415

    if why := not_probed(words):
        raise Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, why)
    timeout_ms = min(item.timeout, PROBE_AT_MOST_MS)
    check = check_of({"type": item.type, "timeout_ms": timeout_ms, "spec": item.spec()})

    async def probe() -> Json:
        prober = Prober("HERE", allow_private=sources.allow_private)
        try:
            return in_full(await prober.probe(check))
        finally:
            await prober.aclose()

    try:
        return probed_words(asyncio.run(probe()), expected(check), timeout_ms)
    except OwnFault as fault:
        raise Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, str(fault)) from None


def _one(form: Mapping[str, Sequence[str]], name: str) -> str:
    return next(iter(form.get(name, ())), "")


def _go(where: str) -> Answer:
    return Response(int(HTTPStatus.SEE_OTHER), "text/plain; charset=utf-8", "", {"location": where})
