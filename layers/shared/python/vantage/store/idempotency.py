"""Table `idempotency`: what a POST with an Idempotency-Key was answered, for a day; document and headers as JSON."""

from dataclasses import dataclass

from vantage.store.connection import Connection


@dataclass(frozen=True, slots=True)
class Given:
    """The answer to an earlier request of this key; `is_same`: that one asked for the same."""

    is_same: bool
    status: int
    body: str


def take_key(connection: Connection, token_id: int, key: str, asked: bytes) -> Given | None:
    """Take a key for a request (its hash), in the transaction of what it does; an earlier answer where there is one.

    A request of the same key that is still at work is waited for.
    """
    connection.execute("DELETE FROM idempotency WHERE at < now() - interval '1 day'")
    taken = connection.execute(
        "INSERT INTO idempotency (token_id, key, asked) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
        (token_id, key, asked),
    ).rowcount
    if taken:
        return None
    row = connection.execute(
        "SELECT asked = %s, status, body FROM idempotency WHERE token_id = %s AND key = %s", (asked, token_id, key)
    ).fetchone()
    return Given(*row) if row else None


def keep_answer(connection: Connection, token_id: int, key: str, status: int, body: str) -> None:
    """Remember what the request was answered, in the same transaction."""
    connection.execute(
        "UPDATE idempotency SET status = %s, body = %s WHERE token_id = %s AND key = %s", (status, body, token_id, key)
    )
