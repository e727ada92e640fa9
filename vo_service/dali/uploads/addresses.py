"""Which hosts may be asked for tables, and at which network addresses (DALI-073, TAP-082).

A name is resolved once, each address that it has is looked at, and the connection goes to one of those very
addresses: what the name means a moment later has no effect. Numbers in the place of a name are read as the
operating system would read them, decimal, octal and hexadecimal ones too.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from vo_service.dali.errors import ErrorKind, ServiceError, usage
from vo_service.dali.parameters import shortened

Resolve = Callable[[str, int], list[str]]
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_PORTS = {"http": 80, "https": 443}
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_NAT64_LOCAL = ipaddress.ip_network("64:ff9b:1::/48")
_PROTOCOLS = ipaddress.ip_network("192.0.0.0/24")


@dataclass(frozen=True, slots=True)
class Target:
    """Where to connect to: the network address, and what stands in the URL."""

    scheme: str
    host: str
    port: int
    address: str
    path: str

    @property
    def host_header(self) -> str:
        """The value of the Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"


def resolve(host: str, port: int) -> list[str]:
    """All network addresses of a host. Raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def target_of(url: str, hosts: tuple[str, ...], private: bool, find: Resolve = resolve) -> Target:
    """Where a URL leads. Raises ServiceError (400) for one that may not be asked, without telling which
    addresses its host has.

    ``hosts`` are the patterns that are allowed, ``private`` lifts the ban on addresses that are not public.
    """
    scheme, host, port, path = _split(url)
    if not any(_matches(pattern, host, port, scheme) for pattern in hosts):
        raise usage(
            f"Tables are not fetched from {shortened(host)!r}.",
            "Send the table with the request (param:), or ask the operator to allow this host.",
        )
    try:
        addresses = find(host, port)
    except (OSError, UnicodeError) as error:
        raise ServiceError(ErrorKind.USAGE, f"The host {shortened(host)!r} is not known.") from error
    if not addresses:
        raise usage(f"The host {shortened(host)!r} is not known.")
    if not private and not all(is_public(address) for address in addresses):
        raise usage(f"Tables are not fetched from {shortened(host)!r}: its address is not a public one.")
    return Target(scheme, host, port, addresses[0], path)


def is_public(text: str) -> bool:
    """Whether a network address is one of the public internet, whatever form it is dressed in."""
    address: Address = ipaddress.ip_address(text.partition("%")[0])
    if address in _NAT64:  # where a network has IPv6 alone, this is how it reaches the others
        return _is_public(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    return all(_is_public(one) for one in (address, *_within(address)))


def _is_public(address: Address) -> bool:
    if address.is_multicast or address.is_reserved or address.is_unspecified or address in _PROTOCOLS:
        return False
    return address.is_global and not (isinstance(address, ipaddress.IPv6Address) and address.is_site_local)


def _within(address: Address) -> list[Address]:
    """IPv4 addresses that an IPv6 address stands for."""
    if isinstance(address, ipaddress.IPv4Address):
        return []
    held: list[Address] = [*(address.teredo or ())]
    held += [one for one in (address.ipv4_mapped, address.sixtofour) if one is not None]
    if address in _NAT64_LOCAL:
        held.append(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    return held


def _split(url: str) -> tuple[str, str, int, str]:
    """Scheme, host, port and path of a URL. Raises ServiceError for one that is none of ours."""
    scheme = url.partition(":")[0].lower()
    if scheme not in _PORTS:
        raise usage(
            f"UPLOAD does not take tables from {shortened(scheme)}: addresses.",
            "Send the table with the request (param:), or name an http(s) address.",
        )
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise usage(f"The address {shortened(url)!r} cannot be read.") from error
    if not host or not url.isascii() or any(ord(c) < 33 or c in '\\"<>^`{|}' for c in url):
        raise usage(f"The address {shortened(url)!r} cannot be read.")
    if parts.username is not None or parts.password is not None:
        raise usage("An address with a user name or a password is not fetched.")
    path = parts.path or "/"
    path += f"?{parts.query}" if parts.query else ""
    return scheme, host.lower().rstrip("."), port or _PORTS[scheme], path


def _matches(pattern: str, host: str, port: int, scheme: str) -> bool:
    """Whether a host is meant by a pattern: ``data.example.org``, ``*.example.org``, ``example.org:8080``."""
    name, _, wanted = pattern.partition(":")
    if port != (int(wanted) if wanted else _PORTS[scheme]):
        return False
    return host.endswith(name[1:]) if name.startswith("*.") else host == name
