"""A result as a program and a person are shown it: by `vantage check`, and by a worker that is asked to probe once."""

import json
from dataclasses import asdict
from typing import Any

from vantage.check import Check, ProbeDetail, Result
from vantage.errors import EventError
from vantage.monitor import MonitorType
from vantage.probe.expect import STATUS
from vantage.probe.plan import FOLLOW

TIMEOUT_MS = 10_000


def check_of(asked: Any) -> Check:
    """The check of an event's `check`: {"spec": {…}, "type": "http", "timeout_ms": 10000}; raises EventError."""
    try:
        kind, timeout_ms = MonitorType(asked.get("type", "http")), int(asked.get("timeout_ms", TIMEOUT_MS))
        if not (isinstance(asked["spec"], dict) and 1_000 <= timeout_ms <= 30_000):
            raise ValueError
    except (AttributeError, KeyError, TypeError, ValueError):
        raise EventError(
            'The event\'s check must be like {"type": "http", "timeout_ms": 10000, "spec": {"url": "https://…"}}, '
            "with a timeout from 1,000 to 30,000 ms."
        ) from None
    return Check(0, 0, 60, timeout_ms, kind, asked["spec"])


def expected(check: Check) -> str:
    """What must hold of a check for its target to be up, as a person reads it."""
    own = {"status": STATUS} if check.type is MonitorType.HTTP else {}
    given = {**own, **(check.spec.get("expect") or {})}
    statuses = ", ".join(str(rule) for rule in given.pop("status", ()))
    answer = f"a status of {statuses}" if statuses else "an answer"
    redirects = (check.spec.get("redirects") or {}).get("follow", FOLLOW)
    follows = f", after at most {redirects} redirects" if statuses and redirects else ""
    others = [f"{name} {json.dumps(rule, ensure_ascii=False)}" for name, rule in given.items()]
    return "; ".join([f"{answer} within {check.timeout_ms / 1000:g} s{follows}", *others])


def as_dict(result: Result) -> dict[str, Any]:
    """What `vantage check --json` prints; durations in milliseconds."""
    detail = result.detail or ProbeDetail()
    ends = detail.certificate_expires_at
    return {
        "status": result.status.value,
        "reason": result.reason.value if result.reason else None,
        "http_status": result.http_status,
        "latency_ms": _ms(result.total_us),
        "phases": {name.replace("_us", "_ms"): _ms(us) for name, us in asdict(result.phases).items()},
        "connection_reused": result.reused,
        "address": detail.address,
        "certificate_expires_at": ends.isoformat().replace("+00:00", "Z") if ends else None,
        "detail": detail.text,
    }


def in_full(result: Result) -> dict[str, Any]:
    """The same and what else a person may want to see."""
    detail = result.detail or ProbeDetail()
    return {
        **as_dict(result),
        "protocol": detail.protocol,
        "certificate_issuer": detail.certificate_issuer,
        "certificate_names": list(detail.certificate_names),
        "confirmed": result.confirmed,
    }


def _ms(us: int | None) -> float | None:
    return None if us is None else us / 1000
