"""Whom pages are for: everybody, who sees what is public; or who is signed in, who sees private monitors too."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Audience:
    """Where its pages are, and whether private monitors are on them."""

    private: bool
    status: str
    """The path of its status page; the one for programs, which is looked at for news, is that of `watch`."""
    watch: str
    monitors: str
    """What stands before a slug in the path of a monitor's own page."""
    incidents: str
    nav: Mapping[str, str]


EVERYBODY = Audience(
    private=False, status="/", watch="/status.json", monitors="/monitors/", incidents="/incidents",
    nav={"Status": "/", "Incidents": "/incidents"},
)  # fmt: skip
SIGNED_IN = Audience(
    private=True, status="/ops/status", watch="/ops/status.json", monitors="/ops/status/", incidents="/ops/incidents",
    nav={"Status": "/ops/status", "Incidents": "/ops/incidents", "Operations": "/ops", "Monitors": "/ops/monitors"},
)  # fmt: skip
