"""Targets of the probe's bench: one process, a thousand origins 127.0.1.1 and on, each with a certificate of its own.

`python -m bench.probe_targets DIRECTORY ORIGINS` prints one JSON line when it listens and serves until its input ends.
A path /slow/ID answers after 50 ms; /spent tells, as JSON, how many microseconds passed between request and answer.
"""

import asyncio
import json
import os
import socket
import ssl
import sys
import threading
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from time import perf_counter

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from vantage.probe import stamps

DELAY_S = 0.05
BODY = b"x" * 4000
_SIGNS_CERTIFICATES = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
WANTS = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


def address(number: int) -> str:
    """The address of an origin."""
    return f"127.0.{1 + number // 250}.{1 + number % 250}"


class Papers:
    """An authority, an intermediate one, and server contexts by address."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        root_key, root = self._authority("Bench root", None, None)
        self.key, self.intermediate = self._authority("Bench intermediate", root, root_key)
        self.file = directory / "ca.pem"
        self.file.write_bytes(root.public_bytes(Encoding.PEM))

    def context(self, host: str) -> ssl.SSLContext:
        """A server context for an address: leaf and intermediate, ECDSA P-256."""
        key = ec.generate_private_key(ec.SECP256R1())
        leaf = (
            _builder(host, self.intermediate.subject, key)
            .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(host))]), critical=False)
            .add_extension(_signed_by(self.key), critical=False)
            .sign(self.key, hashes.SHA256())
        )
        chain = self.directory / "chain.pem"
        secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        chain.write_bytes(secret + leaf.public_bytes(Encoding.PEM) + self.intermediate.public_bytes(Encoding.PEM))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(chain)
        return context

    def _authority(
        self, name: str, issuer: x509.Certificate | None, issuer_key: ec.EllipticCurvePrivateKey | None
    ) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        builder = (
            _builder(name, issuer.subject if issuer else subject, key)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(_signed_by(issuer_key or key), critical=False)
            .add_extension(_SIGNS_CERTIFICATES, critical=True)
        )
        return key, builder.sign(issuer_key or key, hashes.SHA256())


def _signed_by(key: ec.EllipticCurvePrivateKey) -> x509.AuthorityKeyIdentifier:
    return x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key())


def _builder(name: str, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=30))
    )


class Peer:
    """One accepted connection: reads requests, answers each at once or after DELAY_S."""

    def __init__(self, sock: socket.socket, context: ssl.SSLContext | None, spent: dict[str, float]) -> None:
        self.loop, self.spent = asyncio.get_running_loop(), spent
        self.sock: socket.socket = sock
        self.ready = context is None
        if context is not None:
            self.sock = context.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
        self.fd, self.stamped = self.sock.fileno(), stamps.ask_for(self.sock)
        self.loop.add_reader(self.fd, self.on_readable)

    def on_readable(self) -> None:
        """Go on with the handshake, or answer."""
        try:
            if not self.ready and isinstance(self.sock, ssl.SSLSocket):
                self.sock.do_handshake()
                self.ready = True
            # Its own queue is not the client's error: the request came when the kernel says so.
            arrived_s = (stamps.arrival_s(self.sock) if self.stamped else None) or perf_counter()
            data = self.sock.recv(65536)
        except WANTS:
            return
        except OSError:
            data, arrived_s = b"", 0.0
        if not data:
            self.loop.remove_reader(self.fd)
            self.sock.close()
            return
        self.answer(data.split(b" ", 2)[1].decode(), arrived_s)

    def answer(self, path: str, read_s: float) -> None:
        """Answer a path."""
        if path.startswith("/slow/"):
            self.loop.call_later(DELAY_S, self.send, path, read_s, BODY)
        else:
            self.send(path, read_s, json.dumps(self.spent).encode() if path == "/spent" else BODY)

    def send(self, path: str, read_s: float, body: bytes) -> None:
        """Write a response whole; it fits the socket's buffer, but for /spent, which may wait."""
        if path.startswith("/slow/"):
            self.spent[path] = round((perf_counter() - read_s) * 1e6)
        if path == "/spent":
            self.sock.setblocking(True)
        try:
            self.sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        except OSError:
            self.sock.close()
        if path == "/spent":
            self.sock.setblocking(False)


async def serve(directory: Path, origins: int) -> None:
    """Listen on every origin's address, plain and TLS, until standard input ends."""
    papers = Papers(directory)
    contexts = {address(n): papers.context(address(n)) for n in range(origins)}
    spent: dict[str, float] = {}
    loop = asyncio.get_running_loop()
    ports = {}
    for scheme in ("http", "https"):
        listener = socket.create_server(("0.0.0.0", 0), backlog=4096)
        listener.setblocking(False)
        ports[scheme] = listener.getsockname()[1]
        loop.add_reader(listener.fileno(), _accept, listener, contexts if scheme == "https" else None, spent)
    with socket.create_server(("127.0.0.1", 0)) as free:
        ports["free"] = free.getsockname()[1]
    print(json.dumps({**ports, "ca": str(papers.file)}), flush=True)
    await asyncio.Event().wait()


def _accept(listener: socket.socket, contexts: dict[str, ssl.SSLContext] | None, spent: dict[str, float]) -> None:
    for _ in range(64):
        try:
            sock, _ = listener.accept()
        except OSError:
            return
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        Peer(sock, contexts[sock.getsockname()[0]] if contexts is not None else None, spent)


def _end_with_the_parent() -> None:
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    threading.Thread(target=_end_with_the_parent, daemon=True).start()
    asyncio.run(serve(Path(sys.argv[1]), int(sys.argv[2])))
