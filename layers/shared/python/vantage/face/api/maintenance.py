"""/v1/maintenance: announced work."""

from datetime import datetime
from http import HTTPStatus
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field, WithJsonSchema

from vantage.face.api import examples
from vantage.face.api.body import checked
from vantage.face.api.incidents import numbered
from vantage.face.api.operation import Ask, Json, Operation, Param, Told, page
from vantage.face.api.params import YEARS, switch
from vantage.face.api.shapes import Maintenance as Shape
from vantage.face.api.shapes import Maintenances
from vantage.face.refusal import Refusal
from vantage.monitors_file.durations import format_ms
from vantage.monitors_file.strict import Strict
from vantage.monitors_file.values import Duration, Here, Line
from vantage.store import maintenance as store
from vantage.store.maintenance import Maintenance
from vantage.verdict.windows import window_at

LONGEST_MS = 30 * 86_400_000
COMING = Param("coming", switch, {"type": "boolean"}, "Only what is not over.", False)


def _start(text: str) -> str:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("must be what the clocks show, such as 2026-12-01T22:00") from None
    if at.tzinfo is not None:
        raise ValueError("is what the clocks of the time zone show; leave its offset out")
    if at.year not in YEARS:
        raise ValueError(f"must be within the years {YEARS.start} to {YEARS.stop - 1}")
    return text


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("is not known; write one of the IANA names, such as Europe/Berlin") from None
    return name


def _length(duration_ms: int) -> int:
    if not 1_000 <= duration_ms <= LONGEST_MS:
        raise ValueError("must be from 1s to 30d")
    return duration_ms


_CLOCK = WithJsonSchema({"type": "string", "pattern": "^20[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2})?$"})
Lines = Annotated[list[Line], Field(max_length=100)]


class NewMaintenance(Strict):
    """Announced work. Without groups and monitors it is on everything."""

    name: Line
    start: Annotated[str, AfterValidator(_start), _CLOCK]
    duration: Annotated[Duration, AfterValidator(_length)]
    timezone: Annotated[str, AfterValidator(_zone)] = "UTC"
    groups: Lines = []  # noqa: RUF012 - pydantic copies it
    monitors: Lines = Field([], description="slugs")


def told(one: Maintenance) -> Json:
    """It in the words of the file."""
    return {
        "id": one.id, "name": one.name, "start": one.starts.isoformat(), "duration": format_ms(one.duration_s * 1000),
        "timezone": one.timezone, "rrule": one.rrule, "groups": list(one.groups), "monitors": list(one.slugs),
        "ended_at": one.ended_at,
    }  # fmt: skip


def list_all(ask: Ask) -> Told:
    """All of it, or what is coming."""
    return page([told(one) for one in store.list_maintenance(ask.connection, only_coming=ask.query["coming"])])


def announce(ask: Ask) -> Told:
    """Announce work."""
    new = checked(NewMaintenance, ask.body, Here())
    starts, duration_s = datetime.fromisoformat(new.start), new.duration // 1000
    one = Maintenance(new.name, starts, duration_s, new.timezone, None, new.groups, new.monitors)
    number = store.add(ask.connection, one, [window_at(starts, duration_s, new.timezone)])
    ask.note("maintenance.add", f"maintenance/{number}", name=new.name, start=new.start, timezone=new.timezone)
    return Told(_found(ask, number), HTTPStatus.CREATED, {"location": f"/v1/maintenance/{number}"})


def read(ask: Ask) -> Told:
    """One of them."""
    return Told(_found(ask, numbered(ask)))


def end(ask: Ask) -> Told:
    """It is over now; what of it lies ahead does not come."""
    number = numbered(ask)
    _found(ask, number)
    if not store.end(ask.connection, number):
        raise Refusal(409, f"Maintenance {number} is over already.")
    ask.note("maintenance.end", f"maintenance/{number}")
    return Told(_found(ask, number))


def _found(ask: Ask, number: int) -> Json:
    for one in store.list_maintenance(ask.connection):
        if one.id == number:
            return told(one)
    raise Refusal(404, f"There is no maintenance {number}.")


OPERATIONS = (
    Operation(
        method="GET", path="/v1/maintenance", name="listMaintenance", summary="List announced work, newest first",
        run=list_all, tells=Maintenances, example=examples.page_of(examples.MAINTENANCE), query=(COMING,),
    ),
    Operation(
        method="POST", path="/v1/maintenance", name="announceMaintenance", run=announce, status=HTTPStatus.CREATED,
        summary="Announce work: meanwhile nothing counts, and nobody is told", tells=Shape,
        example=examples.MAINTENANCE, takes=NewMaintenance, takes_example={
            "name": "Release", "start": "2026-12-01T22:00", "duration": "2h", "timezone": "Europe/Berlin",
            "groups": ["Public"],
        },
    ),
    Operation(
        method="GET", path="/v1/maintenance/{id}", name="readMaintenance", summary="Read announced work", run=read,
        tells=Shape, example=examples.MAINTENANCE,
    ),
    Operation(
        method="POST", path="/v1/maintenance/{id}/end", name="endMaintenance", run=end,
        summary="It is over now; what of it lies ahead does not come", tells=Shape, example=examples.MAINTENANCE,
        refuses={409: "It is over already."},
    ),
)  # fmt: skip
