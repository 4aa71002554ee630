"""One connection to the first of several addresses that takes it, as a browser connects (RFC 8305)."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from itertools import chain, zip_longest
from time import perf_counter

import httpx

from vantage.guard import Address
from vantage.probe.connection import Connection, connect
from vantage.probe.faults import NoIPv6

CONNECT_MOST_S = 5.0
NEXT_ADDRESS_S = 0.25  # the next address is tried while the first may still answer
AT_ONCE = 2  # sockets of one check: whoever writes 40 dead addresses into a zone must not get 40 of ours
ADDRESSES_MOST = 20  # nor a connection from us to each of a thousand hosts

Lend = Callable[[], AbstractContextManager[None]]
"""Gives a second socket for the time of a `with`."""


async def first_that_answers(addresses: Sequence[Address], port: int, lend: Lend) -> Connection:
    """A connection to the first address that takes one; raises the first address's error when none does."""
    try:
        async with asyncio.timeout(CONNECT_MOST_S):
            if len(addresses) == 1:
                return await connect(addresses[0], port)
            return await _race(_alternating(addresses)[:ADDRESSES_MOST], port, lend)
    except TimeoutError:
        raise httpx.ConnectTimeout(f"{addresses[0]}: no connection within {CONNECT_MOST_S:g} s") from None


async def _race(waiting: list[Address], port: int, lend: Lend) -> Connection:
    """Try addresses one after the other, the next one when the last failed or after NEXT_ADDRESS_S."""
    began_s, failures = perf_counter(), list[BaseException]()
    trying = list[asyncio.Task[Connection]]()  # the oldest first
    with ExitStack() as second:
        try:
            while waiting or trying:
                if waiting:
                    trying = [*await _newest(trying), asyncio.create_task(connect(waiting.pop(0), port))]
                if len(trying) > 1:
                    second.close()
                    second.enter_context(lend())
                pause_s = NEXT_ADDRESS_S if waiting else None
                done, _ = await asyncio.wait(trying, timeout=pause_s, return_when=asyncio.FIRST_COMPLETED)
                trying = [task for task in trying if task not in done]
                winner, lost = _sorted_out(done)
                failures += lost
                if winner is not None:
                    if failures or trying:  # the wait for a dead address is part of what a visitor feels
                        winner.connect_s = perf_counter() - began_s
                    return winner
            raise next((failure for failure in failures if not isinstance(failure, NoIPv6)), failures[0])
        finally:
            await _abandon(trying)


async def _newest(trying: list[asyncio.Task[Connection]]) -> list[asyncio.Task[Connection]]:
    """Of these the last, so that one more makes AT_ONCE; the others have had their time."""
    await _abandon(trying[: 1 - AT_ONCE])
    return trying[1 - AT_ONCE :]


def _sorted_out(done: set[asyncio.Task[Connection]]) -> tuple[Connection | None, list[BaseException]]:
    """One connection of those that came about (the others are closed), and the failures."""
    failures = [failure for task in done if (failure := task.exception()) is not None]
    connections = [task.result() for task in done if task.exception() is None]
    for surplus in connections[1:]:
        surplus.close()
    return connections[0] if connections else None, failures


async def _abandon(tasks: Sequence[asyncio.Task[Connection]]) -> None:
    for task in tasks:
        task.cancel()
    for outcome in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(outcome, Connection):  # it connected in the same moment as the winner
            outcome.close()


def _alternating(addresses: Sequence[Address]) -> list[Address]:
    """Families in turn, the resolver's first choice first: a dead family costs one pause and not one per address."""
    first = addresses[0].version
    same = [address for address in addresses if address.version == first]
    other = [address for address in addresses if address.version != first]
    return [address for address in chain.from_iterable(zip_longest(same, other)) if address is not None]
