"""JMESPaths that users write: what they make of a document has a measure; `cpu` bounds their time."""

import json
from collections.abc import Iterable, Mapping
from itertools import chain, islice, repeat
from math import prod
from typing import Any

import jmespath
from jmespath.exceptions import JMESPathError
from jmespath.functions import Functions, signature

from vantage.guard import GuardError
from vantage.probe.cpu import TooLong

COPIES_MOST = 16  # of a document of half a million numbers, each of which is 4 MB of references
TEXT_MOST = 4 * 1024 * 1024  # characters of a text that a function makes


class Path:
    """A path that was understood; `expression` is how it was written."""

    __slots__ = ("_parsed", "expression")

    def __init__(self, expression: Any, place: str) -> None:
        """Raises GuardError, which names the place."""
        try:
            self._parsed = jmespath.compile(expression)
            copies = _copies(self._parsed.parsed)
        except (JMESPathError, TypeError, AttributeError, RecursionError) as error:
            raise GuardError(f"{place}: not a JMESPath: {' '.join(str(error).split())[:200]}.") from None
        if copies > COPIES_MOST:
            raise GuardError(f"{place}: its lists and hashes multiply each other: at most {COPIES_MOST} times.")
        self.expression: str = expression

    def search(self, document: Any) -> Any:
        """What it finds, None where that is nothing; raises TooLong, JMESPathError, or an error of Python's."""
        return self._parsed.search(document, options=_OPTIONS)


def _copies(node: Mapping[str, Any]) -> int:
    """How often what a path finds may stand in its result: `[a, b] | [@, @, @]` has it six times."""
    parts = [_copies(child) for child in node["children"] if isinstance(child, dict)]
    return sum(parts) if node["type"].startswith("multi_select") else prod(parts)


class _Bounded(Functions):
    """jmespath's functions; those that make a text longer than what they are given stop at TEXT_MOST."""

    @signature({"types": ["string"]}, {"types": ["array-string"]})
    def _func_join(self, separator: str, array: list[str]) -> str:
        return _joined(islice(chain.from_iterable(zip(repeat(separator), array, strict=False)), 1, None))

    @signature({"types": []})
    def _func_to_string(self, value: Any) -> str:
        return value if isinstance(value, str) else _joined(_ENCODER.iterencode(value))


def _joined(pieces: Iterable[str]) -> str:
    kept, left = list[str](), TEXT_MOST
    for piece in pieces:
        left -= len(piece)
        if left < 0:
            raise TooLong
        kept.append(piece)
    return "".join(kept)


_ENCODER = json.JSONEncoder(separators=(",", ":"), default=str)
_OPTIONS = jmespath.Options(custom_functions=_Bounded())
