"""One attempt at a dns monitor: ask for a record, and compare its values with what is expected."""

from collections.abc import Mapping
from ipaddress import ip_address

from vantage.check import Reason, Status
from vantage.guard import GuardError, check_host
from vantage.monitor import Json
from vantage.probe.outcome import Outcome, down
from vantage.probe.resolve import RECORDS, Names
from vantage.probe.trace import Phase, Trace

SHOWN_MOST = 5


async def attempt(names: Names, spec: Mapping[str, Json], trace: Trace, *, allow_private: bool) -> Outcome:
    """What the name servers say now; raises NameFault where they say nothing, and GuardError."""
    host, record = spec["host"], str(spec.get("record", "A")).upper()
    check_host(host, allow_private)
    if record not in RECORDS:
        raise GuardError(f"record must be one of {', '.join(RECORDS)}.")
    expected = [_normal(value) for value in (spec.get("expect") or {}).get("values", ())]
    with trace.timed(Phase.DNS):
        values = await names.records(host, record, since_s=trace.fresh_since_s or 0.0)
    trace.opened += 1
    present = {_normal(value) for value in values}
    missing = [value for value in expected if value not in present]
    if missing:
        return down(Reason.RECORD, f"{record} lacks {_listed(missing)}; it is {_listed(values)}")
    return Outcome(Status.UP, text=f"{record} is {_listed(values)}")


def _normal(value: str) -> str:
    """A record's value in its one spelling: addresses compressed, names in lower case and without the root's dot."""
    try:
        return str(ip_address(value))
    except ValueError:
        return str(value).strip().strip('"').lower().removesuffix(".")


def _listed(values: list[str]) -> str:
    more = f" and {len(values) - SHOWN_MOST} more" if len(values) > SHOWN_MOST else ""
    return ", ".join(values[:SHOWN_MOST]) + more
