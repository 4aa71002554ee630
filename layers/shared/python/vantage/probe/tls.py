"""One TLS context per verify mode for the whole environment, and the gate that keeps handshakes from crowding."""

import asyncio
import functools
import ssl

import httpx

from vantage.probe.trace import Trace

AT_ONCE = 48  # a handshake is about 1 ms of CPU: more at once, and each waits for the others within its own time
HOLD_MOST_S = 0.5  # a stalled handshake costs no CPU, so it must not keep the others out


@functools.cache
def context(verify: bool, authorities: str | None = None, *, http2: bool = False) -> ssl.SSLContext:
    """The context of a verify mode, which offers HTTP/2 where that is asked for.

    authorities: a file, else SSL_CERT_FILE or SSL_CERT_DIR, else certifi's.
    Strict RFC 5280 checks are off, which Python 3.13 turned on: browsers accept such chains, and the verdict on a site
    must not hang on our Python.
    """
    if not verify:
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    else:
        made = ssl.create_default_context(cafile=authorities) if authorities else httpx.create_ssl_context()
    made.verify_flags &= ~ssl.VERIFY_X509_STRICT
    made.set_alpn_protocols(["h2", "http/1.1"] if http2 else ["http/1.1"])
    return made


class Gate:
    """Lets a few handshakes through at once; the wait for it is not the target's time."""

    def __init__(self, at_once: int = AT_ONCE) -> None:
        self._places = asyncio.Semaphore(at_once)

    async def enter(self, trace: Trace) -> "Place":
        """A place, when one is free; whoever has it leaves it when the handshake is over."""
        if self._places.locked():
            with trace.paused():
                await self._places.acquire()
        else:
            await self._places.acquire()
        return Place(self._places)


class Place:
    """A place in the gate; given up by itself after HOLD_MOST_S."""

    def __init__(self, places: asyncio.Semaphore) -> None:
        self._places: asyncio.Semaphore | None = places
        self._timer = asyncio.get_running_loop().call_later(HOLD_MOST_S, self.leave)

    def leave(self) -> None:
        """Make room; a second call does nothing."""
        self._timer.cancel()
        if self._places is not None:
            self._places.release()
            self._places = None
