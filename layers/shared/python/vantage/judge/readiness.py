"""When a tick can be judged: everybody who can be expected to has accounted for it, or it has been waited for."""

from collections.abc import Sequence
from dataclasses import dataclass

from vantage.monitor import Region


@dataclass(frozen=True, slots=True)
class Account:
    """One region's ledger row of a tick; `accounted` of `pushed` have ended in one way or another.

    `reported_before`: something of the previous tick ended there, or nothing was scheduled.
    """

    region: Region
    is_enabled: bool
    pushed: int
    skipped: int
    accounted: int
    is_pushed: bool
    reported_before: bool


@dataclass(frozen=True, slots=True)
class Candidate:
    """The oldest tick that is not judged (epoch s); `last_ms`: when its last check is scheduled (epoch ms)."""

    tick_s: int
    last_ms: int
    spread_s: int
    accounts: Sequence[Account]

    @property
    def regions(self) -> tuple[Region, ...]:
        """The regions that have slots in it."""
        return tuple(account.region for account in self.accounts)

    @property
    def is_scheduled(self) -> bool:
        """Something was to be checked in it, or was when it became a gap."""
        return any(one.pushed + one.skipped > 0 or not one.is_pushed for one in self.accounts)

    def is_ready(self, now_ms: int, wait_ms: int) -> bool:
        """Pushed completely, and all is accounted for by the enabled regions that were there in the tick before (if
        none was: by every one); or `wait_ms` have passed since its last check."""
        if now_ms >= self.last_ms + wait_ms:
            return True
        if now_ms < self.tick_s * 1000 or not all(one.is_pushed for one in self.accounts):
            return False
        there = [one for one in self.accounts if one.is_enabled and one.reported_before]
        return all(one.accounted >= one.pushed for one in there or self.accounts)
