"""Under which address the client knows the service: links in answers start with it (design 4.8, VOSI-017).

A configured base URL is used as it stands. Without one it is the address the client came by, and, only where
the operator says that a proxy stands before the service, what that proxy tells in ``X-Forwarded-*``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from starlette.requests import Request

from vo_service.dali.errors import usage

# a host name, an IPv4 address, or an IPv6 address in brackets, and perhaps a port: nothing that could
# leave the place of a host in a link
_HOST = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?")
_PREFIX = re.compile(r"(?:/[A-Za-z0-9._~-]+)+")


@dataclass(frozen=True, slots=True)
class Addresses:
    """What an operator sets of addresses: the base URL, None where it is the one that a client came by, and
    whether a proxy is believed."""

    base_url: str | None = None
    trust_proxy: bool = False

    def of(self, request: Request) -> str:
        """The base URL of the service for this request, without a slash at its end.

        Raises ServiceError (400) where the client's Host header is no host.
        """
        if self.base_url is not None:
            return self.base_url
        scheme = request.url.scheme
        host = request.headers.get("host") or _listening(request)
        prefix = ""
        if self.trust_proxy:
            scheme = _forwarded(request, "proto").lower() or scheme
            host = _forwarded(request, "host") or host
            prefix = _forwarded(request, "prefix").rstrip("/")
        if not _HOST.fullmatch(host) or scheme not in ("http", "https"):
            raise usage("The Host of the request is not a host name.")
        if prefix and not _PREFIX.fullmatch(prefix):
            raise usage("The X-Forwarded-Prefix of the request is not a path.")
        return f"{scheme}://{host}{prefix}"


def _forwarded(request: Request, what: str) -> str:
    """The first (outermost) value of an X-Forwarded header, or an empty text."""
    return request.headers.get(f"x-forwarded-{what}", "").partition(",")[0].strip()


def _listening(request: Request) -> str:
    """The address the server listens at, for an HTTP/1.0 request without a Host."""
    server = request.scope.get("server")
    if not server:
        return "localhost"
    host, port = server
    shown = f"[{host}]" if ":" in host else host
    return f"{shown}:{port}" if port else str(shown)
