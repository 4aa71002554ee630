"""vantage check: one probe from here, all of what it saw, nothing stored."""

import asyncio
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import click
from rich.console import Console
from rich.text import Text

from local.commands.output import json_option, print_json
from vantage.check import Check, Phases, Result, Status
from vantage.errors import VantageError
from vantage.monitor import MonitorType

HERE = "HERE"
EXIT_CODES = {Status.UP: 0, Status.DEGRADED: 0, Status.DOWN: 1, Status.REFUSED: 2}
COLOURS = {Status.UP: "green", Status.DEGRADED: "yellow", Status.DOWN: "red", Status.REFUSED: "magenta"}
PHASE_NAMES = {"dns": "DNS", "connect": "connect", "tls": "TLS", "first_byte": "first byte", "download": "download"}
BAR_WIDTH = 40


class NotYet(VantageError):
    """A part of the command that is not built yet."""


@click.command()
@click.argument("url")
@click.option(
    "--allow-private", is_flag=True, help="Probe private and loopback addresses too, such as your own machine."
)
@click.option("--region", metavar="REGION|all", help="Ask a worker of that region (not yet).")
@click.option("--timeout", "timeout_s", type=click.FloatRange(1, 30), default=10.0, show_default=True, metavar="S")
@json_option
@click.pass_context
def check(
    context: click.Context, url: str, allow_private: bool, region: str | None, timeout_s: float, as_json: bool
) -> None:
    """Probe URL once from here and show what was seen; nothing is stored.

    Exit code 0: up or degraded, 1: down, 2: refused or bad input.
    """
    if region is not None:
        raise NotYet("--region: asking a worker of a region is not built yet. Leave it out to probe from here.")
    result = asyncio.run(_probe(url, allow_private, round(timeout_s * 1000)))
    if as_json:
        print_json(as_dict(result))
    else:
        Console(highlight=False).print(*_lines(url, result), sep="\n", soft_wrap=True)
    context.exit(EXIT_CODES[result.status])


async def _probe(url: str, allow_private: bool, timeout_ms: int) -> Result:
    from vantage.probe import Prober

    prober = Prober(HERE, allow_private=allow_private)
    try:
        return await prober.probe(Check(0, 0, 60, timeout_ms, MonitorType.HTTP, {"url": url}))
    finally:
        await prober.aclose()


def as_dict(result: Result) -> dict[str, Any]:
    """A result as the API and `check --json` show it; durations in milliseconds."""
    detail = result.detail
    ends = detail.certificate_expires_at if detail else None
    return {
        "status": result.status,
        "reason": result.reason,
        "http_status": result.http_status,
        "latency_ms": _ms(result.total_us),
        "phases": {name.replace("_us", "_ms"): _ms(us) for name, us in asdict(result.phases).items()},
        "connection_reused": result.reused,
        "address": detail.address if detail else None,
        "certificate_expires_at": ends.isoformat().replace("+00:00", "Z") if ends else None,
        "detail": detail.text if detail else None,
    }


def _ms(us: int | None) -> float | None:
    return None if us is None else us / 1000


def _lines(url: str, result: Result) -> Iterator[Text]:
    """What a person reads; a target's own words are never taken for markup."""
    detail = result.detail
    status = Text(result.status.upper(), style=f"bold {COLOURS[result.status]}")
    yield (
        status if result.status is Status.REFUSED else Text.assemble(status, f"  {url}")
    )  # refused: it may hold a password
    if detail and detail.text:
        yield Text(f"  {detail.text}")
    if result.http_status is not None:
        yield _fact("answer", f"{result.http_status} {detail.protocol or ''}" if detail else str(result.http_status))
    if detail and detail.address:
        yield _fact("address", detail.address)
    if detail and detail.certificate_expires_at:
        issuer = f", by {detail.certificate_issuer}" if detail.certificate_issuer else ""
        yield _fact("certificate", f"until {detail.certificate_expires_at:%Y-%m-%d %H:%M} UTC{issuer}")
    if result.confirmed:
        yield _fact("confirmed", "asked twice, the second time on a fresh connection")
    yield from _bars(result.phases)
    yield _fact("total", f"{(result.total_us or 0) / 1000:.1f} ms")


def _bars(phases: Phases) -> Iterator[Text]:
    """Each phase as a bar that begins where the one before it ended."""
    spent = {name: us for name in PHASE_NAMES if (us := getattr(phases, f"{name}_us")) is not None}
    whole, before = max(sum(spent.values()), 1), 0
    for name, us in spent.items():
        start, end = BAR_WIDTH * before // whole, -(-BAR_WIDTH * (before + us) // whole)
        bar = " " * start + "━" * max(end - start, 1)
        yield Text.assemble(f"  {PHASE_NAMES[name]:<12}{us / 1000:>9.1f} ms  ", (bar, "cyan"))
        before += us


def _fact(name: str, value: str) -> Text:
    return Text(f"  {name:<12}{value}")
