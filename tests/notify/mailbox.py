"""A mail server on loopback, over STARTTLS or TLS, that answers as told and remembers what it was given."""

import asyncio
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import trustme
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

TAKEN = "250 OK"


@dataclass
class Mailbox:
    """What came; `answers` are given to one mail after the other, the last one to all that follow."""

    port: int = 0
    authorities: str = ""
    answers: list[str] = field(default_factory=lambda: [TAKEN])
    mails: list[EmailMessage] = field(default_factory=list)
    users: list[tuple[bytes, bytes]] = field(default_factory=list)
    hangs: bool = False

    async def handle_DATA(  # noqa: N802  # aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        """Take a mail, or answer as told."""
        if self.hangs:
            await asyncio.sleep(30)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if answer == TAKEN:
            content = envelope.content
            assert isinstance(content, bytes)
            self.mails.append(message_from_bytes(content, policy=default))
        return answer

    async def handle_RCPT(  # noqa: N802
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        """Anybody but `nobody@`."""
        if address.startswith("nobody@"):
            return "550 5.1.1 no such user"
        envelope.rcpt_tos.append(address)
        return TAKEN


@contextmanager
def mailbox(folder: Path, *, with_tls: bool = False, with_auth: bool = False) -> Iterator[Mailbox]:
    """A mail server that runs until the block ends; its authority's certificate is written into the folder."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1", "localhost").configure_cert(context)
    here = Mailbox(authorities=str(folder / "ca.pem"))

    def authenticator(_server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
        here.users.append((data.login, data.password))
        return AuthResult(success=data.password == b"pa55")

    tls: dict[str, Any] = {} if with_tls else {"tls_context": context, "require_starttls": True}
    auth: dict[str, Any] = {"authenticator": authenticator, "auth_required": True} if with_auth else {}
    loop = asyncio.new_event_loop()
    make = loop.create_server(
        lambda: SMTP(here, loop=loop, hostname="mail.example.com", auth_require_tls=not with_tls, **tls, **auth),
        "127.0.0.1",
        0,
        ssl=context if with_tls else None,
    )
    server = loop.run_until_complete(make)
    here.port = server.sockets[0].getsockname()[1]
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield here
    finally:
        asyncio.run_coroutine_threadsafe(_stop(server), loop).result(5)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _stop(server: asyncio.Server) -> None:
    server.close()
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
