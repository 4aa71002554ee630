"""What an environment remembers from one run to the next; losing it costs a needless confirmation, nothing else."""

from collections import OrderedDict
from dataclasses import dataclass, field

from vantage.check import Reason, Result, Status

HUNG_US = 900_000
DETAILS_MOST = 20_000


class Told:
    """Which details of monitors were written last; of a bounded number, and who is forgotten is written again."""

    def __init__(self, most: int = DETAILS_MOST) -> None:
        self._most, self._told = most, OrderedDict[int, int]()

    def is_news(self, result: Result) -> bool:
        """Whether its detail differs from what was last told of its monitor here."""
        return result.detail is not None and self._told.get(result.monitor_id) != hash(result.detail)

    def note(self, result: Result) -> None:
        """Remember that its detail is written."""
        self._told[result.monitor_id] = hash(result.detail)
        self._told.move_to_end(result.monitor_id)
        if len(self._told) > self._most:
            self._told.popitem(last=False)


@dataclass(slots=True)
class Memory:
    """The monitors whose last result here was a failure; as many as fail, so it stays small."""

    runs: int = 0
    down: set[int] = field(default_factory=set)
    hung: set[int] = field(default_factory=set)
    told: Told = field(default_factory=Told)

    def note(self, result: Result) -> None:
        """Remember how a monitor's last probe ended."""
        _put(self.down, result.monitor_id, result.status is Status.DOWN)
        _put(self.hung, result.monitor_id, _has_hung(result))


def _has_hung(result: Result) -> bool:
    """A timeout; a name that nobody answers for holds a place as long, and is booked as dns."""
    waited_us = result.total_us or 0
    return result.reason is Reason.TIMEOUT or (result.reason is Reason.DNS and waited_us >= HUNG_US)


def _put(members: set[int], member: int, belongs: bool) -> None:
    if belongs:
        members.add(member)
    else:
        members.discard(member)
