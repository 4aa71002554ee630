"""What a site writes may be as long and as strange as it likes: looking at it takes little time, and no check breaks.

CPU time and not wall time is bounded, and what was found before took 100 times as long.
"""

import encodings
import gzip
import time
import tracemalloc
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from vantage.check import Reason, Status
from vantage.probe.body import decode
from vantage.probe.expect import BODY_MOST, compile_expectations
from vantage.probe.faults import HeadersTooLarge
from vantage.probe.marks import error_page
from vantage.probe.reply import HEADERS_COUNT_MOST, Reply
from vantage.probe.seen import CHARSETS, Seen

MOST_S = 0.5  # of CPU, for a megabyte

PAGES = {
    "spaces before a traceback": " " * (BODY_MOST - 40) + "Traceback (most recent call last)",
    "PHP errors without an end": "<b>fatal error</b>:" * (BODY_MOST // 19),
    "PHP errors that almost end": ("<b>fatal error</b>:" * 50 + (" in <b>" + "x" * 490) * 2) * (BODY_MOST // 2000),
    "titles": "<title>" * (BODY_MOST // 7) + "// werkzeug debugger",
    "quotes": "<h1>Server Error in '" * (BODY_MOST // 21),
    "an open tag": "<pre " * (BODY_MOST // 5) + "traceback (most recent call last):",
    "an open dialogue": '<div class="wp-die-message">' + " " * BODY_MOST + "there has been a critical error",
}


def seen(body: bytes, content_type: str = "application/json") -> Seen:
    """A response with this body."""
    headers = httpx.Headers({"content-type": content_type})
    return Seen(200, httpx.URL("http://x.test/"), headers, body, False, 1.0, None, datetime.now(UTC))


def cpu_s(work: Callable[[], object]) -> float:
    """What it costs."""
    began_s = time.process_time()
    work()
    return time.process_time() - began_s


@pytest.mark.parametrize("name", PAGES)
def test_looking_for_error_pages_takes_time_in_proportion(name: str) -> None:
    """Pages made to be searched for ever. Seen red: with the former pattern of tracebacks, which took hours."""
    assert cpu_s(lambda: error_page(PAGES[name])) < MOST_S


def test_a_gzip_of_very_many_members_is_read_in_proportion() -> None:
    """50,000 empty members. Seen red: with the whole rest copied for each."""
    members = gzip.compress(b"") * (BODY_MOST // 20)
    assert cpu_s(lambda: decode(members, "gzip", most=BODY_MOST, cut=False)) < MOST_S


@pytest.mark.parametrize("charset", ["punycode", "idna", "rot13", "undefined", "unicode_escape", "x" * 50_000, ""])
def test_a_charset_that_no_browser_knows_is_utf_8(charset: str) -> None:
    """And is not looked for, as Python remembers every name. Seen red: with Python's own list; punycode took 35 s."""
    body = b"gr\xc3\xbcn" + b"a" * (BODY_MOST // 2) + b"-" + b"b" * (BODY_MOST // 2 - 10)
    remembered = vars(encodings)["_cache"]
    known = len(remembered)
    response = seen(body, f"text/html; charset={charset}")
    assert cpu_s(lambda: response.text) < MOST_S
    assert response.text.startswith("grün")
    assert len(remembered) == known


@pytest.mark.parametrize("charset", sorted(CHARSETS))
def test_a_charset_that_browsers_know_is_read(charset: str) -> None:
    """Python knows it by this name."""
    assert seen("A".encode(charset), f'text/html; Charset="{charset.upper()}"; x=y').text == "A"


DOCUMENTS = {
    "number without measure": b'{"a": ' + b"9" * 400 + b"}",
    "longest number": b'{"a": ' + b"9" * 4000 + b"}",
    "no number": b'{"a": [NaN, 1e999]}',
    "mixed": b'{"a": ["x", 1, null]}',
    "empty": b'{"a": []}',
    "deep": b'{"a": ' + b"[" * 5000 + b"]" * 5000 + b"}",
    "deeper": b'{"a": ' + b"[" * 400_000 + b"]" * 400_000 + b"}",
    "wide": b'{"a": [' + b"1," * 30_000 + b"1]}",
}
PATHS = ["a", "a[0]", "avg(a)", "sum(a)", "max(a)", "sort(a)", "to_number(a)", "a[?@ > `1`]", "ceil(a[0])", "a[][]"]
RULES: list[dict[str, Any]] = [{"equals": 1}, {"at_least": 1}, {"contains": 1}, {"contains": {}}, {"matches": "^x$"}]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_any_document_is_judged(name: str) -> None:
    """Up or down, never an exception. Seen red: without ArithmeticError, and with Python's own `in` for contains."""
    for path in PATHS:
        for rule in RULES:
            outcome = compile_expectations({"json": [{"path": path, **rule}]}).judge(seen(DOCUMENTS[name]))
            assert outcome.status is Status.UP or outcome.reason is Reason.JSON
            assert len(outcome.text or "") < 300


def test_a_body_in_small_chunks_takes_no_more_room_than_it_is_long() -> None:
    """Two bytes a chunk. Seen red: with a list of chunks, which took 43 bytes for each of these."""
    reply, chunks = Reply(head_only=False, read_most=BODY_MOST), b"2\r\nab\r\n" * 200_000
    tracemalloc.start()
    try:
        reply.feed(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for start in range(0, len(chunks), 65_536):
            reply.feed(chunks[start : start + 65_536])
        assert len(reply.body) == 400_000
        assert tracemalloc.get_traced_memory()[0] < 2 * len(reply.body)
    finally:
        tracemalloc.stop()


def test_more_headers_than_any_site_has_are_too_large() -> None:
    """25,000 of them fit into 100 KiB and take 3 MB. Seen red: without the count."""
    reply = Reply(head_only=False, read_most=0)
    with pytest.raises(HeadersTooLarge, match=str(HEADERS_COUNT_MOST)):
        reply.feed(b"HTTP/1.1 200 OK\r\n" + b"a:\r\n" * (HEADERS_COUNT_MOST + 2))


def test_a_head_that_is_read_again_is_read_in_proportion() -> None:
    """Its length is there twice, and it comes in 40,000 pieces. Seen red: with all that waits looked at each time."""
    reply = Reply(head_only=False, read_most=0)
    reply.feed(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\nX: ")

    def drip() -> None:
        for _ in range(40_000):
            reply.feed(b"ab")

    assert cpu_s(drip) < MOST_S
    reply.feed(b"\r\n\r\nok")
    assert (reply.status, reply.complete) == (200, True)
