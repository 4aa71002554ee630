"""Over TLS to PostgreSQL: whose certificates are believed."""

import socket
import ssl
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from threading import Thread

import certifi
import pytest
import trustme
from psycopg.conninfo import conninfo_to_dict

from vantage.errors import ServerUnavailable
from vantage.settings import DatabaseCa, Settings
from vantage.store.connection import RDS_AUTHORITIES, connect, trust
from vantage.wiring.urls import database_url as settled_url


@contextmanager
def tls_before(database_url: str, authority: trustme.CA) -> Iterator[int]:
    """A port of loopback that speaks PostgreSQL's TLS, as localhost, for the server behind a unix socket."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    behind = f"{conninfo_to_dict(database_url)['host']}/.s.PGSQL.5432"

    def serve() -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                Thread(target=forward, args=(client,), daemon=True).start()

    def forward(client: socket.socket) -> None:
        with client, suppress(OSError), closing(socket.socket(socket.AF_UNIX)) as server:
            client.recv(8)  # its request for TLS
            client.sendall(b"S")
            with context.wrap_socket(client, server_side=True) as secured:
                server.connect(behind)
                Thread(target=pour, args=(server, secured), daemon=True).start()
                pour(secured, server)

    def pour(source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        Thread(target=serve, daemon=True).start()
        yield int(listener.getsockname()[1])
        listener.shutdown(socket.SHUT_RDWR)


def test_a_certificate_is_believed_by_the_authority_that_is_named_and_by_no_other(
    database_url: str, tmp_path: Path
) -> None:
    """verify-full with the right authority connects; the public ones, which nobody named, do not vouch for it."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    with tls_before(database_url, authority) as port:
        url = f"postgresql://postgres@localhost:{port}/vantage?hostaddr=127.0.0.1&sslmode=verify-full"
        with closing(connect(f"{url}&sslrootcert={tmp_path}/ca.pem")) as connection:
            assert connection.info.get_parameters()["sslmode"] == "verify-full"
            assert connection.pgconn.ssl_in_use
        with pytest.raises(ServerUnavailable, match="certificate verify failed"):
            connect(url)


def test_amazon_s_own_authorities_can_be_read() -> None:
    """What DatabaseCa=rds names holds the authorities of the regions that the template knows."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(RDS_AUTHORITIES)
    names = str(context.get_ca_certs())
    for region in ("us-east-1", "ap-south-1", "eu-central-1"):
        assert f"Amazon RDS {region} Root CA RSA2048 G1" in names


def test_a_url_that_names_its_authority_is_taken_at_its_word() -> None:
    """Nothing is added to it, nor to one that does not ask."""
    assert trust("postgresql://a@b/c?sslmode=verify-full&sslrootcert=/mine.pem") == {}
    assert trust("postgresql:///c?host=/tmp") == {}
    assert trust("postgresql://a@b/c?sslmode=verify-full") == {"sslrootcert": certifi.where()}


@pytest.mark.parametrize(
    ("host", "authorities"),
    [
        ("vantage.c1abc.us-east-1.rds.amazonaws.com", str(RDS_AUTHORITIES)),
        ("vantage.proxy-c1abc.us-east-1.rds.amazonaws.com", certifi.where()),
        ("rds.amazonaws.com.example.org", certifi.where()),
    ],
)
def test_a_server_of_rds_is_believed_by_amazon_s_own_authorities(host: str, authorities: str) -> None:
    """Without being told to, here as on Lambda: vantage migrate and the doctor use the same URL."""
    assert trust(f"postgresql://a:b@{host}/c?sslmode=verify-full") == {"sslrootcert": authorities}


@pytest.mark.parametrize("authorities", DatabaseCa)
def test_the_setting_says_whose_certificates_are_believed(database_url: str, authorities: DatabaseCa) -> None:
    """`rds` names Amazon's own for a URL that names none, `system` leaves it to the public ones; neither believes a
    stranger's certificate (broken once by adding the file with a question mark twice: libpq refuses the URL)."""
    url = "postgresql://postgres@localhost:{}/vantage?hostaddr=127.0.0.1&sslmode=verify-full"
    with tls_before(database_url, trustme.CA()) as port:
        asked = settled_url(Settings(database_url=url.format(port), database_ca=authorities))
        assert (f"&sslrootcert={RDS_AUTHORITIES}" in asked) is (authorities is DatabaseCa.RDS)
        with pytest.raises(ServerUnavailable, match="certificate verify failed"):
            connect(asked)
    own = f"{url.format(1)}&sslrootcert=/mine.pem"
    assert settled_url(Settings(database_url=own, database_ca=authorities)) == own
