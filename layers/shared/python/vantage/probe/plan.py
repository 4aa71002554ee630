"""What an http monitor asks for, made ready once and used for each of its checks."""

from collections.abc import Mapping
from dataclasses import dataclass

import httpx

from vantage.guard import GuardError, check_header, check_method, check_url
from vantage.monitor import Json
from vantage.probe.credentials import Credential, Resolve, credentials, is_reference, resolved
from vantage.probe.expect import Expectations, compile_expectations
from vantage.probe.families import check_family
from vantage.probe.trace import KEY, Trace

FOLLOW = 10
USUAL = compile_expectations({})  # of most monitors


@dataclass(frozen=True, slots=True)
class Plan:
    """An http monitor's spec, read and vetted."""

    method: str
    url: httpx.URL
    headers: httpx.Headers
    body: httpx.ByteStream
    follow: int
    allow_downgrade: bool
    verify: bool
    http2: bool
    family: str
    expectations: Expectations
    credentials: tuple[Credential, ...]

    async def request(self, trace: Trace, resolve: Resolve | None) -> httpx.Request:
        """A request of this plan that carries its trace; raises GuardError where a secret cannot be had."""
        headers = self.headers
        if self.credentials:
            with trace.paused():  # how long SSM takes is not the target's time
                own, secrets = await resolved(self.credentials, resolve)
            trace.secrets = tuple(secrets)
            headers = httpx.Headers(headers.raw)
            headers.update(own)
        extensions = {KEY: trace, "timeout": {}}
        return httpx.Request(self.method, self.url, headers=headers, stream=self.body, extensions=extensions)


def read(spec: Mapping[str, Json], *, user_agent: str, allow_private: bool) -> Plan:
    """The plan of a spec; raises GuardError where it must not or cannot be followed."""
    try:
        check_url(spec["url"], allow_private)
        check_method(spec.get("method") or "GET")
        return _read(spec, user_agent)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise GuardError(f"The monitor's configuration cannot be used ({type(error).__name__}).") from None


def _read(spec: Mapping[str, Json], user_agent: str) -> Plan:
    url, body, method = _url(spec["url"]), str(spec.get("body") or "").encode(), spec.get("method") or "GET"
    redirects, family = spec.get("redirects") or {}, spec.get("ip_family") or "any"
    check_family(family, url.host)
    length = {"Content-Length": str(len(body))} if body or method == "POST" else {}
    return Plan(
        method=method,
        url=url,
        headers=httpx.Headers({"Host": url.netloc.decode("ascii")} | _headers(spec, user_agent) | length),
        body=httpx.ByteStream(body),
        follow=int(redirects.get("follow", FOLLOW)),
        allow_downgrade=bool(redirects.get("allow_downgrade", False)),
        verify=bool(spec.get("verify_tls", True)),
        http2=bool(spec.get("http2", False)),
        family=family,
        expectations=compile_expectations(spec["expect"]) if spec.get("expect") else USUAL,
        credentials=credentials(spec),
    )


def _url(text: str) -> httpx.URL:
    try:
        return httpx.URL(text.partition("#")[0])
    except (httpx.InvalidURL, UnicodeError, ValueError):  # idna's errors are UnicodeErrors
        raise GuardError("The URL cannot be understood: check its host's spelling.") from None


def _headers(spec: Mapping[str, Json], user_agent: str) -> dict[str, str]:
    given = {name: value for name, value in (spec.get("headers") or {}).items() if not is_reference(str(value))}
    for name, value in given.items():
        check_header(name, str(value))
    known = {name.lower() for name in given}
    own = {"User-Agent": spec.get("user_agent") or user_agent, "Accept": "*/*"}
    check_header("User-Agent", own["User-Agent"])
    kept = {name: value for name, value in own.items() if name.lower() not in known}
    return kept | {name: str(value) for name, value in given.items()} | {"Accept-Encoding": "identity"}
