"""A final response as its expectations look at it."""

import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import httpx

# The charsets that browsers know (https://encoding.spec.whatwg.org/#names-and-labels), in Python's names. Python knows
# others, such as punycode, that take minutes for a megabyte; and it remembers every name that it was ever asked for.
CHARSETS = frozenset([
    "utf-8", "utf8", "us-ascii", "ascii", "utf-16", "utf-16le", "utf-16be", "iso_8859-1", "latin1", "macintosh",
    "koi8-r", "koi8-u", "big5", "gbk", "gb2312", "gb18030", "euc-jp", "iso-2022-jp", "shift_jis", "shift-jis",
    "euc-kr", "tis-620",
    *(f"iso-8859-{number}" for number in (*range(1, 12), *range(13, 17))),
    *(f"windows-{number}" for number in range(1250, 1259)),
])  # fmt: skip


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
            self._text = self.body.decode(_charset(self.headers.get("content-type", "")), errors="replace")
        return self._text

    def document(self) -> Any:
        """The body as JSON; raises ValueError."""
        try:
            return json.loads(self.text.removeprefix("\ufeff"))
        except RecursionError:
            raise ValueError("nested too deep") from None


def _charset(content_type: str) -> str:
    _, _, named = content_type.lower().partition("charset=")
    charset = named.partition(";")[0].strip(" \"'")
    return charset if charset in CHARSETS else "utf-8"
