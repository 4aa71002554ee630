"""From a check to a result: attempt, confirmation, and nothing that a target does gets out as an exception."""

import asyncio
import logging
import re
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from time import monotonic, perf_counter

import httpx

import vantage
from vantage.check import Check, ProbeDetail, Reason, Result, Status
from vantage.guard import GuardError
from vantage.monitor import Json, MonitorType, Region
from vantage.probe import dns, http, plan, tcp
from vantage.probe.client import Client
from vantage.probe.credentials import Resolve
from vantage.probe.faults import AddressRefused, NoIPv6, NoRoom, OwnFault, raise_if_ours, reason_of
from vantage.probe.kept import MOST
from vantage.probe.outcome import Outcome, down, refused
from vantage.probe.resolve import Names
from vantage.probe.trace import Phase, Trace
from vantage.probe.transport import LONGEST_LIFE_S, Transport

LATE_S = 0.05  # a loop this much later than the kernel times itself and not the target
PLANS_MOST = 2_000
TEXT_MOST = 300
FRAGMENT = 8  # so many characters of a secret in a row give it away
STRUCK = "[secret]"
DOING = {
    Phase.DNS: "looking up the name",
    Phase.CONNECT: "connecting",
    Phase.TLS: "shaking hands (TLS)",
    Phase.FIRST_BYTE: "waiting for the first byte",
    Phase.DOWNLOAD: "reading the response",
}
log = logging.getLogger(__name__)


class Prober:
    """Probes from one region with one keep-alive client; made once per environment, used on one event loop."""

    def __init__(  # noqa: PLR0913 - each option stands by itself; tests and the command line give them
        self,
        region: Region,
        *,
        allow_private: bool = False,
        user_agent: str | None = None,
        name_servers: Sequence[str] | None = None,
        authorities: str | None = None,
        resolve: Resolve | None = None,
        keep_most: int = MOST,
        keep_longest_s: float = LONGEST_LIFE_S,
        confirm_after_s: float = 1.0,
    ) -> None:
        self.region = region
        self.allow_private = allow_private
        self.user_agent = user_agent or f"Vantage/{vantage.__version__} ({region})"
        self.confirm_after_s = confirm_after_s
        self.names = Names(name_servers)
        self._records = Names(name_servers, remember_s=dns.REMEMBER_S)
        self.transport = Transport(
            self.names,
            allow_private=allow_private,
            authorities=authorities,
            keep_most=keep_most,
            keep_longest_s=keep_longest_s,
        )
        self.client: httpx.AsyncClient = Client(self.transport)
        self._means = http.Means(self.client, allow_private, resolve)
        self._plans: OrderedDict[int, tuple[Mapping[str, Json], plan.Plan]] = OrderedDict()

    async def probe(self, check: Check, *, confirm: bool = True) -> Result:
        """What this region sees of the target now; a failure is confirmed once on a fresh connection with fresh DNS.

        Never raises because of a target; raises OwnFault where this machine is at fault. A kept connection that never
        answered is asked about again even without `confirm`: that it is dead is our fault and not the site's.
        """
        trace = Trace()
        result = await self._attempt(check, trace)
        silent = trace.reused and not trace.answered
        if result.status is not Status.DOWN or not (confirm or silent):
            return result
        failed_s = monotonic()
        await asyncio.sleep(self.confirm_after_s if confirm else 0)
        return replace(await self._attempt(check, Trace(fresh_since_s=failed_s)), confirmed=confirm)

    async def aclose(self) -> None:
        """Close every kept connection."""
        await self.client.aclose()
        await self._records.aclose()

    async def _attempt(self, check: Check, trace: Trace) -> Result:
        began_s = perf_counter()
        outcome = await self._outcome(check, trace)
        return self._result(check, outcome, trace, perf_counter() - began_s - trace.waited_s)

    async def _outcome(self, check: Check, trace: Trace) -> Outcome:
        try:
            async with asyncio.timeout(check.timeout_ms / 1000) as trace.deadline:
                return await self._visit(check, trace)
        except GuardError as error:
            return refused(Reason.GUARD, str(error))
        except TimeoutError:
            reason = Reason.DNS if trace.phase is Phase.DNS else Reason.TIMEOUT
            return down(reason, f"no answer within {check.timeout_ms} ms, while {DOING[trace.phase]}")
        except (AddressRefused, NoIPv6) as error:
            return refused(reason_of(error), str(error))
        except NoRoom as error:
            return refused(Reason.TOO_LARGE, str(error))
        except httpx.TransportError as error:
            return down(reason_of(error), str(error) or type(error).__name__)
        except OwnFault:
            raise
        except OSError as error:
            raise_if_ours(error)
            return self._unforeseen(check, error)
        except Exception as error:  # noqa: BLE001 - one check's unforeseen fault must not be another's
            return self._unforeseen(check, error)

    async def _visit(self, check: Check, trace: Trace) -> Outcome:
        if check.type is not MonitorType.HTTP:
            return await self._visit_other(check, trace)
        return await http.attempt(self._means, self._plan(check), trace)

    async def _visit_other(self, check: Check, trace: Trace) -> Outcome:
        try:
            if check.type is MonitorType.TCP:
                return await tcp.attempt(self.transport, check.spec, trace, allow_private=self.allow_private)
            if check.type is MonitorType.DNS:
                return await dns.attempt(self._records, check.spec, trace, allow_private=self.allow_private)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise GuardError(f"The monitor's configuration cannot be used ({type(error).__name__}).") from None
        raise GuardError(f"A monitor of type {check.type} is not probed.")

    def _plan(self, check: Check) -> plan.Plan:
        """The plan of a check's spec, made anew when the spec changed."""
        spec, known = self._plans.get(check.monitor_id, (None, None))
        if known is None or spec != check.spec:
            known = plan.read(check.spec, user_agent=self.user_agent, allow_private=self.allow_private)
            self._plans[check.monitor_id] = (check.spec, known)
            if len(self._plans) > PLANS_MOST:
                self._plans.popitem(last=False)
        return known

    def _unforeseen(self, check: Check, error: Exception) -> Outcome:
        """A fault of ours that nobody has met yet: logged whole, booked as ours, and only this check has it."""
        log.exception("monitor %d could not be probed", check.monitor_id)
        return refused(Reason.PROTOCOL, f"Vantage could not probe this ({type(error).__name__}); its log says more")

    def _result(self, check: Check, outcome: Outcome, trace: Trace, elapsed_s: float) -> Result:
        answered = outcome.http_status is not None or outcome.status in (Status.UP, Status.DEGRADED)
        total_s = trace.total_s if answered else elapsed_s
        return Result(
            monitor_id=check.monitor_id,
            checked_at_ms=check.checked_at_ms,
            region=self.region,
            status=outcome.status,
            reason=outcome.reason,
            interval_s=check.interval_s,
            total_us=round(total_s * 1_000_000),
            phases=trace.phases(),
            http_status=outcome.http_status,
            reused=trace.reused and not trace.opened,
            lagging=trace.late_s > LATE_S,
            extra=check.extra,
            detail=_detail(outcome, trace),
        )


