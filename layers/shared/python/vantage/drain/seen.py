"""What a worker run saw, in figures: for metrics, and gone with the run."""

from dataclasses import dataclass, field, fields

from vantage.check import Phases, Result, Status


def _nothing() -> dict[str, list[float]]:
    return {phase.name.removesuffix("_us"): [] for phase in fields(Phases)}


@dataclass(slots=True)
class Seen:
    """Probes by how they ended, each one's latency where the target answered, and how late it began."""

    up: int = 0
    degraded: int = 0
    down: int = 0
    lag_s: float = 0.0  # how long the first unread entry had been due, when the run last looked
    latency_ms: list[float] = field(default_factory=list)
    lateness_ms: list[float] = field(default_factory=list)
    phases_ms: dict[str, list[float]] = field(default_factory=_nothing)

    def note(self, result: Result) -> None:
        """Count a probe; what was refused says nothing of a target."""
        if result.status is Status.REFUSED:
            return
        self.up += result.status is Status.UP
        self.degraded += result.status is Status.DEGRADED
        self.down += result.status is Status.DOWN
        if result.late_ms is not None:
            self.lateness_ms.append(result.late_ms)
        if result.status is not Status.DOWN and result.total_us is not None:
            self.latency_ms.append(result.total_us / 1000)
            for name, values in self.phases_ms.items():
                if (spent_us := getattr(result.phases, f"{name}_us")) is not None:
                    values.append(spent_us / 1000)

    def note_lag(self, now_ms: float, next_unread_ms: int | None) -> None:
        """Remember how far behind this region is with reading."""
        self.lag_s = 0.0 if next_unread_ms is None else max(0.0, (now_ms - next_unread_ms) / 1000)
