"""One HTTP/1.1 response as it comes in, byte by byte; pure, so that any split of the bytes gives the same reply."""

import httptools
import httpx

from vantage.probe.faults import HeadersTooLarge
from vantage.probe.heads import END, END_MOST, said_once

HEADERS_MOST = 100 * 1024
SMALL_MOST = 64 * 1024  # of a body; up to here each is read without asking for room
HEADERS_COUNT_MOST = 4000  # each costs far more memory than it has bytes
INTERIM_MOST = 1024 * 1024  # of 1xx responses before the real one

# Real servers do these, and every browser reads them.
LENIENT = {
    "lenient_headers": True,  # a value on several lines
    "lenient_chunked_length": True,  # both Transfer-Encoding and Content-Length
    "lenient_data_after_close": True,
    "lenient_optional_cr_before_lf": True,
    "lenient_optional_crlf_after_chunk": False,
    "lenient_spaces_after_chunk_size": True,
}

Headers = list[tuple[bytes, bytes]]


class Reply:
    """Collects a response until it is complete: whole, or cut because its body passes `read_most` bytes."""

    __slots__ = (
        "_by_heads", "_fault", "_framed", "_head", "_head_only", "_header_bytes", "_in_headers", "_parser",
        "_read_most", "_wire_bytes", "body", "complete", "cut", "headers", "reusable", "status", "version",
    )  # fmt: skip

    def __init__(self, *, head_only: bool, read_most: int) -> None:
        self.status = 0
        self.version = "1.1"
        self.headers: Headers = []
        self.body = bytearray()  # and no list of pieces: a piece of 2 bytes would cost 43
        self.complete = False
        self.cut = False
        self.reusable = False
        self._head_only, self._read_most = head_only, read_most
        self._in_headers, self._framed = True, False
        self._header_bytes = self._wire_bytes = 0
        self._head, self._by_heads = bytearray(), False  # what came before the body; whether it is parsed head by head
        self._fault: str | None = None
        self._parser = self._new_parser()

    def feed(self, data: bytes) -> None:
        """Take what was read; raises httpx.RemoteProtocolError where it is no HTTP response."""
        self._wire_bytes += len(data)
        if self._in_headers and len(self._head) <= HEADERS_MOST:
            self._head += data
        try:
            self._parse(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            if not self.complete:  # else: junk behind a whole response, which only costs the connection
                raise httpx.RemoteProtocolError(self._fault or f"not an HTTP response: {error}") from None
            self.reusable = False
        if self._fault:
            raise httpx.RemoteProtocolError(self._fault)
        self._check_size(len(data))

    @property
    def is_large(self) -> bool:
        """Whether the body goes on past what is read of each without asking for room."""
        return len(self.body) > SMALL_MOST < self._read_most and not self.complete

    def finish(self) -> None:
        """The other side closed; raises httpx.RemoteProtocolError where that leaves the response incomplete."""
        if self._in_headers:
            raise httpx.RemoteProtocolError(
                "the response ends within its headers" if self._wire_bytes else "closed without a response"
            )
        if self._framed and not self.complete:
            raise httpx.RemoteProtocolError("the connection was closed in the middle of the body")
        self.complete, self.reusable = True, False

    def taken(self) -> bytes:
        """The body, of which nothing stays here: with its parser this is a cycle, and would wait for the collector."""
        body, self.body = bytes(self.body), bytearray()
        del self._parser
        return body

    def _new_parser(self) -> httptools.HttpResponseParser:
        parser = httptools.HttpResponseParser(self)
        parser.set_dangerous_leniencies(**LENIENT)
        return parser

    def _parse(self, data: bytes) -> None:
        """Feed the parser; when it stumbles over a length, feed another one head by head."""
        if self._by_heads:
            self._parse_heads(len(data))
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            if "Content-Length" not in str(error) or len(self._head) != self._wire_bytes:  # not all of it is here
                raise
            self._parser, self._by_heads = self._new_parser(), True
            self.headers.clear()
            self._parse_heads(len(self._head))

    def _parse_heads(self, new: int) -> None:
        """Feed each head that is whole, and what follows the last one; of what came, `new` bytes were not looked at."""
        looked_at = max(len(self._head) - new - END_MOST, 0)
        while self._in_headers and (end := END.search(self._head, looked_at)):
            head, looked_at = bytes(self._head[: end.end()]), 0
            del self._head[: end.end()]
            self._parser.feed_data(said_once(head))
        if not self._in_headers:
            rest, self._head, self._by_heads = bytes(self._head), bytearray(), False
            self._parser.feed_data(rest)

    def _check_size(self, more: int) -> None:
        if self._in_headers:
            self._header_bytes += more
        if self._header_bytes > HEADERS_MOST or (self._in_headers and self._wire_bytes > INTERIM_MOST):
            raise HeadersTooLarge(f"the headers are longer than {HEADERS_MOST // 1024} KiB")
        if len(self.headers) > HEADERS_COUNT_MOST:
            raise HeadersTooLarge(f"there are more than {HEADERS_COUNT_MOST} headers")
        if not (self._in_headers or self.complete) and self._wire_bytes > 2 * (
            self._read_most + HEADERS_MOST
        ):  # all framing and no body
            self._cut()

    def _cut(self) -> None:
        self.complete = self.cut = True
        self.reusable = False

    # The parser's callbacks. A fault is noted and raised by `feed`, because the parser wraps what its callbacks raise.

    def on_message_begin(self) -> None:
        """Called at each status line: behind a complete response, another one is junk."""
        if self.complete:
            self.reusable = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """Called for each header, and for each trailer."""
        if self._in_headers:  # else: a trailer
            self.headers.append((name, value))
            if b"\0" in value:  # of all that such a value may hold, what no browser reads
                self._fault = f"a NUL in the header {name.decode('latin-1')}"

    def on_headers_complete(self) -> None:
        """Called at the empty line, of interim responses too."""
        if self.complete:
            return
        self.status = self._parser.get_status_code()
        if self.status == 101 or not 100 <= self.status <= 999:
            self._fault = "switched protocols unasked" if self.status == 101 else f"{self.status} is no status"
        elif self.status >= 200:
            self._begin_body()

    def _begin_body(self) -> None:
        self._in_headers = False
        self._header_bytes = sum(len(name) + len(value) + 4 for name, value in self.headers)  # ": " and the line's end
        self.version = self._parser.get_http_version()
        if not self._by_heads:
            if not self._head.lstrip(b"\r\n").startswith(b"HTTP/"):  # the parser knows RTSP/ and ICE/ too
                self._fault = "not an HTTP response"
            self._head = bytearray()
        said = {name.lower(): value.lower() for name, value in self.headers}
        coding = said.get(b"transfer-encoding")  # overrides the length; has an end where it is chunked
        self._framed = b"content-length" in said if coding is None else coding.split(b",")[-1].strip() == b"chunked"
        if self._head_only:
            self.complete, self.reusable = True, self._parser.should_keep_alive()

    def on_body(self, data: bytes) -> None:
        """Called for each piece of the body, without its framing."""
        if self.complete:
            self.reusable = False
            return
        self.body += data
        if len(self.body) > self._read_most:
            self._cut()

    def on_message_complete(self) -> None:
        """Called at the end of the framing, of interim responses too."""
        if self.complete:
            return
        if self._in_headers:  # an interim response; the real one follows
            self.headers.clear()
            self._header_bytes = 0
        else:
            self.complete, self.reusable = True, self._parser.should_keep_alive()
