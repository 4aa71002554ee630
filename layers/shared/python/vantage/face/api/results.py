"""What the regions saw: results, failures, uptime."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from vantage.face.api import examples
from vantage.face.api.monitors import found
from vantage.face.api.operation import Ask, Operation, Told, page
from vantage.face.api.params import CURSOR, FROM, LIMIT, REGION, TO, window
from vantage.face.api.shapes import Failures, FailuresAlone, Results, Uptime, Uptimes
from vantage.face.refusal import Refusal, of_field
from vantage.face.told import uptime as told
from vantage.face.told.failures import alone, failure, result
from vantage.face.told.uptime import Named
from vantage.monitor import Region
from vantage.store import figures, history
from vantage.store.history import CursorError
from vantage.store.regions import known_regions
from vantage.store.rollups import hour_of
from vantage.store.sheet import database_time

BACK = timedelta(hours=24)
NEWEST = timedelta(minutes=1)  # a check's instant may lie ahead of who asks


def read_results(ask: Ask) -> Told:
    """A page of a monitor's results, of the last 24 hours where nothing is said."""
    id_, _, _ = _named(ask)
    first, until = _span(ask)
    rows = _page_of(lambda: history.results(
        ask.connection, id_, first, until, regions=_regions(ask), cursor=ask.query["cursor"], limit=ask.query["limit"]
    ))  # fmt: skip
    return page([result(row) for row in rows.rows], rows.next_cursor)


def read_failures(ask: Ask) -> Told:
    """A page of all monitors' failures."""
    first, until = _span(ask)
    regions = _regions(ask) or known_regions(ask.connection)
    rows = _page_of(lambda: history.failures(
        ask.connection, regions, first, until, cursor=ask.query["cursor"], limit=ask.query["limit"]
    ))  # fmt: skip
    names = history.names(ask.connection, sorted({row.monitor_id for row in rows.rows}))
    beside = history.elsewhere(ask.connection, rows.rows)
    data = [failure(row, names, beside.get((row.monitor_id, row.checked_at), {})) for row in rows.rows]
    return page(data, rows.next_cursor)


def read_failures_alone(ask: Ask) -> Told:
    """What fails from one region and not from others."""
    _regions(ask)
    with figures.one_sight(ask.connection):
        pieces = told.pieces_of(ask.connection, *_counted_span(ask))
        found = figures.failing_alone(ask.connection, pieces)
    return page(alone(found, history.names(ask.connection), ask.query["region"]), None)


def read_uptime(ask: Ask) -> Told:
    """A monitor's uptime."""
    monitor = _named(ask)
    with figures.one_sight(ask.connection):
        pieces = told.pieces_of(ask.connection, *_counted_span(ask))
        return Told(told.of_one(ask.connection, monitor, pieces))


def read_uptimes(ask: Ask) -> Told:
    """A page of every monitor's uptime."""
    with figures.one_sight(ask.connection):
        pieces = told.pieces_of(ask.connection, *_counted_span(ask))
        names, next_cursor = history.names_after(ask.connection, ask.query["cursor"] or "", ask.query["limit"])
        return page(told.of_some(ask.connection, pieces, names), next_cursor, **told.frame(pieces))


def _named(ask: Ask) -> Named:
    slug = found(ask).slug
    if one := history.named(ask.connection, slug):
        return one[0], slug, one[1]
    raise Refusal(404, f"There is no monitor {slug!r}.")  # deleted between two looks


def _regions(ask: Ask) -> Sequence[Region] | None:
    region, known = ask.query["region"], known_regions(ask.connection)
    if region is not None and region not in known:
        raise of_field("region", f"is no region here; there are {', '.join(known)}")
    return [region] if region else None


def _span(ask: Ask) -> tuple[datetime, datetime]:
    now = database_time(ask.connection)
    until = ask.query["to"] or now + NEWEST
    first = ask.query["from"] or hour_of(min(until, now) - BACK)
    if first >= until:
        raise of_field("from", "must be before `to`")
    return first, until


def _counted_span(ask: Ask) -> tuple[datetime, datetime]:
    given, first, until = ask.query["window"], ask.query["from"], ask.query["to"]
    if given and (first or until):
        raise of_field("window", "stands alone, or `from` and `to` do")
    try:
        return told.span(database_time(ask.connection), given or "24h", first, until)
    except ValueError as error:
        raise of_field("from", str(error)) from None


def _page_of(read: Callable[[], history.Page]) -> history.Page:
    try:
        return read()
    except CursorError as error:
        raise of_field("cursor", str(error)) from None


WINDOW = window(*told.WINDOWS)
OPERATIONS = (
    Operation(
        method="GET", path="/v1/monitors/{slug}/results", name="readResults", run=read_results,
        summary="What the regions saw of a monitor, newest first; of the last 24 hours where nothing is said",
        tells=Results, example=examples.page_of(examples.RESULT), query=(REGION, FROM, TO, LIMIT, CURSOR),
    ),
    Operation(
        method="GET", path="/v1/monitors/{slug}/uptime", name="readUptime", run=read_uptime,
        summary="How much of the time a monitor was up, and how much of it was seen", tells=Uptime,
        example=examples.UPTIME, query=(WINDOW, FROM, TO),
    ),
    Operation(
        method="GET", path="/v1/uptime", name="readUptimes", run=read_uptimes,
        summary="How much of the time everything was up, by slug, and how much of it was seen", tells=Uptimes,
        example=examples.UPTIMES, query=(WINDOW, FROM, TO, LIMIT, CURSOR),
    ),
    Operation(
        method="GET", path="/v1/failures", name="readFailures", run=read_failures,
        summary="What failed, newest first, each with what the other regions saw; of the last 24 hours where nothing "
        "is said", tells=Failures, example=examples.page_of(examples.FAILURE), query=(REGION, FROM, TO, LIMIT, CURSOR),
    ),
    Operation(
        method="GET", path="/v1/failures/alone", name="readFailuresAlone", run=read_failures_alone,
        summary="What failed from one region and from no other that saw it, counted, most often first; of the last 24 "
        "hours where nothing is said", tells=FailuresAlone, example=examples.page_of(examples.FAILED_ALONE),
        query=(REGION, WINDOW, FROM, TO),
    ),
)  # fmt: skip
