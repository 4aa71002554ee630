"""What the kernel knows better than a busy event loop: when bytes arrived, and how long a connection took."""

import socket
import struct
import sys
import time
from time import perf_counter

LINUX = sys.platform == "linux"
SO_TIMESTAMPING = 37
SOFTWARE_RECEIVE = (1 << 3) | (1 << 4)  # SOF_TIMESTAMPING_RX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE
RTT_AT, RETRANSMITS_AT, TCP_INFO_SIZE = 68, 100, 104  # offsets in Linux's struct tcp_info, which only grows


def ask_for(sock: socket.socket) -> bool:
    """Have the kernel stamp what this socket receives; False where it cannot."""
    if not LINUX:
        return False
    try:
        sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPING, SOFTWARE_RECEIVE)
    except OSError:
        return False
    return True


def arrival_s(sock: socket.socket) -> float | None:
    """When the first unread byte arrived, on the clock of `perf_counter`; None where there is no stamp.

    Raises OSError as a read would: the kernel reports a reset once, and this is where it does.
    """
    # Of the plain class: an SSLSocket forbids recvmsg, and it is the raw bytes that carry the stamp.
    _, ancillary, _, _ = socket.socket.recvmsg(sock, 1, 64, socket.MSG_PEEK)
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == SO_TIMESTAMPING and len(data) >= 16:
            seconds, nanoseconds = struct.unpack_from("qq", data)
            return float(seconds + nanoseconds * 1e-9) - (time.time() - perf_counter())
    return None


def connect_s(sock: socket.socket, seen_s: float) -> float:
    """How long the connection took: the kernel's own round trip, unless it was repeated or the loop saw less."""
    if not LINUX:
        return seen_s
    info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, TCP_INFO_SIZE)
    if len(info) < TCP_INFO_SIZE:
        return seen_s
    rtt_us, repeats = struct.unpack_from("I", info, RTT_AT)[0], struct.unpack_from("I", info, RETRANSMITS_AT)[0]
    return min(seen_s, rtt_us / 1e6) if rtt_us and not repeats else seen_s
