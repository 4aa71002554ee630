"""One attempt at an http monitor: request, redirects, status rule."""

import asyncio
from time import perf_counter
from typing import TYPE_CHECKING

import httpx

from vantage.check import Check, Phases, ProbeDetail, Reason, Result, Status
from vantage.guard import GuardError, check_url

if TYPE_CHECKING:
    from vantage.probe.prober import Prober


async def attempt(prober: "Prober", check: Check, *, fresh: bool) -> Result:
    spec = check.spec
    began = perf_counter()
    status, reason, http_status, text = Status.UP, None, None, None
    try:
        check_url(spec["url"], prober.allow_private)
        async with asyncio.timeout(check.timeout_ms / 1000):
            response = await prober.client.request(
                spec.get("method", "GET"),
                spec["url"],
                headers={"User-Agent": prober.user_agent, "Accept-Encoding": "identity", **spec.get("headers", {})},
                follow_redirects=True,
            )
        http_status = response.status_code
        rules = spec.get("expect", {}).get("status", ["200-299"])
        if not any(_meets(http_status, rule) for rule in rules):
            status, reason, text = Status.DOWN, Reason.STATUS, f"answered {http_status}"
    except GuardError as error:
        status, reason, text = Status.REFUSED, Reason.GUARD, str(error)
    except TimeoutError:
        status, reason, text = Status.DOWN, Reason.TIMEOUT, f"no answer within {check.timeout_ms} ms"
    except httpx.ConnectError as error:
        status, reason, text = Status.DOWN, Reason.CONNECT, str(error)
    except httpx.TooManyRedirects:
        status, reason, text = Status.DOWN, Reason.REDIRECT, "redirected too often"
    except httpx.HTTPError as error:
        status, reason, text = Status.DOWN, Reason.PROTOCOL, type(error).__name__
    return Result(
        monitor_id=check.monitor_id,
        checked_at_ms=check.checked_at_ms,
        region=prober.region,
        status=status,
        reason=reason,
        interval_s=check.interval_s,
        total_us=int((perf_counter() - began) * 1e6),
        phases=Phases(),
        http_status=http_status,
        extra=check.extra,
        detail=ProbeDetail(text=text),
    )


def _meets(status: int, rule: str | int) -> bool:
    least, _, most = str(rule).partition("-")
    return int(least) <= status <= int(most or least)
