"""The settings of the verdict rules. Their defaults were chosen by simulation, among what other tools do."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rules:
    """How much evidence a statement takes."""

    confirm_down: int = 2  # failures in a row; with 1, deploys and lost packets become incidents
    confirm_up: int = 2  # successes in a row
    confirm_slow: int = 2  # slow rows in a row until degraded, quick ones until up again
    single: int = 3  # in a row where one region votes alone, and never fewer than the confirmations
    no_data_intervals: int = 2  # a region without a counted row for this long does not vote
    reach_s: int = 900  # a row that lies further behind its tick is history; three intervals, where these are longer
    advisory_s: int = 600  # down in a region for this long, without an incident
    grace_s: int = 45  # how long a replayed tick waits for its rows, behind its minute
    share_percent: int = 30  # of comparable checks that fail here only: then it is the region
    share_monitors: int = 10  # below this many, one shared host is a share already
    references: int = 2  # that must have answered, and all have failed
    clean_ticks: int = 5  # without a fault until its episode is over: a fault that flickers is told once
    blind_ticks: int = 2  # with nothing usable from anywhere until the operator is told
    flap_slots: int = 21
    flap_over_percent: int = 50
    flap_under_percent: int = 25
    storm: int = 3  # incidents opened within storm_s; 0: never
    storm_s: int = 3600  # DDUU never changes over 50 %, and would send six notices in twelve minutes

    def reach_ms(self, interval_s: int) -> int:
        """How far behind the tick that is judged a row may lie and still move a state."""
        return max(self.reach_s, 3 * interval_s) * 1000

    def alone_down(self) -> int:
        """Failures in a row that open an incident where one region votes alone."""
        return max(self.single, self.confirm_down)

    def alone_up(self) -> int:
        """Successes in a row that resolve one there."""
        return max(self.single, self.confirm_up)
