"""roles.py [FILE]: a PostgreSQL role and a Redis user for each function, with what roles.sql and roles.acl allow it.

DATABASE_URL and REDIS_URL of the environment are those of the owner, who may make roles and users. Writes FILE
(roles.env, which git does not see): the URLs as WORKER_DATABASE_URL and so on, which `make secrets` takes. A second run
grants what has changed and keeps the passwords of that file.
"""

import os
import secrets
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn
from urllib.parse import urlsplit

import psycopg
import redis

from vantage.errors import VantageError
from vantage.store.connection import connect

HERE = Path(__file__).parent
FUNCTIONS = ("producer", "worker", "housekeeper", "notifier", "api")


def main(arguments: list[str], env: Mapping[str, str]) -> None:
    """Make or mend them all, then write the file."""
    file = Path(arguments[0]) if arguments else HERE.parent / "roles.env"
    database_url, redis_url = (env.get(name) or stop(f"{name} is not set.") for name in ("DATABASE_URL", "REDIS_URL"))
    passwords = {function: secrets.token_urlsafe(32) for function in FUNCTIONS} | known_passwords(file)
    make_roles(database_url, passwords)
    refusal = make_users(redis_url, passwords)
    lines = {f"{name.upper()}_DATABASE_URL": with_user(database_url, name, passwords[name]) for name in FUNCTIONS}
    lines |= {f"{name.upper()}_REDIS_URL": with_user(redis_url, name, passwords[name]) for name in rules()}
    write(file, lines)
    print(f"{file.name}: a role in PostgreSQL and a user in Redis for each function.")
    if refusal:
        print(f"Redis: {refusal}", file=sys.stderr)


def rules() -> dict[str, str]:
    """Each function's rules in Redis."""
    users = (line.split(maxsplit=2) for line in (HERE / "roles.acl").read_text().splitlines() if line[:5] == "user ")
    return {name.removeprefix("vantage_"): text for _, name, text in users}


def make_roles(database_url: str, passwords: Mapping[str, str]) -> None:
    """The roles, what they may do, and their passwords, which no server's log gets to see."""
    try:
        with connect(database_url) as connection, connection.transaction():
            connection.execute((HERE / "roles.sql").read_bytes())
            for name, password in passwords.items():
                role = f"vantage_{name}"
                hashed = connection.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256")
                change = psycopg.sql.SQL("ALTER ROLE {} LOGIN PASSWORD {}")
                connection.execute(change.format(psycopg.sql.Identifier(role), hashed.decode()))
    except VantageError as error:
        stop(str(error))
    except psycopg.Error as error:
        reason = str(error).splitlines()[0]
        stop(f"PostgreSQL refuses: {reason}. DATABASE_URL must be the owner's; vantage migrate comes first.")


def make_users(redis_url: str, passwords: Mapping[str, str]) -> str:
    """The users and their rules; returns what a person has to do where this server does not let us, or forgets them."""
    try:
        with redis.Redis.from_url(redis_url, socket_connect_timeout=10, socket_timeout=10) as client:
            for name, text in rules().items():
                words = ("on", "resetpass", f">{passwords[name]}", *text.split())
                client.execute_command("ACL SETUSER", f"vantage_{name}", *words)
            try:
                client.execute_command("ACL SAVE")
            except redis.ResponseError:
                return "it keeps users in memory only. Give it an aclfile, or run this again when it was restarted."
    except redis.ResponseError as error:
        return f"refuses ({error}). Make the users in your provider's console, by tools/roles.acl and roles.env."
    except redis.RedisError as error:
        stop(f"Redis does not answer ({type(error).__name__}). Check REDIS_URL.")
    return ""


def with_user(url: str, function: str, password: str) -> str:
    """A URL with the function's own user; a pooler's name behind the owner's (postgres.project) stays."""
    parts = urlsplit(url)
    owner, _, place = parts.netloc.rpartition("@")
    _, dot, project = owner.partition(":")[0].partition(".")
    return parts._replace(netloc=f"vantage_{function}{dot}{project}:{password}@{place}").geturl()


def known_passwords(file: Path) -> dict[str, str]:
    """The passwords that an earlier run wrote."""
    if not file.exists():
        return {}
    lines = dict(word.split("=", 1) for word in shlex.split(file.read_text()))
    urls = {name: lines.get(f"{name.upper()}_DATABASE_URL", "") for name in FUNCTIONS}
    return {name: password for name, url in urls.items() if (password := urlsplit(url).password)}


def write(file: Path, lines: Mapping[str, str]) -> None:
    """For this user's eyes only, from the first byte on."""
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as out:
        out.writelines(f"{name}={shlex.quote(value)}\n" for name, value in lines.items())


def stop(sentence: str) -> NoReturn:
    """End with a sentence for the person at the terminal."""
    sys.exit(f"roles: {sentence}")


if __name__ == "__main__":
    main(sys.argv[1:], os.environ)
