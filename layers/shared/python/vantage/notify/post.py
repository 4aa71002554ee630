"""One POST to a receiver that a user named: guarded like a probe, bounded in time and size, and never followed on."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime

import httpx

from vantage.errors import VantageError
from vantage.guard import check_header, check_url
from vantage.notify.backoff import retry_after_s
from vantage.probe.client import Client
from vantage.probe.resolve import Names
from vantage.probe.transport import Transport

TIMEOUT_S = 10.0
GONE = 410


class NotTaken(VantageError):
    """A receiver did not take a message; `wish_s` is when it wants to be asked again, `is_gone` that it never does."""

    def __init__(self, why: str, *, wish_s: float | None = None, is_gone: bool = False) -> None:
        super().__init__(why)
        self.wish_s, self.is_gone = wish_s, is_gone


class Post:
    """Sends to public addresses only, whatever the name says the second time; one per environment."""

    def __init__(
        self, *, allow_private: bool = False, authorities: str | None = None, timeout_s: float = TIMEOUT_S
    ) -> None:
        self.allow_private, self.timeout_s = allow_private, timeout_s
        self.names = Names()
        self._client = Client(Transport(self.names, allow_private=allow_private, authorities=authorities))

    async def send(self, url: str, headers: Mapping[str, str], body: bytes) -> None:
        """POST; raises NotTaken, with words that hold no URL, or GuardError where it must not be spoken to."""
        check_url(url, self.allow_private)
        for name, value in headers.items():
            check_header(name, value)
        try:
            async with asyncio.timeout(self.timeout_s):
                request = httpx.Request("POST", url, headers=dict(headers), content=body)
                # As a stream that nobody reads: httpx would inflate whatever it is given.
                response = await self._client.send(request, stream=True)
        except TimeoutError:
            raise NotTaken(f"no answer within {self.timeout_s:g} s") from None
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise NotTaken(f"cannot be reached ({type(error).__name__}: {error})"[:300]) from None
        _check(response)

    async def aclose(self) -> None:
        """Close what is kept."""
        await self._client.aclose()


def _check(response: httpx.Response) -> None:
    if response.is_success:
        return
    wish_s = retry_after_s(response.headers.get("Retry-After"), datetime.now(UTC))
    raise NotTaken(f"answered {response.status_code}", wish_s=wish_s, is_gone=response.status_code == GONE)
