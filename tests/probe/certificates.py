"""Certificates of every kind for the TLS zoo, by one authority that only these tests trust."""

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme

HOST = "127.0.0.1"
YEAR = timedelta(days=365)


class Papers:
    """An authority in a file, and server contexts with certificates by it."""

    def __init__(self, directory: Path) -> None:
        self._authority = trustme.CA()
        self.file = str(directory / "authority.pem")
        self._authority.cert_pem.write_to_path(self.file)

    def written(self, file: Path) -> Path:
        """A certificate for loopback with its key in a file, as other servers take it."""
        self._authority.issue_cert(HOST).private_key_and_cert_chain_pem.write_to_path(str(file))
        return file

    def server(
        self, *names: str, begins: timedelta = -YEAR, ends: timedelta = YEAR, authority: trustme.CA | None = None
    ) -> ssl.SSLContext:
        """A server context whose certificate is for these names, from `begins` to `ends` relative to now."""
        now = datetime.now(UTC).replace(tzinfo=None)
        issued = (authority or self._authority).issue_cert(
            *names or (HOST, "localhost"), not_before=now + begins, not_after=now + ends
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        issued.configure_cert(context)
        return context
