"""The worker: takes a region's checks out of the stream, probes them, stores what it saw, then acknowledges."""

from vantage.drain.memory import Memory
from vantage.drain.run import Drain, Station, Summary

__all__ = ["Drain", "Memory", "Station", "Summary"]
