"""What an environment remembers from one run to the next; losing it costs a needless confirmation, nothing else."""

from dataclasses import dataclass, field

from vantage.check import Reason, Result, Status


@dataclass(slots=True)
class Memory:
    """The monitors whose last result here was a failure; as many as fail, so it stays small."""

    runs: int = 0
    down: set[int] = field(default_factory=set)
    timed_out: set[int] = field(default_factory=set)

    def note(self, result: Result) -> None:
        """Remember how a monitor's last probe ended."""
        _put(self.down, result.monitor_id, result.status is Status.DOWN)
        _put(self.timed_out, result.monitor_id, result.reason is Reason.TIMEOUT)


def _put(members: set[int], member: int, belongs: bool) -> None:
    if belongs:
        members.add(member)
    else:
        members.discard(member)
