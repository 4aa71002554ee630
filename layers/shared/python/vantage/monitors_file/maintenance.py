# ruff: noqa: RUF012 - pydantic copies the defaults of its models
"""What can be said of announced work: one model for the file's items, the API's bodies, the command and `export`."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, ValidationInfo, WithJsonSchema

from vantage import recurrence
from vantage.monitors_file.durations import format_ms
from vantage.monitors_file.strict import Strict, absent
from vantage.monitors_file.values import Line, Span, distinct
from vantage.store.maintenance import Maintenance

YEARS = range(2000, 2100)
START = "%Y-%m-%dT%H:%M"


def _start(value: object) -> datetime:
    try:
        at = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        at = None
    if at is None:
        raise ValueError("must be an instant such as 2026-12-01T22:00; in the file put it in quotes")
    if at.tzinfo is not None:
        raise ValueError("is what the clocks of `timezone` show; leave its offset out")
    if at.year not in YEARS:
        raise ValueError(f"must be within the years {YEARS.start} to {YEARS.stop - 1}")
    return at.replace(second=0, microsecond=0)


def _zone(name: str) -> str:
    recurrence.zone(name)
    return name


def _rule(rule: str, info: ValidationInfo) -> str:
    if "start" in info.data and "timezone" in info.data:
        recurrence.check_rule(rule, info.data["start"], info.data["timezone"])
    return rule


class MaintenanceItem(Strict):
    """Announced work, in the words of the file: without `groups` and `monitors` it is on everything."""

    name: Line
    start: Annotated[
        datetime,
        BeforeValidator(_start),
        PlainSerializer(lambda at: at.strftime(START), return_type=str),
        WithJsonSchema({"type": "string", "examples": ["2026-12-01T22:00"]}),
    ] = Field(description="what the clocks of the time zone show")
    duration: Span
    timezone: Annotated[Line, AfterValidator(_zone)] = Field("UTC", description="an IANA name, such as Europe/Berlin")
    rrule: Annotated[Line, AfterValidator(_rule)] = absent("a recurrence rule of RFC 5545; left out: once")
    groups: Annotated[list[Line], Field(max_length=100), AfterValidator(distinct)] = []
    monitors: Annotated[list[Line], Field(max_length=100), AfterValidator(distinct)] = Field([], description="slugs")


DEFAULTS: dict[str, Any] = {"timezone": "UTC", "rrule": None, "groups": [], "monitors": []}


def maintenance(item: MaintenanceItem) -> Maintenance:
    """What is stored for an item."""
    return Maintenance(
        item.name, item.start, item.duration // 1_000, item.timezone, item.rrule, item.groups, item.monitors
    )


def whole(stored: Maintenance) -> dict[str, Any]:
    """Stored work in the file's words, with its defaults."""
    return {
        "name": stored.name,
        "start": stored.starts.strftime(START),
        "duration": format_ms(stored.duration_s * 1_000),
        "timezone": stored.timezone,
        "rrule": stored.rrule,
        "groups": list(stored.groups),
        "monitors": list(stored.slugs),
    }


def entry(stored: Maintenance) -> dict[str, Any]:
    """Stored work in the file's words, without what is the default."""
    return {key: value for key, value in whole(stored).items() if key not in DEFAULTS or value != DEFAULTS[key]}
