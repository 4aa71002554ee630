"""Reads from a server's certificate what a monitor shows: its end, its issuer, its names."""

import ssl
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from vantage.probe.trace import Certificate

UTC_TIME = 0x17
NAMES_MOST = 20


def read(sock: ssl.SSLSocket) -> Certificate | None:
    """The certificate of a finished handshake; issuer and names only where it was verified. None: none, or no sense."""
    der = sock.getpeercert(binary_form=True)
    if not der:
        return None
    try:
        verified = sock.getpeercert() or {}
        return Certificate(not_after(der), _issuer(verified), _names(verified))
    except (ValueError, IndexError, OverflowError, ssl.SSLError):  # who verifies nothing may be shown anything
        return None


def not_after(der: bytes) -> datetime:
    """When a DER certificate ends; RFC 5280, 4.1: certificate > tbs > [version] serial signature issuer validity."""
    _, at, _ = _element(der, 0)
    _, at, _ = _element(der, at)
    tag, _, end = _element(der, at)
    if tag == 0xA0:  # the version, where there is one
        at = end
    for _ in range(3):
        at = _element(der, at)[2]
    _, at, _ = _element(der, at)
    at = _element(der, at)[2]
    tag, start, end = _element(der, at)
    text = der[start:end].decode("ascii")
    if tag == UTC_TIME:
        text = ("20" if text < "50" else "19") + text
    month, day, hour, minute, second = (int(text[at : at + 2]) for at in range(4, 14, 2))
    return datetime(int(text[:4]), month, day, hour, minute, second, tzinfo=UTC)


def _element(der: bytes, at: int) -> tuple[int, int, int]:
    """Tag, start and end of the content of the DER element at an offset."""
    length, start = der[at + 1], at + 2
    if length & 0x80:
        size = length & 0x7F
        length, start = int.from_bytes(der[start : start + size], "big"), start + size
    return der[at], start, start + length


def _issuer(verified: Mapping[str, Any]) -> str | None:
    parts = {key: value for rdn in verified.get("issuer", ()) for key, value in rdn}
    return parts.get("organizationName") or parts.get("commonName")


def _names(verified: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(name for _, name in verified.get("subjectAltName", ()))[:NAMES_MOST]
