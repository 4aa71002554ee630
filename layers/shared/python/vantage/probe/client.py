"""The module-level httpx client: no cookies, no redirects, no environment, on a transport of our own."""

import logging

import httpx


class _NoCookies(httpx.Cookies):
    """Forgets everything: what one monitor's site sets must not reach another monitor of the same host."""

    def extract_cookies(self, response: httpx.Response) -> None:
        """Take nothing."""

    def set_cookie_header(self, request: httpx.Request) -> None:
        """Give nothing."""


class Client(httpx.AsyncClient):
    """An httpx.AsyncClient that carries nothing from one request to the next but connections."""

    def __init__(self, transport: httpx.AsyncBaseTransport) -> None:
        # Auth() adds nothing, and saves httpx from looking for a password in each URL.
        super().__init__(transport=transport, auth=httpx.Auth(), trust_env=False, follow_redirects=False, timeout=None)
        self._nothing = _NoCookies()
        logging.getLogger("httpx").setLevel(logging.WARNING)  # at INFO it writes whole URLs, tokens and all

    @property
    def cookies(self) -> httpx.Cookies:
        """Always empty."""
        return self._nothing

    @cookies.setter
    def cookies(self, _: object) -> None:
        raise TypeError("This client carries no cookies.")
