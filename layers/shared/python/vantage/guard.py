"""What a monitor, a redirect or a webhook may speak to: public web addresses, plainly spelled.

Pure: nothing is looked up here. `check_url` judges the spelling (when a monitor is saved, probed and redirected),
`why_refused` judges an address (when a connection is made, to the very address that was judged).
What is refused and why stands in docs/architecture.md; the address list follows the IANA special-purpose registries.
"""

import functools
import re
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from vantage.errors import VantageError

Address = IPv4Address | IPv6Address

LONGEST_URL = 2048
LONGEST_HOST, LONGEST_LABEL = 253, 63
METHODS = ("GET", "HEAD", "POST")

# Beyond what `is_global` says: it differs between Python releases and takes each of these for public in one of them.
NOT_PUBLIC = tuple(
    ip_network(block)
    for block in (
        "100.64.0.0/10",  # carrier-grade NAT, and some clouds' metadata
        "192.0.0.0/24",  # protocol assignments
        "192.88.99.0/24",  # 6to4 relays
        "192.31.196.0/24",  # AS112
        "192.52.193.0/24",  # AMT
        "192.175.48.0/24",  # AS112
        "168.63.129.16/32",  # Azure's host
        "::/96",  # IPv4-compatible
        "::ffff:0:0:0/96",  # IPv4-translated
        "64:ff9b::/96",  # NAT64: carries any IPv4 address
        "64:ff9b:1::/48",
        "100::/64",  # discard
        "2001::/23",  # Teredo, ORCHID, benchmarking
        "2002::/16",  # 6to4: carries any IPv4 address
        "3fff::/20",  # documentation
        "5f00::/16",  # segment routing
        "fec0::/10",  # site-local, deprecated
    )
)
# What an explicit local setting lifts, and nothing else: metadata addresses stay refused.
PRIVATE = tuple(
    ip_network(block)
    for block in ("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "::1/128", "fc00::/7")
)
METADATA = (ip_network("fd00:ec2::/32"), ip_network("fd20:ce::/32"))

# Names that only mean something inside a network; `.invalid` and `.test` are harmless and may be watched.
INNER_NAMES = (
    "localhost", "local", "localdomain", "internal", "intranet", "lan", "home", "corp", "private", "home.arpa",
)  # fmt: skip

OWN_HEADERS = (
    "host", "content-length", "transfer-encoding", "connection", "keep-alive", "upgrade", "te", "trailer", "expect",
    "proxy-authorization", "proxy-connection", "accept-encoding",
)  # fmt: skip

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*):")
_DOTTED_QUAD = re.compile(r"(0|[1-9][0-9]{0,2})(\.(0|[1-9][0-9]{0,2})){3}")
_NUMBER = re.compile(r"[0-9]+|0[xX][0-9a-fA-F]*")
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_\-]*[a-z0-9_])?", re.IGNORECASE)
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e\xa0-\xff]*")


A_PRIVATE_ONE = "a private or loopback address"
"""The one reason for a refusal that `allow_private` lifts."""


class GuardError(VantageError):
    """This must not be spoken to, or not as it is spelled; the text says what is wrong and what to do."""


def why_refused(address: str | Address, *, allow_private: bool = False) -> str | None:
    """Why no connection may be made to this address, as a noun phrase; None: it is public, or lifted by the setting."""
    return _why(ip_address(address.partition("%")[0]) if isinstance(address, str) else address, allow_private)


@functools.lru_cache(maxsize=4096)  # asked for each connection, and the answer never changes
def _why(literal: Address, allow_private: bool) -> str | None:
    if isinstance(literal, IPv6Address) and literal.ipv4_mapped is not None:
        return _why(literal.ipv4_mapped, allow_private)
    if any(literal in block for block in METADATA):
        return "a cloud's metadata address"
    if any(literal in block for block in PRIVATE):
        return None if allow_private else A_PRIVATE_ONE
    if literal.is_link_local:
        return "a link-local address (cloud metadata lives there)"
    if not literal.is_global or literal.is_multicast or literal.is_reserved or literal.is_unspecified:
        return "not a public address"
    if any(literal in block for block in NOT_PUBLIC):
        return "a special-purpose address"
    return None


def check_url(url: str, allow_private: bool = False) -> None:
    """Refuse a URL that is not a plain public http or https URL; raises GuardError, which never repeats the URL."""
    _check_characters(url)
    match = _SCHEME.match(url)
    if match is None or match[1].lower() not in ("http", "https"):
        raise GuardError("Only http and https can be watched; the URL must begin with http:// or https://.")
    if not url.startswith("//", match.end()):
        raise GuardError("The URL has no host; write it as https://host/path.")
    authority = re.split(r"[/?#]", url[match.end() + 2 :], maxsplit=1)[0]
    if "@" in authority:
        raise GuardError("The URL carries a user name or password; take them out and use `auth:`.")
    host, port = _split_port(authority)
    check_host(host, allow_private)
    if port is not None:
        check_port(port)


