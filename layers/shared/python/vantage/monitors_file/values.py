"""The single values of a monitor: how each is checked, and the sentence when it is not one.

Every sentence goes on after the key's name, and holds nothing of the value: it may be a secret.
"""

import re
import unicodedata
from dataclasses import dataclass
from typing import Annotated, Any

import httpx
from pydantic import AfterValidator, BeforeValidator, PlainSerializer, StringConstraints, ValidationInfo, WithJsonSchema

from vantage.guard import GuardError, check_header, check_host, check_url
from vantage.monitor import Region
from vantage.monitors_file.durations import PATTERN, format_ms, parse_ms
from vantage.monitors_file.sizes import PATTERN as SIZE_PATTERN
from vantage.monitors_file.sizes import parse_bytes
from vantage.monitors_file.strict import refuse_at
from vantage.probe.credentials import REFERENCE

LONGEST_SLUG = 100
MOST_HEADERS = 50
SHORT_INTERVALS_MS = (10_000, 15_000, 20_000, 30_000)
SLUG = "[a-z0-9]+(-[a-z0-9]+)*"
_SECRET_HEADER = re.compile(
    "(.*-)?(authorization|cookie|token|secret|password|apikey|(api|auth|access|secret|private|subscription)-key)"
)


@dataclass(frozen=True, slots=True)
class Here:
    """What a value must be compared with; the context of a validation. `regions` None: any name will do."""

    allow_private: bool = False
    regions: tuple[Region, ...] | None = None
    reserved: frozenset[str] = frozenset()  # slugs of built-in monitors
    channels: frozenset[str] | None = None  # None: any name will do


def is_hidden(char: str) -> bool:
    """Would it break a line, a table or a database: control characters, lone surrogates, line separators."""
    return unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp")


def one_line(text: str) -> str:
    """Text of one line, without spaces around it."""
    if any(map(is_hidden, text)):
        raise ValueError("must be one line without control characters")
    if not text or text != text.strip():
        raise ValueError("must not be empty, nor begin or end with a space")
    return text


def names_secret(header: str) -> bool:
    """Does a header's name say that it carries a secret: as its last word, such as X-Vault-Token."""
    return _SECRET_HEADER.fullmatch(header.lower()) is not None


def slug_of(name: str) -> str:
    """The slug that a name makes: ASCII, the same for ever; empty where nothing of it is ASCII."""
    ascii_name = unicodedata.normalize("NFKD", name.casefold()).encode("ascii", "ignore").decode()
    return re.sub("[^a-z0-9]+", "-", ascii_name.lower())[:LONGEST_SLUG].strip("-")


def here(info: ValidationInfo) -> Here:
    """What a validation was told to compare with."""
    return info.context if isinstance(info.context, Here) else Here()


def _slug(slug: str, info: ValidationInfo) -> str:
    if slug == "" and isinstance(name := info.data.get("name", "unnamed"), str):
        slug = slug_of(name)
    if slug == "":
        raise ValueError("cannot be made from this name, which has no letter or digit of ASCII; write one")
    if not re.fullmatch(SLUG, slug) or len(slug) > LONGEST_SLUG:
        raise ValueError(f"must be lower-case letters and digits, with single hyphens, and at most {LONGEST_SLUG} long")
    if slug in here(info).reserved:
        raise ValueError("belongs to a built-in monitor; write another one")
    return slug


def _interval(value: object) -> int:
    interval_ms = parse_ms(value)
    minutes = interval_ms % 60_000 == 0 and 60_000 <= interval_ms <= 86_400_000
    if not minutes and interval_ms not in SHORT_INTERVALS_MS:
        raise ValueError("must be 10s, 15s, 20s, 30s or whole minutes up to 24h")
    return interval_ms


def _grace(value: object) -> int:
    if not 60_000 <= (grace_ms := parse_ms(value)) <= 86_400_000:
        raise ValueError("must be from 1m to 24h")
    return grace_ms


