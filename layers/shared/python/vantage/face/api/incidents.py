"""/v1/incidents: what was down, and what was done about it."""

from dataclasses import asdict
from typing import Annotated

from pydantic import StringConstraints

from vantage.face.api import examples
from vantage.face.api.body import checked
from vantage.face.api.monitors import found as found_monitor
from vantage.face.api.operation import Ask, Operation, Param, Told, page
from vantage.face.api.params import BIGGEST, CURSOR, LIMIT, number_of, switch, whole
from vantage.face.api.shapes import Incident, Incidents
from vantage.face.refusal import Refusal
from vantage.monitors_file.strict import Strict, absent
from vantage.monitors_file.values import Here, Line, LongText
from vantage.store.incidents import IncidentRow, acknowledge, add_note, find_incident, list_incidents

OPEN = Param("open", switch, {"type": "boolean"}, "Only those that are not over.", False)


class Acknowledgement(Strict):
    """Who looks after it; the token's name where it is left out."""

    author: Line = absent()


class Note(Strict):
    """A note in an incident's timeline."""

    text: Annotated[LongText, StringConstraints(min_length=1)]
    author: Line = absent()


def numbered(ask: Ask) -> int:
    """The id in the path; raises Refusal with 404."""
    try:
        return whole(1, BIGGEST)(ask.path["id"])
    except ValueError:
        raise Refusal(404, "There is none of this number.") from None


def found(ask: Ask) -> IncidentRow:
    """The incident that the path names; raises Refusal with 404."""
    if (one := find_incident(ask.connection, numbered(ask))) is None:
        raise Refusal(404, f"There is no incident {ask.path['id']}.")
    return one


def list_all(ask: Ask) -> Told:
    """A page of all."""
    return _listed(ask, None)


def list_of_monitor(ask: Ask) -> Told:
    """A page of one monitor's."""
    return _listed(ask, found_monitor(ask).slug)


def _listed(ask: Ask, slug: str | None) -> Told:
    limit, before = ask.query["limit"], number_of(ask.query["cursor"])
    rows = list_incidents(ask.connection, slug=slug, only_open=ask.query["open"], before_id=before, limit=limit + 1)
    return page([asdict(one) for one in rows[:limit]], str(rows[limit - 1].id) if len(rows) > limit else None)


def read_incident(ask: Ask) -> Told:
    """One of them."""
    return Told(asdict(found(ask)))


def acknowledge_incident(ask: Ask) -> Told:
    """Somebody looks after it; its channels hear of it."""
    author = checked(Acknowledgement, ask.body, Here()).author or ask.who.name
    one = found(ask)
    if not acknowledge(ask.connection, one.id, author):
        raise Refusal(409, f"Incident {one.id} is {'over' if one.resolved_at else 'acknowledged'} already.")
    ask.note("incident.acknowledge", f"incident/{one.id}", author=author)
    return Told(asdict(found(ask)))


def note_incident(ask: Ask) -> Told:
    """Write into its timeline."""
    note = checked(Note, ask.body, Here())
    one = found(ask)
    add_note(ask.connection, one.id, note.author or ask.who.name, note.text)
    ask.note("incident.note", f"incident/{one.id}")
    return Told(asdict(found(ask)), 201)


OPERATIONS = (
    Operation(
        method="GET", path="/v1/incidents", name="listIncidents", summary="List incidents, newest first", run=list_all,
        tells=Incidents, example=examples.page_of(examples.INCIDENT), query=(OPEN, LIMIT, CURSOR),
    ),
    Operation(
        method="GET", path="/v1/monitors/{slug}/incidents", name="listIncidentsOfMonitor", run=list_of_monitor,
        summary="List a monitor's incidents, newest first", tells=Incidents,
        example=examples.page_of(examples.INCIDENT), query=(OPEN, LIMIT, CURSOR),
    ),
    Operation(
        method="GET", path="/v1/incidents/{id}", name="readIncident", summary="Read an incident with its timeline",
        run=read_incident, tells=Incident, example=examples.INCIDENT,
    ),
    Operation(
        method="POST", path="/v1/incidents/{id}/ack", name="acknowledgeIncident", run=acknowledge_incident,
        summary="Say that somebody looks after it; its channels hear of it", tells=Incident, example=examples.INCIDENT,
        takes=Acknowledgement, takes_example={"author": "Ada"},
        refuses={409: "It is over or acknowledged already."},
    ),
    Operation(
        method="POST", path="/v1/incidents/{id}/notes", name="noteIncident", run=note_incident, status=201,
        summary="Write a note into its timeline", tells=Incident, example=examples.INCIDENT, takes=Note,
        takes_example={"text": "The certificate ran out; a new one is on its way.", "author": "Ada"},
    ),
)  # fmt: skip
