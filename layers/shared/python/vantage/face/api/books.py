"""/v1/regions, /v1/ledger and /v1/audit: where from, where checks ended, and who changed what."""

from contextlib import suppress
from dataclasses import asdict

from vantage.errors import ServerUnavailable
from vantage.face.api import examples
from vantage.face.api.body import checked
from vantage.face.api.operation import Ask, Operation, Param, Told, page
from vantage.face.api.params import CURSOR, LIMIT, instant, number_of, whole
from vantage.face.api.shapes import Changes, Ledger, Regions
from vantage.face.api.shapes import Region as Shape
from vantage.face.refusal import Refusal
from vantage.face.told import ledger as told
from vantage.monitor import Region
from vantage.monitors_file.strict import Strict
from vantage.monitors_file.values import Here
from vantage.store.audit import list_audit
from vantage.store.regions import list_regions, set_enabled
from vantage.store.sheet import latest_ticks, one_tick
from vantage.stream.writer import Backlog

MINUTES = Param("minutes", whole(1, 1_440), {"type": "integer", "minimum": 1, "maximum": 1_440, "default": 10},
                "The newest so many.", 10)  # fmt: skip
TICK = Param("tick", instant, {"type": "string", "format": "date-time"}, "This minute alone.")


class Switch(Strict):
    """Whether a region is checked from."""

    enabled: bool


def read_regions(ask: Ask) -> Told:
    """All vantage points."""
    return page([asdict(one) for one in list_regions(ask.connection)])


def switch_region(ask: Ask) -> Told:
    """Check from there, or no more; its worker finishes what was pushed."""
    name, on = ask.path["name"], checked(Switch, ask.body, Here()).enabled
    if not set_enabled(ask.connection, name, on):
        raise Refusal(404, f"There is no region {name[:100]!r} here.")
    ask.note("region.enable" if on else "region.disable", f"region/{name}")
    return Told(next(asdict(one) for one in list_regions(ask.connection) if one.name == name))


def read_ledger(ask: Ask) -> Told:
    """The newest minutes, or one."""
    tick = ask.query["tick"]
    if tick is None:
        ticks = latest_ticks(ask.connection, ask.query["minutes"])
    else:
        one = one_tick(ask.connection, tick.replace(second=0, microsecond=0))
        ticks = [one] if one else []
    backlog: dict[Region, Backlog] = {}
    with suppress(ServerUnavailable):  # the books are PostgreSQL's; what Redis holds is an estimate beside them
        backlog = told.backlogs(ask.connection, ask.sources.stream)
    return page([told.tick_told(one) for one in ticks], backlog=told.backlogs_told(backlog))


def read_audit(ask: Ask) -> Told:
    """A page of changes."""
    limit = ask.query["limit"]
    rows = list_audit(ask.connection, before_id=number_of(ask.query["cursor"]), limit=limit + 1)
    return page([asdict(one) for one in rows[:limit]], str(rows[limit - 1].id) if len(rows) > limit else None)


OPERATIONS = (
    Operation(
        method="GET", path="/v1/regions", name="listRegions", summary="List the regions, and when each was last heard",
        run=read_regions, tells=Regions, example=examples.page_of(examples.REGION),
    ),
    Operation(
        method="PATCH", path="/v1/regions/{name}", name="switchRegion", run=switch_region, tells=Shape,
        summary="Check from a region, or no more", example=examples.REGION, takes=Switch,
        takes_example={"enabled": False}, takes_part=True,
    ),
    Operation(
        method="GET", path="/v1/ledger", name="readLedger", run=read_ledger, tells=Ledger,
        summary="What was scheduled in each minute, and where it ended", query=(TICK, MINUTES),
        example={**examples.page_of(examples.TICK), "backlog": {"INDIA": {"pending": 0, "unread": 0}}},
    ),
    Operation(
        method="GET", path="/v1/audit", name="readAudit", summary="Who changed what, newest first", run=read_audit,
        tells=Changes, example=examples.page_of(examples.CHANGE), query=(LIMIT, CURSOR),
    ),
)  # fmt: skip
