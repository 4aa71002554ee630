"""However the network cuts a response into pieces, it is the same response; and none makes the reply fall over."""

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vantage.probe.reply import HEADERS_MOST, Reply

HEAD = b"HTTP/1.1 200 OK\r\n"
RESPONSES = [
    HEAD + b"Content-Length: 5\r\n\r\nhello",
    HEAD + b"\r\nuntil the end",
    HEAD + b"Transfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\nTrailer: x\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
    + HEAD
    + b"X: y\r\nContent-Length: 2\r\n\r\nok",
    b"HTTP/1.1 204 No Content\r\n\r\n",
    b"HTTP/1.1 404 Not Found\r\nX-A: b\r\nX-A: c\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nold",
    HEAD + b"Content-Length: 5\r\n\r\nhelloHTTP/1.1 500 Smuggled\r\n\r\n",
    HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\nok",
    HEAD + b"Content-Length: 2\r\nX: y\r\ncontent-length:2 , 2\r\n\r\nokjunk",
    b"\r\nHTTP/1.1 103 Early Hints\r\nContent-Length: 1, 1\r\n\r\n" + HEAD + b"Content-Length: 2,2\r\n\r\nok",
    HEAD + b"X: y\r\n z\r\nTransfer-Encoding:\n chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    HEAD + b"X: \0\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok",
    HEAD + b"Transfer-Encoding: gzip\r\nContent-Length: 2\r\n\r\nok, until the end",
    HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
    HEAD + b"Content-Length: 9\r\n\r\nshort",
    b"HTTP/1.1 000 No\r\n\r\n",
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n\x00\x01",
    b"<html>",
    b"\r\nRTSP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
    b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok",
    HEAD + b"Connection: close\r\nContent-Length: 2\r\n\r\nokjunk",
]


def read(pieces: list[bytes], *, head_only: bool = False, read_most: int = 1000) -> tuple[object, ...]:
    """What a reply comes to when these pieces come in and the connection is closed behind them."""
    reply = Reply(head_only=head_only, read_most=read_most)
    try:
        for piece in pieces:
            if reply.complete:
                break
            reply.feed(piece)
        if not reply.complete:
            reply.finish()
    except httpx.RemoteProtocolError as error:
        return (type(error),)
    return reply.status, reply.version, tuple(reply.headers), bytes(reply.body), reply.cut


@st.composite
def splits(draw: st.DrawFn) -> tuple[bytes, list[bytes]]:
    """A response, and a way to cut it."""
    whole = draw(st.sampled_from(RESPONSES))
    cuts = sorted(draw(st.sets(st.integers(1, len(whole) - 1), max_size=len(whole) - 1)))
    return whole, [whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)]


@given(splits(), st.booleans())
def test_any_split_gives_the_same_reply(case: tuple[bytes, list[bytes]], head_only: bool) -> None:
    """Status, headers and body do not hang on where packets end. Seen red: with the last piece kept only."""
    whole, pieces = case
    assert read(pieces, head_only=head_only) == read([whole], head_only=head_only)


@pytest.mark.parametrize("whole", RESPONSES, ids=range(len(RESPONSES)))
def test_byte_by_byte_is_the_same_reply(whole: bytes) -> None:
    """The finest split of all."""
    assert read([whole[i : i + 1] for i in range(len(whole))]) == read([whole])


@given(splits(), st.binary(max_size=50), st.integers(0, 400), st.integers(0, 20))
@settings(max_examples=400)
def test_no_bytes_make_a_reply_fall_over(case: tuple[bytes, list[bytes]], noise: bytes, at: int, cut: int) -> None:
    """Whatever comes is a reply or a RemoteProtocolError; the body never passes its limit by more than one read."""
    whole, _ = case
    mangled = whole[:at] + noise + whole[at + cut :]
    outcome = read([mangled[:at], mangled[at:]], read_most=8)
    if len(outcome) > 1:
        assert len(outcome[3]) <= 8 + len(mangled)  # type: ignore[arg-type]  # the body's bytes


def test_a_body_beyond_its_limit_is_cut() -> None:
    """It counts as answered, and its connection is not kept."""
    reply = Reply(head_only=False, read_most=10)
    reply.feed(HEAD + b"Content-Length: 100\r\n\r\n" + b"x" * 50)
    assert (reply.complete, reply.cut, reply.reusable) == (True, True, False)


def test_a_body_at_its_limit_is_whole() -> None:
    """The limit itself is allowed."""
    reply = Reply(head_only=False, read_most=10)
    reply.feed(HEAD + b"Content-Length: 10\r\n\r\n" + b"x" * 10)
    assert (reply.complete, reply.cut, reply.reusable) == (True, False, True)


@pytest.mark.parametrize("extra", [0, 200])
def test_headers_end_at_their_limit(extra: int) -> None:
    """Just under it they pass, in whatever reads; beyond it they do not."""
    line = b"X-A: " + b"b" * (HEADERS_MOST - 100 - len(HEAD) + extra) + b"\r\nContent-Length: 0\r\n\r\n"
    reply = Reply(head_only=False, read_most=10)
    whole = HEAD + line
    pieces = [whole[i : i + 4096] for i in range(0, len(whole), 4096)]
    for piece in pieces[:-1]:
        reply.feed(piece)
    if extra:
        with pytest.raises(httpx.RemoteProtocolError, match="100 KiB"):
            reply.feed(pieces[-1])
    else:
        reply.feed(pieces[-1])
        assert reply.complete
