"""One request over HTTP/2, on a connection of its own that is closed behind it: what to send, and what comes back.

`h2` keeps the protocol's state; what it is given is counted frame by frame, for each costs far more than its bytes.
"""

import contextlib
from collections.abc import Iterator
from time import perf_counter

import httpx
from h2 import events
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.exceptions import H2Error
from h2.settings import SettingCodes, Settings

from vantage.probe.connection import Connection
from vantage.probe.faults import HeadersTooLarge
from vantage.probe.reply import HEADERS_MOST, SMALL_MOST, Headers
from vantage.probe.room import Room
from vantage.probe.trace import Phase, Trace

STREAM = 1
READ_SIZE = 16_384
FRAME_HEAD, FRAME_MOST, GOAWAY = 9, 16_384, 7
FRAMES_MOST = 4_000  # a MiB in frames of 262 bytes; as many costs a quarter of a second
SPARE = 65_536  # of a flow control window, beyond what is read at all
NOT_SENT = (b"host", b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade")


class Talk:
    """A request and its response without a socket: bytes to send by `owed`, bytes that came by `feed`."""

    version = "2"

    def __init__(self, request: httpx.Request, read_most: int) -> None:
        self.status = 0
        self.headers: Headers = []
        self.body = bytearray()
        self.complete = self.cut = False
        self._read_most, self._frames, self._came = read_most, 0, bytearray()
        body = request.stream if isinstance(request.stream, httpx.ByteStream) else httpx.ByteStream(b"")
        self._left = memoryview(b"".join(body))
        self._h2 = _client(read_most + SPARE)
        self._h2.send_headers(STREAM, _headers(request), end_stream=not self._left)
        self._send_body()

    @property
    def is_large(self) -> bool:
        """Whether the body goes on past what is read of each without asking for room."""
        return len(self.body) > SMALL_MOST < self._read_most and not self.complete

    def owed(self) -> bytes:
        """What must be sent now."""
        return self._h2.data_to_send()

    def feed(self, data: bytes) -> None:
        """Take what was read, nothing: the other side closed; raises httpx.RemoteProtocolError where that is no HTTP/2
        response."""
        if not data:
            where = "in the middle of the body" if self.status else "without a response"
            raise httpx.RemoteProtocolError(f"the connection was closed {where}")
        self._came += data
        for kind, frame in self._whole_frames():
            self._frames += 1
            if self._frames > FRAMES_MOST:
                self._give_up_on_frames()
            elif kind == GOAWAY:
                _check_farewell(frame)
            else:
                self._take(frame)
            if self.complete:
                return
        self._send_body()

    def taken(self) -> bytes:
        """The body, of which nothing stays here: with h2's connection it may stand in a cycle."""
        body, self.body = bytes(self.body), bytearray()
        return body

    def _whole_frames(self) -> Iterator[tuple[int, bytes]]:
        """The frames that have come whole, with their kinds."""
        while len(self._came) >= FRAME_HEAD:
            length = int.from_bytes(self._came[:3], "big")
            if length > FRAME_MOST:
                raise httpx.RemoteProtocolError("not an HTTP/2 response: a frame is larger than allowed")
            if len(self._came) < FRAME_HEAD + length:
                return
            kind, frame = self._came[3], bytes(self._came[: FRAME_HEAD + length])
            del self._came[: FRAME_HEAD + length]
            yield kind, frame

    def _take(self, frame: bytes) -> None:
        try:
            for event in self._h2.receive_data(frame):
                self._see(event)
        except (H2Error, ValueError) as error:
            if "header list" in str(error).lower() or "oversized" in str(error).lower():
                raise HeadersTooLarge(f"the headers are longer than {HEADERS_MOST // 1024} KiB") from None
            raise httpx.RemoteProtocolError(f"not an HTTP/2 response: {str(error) or type(error).__name__}") from None

    def _see(self, event: events.Event) -> None:
        match event:
            case events.ResponseReceived():
                self._begin(event)
            case events.DataReceived():
                self.body += event.data
                self._h2.acknowledge_received_data(event.flow_controlled_length, STREAM)
                self.cut = len(self.body) > self._read_most
                self.complete = self.complete or self.cut
            case events.StreamEnded():
                self.complete = True
            case events.StreamReset():
                raise httpx.RemoteProtocolError(f"the server reset the stream ({_name(event.error_code)})")

    def _begin(self, response: events.ResponseReceived) -> None:
        found = [(_bytes(name), _bytes(value)) for name, value in response.headers]
        status = dict(found).get(b":status", b"")
        if not (status.isdigit() and len(status) == 3):
            raise httpx.RemoteProtocolError(f"{status.decode('latin-1')!r} is no status")
        self.status = int(status)
        self.headers = [header for header in found if not header[0].startswith(b":")]

    def _give_up_on_frames(self) -> None:
        if not self.status:
            raise HeadersTooLarge(f"there are more than {FRAMES_MOST} frames before a response")
        self.complete = self.cut = True

    def _send_body(self) -> None:
        """As much of the body as the other side takes now."""
        while self._left and not self.complete:
            room = min(self._h2.local_flow_control_window(STREAM), self._h2.max_outbound_frame_size)
            if room <= 0:
                return
            piece, self._left = self._left[:room], self._left[room:]
            self._h2.send_data(STREAM, piece.tobytes(), end_stream=not self._left)


async def exchange(connection: Connection, request: httpx.Request, trace: Trace, room: Room) -> Talk:
    """The response to a request; closes the connection. Raises httpx.TransportError, or NoRoom."""
    talk, began_s, has_room = Talk(request, trace.read_most), 0.0, False
    sent_s, owed = connection.begin(trace), talk.owed()
    async with contextlib.AsyncExitStack() as stack:
        stack.callback(connection.close)
        while not talk.complete:
            owed = owed[connection.send_some(owed) :] if owed else owed
            data, arrived_s = connection.receive_some(READ_SIZE)
            if data is None:
                await connection.until_ready(writable=bool(owed))
                continue
            seen_s = perf_counter()
            talk.feed(data)
            owed += talk.owed()
            if talk.is_large and not has_room:
                connection.stop_reading()
                await stack.enter_async_context(room.place(trace))
                connection.read_on()
                has_room = True
            if talk.status and not began_s:  # what came before are settings, and no byte of a response
                trace.first_byte(arrived_s - sent_s, late_s=seen_s - arrived_s)
                began_s = seen_s
    trace.add(Phase.DOWNLOAD, perf_counter() - began_s)
    return talk


def _client(window: int) -> H2Connection:
    """A connection that takes no pushes, and a body as long as the window before it must be asked for more."""
    made = H2Connection(H2Configuration(client_side=True, header_encoding=None))
    made.local_settings = Settings(
        client=True,
        initial_values={
            SettingCodes.ENABLE_PUSH: 0,
            SettingCodes.INITIAL_WINDOW_SIZE: window,
            SettingCodes.MAX_FRAME_SIZE: FRAME_MOST,
            SettingCodes.MAX_HEADER_LIST_SIZE: HEADERS_MOST,
        },
    )
    made.decoder.max_header_list_size = HEADERS_MOST
    made.initiate_connection()
    made.increment_flow_control_window(window)
    return made


def _headers(request: httpx.Request) -> list[tuple[bytes, bytes]]:
    sent = [(name.lower(), value) for name, value in request.headers.raw]
    host = dict(sent).get(b"host", request.url.netloc)
    own = [
        (b":method", request.method.encode("ascii")), (b":authority", host),
        (b":scheme", request.url.raw_scheme), (b":path", request.url.raw_path),
    ]  # fmt: skip
    return own + [header for header in sent if header[0] not in NOT_SENT]


def _check_farewell(goaway: bytes) -> None:
    """A server may say that it takes no further requests; raises RemoteProtocolError where it takes not even this one.

    h2 takes nothing at all behind such a frame, also not the response that is under way.
    """
    last_stream = int.from_bytes(goaway[FRAME_HEAD : FRAME_HEAD + 4], "big") & 0x7FFFFFFF
    code = int.from_bytes(goaway[FRAME_HEAD + 4 : FRAME_HEAD + 8], "big")
    if code or last_stream < STREAM:
        raise httpx.RemoteProtocolError(f"the server ended the connection ({_name(code)})")


def _name(code: ErrorCodes | int | None) -> str:
    with contextlib.suppress(ValueError):
        return ErrorCodes(code).name if code is not None else "no code"
    return f"code {code}"


def _bytes(text: bytes | str) -> bytes:
    return text if isinstance(text, bytes) else text.encode("latin-1")
