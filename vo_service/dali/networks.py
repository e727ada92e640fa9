"""Where a request comes from on the network: from this machine or not, by a proxy or not."""

from __future__ import annotations

import ipaddress

from starlette.datastructures import Headers
from starlette.types import Scope

_OF_PROXIES = frozenset(("forwarded", "via", "x-real-ip"))


def is_near(scope: Scope, headers: Headers) -> bool:
    """Whether a request comes from a process of this machine which sends it for nobody else."""
    if any(name.startswith("x-forwarded-") or name in _OF_PROXIES for name in headers):
        return False
    client = scope.get("client")
    return not client or _is_loopback(str(client[0]))


def counted_network(address: str) -> str:
    """The address as limits count it: of IPv6 the half that one customer has."""
    try:
        parsed = _parsed(address)
    except ValueError:
        return address
    if parsed.version == 6:
        return str(ipaddress.ip_network((int(parsed), 64), strict=False))
    return str(parsed)


def _is_loopback(address: str) -> bool:
    try:
        return _parsed(address).is_loopback
    except ValueError:
        return False


def _parsed(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """Raises ValueError where it is no address. Proxies may write brackets and a port."""
    bare = address
    if address.startswith("["):
        bare = address[1:].partition("]")[0]
    elif address.count(":") == 1:
        bare = address.partition(":")[0]
    parsed = ipaddress.ip_address(bare.partition("%")[0])
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is not None:
        return parsed.ipv4_mapped
    return parsed
