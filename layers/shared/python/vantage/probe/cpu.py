"""A limit of CPU time for what a user's pattern or path may take, so that one monitor cannot hold up a worker."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from vantage.errors import VantageError


class TooLong(VantageError):
    """The work was stopped at its limit."""


class _Bell:
    """Rings once, and only while it is armed: a signal that comes late must end nothing."""

    armed = False

    def ring(self, *_: object) -> None:
        if self.armed:
            self.armed = False
            raise TooLong


_bell = _Bell()


@contextmanager
def at_most(limit_s: float) -> Iterator[None]:
    """Stop the block after so many seconds of CPU; raises TooLong. Not to be nested.

    Only the main thread hears signals: on any other nothing is limited. Python looks for signals between its steps, in
    regular expressions and in `repr`; one call of other C code runs to its end.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    signal.signal(signal.SIGVTALRM, _bell.ring)  # and it stays: a late signal would end the process otherwise
    _bell.armed = True
    signal.setitimer(signal.ITIMER_VIRTUAL, limit_s)
    try:
        yield
    finally:
        _bell.armed = False
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
