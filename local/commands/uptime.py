"""vantage uptime: how much of the time, seen from where, and how much of it was seen at all."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import click

from local import spark
from local.commands.database import Refused, Single, or_remote
from local.commands.output import json_option, print_json, print_table
from local.remote import Remote, segment
from vantage.face.told import uptime as told
from vantage.latency import Histogram
from vantage.monitor import Region
from vantage.store import figures, history
from vantage.store.connection import Connection
from vantage.store.figures import NO_PHASES, Cover, Latency, Phases
from vantage.store.looks import HOUR
from vantage.store.rollups import day_of, hour_of, midnight
from vantage.store.sheet import database_time
from vantage.uptime import Tally, Uptime
from vantage.view.numbers import NOTHING, latency, span

FLIPS_SHOWN = 10
SHOWN = ("uptime", "coverage", "low", "high")


def _remotely(
    api: Remote, slug: str | None, window: str | None, first_text: str | None, until_text: str | None, as_json: bool
) -> None:
    asked = {"window": window, "from": first_text, "to": until_text}
    document = api.get(f"/v1/monitors/{segment(slug)}/uptime", **asked) if slug else api.whole("/v1/uptime", **asked)
    if as_json:
        print_json(document)
        return
    rows = [document] if slug else document["data"]
    heads = ("MONITOR", "SEEN FROM", "UPTIME", "COVERAGE", "LOW", "HIGH", "P50", "P95", "P99", "DOWN FOR")
    print_table(heads, [line for row in rows for line in _told_lines(row)])
    click.echo(f"From {document['from']} to {document['to']}.")


def _told_lines(row: Mapping[str, Any]) -> Iterator[Sequence[str]]:
    """A monitor's availability, and each region's part."""
    down = span(row["down_s"]) if row["down_s"] else ""
    for where, tally in [("availability", row["availability"]), *row["regions"].items()]:
        shares = [_percent(None if (share := tally[name]) is None else f"{share:g}") for name in SHOWN]
        times = tally.get("latency_ms", {})
        took = [_time(times[share]) if share in times else "" for share, _ in told.SHARES]
        yield row["slug"], where, *shares, *took, down if where == "availability" else ""


@click.command(cls=Single)
@click.argument("slug", required=False)
@click.option("--window", type=click.Choice(list(told.WINDOWS)), help="So far back from now.  [default: 24h]")
@click.option(
    "--from", "first_text", metavar="TIME", help="Instead: from then, such as 2026-11-01 or 2026-11-24T08:00Z."
)
@click.option("--to", "until_text", metavar="TIME", help="Up to and without then.  [default: now]")
@json_option
@or_remote(_remotely)
def uptime(
    connection: Connection, slug: str | None, window: str | None, first_text: str | None, until_text: str | None,
    as_json: bool,
) -> None:  # fmt: skip
    """Show the uptime of all monitors, or of one with its latency, phases and changes.

    Uptime is good / (good + bad) of what was seen, by time. COVERAGE is how much was seen at all; LOW and HIGH are
    what the uptime would be if all the rest had been bad, or good. AVAILABILITY counts each instant once, and bad where
    a majority of the regions that saw it failed. "now" is the newest minute whose results are in. A full bar means that
    nothing bad was seen; a dot, that nothing was seen.
    """
    if window and (first_text or until_text):
        raise Refused("Give either --window or --from and --to.")
    with figures.one_sight(connection):
        first, until = _span(database_time(connection), window or "24h", first_text, until_text)
        pieces = told.pieces_of(connection, first, until)
        if slug is None:
            _show_all(connection, pieces, as_json)
        else:
            _show_one(connection, _find(connection, slug), pieces, as_json)


def _span(now: datetime, window: str, first_text: str | None, until_text: str | None) -> tuple[datetime, datetime]:
    first, until = (_instant(o, t) if t else None for o, t in (("--from", first_text), ("--to", until_text)))
    try:
        return told.span(now, window, first, until)
    except ValueError:
        raise Refused("There is nothing between --from and --to, or it is yet to come.") from None


def _instant(option: str, text: str) -> datetime:
    try:
        instant = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        raise Refused(f"{option} {text!r} is no time; write it as 2026-11-01 or 2026-11-24T08:00Z.") from None
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


def _find(connection: Connection, slug: str) -> tuple[int, str, str]:
    if found := history.named(connection, slug):
        return found[0], slug, found[1]
    raise Refused(f"There is no monitor {slug!r}; see `vantage monitors list`.")


def _show_all(connection: Connection, pieces: Cover, as_json: bool) -> None:
    if as_json:
        print_json({**told.frame(pieces), "data": told.of_all(connection, pieces), "next_cursor": None})
        return
    counted = figures.uptimes(connection, pieces)
    seconds = history.verdict_seconds(connection, pieces.first, pieces.until)
    shown = [(id_, slug, name, counted.get(id_)) for id_, (slug, name) in history.names(connection).items()]
    unit, units = _units(pieces)
    courses = figures.series(connection, pieces, unit)
    regions = sorted({region for of in counted.values() for region in of.regions}, key=told.by_name)
    heads = ("MONITOR", "AVAILABILITY", "COVERAGE", "LOW", "HIGH", *regions, "DOWN FOR", "COURSE")
    print_table(
        heads,
        (
            (
                slug,
                *_figures(of.availability if of else Tally()),
                *(_percent(of.regions[region].printed()["uptime"] if of and region in of.regions else None)
                  for region in regions),
                span(seconds[id_].down) if id_ in seconds and seconds[id_].down else "",
                spark.of_uptime([_availability(courses.get(id_, {}).get(at)) for at in units]),
            )
            for id_, slug, _, of in shown
        ),
    )  # fmt: skip
    _show_frame(pieces, unit)


def _show_one(connection: Connection, monitor: tuple[int, str, str], pieces: Cover, as_json: bool) -> None:
    if as_json:
        print_json(told.of_one(connection, monitor, pieces))
        return
    id_, _, _ = monitor
    unit, units = _units(pieces)
    of = figures.uptimes(connection, pieces, [id_]).get(id_)
    times, times_course = figures.latencies(connection, pieces, id_, unit)
    phases = figures.phases(connection, pieces, id_)
    flips = history.flips(connection, id_, pieces.first, pieces.until)
    seconds = history.verdict_seconds(connection, pieces.first, pieces.until).get(id_, history.Seconds())
    course = figures.series(connection, pieces, unit, [id_]).get(id_, {})
    _show_uptime(of, course, units)
    _show_times(times, phases, times_course, units)
    for flip in flips[:FLIPS_SHOWN]:
        click.echo(f"{flip.checked_at:%Y-%m-%d %H:%M} UTC  {flip.region}: {flip.from_state or 'new'} → {flip.to_state}")
    if seconds.down:
        click.echo(f"Down for {span(seconds.down)} in all.")
    if seconds.regional:
        click.echo(f"Down from some regions only for {span(seconds.regional)} in all.")
    _show_frame(pieces, unit)


def _show_uptime(of: Uptime | None, course: Mapping[datetime, Uptime], units: Sequence[datetime]) -> None:
    rows = []
    for region in sorted(of.regions, key=told.by_name) if of else ():
        tallies = [course[at].regions.get(region) if at in course else None for at in units]
        rows.append((region, *_figures(of.regions[region] if of else Tally()), spark.of_uptime(tallies)))
    available = spark.of_uptime([_availability(course.get(at)) for at in units])
    reached = spark.of_uptime([course[at].reachability if at in course else None for at in units])
    rows.append(("availability", *_figures(of.availability if of else Tally()), available))
    rows.append(("reachability", *_figures(of.reachability if of else Tally()), reached))
    print_table(("", "UPTIME", "COVERAGE", "LOW", "HIGH", "COURSE"), rows)
    click.echo()


def _show_times(
    times: Mapping[Region, Latency], phases: Mapping[Region, Phases],
    course: Mapping[Region, Mapping[datetime, Histogram]], units: Sequence[datetime],
) -> None:  # fmt: skip
    if not times:
        return
    heads = (
        "REGION",
        "P50",
        "P95",
        "P99",
        "DNS",
        "CONNECT",
        "TLS",
        "FIRST BYTE",
        "DOWNLOAD",
        "SLOWEST",
        "P50'S COURSE",
    )
    rows = []
    for region in sorted(times, key=told.by_name):
        usual = told.usual_us(times[region], phases.get(region, NO_PHASES))
        known = {name: us for name, us in usual.items() if us is not None}
        middles = [course[region][at].quantile_ms(0.5) if at in course[region] else None for at in units]
        rows.append((
            region, *(_time(times[region].total.quantile_ms(share)) for _, share in told.SHARES),
            *map(latency, usual.values()), max(known, key=known.__getitem__) if known else "", spark.of_times(middles),
        ))  # fmt: skip
    print_table(heads, rows)
    click.echo()


def _units(pieces: Cover) -> tuple[timedelta, list[datetime]]:
    """Hours of a short span, days of a long one."""
    unit = told.unit_of(pieces)
    at = hour_of(pieces.first) if unit == HOUR else midnight(day_of(pieces.first))
    units = []
    while at < pieces.until:
        units.append(at)
        at += unit
    return unit, units


def _figures(tally: Tally) -> tuple[str, ...]:
    """Uptime and coverage, and bounds only where something was not seen."""
    printed = tally.printed()
    shown = ("uptime", "coverage", "low", "high")
    return tuple(_percent(printed[name]) if tally.unseen or name in shown[:2] else "" for name in shown)


def _percent(figure: str | None) -> str:
    return NOTHING if figure is None else f"{figure}%"


def _time(ms: float | None) -> str:
    return latency(None if ms is None else round(ms * 1000))


def _availability(of: Uptime | None) -> Tally | None:
    return None if of is None else of.availability


def _show_frame(pieces: Cover, unit: timedelta) -> None:
    every = "an hour" if unit == HOUR else "a day"
    click.echo(f"From {pieces.first:%Y-%m-%d %H:%M} to {pieces.until:%Y-%m-%d %H:%M} UTC; a bar is {every}.")
