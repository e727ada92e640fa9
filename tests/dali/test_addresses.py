"""Under which address the service is known: the configured one, the client's, or a trusted proxy's."""

from __future__ import annotations

import pytest
from starlette.requests import Request

from vo_service.dali.addresses import Addresses
from vo_service.dali.errors import ServiceError


def request(scheme: str = "http", server: tuple[str, int] = ("10.0.0.1", 8000), **headers: str) -> Request:
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request(
        {
            "type": "http",
            "method": "GET",
            "path": "/tap",
            "scheme": scheme,
            "server": server,
            "headers": raw,
            "query_string": b"",
        }
    )


FORWARDED = {
    "x_forwarded_proto": "https",
    "x_forwarded_host": "vo.example.org",
    "x_forwarded_prefix": "/alma/",
}


@pytest.mark.parametrize(
    ("configured", "trust", "headers", "address"),
    [
        (None, False, {"host": "a.example.org:8080"}, "http://a.example.org:8080"),
        (None, False, {"host": "[::1]:80"}, "http://[::1]:80"),
        (None, False, {}, "http://10.0.0.1:8000"),
        ("https://vo.example.org/x", False, {"host": "a"}, "https://vo.example.org/x"),
        ("https://vo.example.org/x", True, {"host": "a", **FORWARDED}, "https://vo.example.org/x"),
        (None, False, {"host": "a", **FORWARDED}, "http://a"),
        (None, True, {"host": "a", **FORWARDED}, "https://vo.example.org/alma"),
        (None, True, {"host": "a"}, "http://a"),
        (
            None,
            True,
            {"host": "a", "x_forwarded_host": "b, c", "x_forwarded_proto": "https, http"},
            "https://b",
        ),
    ],
)
def test_the_address_is(configured: str | None, trust: bool, headers: dict[str, str], address: str) -> None:
    # VOSI-017, design 4.8
    assert Addresses(configured, trust).of(request(**headers)) == address


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "a/b"},
        {"host": "a b"},
        {"host": 'a"><script>'},
        {"host": "a@b"},
        {"host": "a:99999999"},
        {"host": "a", "x_forwarded_host": "evil.example/../"},
        {"host": "a", "x_forwarded_proto": "javascript"},
        {"host": "a", "x_forwarded_prefix": "//evil"},
    ],
)
def test_what_is_no_host_never_gets_into_a_link(headers: dict[str, str]) -> None:
    with pytest.raises(ServiceError) as caught:
        Addresses(None, True).of(request(**headers))
    assert caught.value.status == 400
