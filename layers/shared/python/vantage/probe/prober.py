"""From a check to a result: attempt, confirmation, and nothing that a target does gets out as an exception."""

import asyncio
from dataclasses import replace

import httpx

import vantage
from vantage.check import Check, Result, Status
from vantage.errors import VantageError
from vantage.monitor import Region
from vantage.probe import http
from vantage.probe.client import Client
from vantage.probe.transport import Transport


class OwnFault(VantageError):
    """This machine could not probe (out of sockets, no network): says nothing about any target."""


class Prober:
    """Probes from one region with one keep-alive client; made once per environment, used on one event loop."""

    def __init__(
        self,
        region: Region,
        *,
        allow_private: bool = False,
        user_agent: str | None = None,
        confirm_after_s: float = 1.0,
    ) -> None:
        self.region = region
        self.allow_private = allow_private
        self.user_agent = user_agent or f"Vantage/{vantage.__version__} ({region})"
        self.confirm_after_s = confirm_after_s
        self.client: httpx.AsyncClient = Client(Transport())

    async def probe(self, check: Check, *, confirm: bool = True) -> Result:
        """What this region sees of the target now; a failure is confirmed once on a fresh connection with fresh DNS.

        Never raises because of a target; raises OwnFault where this machine is at fault.
        """
        result = await self._attempt(check, fresh=False)
        if result.status is not Status.DOWN or not confirm:
            return result
        await asyncio.sleep(self.confirm_after_s)
        return replace(await self._attempt(check, fresh=True), confirmed=True)

    async def aclose(self) -> None:
        """Close every kept connection."""
        await self.client.aclose()

    async def _attempt(self, check: Check, *, fresh: bool) -> Result:
        return await http.attempt(self, check, fresh=fresh)
