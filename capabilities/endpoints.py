"""The capabilities that every service has beside its own: those of VOSI and the examples of DALI."""

from __future__ import annotations

from pydantic import AnyUrl
from vo_models.voresource.models import AccessURL, Capability, WebBrowser

from capabilities.security import EVERYBODY, Login, interfaces

_VOSI = "ivo://ivoa.net/std/VOSI#"
_EXAMPLES = "ivo://ivoa.net/std/DALI#examples"


def vosi_capabilities(base: str) -> list[Capability]:
    """``base/capabilities`` and ``base/availability``, which are there for everybody (AUTH-020)."""
    return [_vosi(f"{base}/{name}", name, None, EVERYBODY) for name in ("capabilities", "availability")]


def tables_capability(base: str, login: Login) -> Capability:
    """``base/tables``: the tables that the asker may see (AUTH-025)."""
    return _vosi(f"{base}/tables", "tables-1.1", "1.1", login)


def examples_capability(base: str) -> Capability:
    """``base/examples``, a page for people and programs (DALI-020)."""
    page = AccessURL(value=AnyUrl(f"{base}/examples"), use="full")
    return Capability(standard_id=AnyUrl(_EXAMPLES), interface=[WebBrowser(access_url=[page])])


def _vosi(address: str, standard: str, version: str | None, login: Login) -> Capability:
    return Capability(
        standard_id=AnyUrl(_VOSI + standard), interface=interfaces(address, "full", version, login)
    )
