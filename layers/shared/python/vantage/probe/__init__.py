"""The prober: a function from a check to a result. Nothing a target does is an exception."""

from vantage.probe.faults import OwnFault
from vantage.probe.prober import Prober

__all__ = ["OwnFault", "Prober"]
