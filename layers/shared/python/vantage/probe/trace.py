"""What one attempt is told and what it saw: travels with the request to the transport, in `request.extensions`."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from time import perf_counter

from vantage.check import Phases

KEY = "vantage"


class Phase(StrEnum):
    """Where an attempt is."""

    DNS = "dns"
    CONNECT = "connect"
    TLS = "tls"
    FIRST_BYTE = "first_byte"
    DOWNLOAD = "download"


@dataclass(frozen=True, slots=True)
class Certificate:
    """What a server's certificate says of itself; `names` are the hosts it is for."""

    expires_at: datetime
    issuer: str | None
    names: tuple[str, ...]


@dataclass(slots=True)
class Trace:
    """One attempt's orders (fresh, verify, …) and its sightings; times are seconds, summed over redirects."""

    fresh_since_s: float | None = None  # no kept connection, and no name learnt before (clock of `monotonic`)
    verify: bool = True
    family: str = "any"  # any | ipv4 | ipv6
    http2: bool = False  # spoken where the server offers it
    read_most: int = 65_536  # bytes of a body; more closes the connection
    phase: Phase = Phase.DNS
    spent_s: dict[Phase, float] = field(default_factory=dict)
    opened: int = 0  # new connections
    reused: bool = False  # the last request went over a kept connection
    answered: bool = False  # a byte of a response has come
    address: str | None = None
    protocol: str | None = None
    certificate: Certificate | None = None
    late_s: float = 0.0  # how much later than the kernel this loop saw the first byte
    waited_s: float = 0.0  # in queues of our own
    deadline: asyncio.Timeout | None = None
    secrets: tuple[str, ...] = field(default=(), repr=False)  # what was sent, and must not come back in a text

    def add(self, phase: Phase, seconds: float) -> None:
        """Book time spent in a phase."""
        self.spent_s[phase] = self.spent_s.get(phase, 0.0) + max(seconds, 0.0)

    def first_byte(self, seconds: float, *, late_s: float) -> None:
        """The first byte of a response came, and this loop saw it `late_s` later."""
        self.add(Phase.FIRST_BYTE, seconds)
        self.phase = Phase.DOWNLOAD
        self.answered = True
        self.late_s = max(self.late_s, late_s)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Wait in a queue of our own: the deadline moves on by it, and it counts as nobody's time."""
        loop, began_s = asyncio.get_running_loop(), perf_counter()
        deadline = None if self.deadline is None or self.deadline.expired() else self.deadline
        left_s = (deadline.when() or 0.0) - loop.time() if deadline else 0.0
        if deadline:
            deadline.reschedule(None)
        try:
            yield
        finally:
            self.waited_s += perf_counter() - began_s
            if deadline:
                deadline.reschedule(loop.time() + left_s)

    @contextmanager
    def timed(self, phase: Phase) -> Iterator[None]:
        """Book what happens within under this phase, when it ends well."""
        self.phase = phase
        began_s = perf_counter()
        yield
        self.add(phase, perf_counter() - began_s)

    @property
    def total_s(self) -> float:
        """The time of all phases."""
        return sum(self.spent_s.values())

    def phases(self) -> Phases:
        """The phases in microseconds; None where none of it happened."""
        spent = self.spent_s.get
        return Phases(
            dns_us=_us(spent(Phase.DNS)),
            connect_us=_us(spent(Phase.CONNECT)),
            tls_us=_us(spent(Phase.TLS)),
            first_byte_us=_us(spent(Phase.FIRST_BYTE)),
            download_us=_us(spent(Phase.DOWNLOAD)),
        )


def _us(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds * 1_000_000)
