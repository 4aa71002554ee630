"""One attempt at an http monitor: the request, its redirects, and what was expected of the answer."""

import httpx

from vantage.check import Reason, Status
from vantage.probe.body import BodyFault, decode
from vantage.probe.faults import AddressRefused
from vantage.probe.outcome import Outcome, down
from vantage.probe.plan import Plan
from vantage.probe.redirect import RedirectFault, location_of, next_request
from vantage.probe.trace import Trace


async def attempt(client: httpx.AsyncClient, plan: Plan, trace: Trace, *, allow_private: bool) -> Outcome:
    """What the target answers now; raises httpx.TransportError where it does not."""
    trace.verify, trace.family = plan.verify, plan.family
    try:
        response = await _follow(client, plan, trace, allow_private)
    except RedirectFault as fault:
        return down(Reason.REDIRECT, str(fault), fault.http_status)
    try:
        await _body(response, trace)
    except BodyFault as fault:
        return down(Reason.PROTOCOL, str(fault), response.status_code)
    return _judge(plan, response)


async def _follow(client: httpx.AsyncClient, plan: Plan, trace: Trace, allow_private: bool) -> httpx.Response:
    """The final response; raises RedirectFault."""
    request = plan.request(trace)
    response = await client.send(request, stream=True)
    for _ in range(plan.follow):
        if (location := location_of(response)) is None:
            return response
        status = response.status_code
        request = next_request(
            request, status, location, allow_private=allow_private, allow_downgrade=plan.allow_downgrade
        )
        try:
            response = await client.send(request, stream=True)
        except AddressRefused as error:
            raise RedirectFault(f"the redirect's target is refused: {error}", status) from None
    if plan.follow and location_of(response) is not None:
        raise RedirectFault(f"redirected more than {plan.follow} times", response.status_code)
    return response


async def _body(response: httpx.Response, trace: Trace) -> bytes:
    encoding = response.headers.get("content-encoding", "")
    if not encoding:
        return b""
    raw = b"".join([chunk async for chunk in response.aiter_raw()])
    return decode(raw, encoding, most=trace.read_most, cut=response.extensions["cut"])


def _judge(plan: Plan, response: httpx.Response) -> Outcome:
    status = response.status_code
    if not any(status in accepted for accepted in plan.status):
        expected = ", ".join(_range_words(accepted) for accepted in plan.status)
        return down(Reason.STATUS, f"answered {status}, expected {expected}", status)
    return Outcome(Status.UP, http_status=status)


def _range_words(accepted: range) -> str:
    return f"{accepted.start}" if len(accepted) == 1 else f"{accepted.start}-{accepted.stop - 1}"