def check_host(host: str, allow_private: bool = False) -> None:
    """Refuse a host that is not a public name or address in its one plain spelling; raises GuardError."""
    if not host:
        raise GuardError("The URL has no host; write it as https://host/path.")
    if host.startswith("["):
        _check_address(_ipv6(host), allow_private)
    elif _DOTTED_QUAD.fullmatch(host):
        _check_address(_ipv4(host), allow_private)
    else:
        _check_name(host, allow_private)


def check_port(port: str | int) -> None:
    """Refuse what is no TCP port; raises GuardError."""
    text = str(port)
    if not (text.isascii() and text.isdigit() and len(text) <= 5 and 1 <= int(text) <= 65535):
        raise GuardError("The port must be a whole number from 1 to 65535.")


def check_method(method: str) -> None:
    """Refuse a method that a probe must not use; raises GuardError."""
    if method not in METHODS:
        raise GuardError(f"The method must be one of {', '.join(METHODS)}.")


def check_header(name: str, value: str) -> None:
    """Refuse a request header that could break the request apart or is the prober's to write; raises GuardError."""
    if not _TOKEN.fullmatch(name):
        raise GuardError("A header's name may hold letters, digits and - only.")
    if name.lower() in OWN_HEADERS:
        raise GuardError(f"The header {name} is written by the prober; take it out.")
    if not _HEADER_VALUE.fullmatch(value):
        raise GuardError(f"The value of the header {name} holds a line break, a control character or is not Latin-1.")


def _check_characters(url: str) -> None:
    if len(url) > LONGEST_URL:
        raise GuardError(f"The URL is longer than {LONGEST_URL} characters.")
    if url.isprintable() and " " not in url and "\\" not in url:
        return
    for place, char in enumerate(url, start=1):
        if char.isspace() or char == "\\" or not char.isprintable():
            raise GuardError(f"The URL has a space, a backslash or an invisible character at position {place}.")


def _split_port(authority: str) -> tuple[str, str | None]:
    if authority.startswith("["):
        inside, bracket, rest = authority.partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            raise GuardError("The IPv6 address must stand in [brackets].")
        return inside + bracket, rest[1:] if rest else None
    host, colon, port = authority.partition(":")
    if ":" in port:
        raise GuardError("An IPv6 address must stand in [brackets].")
    return host, port if colon else None


def _ipv6(host: str) -> Address:
    if "%" in host:
        raise GuardError("An IPv6 zone (%) means something on one machine only; take it out.")
    try:
        return IPv6Address(host[1:-1])
    except ValueError:
        raise GuardError("What stands in the [brackets] is not an IPv6 address.") from None


def _ipv4(host: str) -> Address:
    try:
        return IPv4Address(host)
    except ValueError:
        raise GuardError("The host is not an IPv4 address: each part goes from 0 to 255.") from None


def _check_address(address: Address, allow_private: bool) -> None:
    if why := why_refused(address, allow_private=allow_private):
        raise GuardError(f"{address} is {why}; only public addresses can be watched.")


def _check_name(host: str, allow_private: bool) -> None:
    if "%" in host:
        raise GuardError("The host holds a % code; write it out.")
    labels = _ascii_labels(host)
    if _NUMBER.fullmatch(labels[-1]):
        raise GuardError("The host is a number; write an address as four decimal parts, such as 93.184.216.34.")
    if allow_private:
        return
    if len(labels) == 1:
        raise GuardError(f"{labels[0]!r} is a name of one's own network; write a full name such as www.example.com.")
    name = "." + ".".join(labels)
    if any(name.endswith("." + inner) for inner in INNER_NAMES):
        raise GuardError(f"Names that end in .{labels[-1]} belong to one's own network; watch public names only.")


def _ascii_labels(host: str) -> list[str]:
    """The host's labels in lower-case ASCII, without the root's dot; raises GuardError where a label is no label."""
    try:
        ascii_host = host if host.isascii() else host.encode("idna").decode("ascii")
        labels = ascii_host.lower().removesuffix(".").split(".")
        if len(ascii_host) > LONGEST_HOST or not all(_is_label(label) for label in labels):
            raise ValueError
    except (UnicodeError, ValueError):
        raise GuardError("The host is not a host name: check its spelling.") from None
    if not host.isascii() and _DOTTED_QUAD.fullmatch(".".join(labels)):
        raise GuardError("The host is an address in disguise; write it in plain digits and dots.")
    return labels


def _is_label(label: str) -> bool:
    if len(label) > LONGEST_LABEL or not _LABEL.fullmatch(label):
        return False
    return not label.startswith("xn--") or _is_punycode(label)


def _is_punycode(label: str) -> bool:
    # A code that decodes to nothing or to plain ASCII is a forgery: no registry gives it out.
    decoded = label.removeprefix("xn--").encode().decode("punycode")
    return not decoded.isascii() and all(char.isalnum() or char == "-" or ord(char) > 0x2FF for char in decoded)
