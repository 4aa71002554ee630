"""What can be said of a monitor: one model for the file's items, the API's bodies and `export`."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, ClassVar, Literal, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, create_model

from vantage.monitors_file.values import (
    Headers,
    Interval,
    Line,
    Regions,
    Slug,
    StatusRules,
    Timeout,
    Url,
    UserAgent,
)

IDENTITY = ("name", "slug")


class Strict(BaseModel):
    """No unknown key, nothing converted.

    `not_yet` names what a later version will take: keys, and values by key.
    `not_here` says why a known key is out of place.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)
    not_yet: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    not_here: ClassVar[Mapping[str, str]] = {}


def _later(*keys: str) -> dict[str, tuple[str, ...]]:
    return dict.fromkeys(keys, ())


def _without_default(schema: dict[str, Any]) -> None:
    schema.pop("default", None)


class Redirects(Strict):
    """How far redirects are followed; 0 = not at all. A downgrade leads from https to http."""

    follow: Annotated[int, Field(ge=0, le=20)] = 10
    allow_downgrade: bool = False


class Expect(Strict):
    """What must hold for the target to be up."""

    not_yet = _later("body", "json", "headers", "latency", "certificate", "redirect", "banner", "values")

    status: StatusRules = ["200-299"]


class MonitorItem(Strict):
    """One monitor, in the words of the file."""

    not_yet = {
        **_later("body", "auth", "ip_family", "http2", "channels", "host", "port", "tls", "record", "grace"),
        "type": ("tcp", "dns", "heartbeat"),
        "method": ("POST",),
    }

    name: Line
    slug: Slug = Field(
        "",
        validate_default=True,
        description="identity; made from the name where it is absent",
        json_schema_extra=_without_default,
    )
    type: Literal["http"] = "http"
    url: Url
    group: Line | None = Field(None, description="heading on the page")
    tags: Annotated[dict[Line, Line], Field(max_length=50)] = {}
    enabled: bool = Field(True, description="false = paused")
    public: bool = Field(False, description="false = on no public page")
    show_url: bool = Field(False, description="false = a public page shows name and group only")
    interval: Interval = 60_000
    timeout: Timeout = 10_000
    regions: Regions | None = Field(None, description="null = every enabled one")
    confirmations: Annotated[int, Field(ge=1, le=10)] = 2
    method: Literal["GET", "HEAD"] = "GET"
    headers: Headers = Field({}, description="secrets as references: env:NAME, ssm:/path")
    user_agent: UserAgent | None = Field(None, description="null = Vantage/<version> (<REGION>)")
    redirects: Redirects = Redirects()
    verify_tls: bool = True
    expect: Expect = Expect()


def _optional(model: type[Strict], without: Iterable[str]) -> dict[str, Any]:
    hints = get_type_hints(model, include_extras=True)
    absent = Field(None, json_schema_extra=_without_default)
    return {name: (hints[name], absent) for name in model.model_fields if name not in without}


Defaults: type[Strict] = create_model(
    "Defaults", __base__=Strict, __doc__="Any key of a monitor but its identity.", **_optional(MonitorItem, IDENTITY)
)
Defaults.not_yet = MonitorItem.not_yet
Defaults.not_here = dict.fromkeys(IDENTITY, "is each monitor's own and cannot be a default")


class Document(Strict):
    """The keys of a file; each monitor is checked by itself, after the defaults have been put in."""

    not_yet = _later("operator", "channels", "maintenance", "status_page")

    version: Literal[1] = 1
    defaults: Defaults = Field(default_factory=Defaults)
    monitors: list[Any] = []


class MonitorsFile(Document):
    """A monitors file of Vantage."""

    monitors: list[MonitorItem] = []


def json_schema() -> dict[str, Any]:
    """The file's JSON Schema, for editors."""
    schema = MonitorsFile.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
