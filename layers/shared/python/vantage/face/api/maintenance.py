"""/v1/maintenance: announced work."""

from datetime import UTC, datetime
from http import HTTPStatus

from vantage.announce import worked_out
from vantage.face.api import examples
from vantage.face.api.body import checked
from vantage.face.api.incidents import numbered
from vantage.face.api.operation import Ask, Json, Operation, Param, Told, page
from vantage.face.api.params import switch
from vantage.face.api.shapes import Maintenance as Shape
from vantage.face.api.shapes import Maintenances
from vantage.face.refusal import Refusal, of_field
from vantage.monitors_file.maintenance import MaintenanceItem, maintenance, whole
from vantage.monitors_file.values import Here
from vantage.store import maintenance as store
from vantage.store.maintenance import Maintenance

COMING = Param("coming", switch, {"type": "boolean"}, "Only what is not over.", False)


def told(one: Maintenance) -> Json:
    """It in the words of the file."""
    return {"id": one.id, **whole(one), "ended_at": one.ended_at, "next_at": one.next_at}


def list_all(ask: Ask) -> Told:
    """All of it, or what is coming."""
    return page([told(one) for one in store.list_maintenance(ask.connection, only_coming=ask.query["coming"])])


def announce(ask: Ask) -> Told:
    """Announce work."""
    one, now = maintenance(checked(MaintenanceItem, ask.body, Here())), datetime.now(UTC)
    ahead = worked_out(one, now)
    if not ahead.windows and ahead.until is None:
        raise of_field("start", "It would be over already.")
    if one.name in {other.name for other in store.list_maintenance(ask.connection, only_coming=True)}:
        raise Refusal(409, f"There is {one.name!r} already, and it is not over.")
    number = store.add(ask.connection, one, ahead)
    ask.note(
        "maintenance.add",
        f"maintenance/{number}",
        name=one.name,
        start=f"{one.starts:%Y-%m-%dT%H:%M}",
        timezone=one.timezone,
    )
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
        example=examples.MAINTENANCE, takes=MaintenanceItem, takes_example={
            "name": "Release", "start": "2026-12-01T22:00", "duration": "2h", "timezone": "Europe/Berlin",
            "rrule": "FREQ=WEEKLY;BYDAY=TU", "groups": ["Public"],
        }, refuses={409: "There is one of this name that is not over."},
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
