"""Who asks: a bearer token, or in a browser the cookie that holds one."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from vantage.face.refusal import Refusal
from vantage.face.sources import Sources
from vantage.store.tokens import PREFIX, Scope, Who, who_has

COOKIE = "vantage_token"
CHANGES = frozenset(("POST", "PUT", "PATCH", "DELETE"))
BEARER = {"www-authenticate": 'Bearer realm="vantage"'}


def who_asks(sources: Sources, event: Mapping[str, Any], scope: Scope) -> Who:
    """The token's holder, who may do this; raises Refusal with 401, 403 or 429."""
    token = token_of(event)
    if token is None:
        raise Refusal(401, "This needs a token: Authorization: Bearer … (vantage tokens create NAME).", headers=BEARER)
    who = who_has(sources.connection(), token) if token.startswith(PREFIX) else None
    if who is None:
        raise Refusal(401, "This token is not known here, or it is revoked.", headers=BEARER)
    if who.used > sources.a_minute:
        headers = {"retry-after": str(who.left_s), **limits_of(who, sources.a_minute)}
        sentence = f"A token may ask {sources.a_minute} times a minute; ask again in {who.left_s} s."
        raise Refusal(429, sentence, headers=headers)
    if not who.may(scope):
        raise Refusal(403, f"The token {who.name!r} may {who.scope}, and this takes one that may {scope}.")
    return who


def reader(sources: Sources, event: Mapping[str, Any]) -> Who | None:
    """Who is signed in, if anybody is; for pages that show more to them. Raises Refusal with 429."""
    try:
        return who_asks(sources, event, "read")
    except Refusal as refusal:
        if refusal.status in (401, 403):
            return None
        raise


def limits_of(who: Who, a_minute: int) -> dict[str, str]:
    """What the token has left in this minute."""
    left = max(0, a_minute - who.used)
    return {
        "ratelimit-limit": str(a_minute), "ratelimit-remaining": str(left), "ratelimit-reset": str(who.left_s),
    }  # fmt: skip


def token_of(event: Mapping[str, Any]) -> str | None:
    """The token that a request carries; of a cookie only where this site's own page asks."""
    kind, _, token = str(event.get("headers", {}).get("authorization", "")).partition(" ")
    if kind.lower() == "bearer" and token.strip():
        return token.strip()
    method = event["requestContext"]["http"]["method"]
    if method in CHANGES and not is_of_this_site(event):
        return None
    return cookie_of(event)


def cookie_of(event: Mapping[str, Any]) -> str | None:
    """The cookie's token."""
    for part in event.get("cookies") or ():
        name, _, value = part.partition("=")
        if name.strip() == COOKIE and value:
            return str(value.strip())
    return None


def is_of_this_site(event: Mapping[str, Any]) -> bool:
    """Whether a page of this very site asks: browsers say so, and no other page can make them lie."""
    headers = event.get("headers", {})
    if site := headers.get("sec-fetch-site"):
        return bool(site == "same-origin")
    origin = headers.get("origin", "")
    return bool(origin) and urlsplit(origin).netloc.lower() == headers.get("host", "").lower()
