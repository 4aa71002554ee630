"""The operator's page: do the books balance, what was lost and why, and how each region does."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from vantage.errors import ServerUnavailable
from vantage.face.pages.hour import PATIENCE_S
from vantage.face.pages.variables import instant
from vantage.face.sources import Sources
from vantage.face.told.ledger import backlogs
from vantage.monitor import Region
from vantage.store.operations import Health, Waiting, read_health, read_waiting
from vantage.store.sheet import Counts, TickSheet, database_time, latest_ticks
from vantage.stream.writer import Backlog
from vantage.view.numbers import NOTHING, capital, clock, counted, region_name, span

TICKS = 40
NEWEST = 3
COLUMNS = ("scheduled", "stored", "expired", "skipped", "dead", "lost")
LOUD = ("expired", "skipped", "dead", "lost")
AWAY_S = 300


def ops_variables(sources: Sources) -> dict[str, Any]:
    """All that the page says."""
    connection = sources.connection()
    now = database_time(connection)
    ticks = [tick for tick in latest_ticks(connection, TICKS + 2) if tick.tick <= now][:TICKS]
    backlog: Mapping[Region, Backlog] | None = None
    with suppress(ServerUnavailable):  # the books are PostgreSQL's; what Redis holds stands beside them
        backlog = backlogs(connection, sources.stream)
    waiting = read_waiting(connection)
    regions = list(dict.fromkeys(region for tick in ticks for region in tick.regions))
    title, lead, missing = _balance(ticks)
    return {
        "title": title,
        "description": title,
        "lead": lead,
        "missing": missing,
        "as_of": instant(now),
        "facts": _facts(waiting, now, redis_answers=backlog is not None),
        "columns": [clock(tick.tick, now) for tick in reversed(ticks)],
        "grid": [(region_name(region), [_cell(tick, region) for tick in reversed(ticks)]) for region in regions],
        "sheets": [_sheet(tick, k, now) for k, tick in enumerate(ticks) if k < NEWEST or _is_loud(tick)],
        "names": [capital(name) for name in COLUMNS],
        "losses": [told for tick in ticks for told in _losses(tick, now)],
        "regions": [_region(one, backlog, now) for one in read_health(connection)],
    }


def has_ended(tick: TickSheet) -> bool:
    """Nothing of it can come any more, or nothing is missing."""
    return tick.closed or tick.is_accounted_for


def _balance(ticks: Sequence[TickSheet]) -> tuple[str, str, str]:
    """The headline, the sentence below it, and the sum of what is missing."""
    ended = [tick for tick in ticks if has_ended(tick)]
    sheets = [counts for tick in ended for counts in tick.regions.values()]
    missing = sum(abs(counts.lost) for counts in sheets)
    if not ended:
        return "No books yet", "No minute has ended yet.", "0"
    open_ = [counts for tick in ticks if not has_ended(tick) for counts in tick.regions.values()]
    still = sum(counts.lost for counts in open_)
    more = f" {_checks(still, ' of open minutes')} still to come." if still else ""
    if not missing:
        told = f"All {len(sheets):,} sheets of the last {counted(len(ended))} minutes read zero."
        return "The books balance", told + more, "0"
    off = sum(counts.lost != 0 for counts in sheets)
    told = f"{_checks(missing)} unaccounted for, in {off:,} of the last {len(sheets):,} sheets."
    return "The books do not balance", told + more, f"{missing:,}"


def _checks(number: int, of: str = "") -> str:
    return f"1 check{of} is" if number == 1 else f"{number:,} checks{of} are"


def _facts(waiting: Waiting, now: datetime, *, redis_answers: bool) -> list[tuple[str, str]]:
    behind = "nothing judged yet"
    if waiting.judged_until and waiting.newest_tick:
        late_s = (waiting.newest_tick - waiting.judged_until).total_seconds()
        behind = f"up to {clock(waiting.judged_until, now)}" + (
            f", {span(late_s)} behind" if late_s > PATIENCE_S else ""
        )
    newest = clock(waiting.newest_tick, now) if waiting.newest_tick else "none yet"
    return [
        ("Newest minute", newest),
        ("Judged", behind),
        ("Monitors", f"{waiting.monitors:,}"),
        ("Messages", f"{waiting.messages:,} waiting, {waiting.given_up:,} given up in 24 h"),
        ("Unreadable entries, 24 h", f"{waiting.dead_letters:,}"),
        *([] if redis_answers else [("Redis", "does not answer")]),
    ]


def _cell(tick: TickSheet, region: Region) -> tuple[str, str]:
    """A text and its class: the difference of a sheet that has ended."""
    counts = tick.regions.get(region)
    if counts is None:
        return NOTHING, ""
    if not has_ended(tick):
        return "…", "op"
    return f"{counts.lost:,}", "no" if counts.lost else ""


def _is_loud(tick: TickSheet) -> bool:
    return tick.gap or (has_ended(tick) and any(counts.scheduled != counts.stored for counts in tick.regions.values()))


def _sheet(tick: TickSheet, number: int, now: datetime) -> dict[str, Any]:
    state = "gap" if tick.gap else "" if has_ended(tick) else "open" if tick.complete else "being pushed"
    return {
        "at": clock(tick.tick, now),
        "note": state,
        "rows": [(region_name(region), _figures(counts, has_ended(tick))) for region, counts in tick.regions.items()],
        "number": number,
    }


def _figures(counts: Counts, ended: bool) -> list[tuple[str, str]]:
    """Each figure and its class: what must be 0 and is not is loud."""
    told = counts.as_dict()
    cells = []
    for name in COLUMNS:
        if name == "lost" and not ended:
            cells.append(("…", "q"))
        elif name == "lost":
            cells.append((f"{told[name]:,}", "bad" if told[name] else "q"))
        else:
            cells.append((f"{told[name]:,}", "q" if not told[name] else "b" if name in LOUD else ""))
    return cells


def _losses(tick: TickSheet, now: datetime) -> list[tuple[str, str]]:
    """What of a minute has no result, and why."""
    at = clock(tick.tick, now)
    if tick.gap:
        lost = sum(counts.lost for counts in tick.regions.values())
        return [(at, f"Nobody pushed this minute completely: {lost:,} checks were not made.")]
    if not has_ended(tick):
        return []
    return [(at, f"{region_name(region)}: {why}.") for region, counts in tick.regions.items() if (why := _why(counts))]


def _why(counts: Counts) -> str:
    told = (
        (counts.skipped, "not pushed, because the region did not keep up or was away"),
        (counts.expired, "reached a worker too late to be probed"),
        (counts.dead, "could not be read, or killed a worker again and again"),
        (max(0, counts.lost), "lost: unread or unfinished when the books closed"),
        (max(0, -counts.lost), "more than were scheduled"),
    )
    return "; ".join(f"{count:,} {why}" for count, why in told if count)


def _region(one: Health, backlog: Mapping[Region, Backlog] | None, now: datetime) -> dict[str, Any]:
    held = backlog.get(one.region) if backlog else None
    ago = (now - one.last_seen).total_seconds() if one.last_seen else None
    state, colour = _state(one, ago)
    unread = "not known" if held is None or held.unread is None else f"{held.unread:,}"
    return {
        "name": region_name(one.region),
        "mark": {"U": "U", "R": "R"}.get(colour, "N"),
        "rows": [
            ("Vantage", state, colour),
            ("Worker started", f"{span(ago)} ago" if ago is not None else "never", ""),
            ("Last result stored", _ago(one.last_stored, now), ""),
            ("Late, p50 and p99", _late(one), ""),
            ("Lag: entries not yet given", unread, ""),
            ("Pending", f"{held.pending:,}" if held else "not known", ""),
            ("Reference targets", f"{one.references_up} of {one.references} up" if one.references else "none", ""),
            ("Minutes at fault, 24 h", f"{one.faults:,}", "R" if one.faults else ""),
        ],
    }


def _state(one: Health, seen_ago_s: float | None) -> tuple[str, str]:
    if not one.enabled:
        return "disabled", "N"
    if seen_ago_s is None:
        return "never heard from", "N"
    if seen_ago_s > AWAY_S:
        return "away", "R"
    if one.references and not one.references_up:
        return "at fault", "R"
    return "healthy", "U"


def _late(one: Health) -> str:
    if one.late_p50_ms is None:
        return NOTHING
    return f"{one.late_p50_ms:,} ms, {one.late_p99_ms:,} ms"


def _ago(at: datetime | None, now: datetime) -> str:
    return f"{span((now - at.astimezone(UTC)).total_seconds())} ago" if at else "none in 5 min"
