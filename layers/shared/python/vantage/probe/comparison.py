"""Comparing what was found with what was expected: one set of words for JSON values and for headers."""

import re
import warnings
from collections.abc import Callable, Mapping
from typing import Any

from vantage.guard import GuardError

Fault = Callable[[Any], str | None]
"""What is wrong with a value, as the end of a sentence; None: nothing."""

WORDS = ("equals", "not_equals", "contains", "matches", "at_least", "at_most", "exists")
SHOWN_MOST = 60
LONGEST_PATTERN = 200
MATCHED_MOST = 4096  # characters: Python hears a signal once in 4,096 steps, and a step may go through all of them


def compile_comparison(rule: Mapping[str, Any], place: str) -> Fault:
    """The check of one value by all words of a rule; raises GuardError that names the place."""
    given = [word for word in WORDS if word in rule]
    if not given:
        raise GuardError(f"{place}: say what is expected: one of {', '.join(WORDS)}.")
    checks = [_check(word, rule[word], f"{place}.{word}") for word in given]
    return lambda value: next((fault for check in checks if (fault := check(value))), None)


def compile_pattern(pattern: object, place: str) -> re.Pattern[str]:
    """A regular expression; raises GuardError that names the place."""
    if not isinstance(pattern, str) or len(pattern) > LONGEST_PATTERN:
        raise GuardError(f"{place}: must be a regular expression of at most {LONGEST_PATTERN} characters.")
    try:
        with warnings.catch_warnings(action="ignore"):  # that "[[a]" may mean something else one day
            return re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        raise GuardError(f"{place}: not a regular expression: {error}.") from None


def shown(value: Any) -> str:
    """A value as it may stand in a text."""
    try:
        text = repr(value)
    except RecursionError:
        text = "nested too deep to be shown"
    return text if len(text) <= SHOWN_MOST else text[: SHOWN_MOST - 1] + "…"


def _check(word: str, wanted: Any, place: str) -> Fault:
    if word == "matches":
        return _matching(compile_pattern(wanted, place))
    if word in ("at_least", "at_most") and not _is_number(wanted):
        raise GuardError(f"{place}: must be a number.")
    if word == "exists" and not isinstance(wanted, bool):
        raise GuardError(f"{place}: must be true or false.")
    test = _TESTS[word]
    return lambda value: None if test(value, wanted) else f"is {shown(value)}, expected {_SAID[word]}{shown(wanted)}"


def _matching(pattern: re.Pattern[str]) -> Fault:
    def fault(value: Any) -> str | None:
        text = value if isinstance(value, str) else str(value)
        if len(text) > MATCHED_MOST:
            return f"is {shown(value)}, longer than the {MATCHED_MOST} characters on which a pattern is tried"
        if value is not None and pattern.search(text):
            return None
        return f"is {shown(value)}, expected to match {shown(pattern.pattern)}"

    return fault


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _equal(value: Any, wanted: Any) -> bool:
    # In Python, and nowhere else, true equals 1.
    return bool(value == wanted) and isinstance(value, bool) == isinstance(wanted, bool)


def _number(value: Any) -> float | None:
    try:
        return float(value) if _is_number(value) or isinstance(value, str) else None
    except (ValueError, OverflowError):  # a whole number may have thousands of digits
        return None


def _contains(value: Any, wanted: Any) -> bool:
    if isinstance(value, str):
        return isinstance(wanted, str) and wanted in value
    return isinstance(value, list | dict) and wanted in list(value)


_TESTS: Mapping[str, Callable[[Any, Any], bool]] = {
    "equals": _equal,
    "not_equals": lambda value, wanted: not _equal(value, wanted),
    "contains": _contains,
    "at_least": lambda value, wanted: (number := _number(value)) is not None and number >= wanted,
    "at_most": lambda value, wanted: (number := _number(value)) is not None and number <= wanted,
    "exists": lambda value, wanted: (value is not None) == wanted,
}
_SAID = {
    "equals": "",
    "not_equals": "anything but ",
    "contains": "to contain ",
    "at_least": "at least ",
    "at_most": "at most ",
    "exists": "presence ",
}
