"""The words for what a user configured: a region, a type, a definition as JSON."""

from enum import StrEnum
from typing import Any

Json = Any
Region = str
"""A vantage point's name, a value of the SQL enum `location` (USA, INDIA, EU).

A plain string on purpose: a fourth region is a row and a migration, not a change of code.
"""


class MonitorType(StrEnum):
    """How a target is reached."""

    HTTP = "http"
    TCP = "tcp"
    DNS = "dns"
    HEARTBEAT = "heartbeat"
