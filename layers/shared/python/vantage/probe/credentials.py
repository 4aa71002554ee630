"""Credentials of a monitor: references in its spec, values only in the request that carries them."""

import base64
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from vantage.errors import VantageError
from vantage.guard import GuardError, check_header
from vantage.monitor import Json

REFERENCE = re.compile("env:[A-Za-z_][A-Za-z0-9_]*|ssm:/[A-Za-z0-9_./-]+")

Resolve = Callable[[str], Awaitable[str]]
"""From a reference to its value; raises VantageError where there is none."""


@dataclass(frozen=True, slots=True)
class Credential:
    """A header whose value is made of a secret; `user` None: the secret itself, behind `prefix`."""

    header: str
    reference: str
    prefix: str = ""
    user: str | None = None

    def value(self, secret: str) -> str:
        """The header's value."""
        if self.user is None:
            return self.prefix + secret
        return "Basic " + base64.b64encode(f"{self.user}:{secret}".encode()).decode("ascii")


def is_reference(value: str) -> bool:
    """Whether a header's value says where a secret is, and is none itself."""
    return REFERENCE.fullmatch(value) is not None


def credentials(spec: Mapping[str, Json]) -> tuple[Credential, ...]:
    """All credentials of a spec: `auth`, and headers that are references; raises GuardError."""
    given = spec.get("headers") or {}
    found = [Credential(name, value) for name, value in given.items() if is_reference(str(value))]
    auth = spec.get("auth") or {}
    if "bearer" in auth:
        found.append(Credential("Authorization", _reference(auth["bearer"], "auth.bearer"), prefix="Bearer "))
    if "basic" in auth:
        basic = auth["basic"]
        reference = _reference(basic["password"], "auth.basic.password")
        found.append(Credential("Authorization", reference, user=str(basic["user"])))
    return tuple(found)


async def resolved(needed: Sequence[Credential], resolve: Resolve | None) -> tuple[list[tuple[str, str]], list[str]]:
    """Headers with their secrets, and what of them no text may repeat; raises GuardError, which holds no value."""
    found = [(each, await _secret(each, resolve)) for each in needed]
    headers = [(each.header, each.value(secret)) for each, secret in found]
    return headers, [*(secret for _, secret in found), *(value.rpartition(" ")[2] for _, value in headers)]


async def _secret(credential: Credential, resolve: Resolve | None) -> str:
    if resolve is None:
        raise GuardError(f"{credential.reference} is a reference to a secret, and there are no secrets here.")
    try:
        secret = await resolve(credential.reference)
        check_header(credential.header, credential.value(secret))
    except VantageError as error:
        why = "its value cannot stand in a header" if isinstance(error, GuardError) else str(error)
        raise GuardError(f"{credential.reference} cannot be used: {why}") from None
    return secret


def _reference(value: Json, place: str) -> str:
    if not isinstance(value, str) or not is_reference(value):
        raise GuardError(f"{place}: secrets are named, not written: env:NAME or ssm:/path.")
    return value
