"""/v1/monitors: what is watched."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from vantage.face.api import examples
from vantage.face.api.body import checked
from vantage.face.api.operation import Ask, Json, Operation, Param, Told, page
from vantage.face.api.params import CURSOR, LIMIT, line
from vantage.face.api.shapes import Monitors, PingPath
from vantage.face.refusal import Refusal, of_field
from vantage.monitors_file.entry import definition, entry, whole
from vantage.monitors_file.model import MonitorItem
from vantage.monitors_file.plan import changes
from vantage.monitors_file.values import Here
from vantage.store.channels import load_channels
from vantage.store.heartbeats import ping_paths
from vantage.store.monitors import (
    Definition,
    definitions_after,
    delete,
    load_definitions,
    near_slug,
    pause,
    reference_slugs,
    resume,
    save,
)
from vantage.store.regions import known_regions

GROUP = Param("group", line, {"type": "string", "minLength": 1, "maxLength": 200}, "Of this group only.")
LIVES = {409: "A monitor has this slug already."}


def found(ask: Ask) -> Definition:
    """The monitor that the path names; raises Refusal with 404."""
    slug = ask.path["slug"]
    if one := load_definitions(ask.connection, [slug]):
        return one[0]
    near = near_slug(ask.connection, slug)
    raise Refusal(404, f"There is no monitor {slug[:100]!r}" + (f"; is {near} meant?" if near else "."))


def list_monitors(ask: Ask) -> Told:
    """A page of them, by slug."""
    after, limit, group = ask.query["cursor"] or "", ask.query["limit"], ask.query["group"]
    rows, next_cursor = definitions_after(ask.connection, after, limit, group)
    return page([whole(one) for one in rows], next_cursor)


def read_monitor(ask: Ask) -> Told:
    """One of them."""
    return Told(whole(found(ask)))


def create_monitor(ask: Ask) -> Told:
    """A new one; one that was deleted comes back with its history."""
    new = _checked(ask, ask.body)
    if load_definitions(ask.connection, [new.slug]):
        raise Refusal(409, f"There is a monitor {new.slug!r} already; give this one a slug of its own, or PUT it.")
    _store(ask, None, new)
    return Told(whole(new), HTTPStatus.CREATED, {"location": f"/v1/monitors/{new.slug}"})


def put_monitor(ask: Ask) -> Told:
    """Be as the body says, whatever was there."""
    slug = ask.path["slug"]
    before = next(iter(load_definitions(ask.connection, [slug])), None)
    new = _checked(ask, _of_slug(ask.body, slug))
    _store(ask, before, new)
    return Told(whole(new))


def patch_monitor(ask: Ask) -> Told:
    """Change the keys of the body; null takes a key back to its default."""
    before = found(ask)
    if not isinstance(ask.body, dict):
        raise Refusal(422, "The body must be keys with values.", [{"field": "", "detail": "must be keys with values"}])
    new = _checked(ask, _of_slug(merged(entry(before), ask.body), before.slug))
    _store(ask, before, new)
    return Told(whole(new))


def delete_monitor(ask: Ask) -> Told:
    """It is watched no more; its history stays."""
    one = found(ask)
    delete(ask.connection, [one.slug])
    ask.note("monitor.delete", f"monitor/{one.slug}")
    return Told(None, HTTPStatus.NO_CONTENT)


def read_ping(ask: Ask) -> Told:
    """What a heartbeat's job calls; who knows it may say that the job ran."""
    slug = found(ask).slug
    if path := ping_paths(ask.connection, [slug]).get(slug):
        return Told({"path": path})
    raise Refusal(404, f"{slug} is no heartbeat; it is asked, and nobody calls.")


def pause_monitor(ask: Ask) -> Told:
    """Out of the schedule."""
    return _switch(ask, "monitor.pause", on=False)


def resume_monitor(ask: Ask) -> Told:
    """Into the schedule again."""
    return _switch(ask, "monitor.resume", on=True)


def _switch(ask: Ask, action: str, *, on: bool) -> Told:
    slug = found(ask).slug
    if (resume if on else pause)(ask.connection, [slug]):
        ask.note(action, f"monitor/{slug}")
    return Told(whole(found(ask)))


