# ruff: noqa: RUF012 - pydantic copies the defaults of its models
"""What can be said of a monitor: one model for the file's items, the API's bodies and `export`."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal, get_type_hints

from pydantic import (
    AfterValidator,
    Field,
    StringConstraints,
    ValidationInfo,
    create_model,
    model_validator,
)

import vantage
from vantage.guard import GuardError
from vantage.monitors_file.by_type import NEEDED_BY_TYPE, ByType, types_with
from vantage.monitors_file.channel import ChannelItem
from vantage.monitors_file.expect import BY_TYPE, Expect
from vantage.monitors_file.maintenance import MaintenanceItem
from vantage.monitors_file.status_page import StatusPageItem
from vantage.monitors_file.strict import Strict, absent, refuse_at, without_default
from vantage.monitors_file.values import (
    Channels,
    Grace,
    Headers,
    Host,
    Interval,
    Line,
    LongText,
    Reference,
    Regions,
    Slug,
    Timeout,
    Url,
    UserAgent,
    here,
)
from vantage.probe import plan

IDENTITY = ("name", "slug")
OWN_KEYS: Mapping[str, tuple[str, ...]] = {
    "http": ("url", "method", "headers", "body", "auth", "user_agent", "redirects", "ip_family", "http2", "verify_tls"),
    "tcp": ("host", "port", "tls", "ip_family", "verify_tls"),
    "dns": ("host", "record"),
    "heartbeat": ("grace",),
}
"""The keys that say how a target of a type is reached."""
NEEDED: Mapping[str, tuple[str, ...]] = {"http": ("url",), "tcp": ("host", "port"), "dns": ("host",), "heartbeat": ()}
PROBED = {key for keys in OWN_KEYS.values() for key in keys} | {"expect"}
"""The keys of a monitor's spec, which the prober reads: they travel in the stream, each only where it is not the
default."""

UNPROBED = {"timeout", "regions", "confirmations", "expect"}
"""What a heartbeat cannot have, since nobody goes there."""
NO_PROBE = "is not for type heartbeat, whose job calls by itself"

TYPES = ByType(OWN_KEYS, NEEDED, default="http")
OF_TYPE = TYPES.validator()


class Redirects(Strict):
    """How far redirects are followed; 0 = not at all. A downgrade leads from https to http."""

    follow: Annotated[int, Field(ge=0, le=20)] = 10
    allow_downgrade: bool = False


class Basic(Strict):
    """A user and a reference to the password."""

    user: Annotated[Line, StringConstraints(pattern="^[^:]+$")]
    password: Reference


class Auth(Strict):
    """How the request says who asks: one of the two."""

    bearer: Reference = absent()
    basic: Basic = absent()

    @model_validator(mode="after")
    def _one(self) -> "Auth":
        if (self.bearer is None) is (self.basic is None):
            raise ValueError("must be either bearer or basic")
        return self


def _with_post(body: str, info: ValidationInfo) -> str:
    if info.data.get("method", "POST") != "POST":
        raise ValueError("is sent with method POST only")
    return body


def _only(auth: Auth, info: ValidationInfo) -> Auth:
    if any(name.lower() == "authorization" for name in info.data.get("headers") or {}):
        raise ValueError("is the header Authorization, which stands in headers too")
    return auth


def _for_type(expect: Expect, info: ValidationInfo) -> Expect:
    kind = info.data.get("type")
    strange = [key for key in expect.model_fields_set if kind is not None and key not in BY_TYPE[kind]]
    refuse_at(((key,), f"is not for type {kind}, but for {types_with(key, BY_TYPE)}") for key in sorted(strange))
    return expect


class MonitorItem(Strict):
    """One monitor, in the words of the file."""

    model_config = {"json_schema_extra": TYPES.in_schema}
    name: Line
    slug: Slug = Field(
        "",
        validate_default=True,
        description="identity; made from the name where it is absent",
        json_schema_extra=without_default,
    )
    type: Literal["http", "tcp", "dns", "heartbeat"] = "http"
    url: Annotated[Url, OF_TYPE] = NEEDED_BY_TYPE
    host: Annotated[Host, OF_TYPE] = NEEDED_BY_TYPE
    port: Annotated[int, Field(ge=1, le=65_535), OF_TYPE] = NEEDED_BY_TYPE
    tls: Annotated[bool, OF_TYPE] = False
    record: Annotated[Literal["A", "AAAA", "CAA", "CNAME", "MX", "NS", "PTR", "SOA", "SRV", "TXT"], OF_TYPE] = "A"
    group: Line | None = Field(None, description="heading on the page")
    tags: Annotated[dict[Line, Line], Field(max_length=50)] = {}
    enabled: bool = Field(True, description="false = paused")
    public: bool = Field(False, description="false = on no public page")
    show_url: bool = Field(False, description="false = a public page shows name and group only")
    interval: Interval = 60_000
    grace: Annotated[Grace, OF_TYPE] = Field(300_000, description="how much later than its interval a job may call")
    timeout: Timeout = 10_000
    regions: Regions | None = Field(None, description="null = every enabled one")
    confirmations: Annotated[int, Field(ge=1, le=10)] = 2
    channels: Channels = Field([], description="who is told; none: nobody")
    method: Annotated[Literal["GET", "HEAD", "POST"], OF_TYPE] = "GET"
    headers: Annotated[Headers, OF_TYPE] = Field({}, description="secrets as references: env:NAME, ssm:/path")
    body: Annotated[LongText, AfterValidator(_with_post), OF_TYPE] = absent()
    auth: Annotated[Auth, AfterValidator(_only), OF_TYPE] = absent()
    user_agent: Annotated[UserAgent | None, OF_TYPE] = Field(None, description="null = Vantage/<version> (<REGION>)")
    redirects: Annotated[Redirects, OF_TYPE] = Redirects()
    ip_family: Annotated[Literal["any", "ipv4", "ipv6", "both"], OF_TYPE] = "any"
    http2: Annotated[bool, OF_TYPE] = Field(False, description="spoken where the server offers it, over https")
    verify_tls: Annotated[bool, OF_TYPE] = True
    expect: Annotated[Expect, AfterValidator(_for_type)] = Expect()

    @model_validator(mode="after")
    def _calls_by_itself(self) -> "MonitorItem":
        if self.type == "heartbeat":
            strange = sorted(UNPROBED & self.model_fields_set)
            short = ["interval"] if self.interval < 60_000 else []
            refuse_at(
                ((key,), "must be a minute at least for type heartbeat" if key in short else NO_PROBE)
                for key in (*short, *strange)
            )
        return self

    @model_validator(mode="after")
    def _can_be_probed(self, info: ValidationInfo) -> "MonitorItem":
        if self.type == "http":
            try:
                plan.read(self.spec(), user_agent=vantage.__version__, allow_private=here(info).allow_private)
            except GuardError as error:
                raise ValueError(str(error)) from None
        return self

    def spec(self) -> dict[str, Any]:
        """What the prober reads of it."""
        return self.model_dump(include=PROBED, exclude_defaults=True)


def _optional(model: type[Strict], without: Iterable[str]) -> dict[str, Any]:
    hints = get_type_hints(model, include_extras=True)
    absent = Field(None, json_schema_extra=without_default)
    return {name: (hints[name], absent) for name in model.model_fields if name not in without}


Defaults: type[Strict] = create_model(
    "Defaults", __base__=Strict, __doc__="Any key of a monitor but its identity.", **_optional(MonitorItem, IDENTITY)
)
Defaults.not_here = dict.fromkeys(IDENTITY, "is each monitor's own and cannot be a default")


class Document(Strict):
    """The keys of a file; each monitor is checked by itself, after the defaults have been put in; all else too."""

    version: Literal[1] = 1
    defaults: Defaults = Field(default_factory=Defaults)
    operator: Channels = absent("channels that hear of Vantage's own faults")
    channels: list[Any] = []
    monitors: list[Any] = []
    maintenance: list[Any] = []
    status_page: StatusPageItem = absent("whose status page it is")


class MonitorsFile(Document):
    """A monitors file of Vantage."""

    channels: list[ChannelItem] = []
    monitors: list[MonitorItem] = []
    maintenance: list[MaintenanceItem] = []


def keys_of(kind: str) -> set[str]:
    """The keys that a monitor of a type can have."""
    taken = set(MonitorItem.model_fields) - (PROBED - {"expect"}) | set(OWN_KEYS[kind])
    return taken - UNPROBED if kind == "heartbeat" else taken


def json_schema() -> dict[str, Any]:
    """The file's JSON Schema, for editors."""
    schema = MonitorsFile.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
