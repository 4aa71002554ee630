"""vantage failures: what failed, newest first; and what fails from one region and not from others."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import click

from local.commands.database import Refused, Single, or_remote
from local.commands.output import json_option, print_json, print_table
from local.remote import Remote
from vantage.face.told import failures as told
from vantage.face.told.uptime import pieces_of, span
from vantage.store import figures, history
from vantage.store.connection import Connection
from vantage.store.regions import known_regions
from vantage.store.rollups import hour_of
from vantage.store.sheet import database_time
from vantage.view.numbers import latency, percent

WINDOWS = {"24h": timedelta(hours=24), "7d": timedelta(days=7), "30d": timedelta(days=30)}


def _remotely(
    api: Remote, *, region: str | None, alone: bool, window: str, limit: int, cursor: str | None, as_json: bool
) -> None:
    if alone:
        _show_alone(api.get("/v1/failures/alone", region=region, window=window)["data"], window, as_json)
        return
    first = hour_of(datetime.now(UTC) - WINDOWS[window])
    given = {"region": region, "cursor": cursor, "from": first.isoformat().replace("+00:00", "Z"), "limit": limit}
    _show(api.get("/v1/failures", **given), first, as_json)


@click.command(cls=Single)
@click.option("--region", help="Of this region only.")
@click.option("--alone", is_flag=True, help="Instead: what fails from one region and not from others, counted.")
@click.option("--window", type=click.Choice(list(WINDOWS)), default="24h", show_default=True, help="How far back.")
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True)
@click.option("--cursor", help="Where a page before this one ended.")
@json_option
@or_remote(_remotely)
def failures(
    connection: Connection, *, region: str | None, alone: bool, window: str, limit: int, cursor: str | None,
    as_json: bool,
) -> None:  # fmt: skip
    """Show the latest failures of all monitors, each with what the other regions saw at the same instant."""
    known = known_regions(connection)
    if region is not None and region not in known:
        raise Refused(f"There is no region {region!r}; there are {', '.join(known)}.")
    now = database_time(connection)
    first = hour_of(now - WINDOWS[window])
    names = history.names(connection)
    if alone:
        with figures.one_sight(connection):
            found = figures.failing_alone(connection, pieces_of(connection, *span(now, window, None, None)))
        _show_alone(told.alone(found, names, region), window, as_json)
        return
    page = history.failures(connection, [region] if region else known, first, now, cursor=cursor, limit=limit)
    beside = history.elsewhere(connection, page.rows)
    data = [told.failure(row, names, beside.get((row.monitor_id, row.checked_at), {})) for row in page.rows]
    _show({"data": data, "next_cursor": page.next_cursor}, first, as_json)


def _show(page: Mapping[str, Any], first: datetime, as_json: bool) -> None:
    if as_json:
        print_json(page)
        return
    if not page["data"]:
        click.echo(f"Nothing failed since {first:%Y-%m-%d %H:%M} UTC.")
        return
    heads = ("TIME (UTC)", "REGION", "MONITOR", "REASON", "HTTP", "TOOK", "ELSEWHERE")
    print_table(heads, map(_row, page["data"]))
    if page["next_cursor"]:
        click.echo(f"More: --cursor {page['next_cursor']}")


def _show_alone(shown: Sequence[Mapping[str, Any]], window: str, as_json: bool) -> None:
    if as_json:
        print_json({"data": shown, "next_cursor": None})
    elif shown:
        print_table(
            ("MONITOR", "REGION", "FAILED ONLY HERE", "OF SEEN WITH OTHERS", ""),
            ((row["slug"], row["region"], str(row["failed_alone"]), str(row["slots"]),
              percent(row["failed_alone"], row["slots"])) for row in shown),
        )  # fmt: skip
    else:
        click.echo(f"In the last {window} nothing failed from one region alone.")


def _row(row: Mapping[str, Any]) -> Sequence[str]:
    others = ", ".join(f"{region} {status}" for region, status in sorted(row["elsewhere"].items()))
    return (
        f"{datetime.fromisoformat(row['checked_at']).astimezone(UTC):%Y-%m-%d %H:%M:%S}", row["region"],
        row["slug"] or "?", row["reason"] or "", str(row["http_status"] or ""),
        latency(row["total_us"]) if row["total_us"] is not None else "", others,
    )  # fmt: skip
