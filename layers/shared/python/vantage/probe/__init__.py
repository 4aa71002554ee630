"""The prober: a function from a check to a result. Nothing a target does is an exception."""

from vantage.probe.prober import OwnFault, Prober

__all__ = ["OwnFault", "Prober"]
