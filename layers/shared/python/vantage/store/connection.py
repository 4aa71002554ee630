"""One connection per environment, reused by every invocation and replaced when it is found dead."""

import asyncio
import select
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import certifi
import psycopg
from psycopg.pq import TransactionStatus

from vantage.errors import ServerUnavailable

Connection = psycopg.Connection[tuple[Any, ...]]
AsyncConnection = psycopg.AsyncConnection[tuple[Any, ...]]

_CONNECT: dict[str, Any] = {
    "connect_timeout": 10,
    "keepalives_idle": 30,
    # A black hole is seen by neither side: give up on unacknowledged data after this long.
    "tcp_user_timeout": 20_000,
}

UNREACHABLE = (psycopg.OperationalError, psycopg.InterfaceError, psycopg.errors.ReadOnlySqlTransaction)
"""What a statement raises where there is no server to write to: it is gone, or has become a replica."""


@contextmanager
def answering() -> Iterator[None]:
    """Say in words what it means that PostgreSQL fails in the middle of a run: raises ServerUnavailable."""
    try:
        yield
    except UNREACHABLE as error:
        raise _unavailable(error) from None


def _unavailable(error: psycopg.Error) -> ServerUnavailable:
    if isinstance(error, psycopg.ProgrammingError):  # its text repeats parts of the URL
        return ServerUnavailable(
            "DATABASE_URL is malformed; it must be like postgresql://user:password@host:5432/name."
        )
    reason = _reason(error)
    if isinstance(error, psycopg.errors.LockNotAvailable | psycopg.errors.QueryCanceled):
        return ServerUnavailable(
            f"PostgreSQL kept this run waiting ({reason}). See what holds locks (pg_stat_activity, wait_event_type)."
        )
    return ServerUnavailable(f"PostgreSQL does not answer ({reason}). Check DATABASE_URL and that the server runs.")


def _reason(error: psycopg.Error) -> str:
    """What the driver says first; where it tried several addresses, what the last one came to."""
    lines = [line.strip(" \t-") for line in str(error).splitlines() if line.strip()]
    if not lines:
        return type(error).__name__
    return lines[-1] if lines[0].startswith("Multiple") else lines[0].removeprefix("consuming input failed: ")


RDS_AUTHORITIES = Path(__file__).with_name("rds.pem")


def trust(url: str) -> dict[str, Any]:
    """Whose certificates are believed where a URL asks for that and does not say: the public authorities', or Amazon's
    own for a server of RDS that is called by RDS's name (its proxies have public certificates).

    libpq itself would look into a home directory, which a function has not.
    """
    if "sslmode=verify-" not in url or "sslrootcert=" in url:
        return {}
    host = urlsplit(url).hostname or ""
    is_rds = host.endswith(".rds.amazonaws.com") and ".proxy-" not in host
    return {"sslrootcert": str(RDS_AUTHORITIES) if is_rds else certifi.where()}


def primary(url: str) -> dict[str, Any]:
    """Only a server that takes writes is good enough, where the URL does not say otherwise: after a failover the name
    leads to the old one for a while, which may be back as a replica and would answer for ever."""
    return {} if "target_session_attrs=" in url else {"target_session_attrs": "read-write"}


def connect(url: str, *, prepare: bool = True, name: str = "vantage") -> Connection:
    """A new autocommitting connection; raises ServerUnavailable. `prepare` False for a transaction pooler."""
    try:
        connection = psycopg.connect(
            url,
            autocommit=True,
            prepare_threshold=5 if prepare else None,
            application_name=name,
            **_CONNECT,
            **trust(url),
            **primary(url),
        )
        if not _is_in_utc(connection):
            connection.execute(_IN_UTC)
        return connection
    except (psycopg.OperationalError, psycopg.ProgrammingError) as error:
        raise _unavailable(error) from None


async def connect_async(url: str, *, prepare: bool = True, name: str = "vantage") -> AsyncConnection:
    """The same for the worker's event loop."""
    try:
        connection = await psycopg.AsyncConnection.connect(
            url,
            autocommit=True,
            prepare_threshold=5 if prepare else None,
            application_name=name,
            **_CONNECT,
            **trust(url),
            **primary(url),
        )
        if not _is_in_utc(connection):
            await connection.execute(_IN_UTC)
        return connection
    except (psycopg.OperationalError, psycopg.ProgrammingError) as error:
        raise _unavailable(error) from None


# A server's own zone would reach Python with each instant, and there an hour more is an hour of the wall clock: two in
# the night in which clocks are put back.
_IN_UTC = "SET timezone = 'UTC'"


def _is_in_utc(connection: Connection | AsyncConnection) -> bool:
    """Whether instants come in UTC without being asked to; most servers are so."""
    return connection.info.parameter_status("TimeZone") == "UTC"


def _is_dead(connection: Connection | AsyncConnection) -> bool:
    """Whether an idle connection has been closed by the server: readable while nothing was asked. Costs no trip."""
    if connection.closed or connection.broken:
        return True
    if connection.info.transaction_status is TransactionStatus.ACTIVE:  # another task asks, and waits for an answer
        return False
    readable, _, _ = select.select([connection.fileno()], [], [], 0)
    return bool(readable)


class Database:
    """The one connection of a producer's or housekeeper's environment."""

    def __init__(self, url: str, *, prepare: bool = True, name: str = "vantage") -> None:
        self._url, self._prepare, self._name = url, prepare, name
        self._connection: Connection | None = None

    @property
    def url(self) -> str:
        """Where it is; holds its password."""
        return self._url

    def connection(self) -> Connection:
        """A living connection: the kept one, or a new one where it was found dead. Raises ServerUnavailable."""
        if self._connection is not None and _is_dead(self._connection):
            self.close()
        if self._connection is None:
            self._connection = connect(self._url, prepare=self._prepare, name=self._name)
        return self._connection

    def interrupt(self) -> None:
        """End the statement that another thread is waiting for, such as behind a lock; it sees an error."""
        if self._connection is not None:
            self._connection.cancel_safe(timeout=2)

    def close(self) -> None:
        """Close the connection; the next call opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class AsyncDatabase:
    """The one connection of a worker's environment."""

    def __init__(self, url: str, *, prepare: bool = True, name: str = "vantage") -> None:
        self._url, self._prepare, self._name = url, prepare, name
        self._connection: AsyncConnection | None = None
        self._connecting = asyncio.Lock()

    async def connection(self) -> AsyncConnection:
        """A living connection: the kept one, or a new one where it was found dead. Raises ServerUnavailable."""
        async with self._connecting:
            if self._connection is not None and _is_dead(self._connection):
                await self.close()
            if self._connection is None:
                self._connection = await connect_async(self._url, prepare=self._prepare, name=self._name)
            return self._connection

    async def close(self) -> None:
        """Close the connection; the next call opens another."""
        if self._connection is not None:
            await self._connection.close()
            self._connection = None