def _timeout(value: object, info: ValidationInfo) -> int:
    if not 1_000 <= (timeout_ms := parse_ms(value)) <= 30_000:
        raise ValueError("must be from 1s to 30s")
    # A longer one would make a monitor's checks overlap themselves. Defaults may leave the interval open.
    interval_ms = info.data.get("interval")
    if interval_ms is not None and timeout_ms > interval_ms:
        raise ValueError(f"must not be longer than the interval of {format_ms(interval_ms)}")
    return timeout_ms


def _url(url: str, info: ValidationInfo) -> str:
    try:
        check_url(url, here(info).allow_private)
        httpx.URL(url)
    except GuardError as error:
        raise ValueError(str(error)) from None
    except (httpx.InvalidURL, ValueError):  # what the prober could not ask for; idna's errors are ValueErrors
        raise ValueError("cannot be understood: check the spelling of its host") from None
    return url


def url_or_reference(url: str, info: ValidationInfo) -> str:
    """A URL, or a reference to one."""
    return url if REFERENCE.fullmatch(url) else _url(url, info)


def _remind_every(value: object) -> int:
    if not 60_000 <= (every_ms := parse_ms(value)) <= 30 * 86_400_000 or every_ms % 1_000:
        raise ValueError("must be whole seconds from 1m to 30d")
    return every_ms


def _span(value: object) -> int:
    if not 60_000 <= (span_ms := parse_ms(value)) <= 30 * 86_400_000 or span_ms % 60_000:
        raise ValueError("must be whole minutes from 1m to 30d")
    return span_ms


def _host(host: str, info: ValidationInfo) -> str:
    try:
        check_host(f"[{host}]" if ":" in host else host, here(info).allow_private)
    except GuardError as error:
        raise ValueError(str(error)) from None
    return host


def _reference(text: str) -> str:
    if not REFERENCE.fullmatch(text):
        raise ValueError("secrets are named, not written: env:NAME or ssm:/path")
    return text


def _storable(value: Any) -> Any:
    """A value that JSON and PostgreSQL can hold."""
    if isinstance(value, str) and any(char == "\0" or unicodedata.category(char) == "Cs" for char in value):
        raise ValueError("holds a character that cannot be stored")
    if isinstance(value, dict):
        return {_storable(key): _storable(part) for key, part in value.items()}
    return [_storable(part) for part in value] if isinstance(value, list) else value


def _number(value: object) -> object:
    if type(value) not in (int, float):
        raise ValueError("must be a number")
    return value


def _region(name: str, info: ValidationInfo) -> str:
    known = here(info).regions
    if known is not None and name not in known:
        raise ValueError(f"is no region here; there are {', '.join(known)}")
    return name


def _some_regions(names: list[str]) -> list[str]:
    if not names:
        raise ValueError("names no region; leave it out to mean all that are enabled")
    if len(set(names)) < len(names):
        raise ValueError("names a region twice")
    return names


def _channel(name: str, info: ValidationInfo) -> str:
    known = here(info).channels
    if known is not None and name not in known:
        there_are = f"there are {', '.join(sorted(known))}" if known else "none is configured"
        raise ValueError(f"is no channel here; {there_are}")
    return name


def distinct(names: list[str]) -> list[str]:
    """A list in which nothing stands twice."""
    if len(set(names)) < len(names):
        raise ValueError("names one twice")
    return names


def _headers(headers: dict[str, str]) -> dict[str, str]:
    if len(headers) > MOST_HEADERS:
        raise ValueError(f"has more than {MOST_HEADERS} headers")
    faults = {name: sentence for name, value in headers.items() if (sentence := _header_fault(name, value))}
    seen: dict[str, str] = {}
    for name in headers:
        if seen.setdefault(name.lower(), name) != name:
            faults[name] = f"is the same header as {seen[name.lower()]}"
    refuse_at(((name,), sentence) for name, sentence in faults.items())
    return headers


