"""vantage ledger: what was scheduled in each minute, and where it ended."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from local.commands.database import Refused, Single, data_dir_option, open_database, system_env
from local.commands.output import json_option, print_json, print_table
from vantage.face.told.ledger import backlogs, backlogs_told, remainder, state, tick_told
from vantage.monitor import Region
from vantage.settings import check_encrypted
from vantage.store.connection import Connection
from vantage.store.sheet import TickSheet, database_time, latest_ticks, one_tick
from vantage.stream.writer import Backlog, StreamWriter

SHOWN = 10
MINUTE = timedelta(minutes=1)
HEADS = ("TICK", "REGION", "STATE", "DUE", "SCHEDULED", "STORED", "EXPIRED", "SKIPPED", "DEAD", "OPEN", "LOST")


@click.command(cls=Single)
@click.option("--tick", "text", metavar="T", help="One minute, such as 2026-11-24T08:41:00Z, or 08:41 (UTC, the last).")
@json_option
@data_dir_option
def ledger(text: str | None, as_json: bool, data_dir: Path) -> None:
    """Show the sheet of the last ten minutes, or of one.

    scheduled = stored + expired + skipped + dead + lost; while a minute's books are open, what is missing is OPEN and
    may still come. A minute that nobody pushed completely is a gap.
    """
    env = system_env(data_dir)
    with closing(open_database(env)) as connection:
        now = database_time(connection)
        ticks = [_tick(connection, text, now)] if text else latest_ticks(connection, SHOWN)
        found = _backlogs(connection, env)
    if as_json:
        print_json({"data": [tick_told(tick) for tick in ticks], "next_cursor": None, "backlog": backlogs_told(found)})
        return
    print_table(HEADS, (row for tick in ticks for row in _rows(tick)))
    for line in (*_silence(ticks, now if not text else None), *_remainders(ticks, found)):
        click.echo(line)


def _tick(connection: Connection, text: str, now: datetime) -> TickSheet:
    tick = _minute(text, now)
    sheet = one_tick(connection, tick)
    if sheet is None:
        raise Refused(f"Nothing was ever scheduled in {tick:%Y-%m-%d %H:%M} UTC: the ledger has no row of it.")
    return sheet


def _minute(text: str, now: datetime) -> datetime:
    """The minute that a text names; of a time of day, the last one that has begun or is being pushed ahead."""
    try:
        if len(text) <= len("08:41Z"):
            hour, minute = map(int, text.rstrip("Z").split(":"))
            tick = now.astimezone(UTC).replace(hour=hour, minute=minute, second=0, microsecond=0)
            return tick if tick <= now + 2 * MINUTE else tick - timedelta(days=1)
        instant = datetime.fromisoformat(text.replace("Z", "+00:00"))
        instant = instant if instant.tzinfo else instant.replace(tzinfo=UTC)
        return instant.astimezone(UTC).replace(second=0, microsecond=0)
    except ValueError:
        raise Refused(f"--tick {text!r} is no minute; write it as 2026-11-24T08:41:00Z or 08:41.") from None


def _backlogs(connection: Connection, env: Mapping[str, str]) -> dict[Region, Backlog]:
    """Redis's estimate for each region's group; empty where no REDIS_URL is set."""
    if not (url := env.get("REDIS_URL")):
        return {}
    check_encrypted("REDIS_URL", url)
    with closing(StreamWriter(url)) as stream:
        return backlogs(connection, stream)


def _rows(tick: TickSheet) -> list[Sequence[str]]:
    return [
        (f"{tick.tick.astimezone(UTC):%Y-%m-%d %H:%M}", region, state(tick), *map(_shown, (
            tick.due.get(region), counts.scheduled, counts.stored, counts.expired, counts.skipped, counts.dead,
            *remainder(tick, counts))))
        for region, counts in tick.regions.items()
    ]  # fmt: skip


def _shown(count: int | None) -> str:
    return "" if count is None else str(count)


def _silence(ticks: Sequence[TickSheet], now: datetime | None) -> list[str]:
    """A producer that does not run leaves no row until it is back: said here meanwhile."""
    if now is None:
        return []
    if not ticks:
        return ["No minute was ever pushed: the producer has not run yet, or no region is enabled."]
    silent = int((now - ticks[0].tick) / MINUTE)
    if silent < 1:
        return []
    newest = f"{ticks[0].tick.astimezone(UTC):%H:%M}"
    return [f"Nothing is pushed since {newest} UTC: {silent} min that will be gaps. See the producer's log."]


def _remainders(ticks: Sequence[TickSheet], backlogs: Mapping[Region, Backlog]) -> list[str]:
    """What the shown minutes still have open, as one figure per region, beside what Redis estimates to hold."""
    regions = dict.fromkeys(region for tick in ticks for region in tick.regions)
    lines = []
    for region in regions:
        still = sum(tick.regions[region].lost for tick in ticks if not tick.closed and region in tick.regions)
        held = ""
        if backlog := backlogs.get(region):
            unread = "an unknown number" if backlog.unread is None else backlog.unread
            held = f"; Redis holds about {backlog.pending} pending, {unread} unread"
        if still or held:
            lines.append(f"{region}: {still} open{held}")
    return lines
