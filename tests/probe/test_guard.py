"""What may be spoken to, and how it must be spelled."""

import ipaddress

import pytest

from vantage.guard import GuardError, check_header, check_host, check_method, check_port, check_url, why_refused

REFUSED = [
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "10.255.255.255",
    "100.64.0.1",
    "100.100.100.200",
    "100.127.255.255",
    "127.0.0.1",
    "127.255.255.254",
    "168.63.129.16",
    "169.254.0.1",
    "169.254.169.254",
    "169.254.170.2",
    "169.254.79.129",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.1",
    "192.0.0.170",
    "192.0.0.192",
    "192.0.2.1",
    "192.31.196.1",
    "192.52.193.1",
    "192.88.99.1",
    "192.168.0.1",
    "192.175.48.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::2",
    "::127.0.0.1",
    "::7f00:1",
    "::ffff:127.0.0.1",
    "::ffff:7f00:1",
    "::ffff:169.254.169.254",
    "::ffff:10.0.0.1",
    "::ffff:0:127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::a00:1",
    "100::1",
    "2001::1",
    "2001:10::1",
    "2001:20::1",
    "2001:2::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "2002:a9fe:a9fe::",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd00::1",
    "fd00:ec2::254",
    "fd00:ec2::23",
    "fd20:ce::254",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
    "ff0e::1",
]
ALLOWED = [
    "1.1.1.1",
    "8.8.8.8",
    "93.184.216.34",
    "100.63.255.255",
    "100.128.0.1",
    "2606:4700:4700::1111",
    "2a00:1450:4001::8a",
    "::ffff:8.8.8.8",
]
LIFTED = ["127.0.0.1", "127.8.8.8", "10.1.2.3", "172.20.0.1", "192.168.1.1", "::1", "fd12::1", "::ffff:127.0.0.1"]


@pytest.mark.parametrize("address", REFUSED)
def test_an_address_that_is_not_public_is_refused(address: str) -> None:
    """Every special block, in every form that carries it. Seen red: with `not is_global` alone 20 of these pass."""
    assert why_refused(address) is not None


@pytest.mark.parametrize("address", ALLOWED)
def test_a_public_address_is_allowed(address: str) -> None:
    """The neighbours of special blocks, and mapped public addresses."""
    assert why_refused(address) is None
    assert why_refused(ipaddress.ip_address(address)) is None


