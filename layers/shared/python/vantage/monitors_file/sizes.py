"""Sizes as people write them: 1, 64KiB, 1MiB."""

import re

UNITS = {"MiB": 1024 * 1024, "KiB": 1024}
PATTERN = "[0-9]{1,9}(KiB|MiB)"
MOST = 1024 * 1024  # as much of a body as is looked at


def parse_bytes(size: object) -> int:
    """A size in bytes; raises ValueError with the end of a sentence that begins with the key."""
    if isinstance(size, str) and re.fullmatch(PATTERN, size):
        size = int(size[:-3]) * UNITS[size[-3:]]
    if type(size) is not int or size < 0:
        raise ValueError("must be a whole number of bytes, or one with its unit, such as 64KiB or 1MiB")
    if size > MOST:
        raise ValueError("must be at most 1MiB, which is as much of a body as is looked at")
    return size


def format_bytes(size: int) -> int | str:
    """The shortest way to write it that `parse_bytes` reads back."""
    for unit, bytes_ in UNITS.items():
        if size and size % bytes_ == 0:
            return f"{size // bytes_}{unit}"
    return size
