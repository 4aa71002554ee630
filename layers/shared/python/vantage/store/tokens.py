"""Table `token`: who may ask the API for what. A token itself is stored nowhere, only its hash."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import psycopg
from psycopg.rows import class_row

from vantage.store.connection import Connection

Scope = Literal["read", "write"]
PREFIX = "vantage_"  # so that scanners of leaked secrets can know one


@dataclass(frozen=True, slots=True)
class TokenRow:
    """A token as it is listed; `used_at` is the minute in which it was last used."""

    id: int
    name: str
    scope: Scope
    created_at: datetime
    revoked_at: datetime | None
    used_at: datetime | None


@dataclass(frozen=True, slots=True)
class Who:
    """Who asks: a token that is good, and how often it has asked in this minute, which ends in `left_s`."""

    id: int
    name: str
    scope: Scope
    used: int
    left_s: int

    def may(self, scope: Scope) -> bool:
        """Who may write may read, too."""
        return scope in ("read", self.scope)


def create_token(connection: Connection, name: str, scope: Scope) -> str | None:
    """A new token, which nobody can be told again; None where a living one has the name."""
    token = PREFIX + secrets.token_urlsafe(32)
    try:
        connection.execute("INSERT INTO token (name, hash, scope) VALUES (%s, %s, %s)", (name, _hash(token), scope))
    except psycopg.errors.UniqueViolation:
        return None
    return token


def list_tokens(connection: Connection) -> list[TokenRow]:
    """All tokens, the living ones first, by name."""
    with connection.cursor(row_factory=class_row(TokenRow)) as cursor:
        return cursor.execute(
            """SELECT id, name, scope, created_at, revoked_at, used_at FROM token
                ORDER BY revoked_at IS NOT NULL, name, id"""
        ).fetchall()


def revoke_token(connection: Connection, name: str) -> bool:
    """It opens nothing from now on; False where no living one has the name."""
    query = "UPDATE token SET revoked_at = clock_timestamp() WHERE name = %s AND revoked_at IS NULL"
    return connection.execute(query, (name,)).rowcount == 1


def who_has(connection: Connection, token: str) -> Who | None:
    """Whose token it is, this use counted; None where it is nobody's."""
    query = """
        UPDATE token t SET used = CASE WHEN used_at = minute THEN used + 1 ELSE 1 END, used_at = minute
          FROM (SELECT date_trunc('minute', clock_timestamp()) AS minute) m
         WHERE hash = %s AND revoked_at IS NULL
        RETURNING id, name, scope, used,
                  ceil(60 - extract(epoch FROM clock_timestamp() - minute))::integer AS left_s"""
    with connection.cursor(row_factory=class_row(Who)) as cursor:
        return cursor.execute(query, (_hash(token),)).fetchone()


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
