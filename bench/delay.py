"""Distance: a TCP proxy in a process of its own that carries bytes each way half a round trip late, in their order.

`python -m bench.delay RTT_MS TARGET` (a unix socket's path, or host:port) prints its port on 127.0.0.1 and carries
until its standard input ends. It has neither TLS nor slow start nor a limit on bandwidth: it says what trips cost, no
more.
"""

import asyncio
import os
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
_CHUNK_BYTES = 1 << 16


@contextmanager
def delayed(target: str, rtt_ms: float) -> Iterator[int]:
    """The port through which `target` is `rtt_ms` away."""
    command = [sys.executable, "-m", "bench.delay", f"{rtt_ms:g}", target]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT) as proxy:
        assert proxy.stdin is not None
        assert proxy.stdout is not None
        try:
            yield int(proxy.stdout.readline())
        finally:
            proxy.stdin.close()


async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, late_s: float) -> None:
    """One way: whatever comes in goes out `late_s` later, the end too."""
    loop = asyncio.get_running_loop()
    on_its_way: deque[bytes] = deque()
    ended = asyncio.Event()

    def arrive() -> None:
        if chunk := on_its_way.popleft():
            writer.write(chunk)
        else:
            ended.set()

    chunk = b"begin"
    while chunk:
        try:
            chunk = await reader.read(_CHUNK_BYTES)
        except ConnectionError:
            chunk = b""
        on_its_way.append(chunk)
        loop.call_later(late_s, arrive)
    await ended.wait()
    with suppress(OSError):
        writer.write_eof()


async def serve(rtt_ms: float, target: str) -> None:
    """Take connections until the process ends; prints the port."""
    late_s = rtt_ms / 2000

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            there_reader, there_writer = await _connect(target)
            await asyncio.gather(carry(reader, there_writer, late_s), carry(there_reader, writer, late_s))
            there_writer.close()
        writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


async def _connect(target: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    if target.startswith("/"):
        return await asyncio.open_unix_connection(target)
    host, _, port = target.rpartition(":")
    return await asyncio.open_connection(host, int(port))


def _end_with_the_parent() -> None:
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    threading.Thread(target=_end_with_the_parent, daemon=True).start()
    asyncio.run(serve(float(sys.argv[1]), sys.argv[2]))
