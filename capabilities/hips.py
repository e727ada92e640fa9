"""The capability of a node of tile trees: its list, by which they are found (HiPS 1.0 section 5.3.1)."""

from __future__ import annotations

from typing import Final

from pydantic import AnyUrl
from vo_models.voresource.models import Capability

from capabilities.security import EVERYBODY, Login, interfaces

HIPSLIST: Final = "ivo://ivoa.net/std/hips#hipslist-1.0"
_VERSION: Final = "1.0"


def hipslist_capability(address: str, login: Login = EVERYBODY) -> Capability:
    """The list at an address, which is taken as it stands (HIPS-115). It tells all the same, so that no login
    is declared where none is required: clients of trees know no such thing (HIPS-120)."""
    declared = login if login.required else EVERYBODY
    return Capability(standard_id=AnyUrl(HIPSLIST), interface=interfaces(address, "full", _VERSION, declared))
