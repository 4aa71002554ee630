"""One mail by SMTP: over TLS always, to public mail servers only, and without a thread."""

import asyncio
import functools
import socket
import ssl
from collections.abc import Mapping
from contextlib import suppress
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Any

import aiosmtplib
import httpx

from vantage.guard import Address, GuardError, check_host, why_refused
from vantage.notify.message import Message
from vantage.notify.post import TIMEOUT_S, NotTaken
from vantage.probe.faults import NameFault
from vantage.probe.resolve import Names, literal

DOMAIN = "vantage.invalid"  # of message ids: they say which message it is, and nobody can be written to there
LONGEST_SUBJECT = 150


class Mail:
    """Sends mails; one per environment."""

    def __init__(
        self, names: Names, *, allow_private: bool = False, authorities: str | None = None, timeout_s: float = TIMEOUT_S
    ) -> None:
        self._names, self._allow_private, self._timeout_s = names, allow_private, timeout_s
        self._authorities = authorities

    async def send(self, mail: EmailMessage, config: Mapping[str, Any], password: str | None) -> None:
        """Hand a mail to the server of a configuration; raises NotTaken, or GuardError for a server that is not public.

        Taken is what the server takes for one recipient at least: tried again, that one would get it twice.
        """
        host, port, with_tls = config["host"], config.get("port", 587), config.get("tls", "starttls") == "tls"
        try:
            async with asyncio.timeout(self._timeout_s):
                client = aiosmtplib.SMTP(
                    hostname=host,
                    sock=await self._socket(host, port),
                    username=config.get("user"),
                    password=password,
                    use_tls=with_tls,
                    start_tls=not with_tls,
                    tls_context=_context(self._authorities),
                    local_hostname="vantage",
                    timeout=None,
                )
                await _hand_over(client, mail)
        except TimeoutError:
            raise NotTaken(f"the mail server {host} does not answer within {self._timeout_s:g} s") from None
        except aiosmtplib.SMTPRecipientsRefused as error:
            raise NotTaken(_words(host, error.recipients[0])) from None
        except aiosmtplib.SMTPResponseException as error:
            raise NotTaken(_words(host, error)) from None
        except (aiosmtplib.SMTPException, OSError) as error:
            raise NotTaken(f"the mail server {host} cannot be used: {error}"[:300]) from None

    async def _socket(self, host: str, port: int) -> socket.socket:
        """Connected to an address of the host that may be spoken to."""
        check_host(f"[{host}]" if ":" in host else host, self._allow_private)
        try:
            address = literal(host)
            addresses = [address] if address else await self._names.addresses(host, "any")
        except NameFault as error:
            raise NotTaken(str(error)) from None
        whys = {one: why_refused(one, allow_private=self._allow_private) for one in addresses}
        if refused := {one: why for one, why in whys.items() if why}:
            one, why = next(iter(refused.items()))
            raise GuardError(f"{host} is at {one}, which is {why}; only public addresses are spoken to.")
        return await _connect_to_one(addresses, port)


async def _connect_to_one(addresses: list[Address], port: int) -> socket.socket:
    trouble = OSError("it has no address")
    for address in addresses:
        sock = socket.socket(socket.AF_INET if address.version == 4 else socket.AF_INET6, socket.SOCK_STREAM)
        sock.setblocking(False)
        try:
            await asyncio.get_running_loop().sock_connect(sock, (str(address), port))
        except OSError as error:
            sock.close()
            trouble = error
        except BaseException:
            sock.close()
            raise
        else:
            return sock
    raise trouble


async def _hand_over(client: aiosmtplib.SMTP, mail: EmailMessage) -> None:
    try:
        await client.connect()
        await client.send_message(mail)
        with suppress(aiosmtplib.SMTPException):  # it has been taken
            await client.quit()
    finally:
        transport = client.transport
        client.close()
        if isinstance(transport, asyncio.Transport):
            transport.abort()  # a server that hangs would not answer TLS's farewell either


@functools.cache
def _context(authorities: str | None) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=authorities) if authorities else httpx.create_ssl_context()


def _words(host: str, error: "aiosmtplib.SMTPResponseException") -> str:
    said = "".join(char if char.isprintable() else " " for char in str(error.message))
    return f"the mail server {host} answered {error.code} {said}"[:300]


def mail_of(message: Message, config: Mapping[str, Any]) -> EmailMessage:
    """A message as a mail: the first sentence as its subject, what is about one thing in one thread."""
    mail = EmailMessage()
    mail["Subject"] = message.headline[:LONGEST_SUBJECT]
    mail["From"] = f"Vantage <{config['sender']}>"
    mail["To"] = ", ".join(config["to"])
    mail["Date"] = format_datetime(message.at)
    mail["Message-ID"] = f"<{message.id}@{DOMAIN}>"
    mail["References"] = f"<{message.dedup_key}@{DOMAIN}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content("\n\n".join(filter(None, [message.text, message.url])) + "\n")
    return mail
