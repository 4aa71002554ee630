"""Both IP families of a site: each must answer, and each that does not is named."""

from collections.abc import Awaitable, Callable

import httpx

from vantage.check import Status
from vantage.guard import GuardError
from vantage.probe.outcome import Outcome
from vantage.probe.resolve import FAMILIES, literal
from vantage.probe.trace import Phase, Trace

BOTH = "both"
NAMES = {"ipv4": "IPv4", "ipv6": "IPv6"}
WORST_FIRST = (Status.DOWN, Status.REFUSED, Status.DEGRADED, Status.UP)


def check_family(family: str, host: str) -> None:
    """Refuse a family that is none, or that the host, an address itself, does not belong to; raises GuardError."""
    if family not in (*FAMILIES, BOTH):
        raise GuardError(f"ip_family must be one of {', '.join((*FAMILIES, BOTH))}.")
    address = literal(host) if family != "any" else None
    if address is not None and family != f"ipv{address.version}":
        raise GuardError(f"ip_family is {family}, but the host is an IPv{address.version} address.")


async def over_each(family: str, trace: Trace, attempt: Callable[[str], Awaitable[Outcome]]) -> Outcome:
    """One attempt, or one over each family: the worse of the two, with the times of the slower one."""
    if family != BOTH:
        return await attempt(family)
    outcomes, addresses, spent = list[Outcome](), list[str | None](), list[dict[Phase, float]]()
    for each, name in NAMES.items():
        trace.spent_s, trace.address = {}, None
        outcomes.append(_named(await _attempt(each, name, attempt), name))
        addresses.append(trace.address)
        spent.append(trace.spent_s)
    trace.spent_s = max(spent, key=lambda phases: sum(phases.values()))
    trace.address = ", ".join(address for address in addresses if address)
    worst = min(outcomes, key=lambda outcome: WORST_FIRST.index(outcome.status))
    said = "; ".join(outcome.text for outcome in outcomes if outcome.text)
    return Outcome(worst.status, worst.reason, said or None, worst.http_status)


async def _attempt(family: str, name: str, attempt: Callable[[str], Awaitable[Outcome]]) -> Outcome:
    try:
        return await attempt(family)
    except httpx.TransportError as error:
        error.args = (f"over {name}: {error}",)
        raise


def _named(outcome: Outcome, name: str) -> Outcome:
    text = f"over {name}: {outcome.text}" if outcome.text else None
    return Outcome(outcome.status, outcome.reason, text, outcome.http_status)
