"""What an operation of the API is; what its handler is asked, and what it tells."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel

from vantage.face.sources import Sources
from vantage.store.audit import write_audit
from vantage.store.connection import Connection
from vantage.store.tokens import Scope, Who

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Param:
    """A parameter of a query: how its text becomes a value (raises ValueError), its JSON Schema and its meaning."""

    name: str
    read: Callable[[str], Any]
    schema: Json
    says: str
    default: Any = None


@dataclass(frozen=True, slots=True)
class Ask:
    """A request as its handler sees it: checked, and by somebody who may."""

    sources: Sources
    connection: Connection
    who: Who
    path: Mapping[str, str]
    query: Mapping[str, Any]
    body: Any = None

    def note(self, action: str, subject: str, **detail: Any) -> None:
        """Write a change down, in its own transaction."""
        write_audit(self.connection, f"token:{self.who.name}", action, subject, **detail)


@dataclass(frozen=True, slots=True)
class Told:
    """What a handler tells: a document (None: nothing), a status and headers."""

    document: Any
    status: int = HTTPStatus.OK
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One method of one path. `tells` is the model of its document, None where it has none; `status` when it is well.

    `refuses` are statuses that only this one has, each with its reason; those that follow from the rest are not named.
    """

    method: str
    path: str
    name: str
    summary: str
    run: Callable[[Ask], Told]
    tells: type[BaseModel] | None
    example: Any
    status: int = HTTPStatus.OK
    query: Sequence[Param] = ()
    takes: type[BaseModel] | None = None
    takes_example: Json | None = None
    takes_part: bool = False
    """The body is merged into what there is (RFC 7396), and may be any part of the model."""
    refuses: Mapping[int, str] = field(default_factory=dict)
    needs: Scope | None = None

    @property
    def scope(self) -> Scope:
        """What a token must be allowed."""
        return self.needs or ("read" if self.method == "GET" else "write")

    @property
    def rule(self) -> str:
        """The path as the resolver writes it."""
        return re.sub(r"\{(\w+)\}", r"<\1>", self.path)

    @property
    def placeholders(self) -> list[str]:
        """The names in its path."""
        return re.findall(r"\{(\w+)\}", self.path)


def page(rows: Sequence[Any], next_cursor: str | None = None, **more: Any) -> Told:
    """A page of a list, and where the next one begins."""
    return Told({**more, "data": list(rows), "next_cursor": next_cursor})
