"""The parameters of queries, each checked; a fault names its parameter."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

from vantage.face.api.operation import Param
from vantage.face.refusal import Refusal
from vantage.monitors_file.values import is_hidden

BIGGEST = 2**63 - 1
YEARS = range(2000, 2100)


def read_query(raw: str, params: Sequence[Param]) -> dict[str, Any]:
    """The values of a query string, defaults for what is absent; raises Refusal that lists every fault."""
    given: dict[str, str] = {}
    faults: dict[str, str] = {}
    known = {param.name: param for param in params}
    for name, text in parse_qsl(raw, keep_blank_values=True):
        if name not in known:
            faults[name] = f"is no parameter here; there are {', '.join(known)}" if known else "is no parameter here"
        elif name in given:
            faults[name] = "is given twice"
        given[name] = text
    values = {param.name: param.default for param in params}
    for name in given.keys() - faults.keys():
        try:
            values[name] = known[name].read(given[name])
        except ValueError as error:
            faults[name] = str(error)
    if faults:
        errors = [{"field": _shown(name), "detail": detail} for name, detail in faults.items()]
        raise Refusal(422, "; ".join(f"{each['field']}: {each['detail']}" for each in errors), errors)
    return values


def _shown(name: str) -> str:
    return "".join("?" if is_hidden(char) else char for char in name)[:60]


def line(text: str) -> str:
    """Any text of one line."""
    if not text or len(text) > 200 or any(map(is_hidden, text)):
        raise ValueError("must be one line of at most 200 characters")
    return text


def one_of(*choices: str) -> Callable[[str], str]:
    """One of these words."""

    def read(text: str) -> str:
        if text not in choices:
            raise ValueError(f"must be one of {', '.join(choices)}")
        return text

    return read


def whole(least: int, most: int) -> Callable[[str], int]:
    """A whole number in a range."""

    def read(text: str) -> int:
        if not (text.isascii() and text.isdigit() and len(text) < 20 and least <= int(text) <= most):
            raise ValueError(f"must be a whole number from {least} to {most}")
        return int(text)

    return read


def instant(text: str) -> datetime:
    """An instant, told in UTC (PostgreSQL reads no offset past 15 hours in text); without its offset it is UTC."""
    try:
        at = datetime.fromisoformat(text.replace(" ", "+").replace("Z", "+00:00"))
        at = at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
        if at.year not in YEARS:
            raise ValueError
        return at
    except (ValueError, OverflowError):
        raise ValueError("must be an instant such as 2026-11-24T08:00:00Z") from None


def switch(text: str) -> bool:
    """Yes or no."""
    return one_of("true", "false")(text) == "true"


_MOST = 1_000
LIMIT = Param("limit", whole(1, _MOST), {"type": "integer", "minimum": 1, "maximum": _MOST, "default": 100},
              "How many at the most.", 100)  # fmt: skip
CURSOR = Param(
    "cursor", line, {"type": "string", "minLength": 1, "maxLength": 200}, "`next_cursor` of the page before."
)
FROM = Param("from", instant, {"type": "string", "format": "date-time"}, "From this instant on.")
TO = Param("to", instant, {"type": "string", "format": "date-time"}, "Up to and without this instant.")
REGION = Param("region", line, {"type": "string", "minLength": 1, "maxLength": 200, "examples": ["INDIA"]},
               "Of this region only.")  # fmt: skip


def window(*names: str) -> Param:
    """So far back from now; the first one by default."""
    return Param(
        "window", one_of(*names), {"type": "string", "enum": list(names)}, f"So far back; by default {names[0]}."
    )


def number_of(cursor: str | None) -> int | None:
    """A cursor that is an id; raises Refusal."""
    if cursor is None:
        return None
    try:
        return whole(1, BIGGEST)(cursor)
    except ValueError:
        raise Refusal(422, *_no_cursor()) from None


def _no_cursor() -> tuple[str, list[Mapping[str, str]]]:
    detail = "is no cursor of a page; leave it out to begin with the newest"
    return f"cursor: {detail}", [{"field": "cursor", "detail": detail}]