def _detail(outcome: Outcome, trace: Trace) -> ProbeDetail:
    certificate = trace.certificate
    return ProbeDetail(
        address=trace.address,
        protocol=trace.protocol,
        certificate_expires_at=certificate.expires_at if certificate else None,
        certificate_issuer=certificate.issuer if certificate else None,
        certificate_names=certificate.names if certificate else (),
        text=_fit(outcome.text, trace.secrets) if outcome.text else None,
    )


def _fit(text: str, secrets: Sequence[str]) -> str:
    """A text fit to be stored and shown: what a target wrote into it carries no control or direction characters,
    and none of the secrets it was sent."""
    for secret in filter(None, secrets):
        text = _without(repr(secret)[1:-1], _without(secret, text))  # values are shown as Python writes them
    return "".join(char if char.isprintable() else "?" for char in text)[:TEXT_MOST]


def _without(secret: str, text: str) -> str:
    """The text without a secret, or what is left of one that was shortened or escaped where the text was made."""
    if len(secret) <= FRAGMENT:
        return text.replace(secret, STRUCK)
    struck = set[int]()
    for start in range(len(secret) - FRAGMENT + 1):
        at = text.find(fragment := secret[start : start + FRAGMENT])
        while at >= 0:
            struck.update(range(at, at + FRAGMENT))
            at = text.find(fragment, at + 1)
    kept = "".join("\0" if place in struck else char for place, char in enumerate(text))
    return re.sub("\0+", STRUCK, kept)