def merged(there: Any, patch: Any) -> Any:
    """A JSON merge patch applied (RFC 7396)."""
    if not isinstance(patch, dict):
        return patch
    result = dict(there) if isinstance(there, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), value)
    return result


def _of_slug(body: Any, slug: str) -> Any:
    if not isinstance(body, dict):
        return body
    if body.get("slug", slug) != slug:
        raise of_field("slug", f"is {slug} by the path, and a slug stays; make a new monitor for another one")
    return {**body, "slug": slug}


def _checked(ask: Ask, plain: Any) -> Definition:
    return definition(checked_item(ask, plain))


def checked_item(ask: Ask, plain: Any) -> MonitorItem:
    """The file's item, as it may be saved here; raises Refusal that lists every fault."""
    connection = ask.connection
    here = Here(
        ask.sources.allow_private,
        known_regions(connection),
        frozenset(reference_slugs(connection)),
        frozenset(one.name for one in load_channels(connection)),
    )
    return checked(MonitorItem, plain, here)


def _store(ask: Ask, before: Definition | None, new: Definition) -> None:
    if before is None:
        save(ask.connection, [new])
        ask.note("monitor.create", f"monitor/{new.slug}", **_noted(entry(new)))
    elif found := {change.key: [change.before, change.after] for change in changes(whole(before), whole(new))}:
        save(ask.connection, [new])
        ask.note("monitor.update", f"monitor/{new.slug}", **_noted(found))


def _noted(words: Mapping[str, Any]) -> Json:
    return {key: value for key, value in words.items() if key not in ("action", "subject", "self")}


OPERATIONS = (
    Operation(
        method="GET", path="/v1/monitors", name="listMonitors", summary="List monitors, by slug", run=list_monitors,
        tells=Monitors, example=examples.page_of(examples.MONITOR), query=(GROUP, LIMIT, CURSOR),
    ),
    Operation(
        method="POST", path="/v1/monitors", name="createMonitor", summary="Watch something new", run=create_monitor,
        status=HTTPStatus.CREATED, refuses=LIVES, tells=MonitorItem, example=examples.MONITOR, takes=MonitorItem,
        takes_example=examples.MONITOR,
    ),
    Operation(
        method="GET", path="/v1/monitors/{slug}", name="readMonitor", summary="Read a monitor", run=read_monitor,
        tells=MonitorItem, example=examples.MONITOR,
    ),
    Operation(
        method="PUT", path="/v1/monitors/{slug}", name="putMonitor", run=put_monitor,
        summary="Make a monitor be as the body says, or make it", tells=MonitorItem, example=examples.MONITOR,
        takes=MonitorItem, takes_example=examples.MONITOR,
    ),
    Operation(
        method="PATCH", path="/v1/monitors/{slug}", name="patchMonitor", run=patch_monitor,
        summary="Change some keys of a monitor; null is the default", tells=MonitorItem, example=examples.MONITOR,
        takes=MonitorItem, takes_example={"interval": "30s"}, takes_part=True,
    ),
    Operation(
        method="GET", path="/v1/monitors/{slug}/ping", name="readPing", run=read_ping, needs="write", tells=PingPath,
        summary="Read what a heartbeat's job calls; takes a token that may write", example=examples.PING_PATH,
    ),
    Operation(
        method="DELETE", path="/v1/monitors/{slug}", name="deleteMonitor", run=delete_monitor,
        summary="Watch it no more; its history stays", status=HTTPStatus.NO_CONTENT, tells=None, example=None,
    ),
    Operation(
        method="POST", path="/v1/monitors/{slug}/pause", name="pauseMonitor", run=pause_monitor,
        summary="Take a monitor out of the schedule", tells=MonitorItem, example=examples.MONITOR,
    ),
    Operation(
        method="POST", path="/v1/monitors/{slug}/resume", name="resumeMonitor", run=resume_monitor,
        summary="Put a monitor into the schedule again", tells=MonitorItem, example=examples.MONITOR,
    ),
)  # fmt: skip
