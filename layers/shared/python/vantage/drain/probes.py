"""What a run needs of a prober."""

from typing import Protocol

from vantage.check import Check, Result


class Probes(Protocol):
    """What a run needs of a prober; the second implementation is the one of the benches, which reaches no target."""

    async def probe(self, check: Check, *, confirm: bool = True) -> Result:
        """Reach the target once (and once more to confirm a failure); raises only for faults of our own."""
