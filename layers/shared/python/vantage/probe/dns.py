"""One attempt at a dns monitor: ask for a record, and compare its values with what is expected."""

from collections.abc import Mapping
from datetime import UTC, datetime
from ipaddress import ip_address

import httpx

from vantage.check import Reason, Status
from vantage.guard import GuardError, check_host
from vantage.monitor import Json
from vantage.probe.expect import compile_timing
from vantage.probe.outcome import Outcome, down
from vantage.probe.resolve import RECORDS, Names
from vantage.probe.seen import Seen
from vantage.probe.trace import Phase, Trace

SHOWN_MOST = 5
REMEMBER_S = 1.0  # shorter than any interval, so each check asks; and a thousand checks do not make a thousand channels


async def attempt(names: Names, spec: Mapping[str, Json], trace: Trace, *, allow_private: bool) -> Outcome:
    """What the name servers say now; raises NameFault where they say nothing, and GuardError."""
    host, record = spec["host"], str(spec.get("record", "A")).upper()
    check_host(host, allow_private)
    if record not in RECORDS:
        raise GuardError(f"record must be one of {', '.join(RECORDS)}.")
    expect = spec.get("expect") or {}
    expected, timing = [_normal(value) for value in expect.get("values", ())], compile_timing(expect)
    with trace.timed(Phase.DNS):
        values = await names.records(host, record, since_s=trace.fresh_since_s or 0.0)
    trace.opened += 1
    present = {_normal(value) for value in values}
    missing = [value for value in expected if value not in present]
    if missing:
        return down(Reason.RECORD, f"{record} lacks {_listed(missing)}; it is {_listed(values)}")
    outcome = timing.judge(_seen(trace))
    return outcome if outcome.reason else Outcome(Status.UP, text=f"{record} is {_listed(values)}")


def _seen(trace: Trace) -> Seen:
    total_ms = trace.total_s * 1000
    return Seen(0, httpx.URL("dns:"), httpx.Headers(), b"", cut=False, total_ms=total_ms,
                certificate_expires_at=None, now=datetime.now(UTC))  # fmt: skip


def _normal(value: str) -> str:
    """A record's value in its one spelling: addresses compressed, names in lower case and without the root's dot."""
    try:
        return str(ip_address(value))
    except ValueError:
        return str(value).strip().strip('"').lower().removesuffix(".")


def _listed(values: list[str]) -> str:
    more = f" and {len(values) - SHOWN_MOST} more" if len(values) > SHOWN_MOST else ""
    return ", ".join(values[:SHOWN_MOST]) + more
