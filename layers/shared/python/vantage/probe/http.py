"""One attempt at an http monitor: the request, its redirects, and what was expected of the answer."""

from dataclasses import dataclass
from datetime import UTC, datetime

import httpx

from vantage.check import Reason
from vantage.probe.body import BodyFault, decode
from vantage.probe.credentials import Resolve
from vantage.probe.families import over_each
from vantage.probe.faults import AddressRefused
from vantage.probe.outcome import Outcome, down
from vantage.probe.plan import Plan
from vantage.probe.redirect import RedirectFault, location_of, next_request
from vantage.probe.seen import Seen
from vantage.probe.trace import Trace

NOTHING = httpx.ByteStream(b"")


@dataclass(frozen=True, slots=True)
class Means:
    """What an attempt is made with."""

    client: httpx.AsyncClient
    allow_private: bool
    resolve: Resolve | None


async def attempt(means: Means, plan: Plan, trace: Trace) -> Outcome:
    """What the target answers now; raises httpx.TransportError where it does not."""
    trace.verify, trace.http2, trace.read_most = plan.verify, plan.http2, plan.expectations.read_most

    async def over(family: str) -> Outcome:
        trace.family = family
        return await _attempt(means, plan, trace)

    return await over_each(plan.family, trace, over)


async def _attempt(means: Means, plan: Plan, trace: Trace) -> Outcome:
    try:
        response = await _follow(means, plan, trace)
    except RedirectFault as fault:
        return down(Reason.REDIRECT, str(fault), fault.http_status)
    try:
        body = _body(response, trace)
    except BodyFault as fault:
        return down(Reason.PROTOCOL, str(fault), response.status_code)
    return plan.expectations.judge(_seen(response, body, trace))


async def _follow(means: Means, plan: Plan, trace: Trace) -> httpx.Response:
    """The final response; raises RedirectFault."""
    request = await plan.request(trace, means.resolve)
    response = await means.client.send(request, stream=True)
    for _ in range(plan.follow):
        if (location := location_of(response)) is None:
            return response
        status = response.status_code
        _released(response)
        request = next_request(
            request, status, location, allow_private=means.allow_private, allow_downgrade=plan.allow_downgrade
        )
        try:
            response = await means.client.send(request, stream=True)
        except AddressRefused as error:
            raise RedirectFault(f"the redirect's target is refused: {error}", status) from None
    if plan.follow and location_of(response) is not None:
        raise RedirectFault(f"redirected more than {plan.follow} times", response.status_code)
    return response


def _body(response: httpx.Response, trace: Trace) -> bytes:
    """The body without its encoding, up to the limit of the expectations; raises BodyFault."""
    # From the transport and not from the response's stream: httpx would inflate whatever it is given.
    raw = _released(response)
    encoding = response.headers.get("content-encoding", "")
    return decode(raw, encoding, most=trace.read_most, cut=response.extensions["cut"]) if encoding else raw


def _released(response: httpx.Response) -> bytes:
    """The raw body, of which nothing stays: httpx's stream and its response refer to each other, and would wait with it
    for the garbage collector."""
    response.stream = NOTHING
    body: bytes = response.extensions.pop("body")
    return body


def _seen(response: httpx.Response, body: bytes, trace: Trace) -> Seen:
    return Seen(
        status=response.status_code,
        url=response.request.url,
        headers=response.headers,
        body=body,
        cut=response.extensions["cut"] or len(body) >= trace.read_most,
        total_ms=trace.total_s * 1000,
        certificate_expires_at=trace.certificate.expires_at if trace.certificate else None,
        now=datetime.now(UTC),
    )
