"""What judging remembers of a monitor, as JSON: small, with a version; and when there is nothing to remember."""

from collections.abc import Mapping, Sequence
from typing import Any

from vantage.check import Status
from vantage.monitor import Region
from vantage.verdict.decisions import Advisory, Incident
from vantage.verdict.episodes import OperatorState
from vantage.verdict.flapping import Flapping
from vantage.verdict.monitor import Alone, MonitorState
from vantage.verdict.region import RegionState, Run, Streak
from vantage.verdict.rows import Row

VERSION = 1
Json = dict[str, Any]


def is_quiet(state: MonitorState) -> bool:
    """Whether all that judging knows follows from the rows: up where it is seen, and nothing of late that counts.

    What is dropped then makes no difference to any later decision; `woken` makes it anew.
    """
    noisy = state.incident or state.advisories or state.voting_down or state.flapping.is_on
    if noisy or state.flapping.openings_ms or any(state.flapping.slots):
        return False
    return all(
        known.state is Status.UP and not known.unconfirmed if known.newest else known.state in (None, Status.UP)
        for known in state.regions.values()
    )


def woken(regions: Mapping[Region, RegionState]) -> MonitorState:
    """A monitor that was quiet, from its states and its newest judged rows: one raw slot without failure stands for
    all that there were, since only changes between slots count."""
    return MonitorState(regions=regions, flapping=Flapping(slots=(False,) if regions else ()))


def quiet_region(since_ms: int, confirmed_ms: int, newest: Row | None) -> RegionState:
    """A region that is up, after `newest`; how long its streak of successes is decides nothing."""
    run = Run(1, newest.at_ms) if newest else None
    streak = Streak(Status.UP, run, run) if run else None
    return RegionState(Status.UP, since_ms, confirmed_ms, newest, streak)


def encode(state: MonitorState) -> Json:
    """As JSON."""
    kept = {region: _region(known) for region, known in state.regions.items()}
    alone, incident, flapping = state.alone, state.incident, state.flapping
    return {
        "v": VERSION,
        "regions": kept,
        "alone": [alone.region, alone.length, alone.is_evidence] if alone else None,
        "voting_down": dict(state.voting_down),
        "incident": [incident.opened_ms, incident.began_ms, incident.single] if incident else None,
        "advisories": {region: [one.opened_ms, one.told] for region, one in state.advisories.items()},
        "flapping": [flapping.is_on, "".join("F" if failed else "." for failed in flapping.slots),
                     list(flapping.openings_ms)],
    }  # fmt: skip


def decode(kept: Json) -> MonitorState:
    """From JSON."""
    is_on, slots, openings_ms = kept["flapping"]
    return MonitorState(
        regions={region: _known(one) for region, one in kept["regions"].items()},
        alone=Alone(*kept["alone"]) if kept["alone"] else None,
        voting_down=kept["voting_down"],
        incident=Incident(*kept["incident"]) if kept["incident"] else None,
        advisories={region: Advisory(region, *one) for region, one in kept["advisories"].items()},
        flapping=Flapping(is_on, tuple(slot == "F" for slot in slots), tuple(openings_ms)),
    )


def encode_operator(state: OperatorState) -> Json:
    """As JSON."""
    return {"v": VERSION, "episodes": dict(state.episodes), "silent": state.silent_ticks, "blind": state.is_blind}


def decode_operator(kept: Json | None) -> OperatorState:
    """From JSON, None: nothing yet."""
    return OperatorState(kept["episodes"], kept["silent"], kept["blind"]) if kept else OperatorState()


def _region(known: RegionState) -> Sequence[Any]:
    newest, streak = known.newest, known.streak
    return [
        known.state, known.since_ms, known.confirmed_ms,
        [newest.at_ms, newest.status, newest.interval_s, newest.extra] if newest else None,
        [streak.status, *_run(streak.run), *_run(streak.same)] if streak else None,
    ]  # fmt: skip


def _run(run: Run) -> tuple[int, int]:
    return run.length, run.began_ms


def _known(kept: Sequence[Any]) -> RegionState:
    state, since_ms, confirmed_ms, newest, streak = kept
    return RegionState(
        Status(state) if state else None,
        since_ms,
        confirmed_ms,
        Row(newest[0], Status(newest[1]), newest[2], extra=newest[3]) if newest else None,
        Streak(Status(streak[0]), Run(*streak[1:3]), Run(*streak[3:5])) if streak else None,
    )
