"""What goes wrong with a target, as httpx exceptions that know their reason.

httpx.TransportError
├── ConnectError            connect: refused, unreachable
│   ├── NameFault           dns: no such name, no address, no answer from the name servers
│   ├── TlsFault            tls: handshake or certificate, or what the server said of them later
│   ├── AddressRefused      guard: none of the addresses may be spoken to
│   └── NoIPv6              connect, but refused and not down: this machine has no IPv6, and the site nothing else
├── ConnectTimeout          timeout: no address took the connection in time
├── ReadError, WriteError   protocol: the connection broke
└── RemoteProtocolError     protocol: what came is not HTTP
    └── HeadersTooLarge     too_large

OwnFault and NoRoom stand apart: this machine is at fault, and no target is judged by it.
"""

import errno
import os

import httpx

from vantage.check import Reason
from vantage.errors import VantageError

HERE = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL, errno.EPERM, errno.EACCES,
        errno.ENETUNREACH, errno.ENETDOWN)  # fmt: skip
NO_FAMILY = (errno.ENETUNREACH, errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)


class NameFault(httpx.ConnectError):
    """The name has no address, or nobody says which."""


class TlsFault(httpx.ConnectError):
    """The TLS handshake failed, or the certificate is not to be trusted."""


class AddressRefused(httpx.ConnectError):
    """The guard refuses every address of the name; nothing was connected."""


class NoIPv6(httpx.ConnectError):
    """The site has IPv6 addresses only, and this machine has no IPv6."""


class HeadersTooLarge(httpx.RemoteProtocolError):
    """The headers of the response pass all measure."""


class NoRoom(VantageError):
    """Too many large bodies are being read at once."""


class OwnFault(VantageError):
    """This machine could not probe (out of sockets or memory, no network): says nothing about any target."""


def raise_if_ours(error: OSError, *, version: int = 4) -> None:
    """Tell our own trouble, met before any packet was sent, from the target's doing; raises OwnFault or NoIPv6."""
    if version == 6 and error.errno in NO_FAMILY:
        raise NoIPv6("this machine has no IPv6, and the site has nothing else") from error
    if error.errno in HERE:
        raise OwnFault(f"This machine cannot open another connection: {os.strerror(error.errno)}.") from error


def reason_of(error: httpx.TransportError) -> Reason:
    """The reason under which a transport's error is booked."""
    for kind, reason in (
        (NameFault, Reason.DNS),
        (TlsFault, Reason.TLS),
        (AddressRefused, Reason.GUARD),
        (httpx.TimeoutException, Reason.TIMEOUT),
        (httpx.ConnectError, Reason.CONNECT),
        (HeadersTooLarge, Reason.TOO_LARGE),
    ):
        if isinstance(error, kind):
            return reason
    return Reason.PROTOCOL
