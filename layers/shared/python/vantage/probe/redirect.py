"""Where a redirect leads, and what may go along; each hop is judged like a monitor's own URL."""

import httpx

from vantage.guard import LONGEST_URL, GuardError, check_url

FOLLOWED = (301, 302, 303, 307, 308)
TRAVELS = ("user-agent", "accept", "accept-language", "accept-encoding", "connection")  # harmless to a stranger


class RedirectFault(Exception):
    """A redirect that is not followed; the text says why, the status is the redirecting response's."""

    def __init__(self, text: str, http_status: int) -> None:
        super().__init__(text)
        self.http_status = http_status


def location_of(response: httpx.Response) -> str | None:
    """Where the response redirects to; None: it is final."""
    return response.headers.get("location") if response.status_code in FOLLOWED else None


def next_request(
    request: httpx.Request, status: int, location: str, *, allow_private: bool, allow_downgrade: bool
) -> httpx.Request:
    """The request that follows a redirect; raises RedirectFault. What a monitor sends goes to no other origin."""
    url = _joined(request.url, status, location, allow_private)
    if request.url.scheme == "https" and url.scheme == "http" and not allow_downgrade:
        raise RedirectFault(f"the redirect leads from https to http ({url.host}); allow_downgrade permits it", status)
    at_home = _origin(url) == _origin(request.url)
    to_get = status == 303 or (status in (301, 302) and request.method == "POST")
    method = "GET" if to_get and request.method != "HEAD" else request.method
    headers = [
        (name, value)
        for name, value in request.headers.raw
        if name.lower() != b"host" and (at_home or name.lower().decode("ascii") in TRAVELS)
    ]
    body = request.stream if at_home and method == "POST" else httpx.ByteStream(b"")
    if method != "POST" or not at_home:
        headers = [header for header in headers if header[0].lower() not in (b"content-length", b"content-type")]
        headers += [(b"Content-Length", b"0")] if method == "POST" else []
    headers.insert(0, (b"Host", url.netloc))
    return httpx.Request(method, url, headers=headers, stream=body, extensions=request.extensions)


def _joined(base: httpx.URL, status: int, location: str, allow_private: bool) -> httpx.URL:
    if len(location) > LONGEST_URL:
        raise RedirectFault(f"the redirect's target is longer than {LONGEST_URL} characters", status)
    try:
        url = base.join(location)
        check_url(str(url), allow_private)
    except GuardError as error:
        raise RedirectFault(f"the redirect's target is refused: {error}", status) from None
    except (httpx.InvalidURL, ValueError, TypeError):  # idna's and ipaddress's errors are ValueErrors
        raise RedirectFault("the redirect's target is no URL", status) from None
    return url.copy_with(fragment=None)


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port
