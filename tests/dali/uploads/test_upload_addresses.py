"""Hosts that tables may be fetched from: patterns, forms of addresses, names that resolve to private ones."""

from __future__ import annotations

import socket
from collections.abc import Callable

import pytest

from vo_service.dali.errors import ServiceError
from vo_service.dali.uploads.addresses import Target, is_public, resolve, target_of

PUBLIC = "93.184.216.34"
HOSTS = ("data.example.org", "*.example.com", "ports.example.org:8080")


def finds(*addresses: str) -> Callable[[str, int], list[str]]:
    return lambda host, port: list(addresses)


def target(url: str, *addresses: str, hosts: tuple[str, ...] = HOSTS, private: bool = False) -> Target:
    return target_of(url, hosts, private, finds(*(addresses or (PUBLIC,))))


def refusal(url: str, *addresses: str, hosts: tuple[str, ...] = HOSTS) -> str:
    with pytest.raises(ServiceError) as caught:
        target(url, *addresses, hosts=hosts)
    assert caught.value.status == 400
    return caught.value.text


@pytest.mark.parametrize(
    ("url", "wanted", "header"),
    [
        ("http://data.example.org/a/b?c=d", ("http", 80, "/a/b?c=d"), "data.example.org"),
        ("https://data.example.org", ("https", 443, "/"), "data.example.org"),
        ("HTTPS://DATA.Example.ORG:443/x", ("https", 443, "/x"), "data.example.org"),
        ("http://data.example.org./x#part", ("http", 80, "/x"), "data.example.org"),
        ("https://a.b.example.com/x", ("https", 443, "/x"), "a.b.example.com"),
        ("http://ports.example.org:8080/x", ("http", 8080, "/x"), "ports.example.org:8080"),
    ],
)
def test_hosts_that_are_allowed(url: str, wanted: tuple[str, int, str], header: str) -> None:
    # TAP-082, DALI-073
    found = target(url)
    assert (found.scheme, found.port, found.path) == wanted
    assert (found.address, found.host_header) == (PUBLIC, header)


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/",
        "http://example.com/",
        "http://data.example.org.evil.net/",
        "http://evildata.example.org/",
        "http://evilexample.com/",
        "http://data.example.org:8080/",
        "http://ports.example.org/",
        "http://127.0.0.1/",
        "http://localhost/",
        "http://[::1]/",
        "http://2130706433/",
        "http://0x7f000001/",
        "http://0177.0.0.1/",
        "http://127.1/",
        "http://data.example.org@127.0.0.1/",
    ],
)
def test_hosts_that_are_not(url: str) -> None:
    # TAP-082
    told = refusal(url)
    assert "not fetched" in told


@pytest.mark.parametrize(
    "url",
    [
        "http://user@data.example.org/",
        "http://user:secret@data.example.org/",
        "http://data.example.org:99999/",
        "http://data.example.org:x/",
        "http:///x",
        "http://",
        "http://[::1",
        "http://data.example.org/\r\nHost: x",
        "http://data.example.org/a b",
        "http://data.example.org\\@127.0.0.1/",
        "http://dätä.example.org/",
        "http://data.example.org/%0d%0a" + "\x00",
        "ftp://data.example.org/x",
        "file:///etc/passwd",
        "vos://data.example.org/x",
        "gopher://data.example.org/x",
        "data:text/plain,x",
        "//data.example.org/x",
    ],
)
def test_addresses_that_are_none(url: str) -> None:
    # DALI-073
    assert "secret" not in refusal(url)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.8.9.10",
        "0.0.0.0",
        "10.1.2.3",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "192.0.0.8",
        "198.18.0.1",
        "203.0.113.5",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1",
        "fe80::1%eth0",
        "fec0::1",
        "fc00::1",
        "fd12:3456::1",
        "ff02::1",
        "2001:db8::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::ffff:a9fe:a9fe",
        "::127.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b::a00:1",
        "64:ff9b:1::a00:1",
        "2002:7f00:1::",
        "2002:a00:1::1",
        "2001:0:7f00:1:0:0:f5ff:fffe",
    ],
)
def test_addresses_that_are_not_public(address: str) -> None:
    # TAP-082: in whatever dress
    assert not is_public(address)
    told = refusal("http://data.example.org/", address)
    assert "its address is not a public one" in told
    assert address not in told
    assert target("http://data.example.org/", address, private=True).address == address


@pytest.mark.parametrize(
    "address", [PUBLIC, "8.8.8.8", "2606:2800:220:1:248:1893:25c8:1946", "64:ff9b::808:808"]
)
def test_addresses_that_are_public(address: str) -> None:
    assert is_public(address)


def test_every_address_of_a_host_counts() -> None:
    # TAP-082: a name with a public and a private address leads nowhere
    assert "not a public one" in refusal("http://data.example.org/", PUBLIC, "10.0.0.1")


def test_a_host_that_is_not_known() -> None:
    def fails(host: str, port: int) -> list[str]:
        raise socket.gaierror(-2, "Name or service not known")

    for find in (fails, lambda host, port: []):
        with pytest.raises(ServiceError, match=r"The host 'data\.example\.org' is not known"):
            target_of("http://data.example.org/", HOSTS, False, find)


def test_a_host_is_resolved_once() -> None:
    # TAP-082: what a name means a moment later has no effect
    asked: list[str] = []

    def turning(host: str, port: int) -> list[str]:
        asked.append(host)
        return [PUBLIC] if len(asked) == 1 else ["127.0.0.1"]

    assert target_of("http://data.example.org/", HOSTS, False, turning).address == PUBLIC
    assert asked == ["data.example.org"]


@pytest.mark.parametrize(
    "written", ["127.0.0.1", "2130706433", "0x7f000001", "0177.0.0.1", "127.1", "::ffff:127.0.0.1"]
)
def test_numbers_are_read_as_the_system_reads_them(written: str) -> None:
    # TAP-082: decimal, hexadecimal, octal and short forms all end here
    assert [is_public(address) for address in resolve(written, 80)] == [False]
