"""The errors of Vantage, drawn once.

VantageError                what a user can meet: says what is wrong, where, and what to do
├── SettingsError           a setting is missing or malformed; names it
├── EventError              an invocation's event is not what EventBridge Scheduler sends
├── ClockError              two clocks differ by more than a minute's work can bear
├── UndecodableEntry        a stream entry that this version cannot read
├── TickTaken               another run owns this tick now; this one stops
├── StreamRefused           Redis took none of a page (out of memory, read-only, not a stream)
├── MonitorsFileError       faults in a monitors file, each with its place
├── GuardError              an address or a URL that must not be spoken to (vantage.guard)
├── OwnFault                this machine cannot probe: out of sockets, no network (vantage.probe.faults)
├── NoSecret                a reference or parameter has no value here; names it, never a value
└── ServerUnavailable       PostgreSQL or Redis does not answer

Nothing a *target* does is an error: it is a `Result` (see `vantage.check`).
"""


class VantageError(Exception):
    """Something a user can meet; `str()` of it is a sentence for them and holds no secret."""


class SettingsError(VantageError):
    """A setting is missing or malformed."""


class EventError(VantageError):
    """The event of an invocation lacks its scheduled time, or the time is far off."""


class ClockError(VantageError):
    """The event's time and Redis's clock are too far apart to push anything."""


class UndecodableEntry(VantageError):
    """An entry of the stream that cannot be decoded; it is dead, the rest goes on."""


class TickTaken(VantageError):
    """Another producer run took this tick over: whoever sees this stops at once."""


class StreamRefused(VantageError):
    """Redis refused a whole page of entries, and nothing of it was added."""


class MonitorsFileError(VantageError):
    """Faults in a monitors file; none of it was applied."""


class NoSecret(VantageError):
    """A reference, or a parameter of SSM, that has no value here; names it, never a value."""


class ServerUnavailable(VantageError):
    """PostgreSQL or Redis does not answer."""
