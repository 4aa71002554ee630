"""A final response as its expectations look at it."""

import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import httpx


@dataclass(slots=True)
class Seen:
    """What came back; `body` is decoded from gzip and may be only the beginning (`cut`)."""

    status: int
    url: httpx.URL
    headers: httpx.Headers
    body: bytes
    cut: bool
    total_ms: float
    certificate_expires_at: datetime | None
    now: datetime
    _text: str | None = field(default=None, init=False)

    @property
    def text(self) -> str:
        """The body in its charset, UTF-8 where it names none that is known."""
        if self._text is None:
            _, _, charset = self.headers.get("content-type", "").partition("charset=")
            try:
                self._text = self.body.decode(charset.split(";")[0].strip(" \"'") or "utf-8", errors="replace")
            except (LookupError, ValueError):
                self._text = self.body.decode("utf-8", errors="replace")
        return self._text

    def document(self) -> Any:
        """The body as JSON; raises ValueError."""
        try:
            return json.loads(self.text.removeprefix("\ufeff"))
        except RecursionError:
            raise ValueError("nested too deep") from None