def _header_fault(name: str, value: str) -> str | None:
    if name.lower() == "user-agent":
        return "has a key of its own, user_agent"
    if REFERENCE.fullmatch(value):
        return None
    if value.startswith(("env:", "ssm:")):
        return "must be env:NAME or ssm:/path, whole, where it is a reference"
    if names_secret(name):
        return "carries a secret, and secrets are named, not written: env:NAME or ssm:/path for the whole value"
    try:
        check_header(name, value)
    except GuardError as error:
        return str(error)
    return None if value == value.strip() else "must not begin or end with a space"


def _user_agent(value: str) -> str:
    if not (value.isascii() and value.isprintable() and value.strip() == value != ""):
        raise ValueError("must be printable ASCII, without spaces around it")
    return value


def _status_rules(value: Any) -> list[int | str]:
    rules = value if isinstance(value, list) else [value]
    if not rules or not all(map(_is_status_rule, rules)):
        raise ValueError("must be codes or ranges of codes from 100 to 599, such as [200-299, 304]")
    return rules


def _is_status_rule(rule: object) -> bool:
    if type(rule) is int:
        return 100 <= rule <= 599
    if not isinstance(rule, str) or not re.fullmatch("[1-5][0-9]{2}(-[1-5][0-9]{2})?", rule):
        return False
    least, _, most = rule.partition("-")
    return int(least) <= int(most or least)


_IN_WORDS = PlainSerializer(format_ms, return_type=str)
_DURATION = WithJsonSchema({"type": "string", "pattern": f"^{PATTERN}$", "examples": ["30s", "5m", "1h"]})

Line = Annotated[str, StringConstraints(max_length=200), AfterValidator(one_line)]
Slug = Annotated[str, AfterValidator(_slug), WithJsonSchema({"type": "string", "pattern": f"^{SLUG}$"})]
Interval = Annotated[int, BeforeValidator(_interval), _IN_WORDS, _DURATION]
Timeout = Annotated[int, BeforeValidator(_timeout), _IN_WORDS, _DURATION]
Grace = Annotated[int, BeforeValidator(_grace), _DURATION]
Duration = Annotated[int, BeforeValidator(parse_ms), _DURATION]
Span = Annotated[int, BeforeValidator(_span), _IN_WORDS, _DURATION]
RemindEvery = Annotated[int, BeforeValidator(_remind_every), _IN_WORDS, _DURATION]
Size = Annotated[
    int,
    BeforeValidator(parse_bytes),
    WithJsonSchema({"type": ["integer", "string"], "minimum": 0, "pattern": f"^{SIZE_PATTERN}$", "examples": ["1MiB"]}),
]
Anything = Annotated[Any, AfterValidator(_storable)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=1_000), AfterValidator(_storable)]
LongText = Annotated[str, StringConstraints(max_length=10_000), AfterValidator(_storable)]
Number = Annotated[Any, AfterValidator(_number), WithJsonSchema({"type": "number"})]
Host = Annotated[str, AfterValidator(_host)]
Reference = Annotated[
    str, AfterValidator(_reference), WithJsonSchema({"type": "string", "pattern": f"^({REFERENCE.pattern})$"})
]
Url = Annotated[str, AfterValidator(_url), WithJsonSchema({"type": "string", "pattern": "^https?://"})]
Regions = Annotated[list[Annotated[str, AfterValidator(_region)]], AfterValidator(_some_regions)]
Channels = Annotated[list[Annotated[str, AfterValidator(_channel)]], AfterValidator(distinct)]
Headers = Annotated[dict[str, Annotated[str, StringConstraints(max_length=4096)]], AfterValidator(_headers)]
UserAgent = Annotated[str, StringConstraints(max_length=200), AfterValidator(_user_agent)]
StatusRules = Annotated[
    list[int | str],
    BeforeValidator(_status_rules),
    WithJsonSchema(
        {
            "type": ["array", "integer", "string"],
            "items": {"type": ["integer", "string"], "pattern": "^[1-5][0-9]{2}(-[1-5][0-9]{2})?$"},
            "examples": [["200-299", 304]],
        }
    ),
]