@pytest.mark.parametrize("address", REFUSED)
def test_the_local_setting_lifts_private_and_loopback_only(address: str) -> None:
    """With allow_private metadata, link-local, multicast and the rest stay refused."""
    literal = ipaddress.ip_address(address.partition("%")[0])
    mapped = getattr(literal, "ipv4_mapped", None) or literal
    blocks = ("10.0.0.0/8", "127.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "::1/128", "fc00::/7")
    metadata = ("fd00:ec2::/32", "fd20:ce::/32")
    lifted = any(mapped in ipaddress.ip_network(b) for b in blocks) and not any(
        mapped in ipaddress.ip_network(b) for b in metadata
    )
    assert (why_refused(address, allow_private=True) is None) == lifted


@pytest.mark.parametrize("address", LIFTED)
def test_a_lifted_address_can_be_written_in_a_url(address: str) -> None:
    """The demo's own targets are on loopback."""
    host = f"[{address}]" if ":" in address else address
    check_url(f"http://{host}:8080/x", allow_private=True)
    with pytest.raises(GuardError, match="private or loopback"):
        check_url(f"http://{host}:8080/x")


BAD_URLS = {
    # not a public address, in one spelling or another
    "http://127.0.0.1/": "loopback",
    "http://0.0.0.0/": "not a public",
    "http://[::1]/": "loopback",
    "http://[0:0:0:0:0:0:0:1]/": "loopback",
    "http://[::ffff:127.0.0.1]/": "loopback",
    "http://[::ffff:7f00:1]/": "loopback",
    "http://[64:ff9b::a9fe:a9fe]/": "public",
    "http://[fec0::1]/": "public",
    "http://169.254.169.254/latest/meta-data/": "link-local",
    "http://127.1/": "number",
    "http://127.0.1/": "number",
    "http://2130706433/": "number",
    "http://017700000001/": "number",
    "http://0x7f000001/": "number",
    "http://0x7f.1/": "number",
    "http://0x7F.0x0.0x0.0x1/": "number",
    "http://0/": "number",
    "http://012.0.0.1/": "number",
    "http://010.0.0.1/": "number",
    "http://127.0.0.1./": "number",
    "http://1.2.3/": "number",
    "http://1.2.3.4.5/": "number",
    "http://example.123/": "number",
    "http://example.0x1f/": "number",
    "http://256.1.1.1/": "0 to 255",
    "http://127\u30020\u30020\u30021/": "disguise",
    "http://\uff11\uff12\uff17.0.0.1/": "disguise",
    "http://\u2460\u2461\u2466.0.0.1/": "disguise",
    "http://127\uff0e0\uff0e0\uff0e1/": "disguise",
    # names of one's own network
    "http://localhost/": "own network",
    "http://LOCALHOST./": "own network",
    "http://a.localhost/": "own network",
    "http://intranet/": "own network",
    "http://instance-data/": "own network",
    "http://metadata.google.internal/": "own network",
    "http://host.docker.internal:2375/": "own network",
    "http://sandbox.localdomain:8080/": "own network",
    "http://printer.local/": "own network",
    "http://nas.home.arpa/": "own network",
    # no host name at all
    "http://xn--/": "spelling",
    "http://xn--a/": "spelling",
    "http://www.xn--a.com/": "spelling",
    "http://xn--abc-/": "spelling",
    "http://" + "a" * 64 + ".com/": "spelling",
    "http://" + "a." * 130 + "com/": "spelling",
    "http://a..b.com/": "spelling",
    "http://.example.com/": "spelling",
    "http://-a.example.com/": "spelling",
    "http://a-.example.com/": "spelling",
    "http://exa$mple.com/": "spelling",
    "http://exam,ple.com/": "spelling",
    "http:///path": "no host",
    "http://": "no host",
    "https://": "no host",
    "http:/example.com": "no host",
    "http:example.com": "no host",
    "http://?x": "no host",
    "http://:80/": "no host",
    "http://[::1": "brackets",
    "http://[::1]x/": "brackets",
    "http://::1/": "brackets",
    "http://1:2:3/": "brackets",
    "http://[fe80::1%25eth0]/": "zone",
    "http://[v1.x]/": "IPv6",
    "http://[127.0.0.1]/": "IPv6",
    # userinfo, ports, codes, spaces
    "http://user:pass@example.com/": "auth:",
    "http://user@example.com/": "auth:",
    "http://example.com:80@127.0.0.1/": "auth:",
    "http://@example.com/": "auth:",
    "http://%31%32%37.0.0.1/": "%",
    "http://example%2ecom/": "%",
    "http://example.com:0/": "1 to 65535",
    "http://example.com:65536/": "1 to 65535",
    "http://example.com:99999999999/": "1 to 65535",
    "http://example.com:-1/": "1 to 65535",
    "http://example.com:+80/": "1 to 65535",
    "http://example.com:8_0/": "1 to 65535",
    "http://example.com:\uff18\uff10/": "1 to 65535",
    "http://example.com:/": "1 to 65535",
    "http://example.com:http/": "1 to 65535",
    "http://example.com: 80/": "space",
    "http://example.com/a b": "space",
    " http://example.com/": "space",
    "http://example.com/\r\nX: y": "space",
    "http://exam\tple.com/": "space",
    "http://example.com/\x00": "invisible",
    "http://example.com/\x7f": "invisible",
    "http://example.com\u200b/": "invisible",
    "http://example.com/\u202e": "invisible",
    "http://exam\u00adple.com/": "invisible",
    "http://example.com\\@127.0.0.1/": "backslash",
    "http://example.com/" + "a" * 2048: "2048",
    # schemes
    "": "http",
    "example.com": "http",
    "//example.com/": "http",
    "ftp://example.com/": "http",
    "file:///etc/passwd": "http",
    "gopher://example.com/": "http",
    "data:text/plain,x": "http",
    "javascript:alert(1)": "http",
    "unix:/run/docker.sock": "http",
    "http+unix://%2frun%2fdocker.sock/": "http",
    "ws://example.com/": "http",
    "dict://example.com:11211/": "http",
    "jar:http://example.com!/": "http",
}

GOOD_URLS = [
    "http://example.com", "https://www.example.com/health?x=1#top", "HTTPS://EXAMPLE.COM:8443/", "http://a_b.example.com/",
    "http://example.com./", "https://m\u00fcnchen.de/", "https://xn--mnchen-3ya.de/", "https://fa\u00df.de/",
    "https://xn--fa-hia.de/", "https://\u65e5\u672c\u8a9e.jp/", "http://8.8.8.8/", "http://[2606:4700::1111]:80/",
    "http://example.com/a@b:c%20d\u00e9", "http://nosuch.invalid/", "http://site.test/", "http://0x.example.com/",
    "http://1.2.3.4.example.com/",
]  # fmt: skip


@pytest.mark.parametrize("url", BAD_URLS)
def test_a_bad_url_is_refused_with_what_to_do(url: str) -> None:
    """Each row's text names what is wrong."""
    with pytest.raises(GuardError, match=BAD_URLS[url]):
        check_url(url)


@pytest.mark.parametrize("url", GOOD_URLS)
def test_a_good_url_passes(url: str) -> None:
    """Odd but right spellings are not refused."""
    check_url(url)


@pytest.mark.parametrize("url", ["http://bot:hunter2@example.com/", "hunter2:x@y", "ftp://bot:hunter2@example.com/"])
def test_a_refusal_never_repeats_credentials(url: str) -> None:
    """What is refused may hold a password."""
    with pytest.raises(GuardError) as caught:
        check_url(url)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("host", ["127.1", "0x7f.1", "2130706433", "127\u30020\u30020\u30021", "xn--a", "a..b"])
def test_the_local_setting_lifts_no_spelling(host: str) -> None:
    """A disguise stays one on a person's own machine."""
    with pytest.raises(GuardError):
        check_host(host, allow_private=True)


def test_names_of_the_own_network_are_for_local_runs() -> None:
    """With allow_private one may watch localhost and other names of the house."""
    check_url("http://localhost:3000/", allow_private=True)
    check_url("http://nas.local/", allow_private=True)


@pytest.mark.parametrize("port", [0, -1, 65536, "", "80 ", "\u0661", "1e3", 8.5])
def test_a_bad_port_is_refused(port: str | int) -> None:
    """Ports go from 1 to 65535."""
    with pytest.raises(GuardError):
        check_port(port)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("X", "a\r\nY: b"), ("X", "a\nb"), ("X", "a\x00b"), ("X", "\u2603"), ("X Y", "a"), ("X:", "a"), ("", "a"),
        ("X\r", "a"), ("\u00e4", "a"), ("Host", "a"), ("content-length", "5"), ("Transfer-Encoding", "chunked"),
        ("Connection", "close"),
        ("Expect", "100-continue"), ("Upgrade", "h2c"), ("Accept-Encoding", "gzip"),
    ],
)  # fmt: skip
def test_a_header_that_breaks_a_request_is_refused(name: str, value: str) -> None:
    """No line breaks, no odd names, and none that the prober writes itself."""
    with pytest.raises(GuardError):
        check_header(name, value)


def test_an_ordinary_header_passes() -> None:
    """Letters, digits, spaces and Latin-1."""
    check_header("X-Api-Key", "caf\u00e9 \t;=1")


@pytest.mark.parametrize("method", ["CONNECT", "TRACE", "G ET", "get", "DELETE", "PUT", ""])
def test_a_method_that_changes_things_is_refused(method: str) -> None:
    """GET, HEAD and POST."""
    with pytest.raises(GuardError):
        check_method(method)
