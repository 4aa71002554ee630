"""A length that a head says more than once, in several lines or as a list: where all are equal it is one length.

RFC 9110, 8.6 leaves that to who reads. llhttp refuses it; browsers, curl and httpx show the page, and two proxies in a
row do write it.
"""

import re

END = re.compile(rb"\r?\n\r?\n")
END_MOST = 4  # bytes
_LENGTH = re.compile(rb"^content-length:([^\r\n]*)\r?\n", re.IGNORECASE | re.MULTILINE)


def said_once(head: bytes) -> bytes:
    """A head, up to and with its empty line, with one length where it has several that are equal."""
    values = {value.strip() for line in _LENGTH.findall(head) for value in line.split(b",")}
    if len(values) != 1:
        return head
    once = [b"Content-Length: %s\r\n" % values.pop()]
    return _LENGTH.sub(lambda _: once.pop() if once else b"", head)
