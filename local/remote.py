"""The system over its API, for commands that are run where VANTAGE_URL and VANTAGE_TOKEN are set."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

import httpx

from vantage.errors import ServerUnavailable, SettingsError, VantageError
from vantage.settings import LOOPBACK

PATIENCE_S = 30.0
A_PAGE = 500
Row = TypeVar("Row")


class NotDone(VantageError):
    """What the API refused, in its words."""


@dataclass(frozen=True, slots=True)
class Remote:
    """An API and the token to ask it with."""

    url: str
    token: str

    def get(self, path: str, **query: Any) -> Any:
        """Read a document; raises NotDone, ServerUnavailable."""
        return self.send("GET", path, query={name: _text(value) for name, value in query.items() if value is not None})

    def rows(self, path: str, most: int, **query: Any) -> Iterator[Any]:
        """What a list holds, page by page, `most` at the most."""
        cursor = None
        while most > 0:
            told = self.get(path, limit=min(most, A_PAGE), cursor=cursor, **query)
            yield from told["data"]
            most, cursor = most - len(told["data"]), told["next_cursor"]
            if cursor is None:
                return

    def whole(self, path: str, **query: Any) -> Any:
        """A list that is told page by page, as one document."""
        told = self.get(path, limit=A_PAGE, **query)
        while told["next_cursor"] is not None:
            more = self.get(path, limit=A_PAGE, cursor=told["next_cursor"], **query)
            told = {**told, "data": told["data"] + more["data"], "next_cursor": more["next_cursor"]}
        return told

    def send(self, method: str, path: str, body: Any = None, *, query: Mapping[str, str] | None = None) -> Any:
        """Ask for something; returns the document, None where there is none."""
        headers = {"Authorization": f"Bearer {self.token}"}
        try:
            answer = httpx.request(
                method, self.url + path, params=query, json=body, headers=headers, timeout=PATIENCE_S
            )
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise ServerUnavailable(f"VANTAGE_URL: nothing answers there ({type(error).__name__}).") from None
        try:
            told = answer.json() if answer.content else None
        except ValueError:
            raise ServerUnavailable(f"VANTAGE_URL: what answers there is not Vantage ({answer.status_code}).") from None
        if answer.status_code >= 400:
            raise NotDone(str(told.get("detail")) if isinstance(told, dict) else f"The API said {answer.status_code}.")
        return told


def remote_of(env: Mapping[str, str]) -> Remote | None:
    """The API that an environment names; None where it names none. Raises SettingsError."""
    url, token = env.get("VANTAGE_URL", "").rstrip("/"), env.get("VANTAGE_TOKEN", "")
    if not url and not token:
        return None
    if not (url and token):
        missing = "VANTAGE_TOKEN" if url else "VANTAGE_URL"
        raise SettingsError(f"{missing} is not set, and the other one is: set both to speak to the API, or neither.")
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOOPBACK):
        raise SettingsError("VANTAGE_URL must begin with https://, or the token would be sent for all to read.")
    return Remote(url, token)


def segment(text: object) -> str:
    """A part of a path."""
    return quote(str(text), safe="")


def revived(kind: type[Row], told: Mapping[str, Any]) -> Row:
    """A dataclass from its JSON: instants are instants again."""
    values = {}
    for each in fields(kind):  # type: ignore[arg-type]  # a dataclass
        value = told[each.name]
        if value is not None and "datetime" in str(each.type) and "Sequence" not in str(each.type):
            value = datetime.fromisoformat(value)
        values[each.name] = value
    return kind(**values)


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
