"""The delaying proxy: what it carries arrives late, whole and in order."""

import hashlib
import random
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from bench.delay import delayed

RTT_MS = 60


@contextmanager
def echo() -> Iterator[str]:
    """host:port of a server that sends back what it gets, for one connection."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            there, _ = listener.accept()
            with there:
                while chunk := there.recv(65536):
                    there.sendall(chunk)

        threading.Thread(target=serve, daemon=True).start()
        yield f"127.0.0.1:{listener.getsockname()[1]}"


def test_an_answer_takes_a_round_trip_and_no_less() -> None:
    """The distance is what was asked for, each time; seen to fail at half of it."""
    with echo() as target, delayed(target, RTT_MS) as port, socket.create_connection(("127.0.0.1", port)) as there:
        for _ in range(3):
            began_s = time.perf_counter()
            there.sendall(b"ping")
            assert there.recv(10) == b"ping"
            assert time.perf_counter() - began_s >= RTT_MS / 1000


def test_bytes_arrive_whole_and_in_order() -> None:
    """Seen to fail when each chunk had a timer and a delay of its own."""
    sent = random.Random(1).randbytes(3_000_000)
    received = b""
    with echo() as target, delayed(target, 5) as port, socket.create_connection(("127.0.0.1", port)) as there:

        def send() -> None:
            there.sendall(sent)
            there.shutdown(socket.SHUT_WR)

        sending = threading.Thread(target=send)
        sending.start()
        while chunk := there.recv(1 << 16):
            received += chunk
        sending.join()
    assert hashlib.sha256(received).digest() == hashlib.sha256(sent).digest()
