"""vantage check: one probe from here or from regions, all of what it saw, nothing stored."""

import asyncio
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.text import Text

from local.commands.database import data_dir_option
from local.commands.output import json_option, print_json
from vantage.check import Status
from vantage.guard import A_PRIVATE_ONE

HERE = "HERE"
EXIT_CODES = {Status.DOWN: 1, Status.REFUSED: 2}
COLOURS = {Status.UP: "green", Status.DEGRADED: "yellow", Status.DOWN: "red", Status.REFUSED: "magenta"}
PHASE_NAMES = {"dns": "DNS", "connect": "connect", "tls": "TLS", "first_byte": "first byte", "download": "download"}
BAR_WIDTH = 40
NAMES_SHOWN = 3
# What `--json` prints is a contract; a worker says more.
FIELDS = (
    "status", "reason", "http_status", "latency_ms", "phases", "connection_reused", "address", "certificate_expires_at",
    "detail",
)  # fmt: skip
Seen = Mapping[str, Any]
"""What `vantage.probe.report.in_full` says of a result."""


@click.command()
@click.argument("url")
@click.option(
    "--allow-private", is_flag=True, help="Probe private and loopback addresses too, such as your own machine."
)
@click.option("--region", metavar="REGION|all", help="Ask a worker of that region: of the local system, else on AWS.")
@click.option("--stack", default="vantage", show_default=True, help="The name of the stack on AWS.")
@click.option("--timeout", "timeout_s", type=click.FloatRange(1, 30), default=10.0, show_default=True, metavar="S")
@json_option
@data_dir_option
@click.pass_context
def check(  # noqa: PLR0913, PLR0917 - each is an option that click hands over
    context: click.Context,
    url: str,
    allow_private: bool,
    region: str | None,
    stack: str,
    timeout_s: float,
    as_json: bool,
    data_dir: Path,
) -> None:
    """Probe URL once from here, or from a region, and show what was seen; nothing is stored.

    Exit code 0: up or degraded, 1: down (from one of the regions), 2: refused or bad input.
    """
    from local import ask
    from vantage.probe.report import check_of, expected

    asked = {"type": "http", "timeout_ms": round(timeout_s * 1000), "spec": {"url": url}}
    if region is None:
        seen: Mapping[str, Seen] = {HERE: asyncio.run(_from_here(asked, allow_private))}
    else:
        seen = ask.regions(region, {"check": asked}, data_dir, stack)
    if as_json:
        told = {name: {field: one[field] for field in FIELDS} for name, one in seen.items()}
        print_json(told if region == "all" else next(iter(told.values())))
    else:
        Console(highlight=False).print(*_text(url, seen, expected(check_of(asked))), sep="\n", soft_wrap=True)
    context.exit(_exit_code(seen))


def _exit_code(seen: Mapping[str, Seen]) -> int:
    codes = {EXIT_CODES.get(one["status"], 0) for one in seen.values()}
    return 1 if 1 in codes else max(codes)


async def _from_here(asked: Mapping[str, Any], allow_private: bool) -> Seen:
    from vantage.probe import Prober
    from vantage.probe.report import check_of, in_full

    prober = Prober(HERE, allow_private=allow_private)
    try:
        return in_full(await prober.probe(check_of(asked)))
    finally:
        await prober.aclose()


def _text(url: str, seen: Mapping[str, Seen], expected: str) -> Iterator[Text]:
    for region, one in seen.items():
        if region != HERE:
            yield Text(f"From {region}:", style="bold")
        yield from _lines(url, one, expected, here=region == HERE)


def _lines(url: str, seen: Seen, expected: str, *, here: bool) -> Iterator[Text]:
    """What a person reads; a target's own words are never taken for markup."""
    status = Text(seen["status"].upper(), style=f"bold {COLOURS[Status(seen['status'])]}")
    refused = seen["status"] == Status.REFUSED  # then the URL may hold a password
    yield status if refused else Text.assemble(status, f"  {url}")
    if seen["detail"]:
        yield _fact("came", seen["detail"])
    if refused and here and A_PRIVATE_ONE in (seen["detail"] or ""):
        yield _fact("cure", "--allow-private probes it from here all the same")
    if not refused:
        yield _fact("expected", expected)
    if seen["http_status"] is not None:
        yield _fact("answer", f"{seen['http_status']} {seen['protocol'] or ''}")
    if seen["address"]:
        yield _fact("address", seen["address"])
    if seen["certificate_expires_at"]:
        yield _fact("certificate", _certificate(seen))
    if seen["confirmed"]:
        yield _fact("confirmed", "asked twice, the second time on a fresh connection")
    yield from _bars(seen["phases"])
    yield _fact("total", f"{seen['latency_ms'] or 0:.1f} ms")


def _certificate(seen: Seen) -> str:
    issuer = f", by {seen['certificate_issuer']}" if seen["certificate_issuer"] else ""
    names = seen["certificate_names"]
    more = f" and {len(names) - NAMES_SHOWN} more" if len(names) > NAMES_SHOWN else ""
    listed = f", for {', '.join(names[:NAMES_SHOWN])}{more}" if names else ""
    return f"until {seen['certificate_expires_at'][:16].replace('T', ' ')} UTC{issuer}{listed}"


def _bars(phases: Mapping[str, float | None]) -> Iterator[Text]:
    """Each phase as a bar that begins where the one before it ended."""
    spent = {name: ms for name in PHASE_NAMES if (ms := phases[f"{name}_ms"]) is not None}
    whole, before = max(sum(spent.values()), 0.001), 0.0
    for name, ms in spent.items():
        start, end = int(BAR_WIDTH * before / whole), -int(-BAR_WIDTH * (before + ms) // whole)
        bar = " " * start + "━" * max(end - start, 1)
        yield Text.assemble(f"  {PHASE_NAMES[name]:<12}{ms:>9.1f} ms  ", (bar, "cyan"))
        before += ms


def _fact(name: str, value: str) -> Text:
    return Text(f"  {name:<12}{value}")
