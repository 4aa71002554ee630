"""Durations as people write them: 800ms, 30s, 5m, 1h, 14d."""

import re

UNITS_MS = {"d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1_000, "ms": 1}
PATTERN = "[0-9]{1,9}(ms|s|m|h|d)"


def parse_ms(text: object) -> int:
    """A duration in ms; raises ValueError with the end of a sentence that begins with the key."""
    if type(text) is int:
        raise ValueError(f"has no unit; write {text}s, or another of ms, s, m, h, d")
    if not isinstance(text, str) or not re.fullmatch(PATTERN, text):
        raise ValueError("must be a whole number with its unit, such as 800ms, 30s, 5m, 1h or 14d")
    number = text.rstrip("dhms")
    return int(number) * UNITS_MS[text.removeprefix(number)]


def format_ms(duration_ms: int) -> str:
    """The shortest way to write it that `parse_ms` reads back."""
    unit, size_ms = next(item for item in UNITS_MS.items() if duration_ms % item[1] == 0)
    return f"{duration_ms // size_ms}{unit}"
