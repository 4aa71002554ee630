"""The httpx transport beneath the client: an httpx pool per origin for now."""

import httpx


class Transport(httpx.AsyncBaseTransport):
    """Sends a request over a pool of its origin."""

    def __init__(self) -> None:
        self._pools: dict[tuple[str, str, int | None], httpx.AsyncHTTPTransport] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer a request; raises httpx.TransportError."""
        origin = (request.url.scheme, request.url.host, request.url.port)
        if origin not in self._pools:
            self._pools[origin] = httpx.AsyncHTTPTransport(trust_env=False)
        return await self._pools[origin].handle_async_request(request)

    async def aclose(self) -> None:
        """Close every connection."""
        for pool in self._pools.values():
            await pool.aclose()
