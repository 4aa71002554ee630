"""What the references in monitors stand for: `env:NAME` on one's own machine, `ssm:/path` on AWS."""

import asyncio
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from time import monotonic

from vantage.errors import NoSecret, VantageError

FRESH_S = 300.0
TRY_AGAIN_S = 30.0  # after a failure: one question per reference and half minute, not one per probe
# What a function's environment holds of its own: a monitor that names it would send it to a stranger.
OWN_NAMES = ("DATABASE_URL", "REDIS_URL")
OWN_PREFIXES = ("AWS_", "VANTAGE_")


@dataclass(slots=True)
class _Known:
    """What was learnt of a reference, and until when (clock of `monotonic`) it is not asked for again."""

    until_s: float
    value: str | None = None
    fault: str = ""


class Secrets:
    """Values of references, read when first needed and kept in memory; a value that was known outlives its source."""

    def __init__(
        self,
        env: Mapping[str, str] | None,
        parameter: Callable[[str], str] | None,
        *,
        withheld: Collection[str] = (),
        fresh_s: float = FRESH_S,
        try_again_s: float = TRY_AGAIN_S,
    ) -> None:
        """`env` None: nothing of the environment is given out. `parameter` reads one of SSM and may block."""
        self._env, self._parameter, self._withheld = env, parameter, frozenset(withheld)
        self._fresh_s, self._try_again_s = fresh_s, try_again_s
        self._known: dict[str, _Known] = {}
        self._asking: dict[str, asyncio.Lock] = {}

    async def value(self, reference: str) -> str:
        """The value of a reference; raises NoSecret."""
        source, _, name = reference.partition(":")
        return self._of_environment(name) if source == "env" else await self._of_ssm(name)

    def _of_environment(self, name: str) -> str:
        if self._env is None:
            raise NoSecret("env: is for one's own machine; a deployed worker reads ssm:/path.")
        if name in OWN_NAMES or name.startswith(OWN_PREFIXES):
            raise NoSecret(f"{name} is a setting of Vantage itself and is sent to nobody.")
        if not (value := self._env.get(name)):
            raise NoSecret(f"{name} is not set in the environment of this system.")
        return value

    async def _of_ssm(self, name: str) -> str:
        if name in self._withheld:
            raise NoSecret("it is a parameter of Vantage itself and is sent to nobody.")
        async with self._asking.setdefault(name, asyncio.Lock()):
            known = self._known.get(name)
            if known is None or known.until_s < monotonic():
                known = self._known[name] = await self._ask(name, known)
        if known.value is None:
            raise NoSecret(known.fault)
        return known.value

    async def _ask(self, name: str, former: _Known | None) -> _Known:
        if self._parameter is None:
            return _Known(monotonic() + self._try_again_s, fault="there is no SSM here; use env:NAME.")
        try:
            return _Known(monotonic() + self._fresh_s, await asyncio.to_thread(self._parameter, name))
        except VantageError as error:
            return _Known(monotonic() + self._try_again_s, former.value if former else None, str(error))
