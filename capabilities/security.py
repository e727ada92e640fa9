"""Who may use an interface, in VOResource's words: securityMethod (AUTH-021 to AUTH-027, TAP-284).

An interface for everybody has none. Where one may log in as well, each way of doing so is one more interface
with the same address and without a role: that is valid by VOResource 1.1 and by 1.2, clients join the ways of
equal addresses, and those which take the first interface take the anonymous one. Where one has to log in, the
first way stands in the interface that has the role.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pydantic import AnyUrl
from vo_models.vodataservice.models import ParamHTTP
from vo_models.voresource.models import AccessURL, Interface, SecurityMethod

Use = Literal["base", "full"]
"""Whether clients put something behind an address (base) or take it as it stands (full)."""


@dataclass(frozen=True, slots=True)
class Login:
    """Ways to log in by their standardIDs, in order of preference; ``required`` where nobody may ask without.

    Raises ValueError for a login that is required in no way.
    """

    methods: tuple[str, ...] = ()
    required: bool = False

    def __post_init__(self) -> None:
        if self.required and not self.methods:
            raise ValueError("where everybody must log in there is a way to do so")


EVERYBODY = Login()
"""No login: all use is anonymous."""


def interfaces(address: str, use: Use, version: str | None, login: Login = EVERYBODY) -> list[Interface]:
    """The interfaces of one address that is asked by GET or POST with parameters.

    The first has the role ``std``; there is exactly one such.
    """
    ways: list[str | None] = [*login.methods] if login.required else [None, *login.methods]
    return [
        ParamHTTP(
            role="std" if number == 0 else None,
            version=version,
            access_url=[AccessURL(value=AnyUrl(address), use=use)],
            security_method=[] if way is None else [SecurityMethod(standard_id=AnyUrl(way))],
        )
        for number, way in enumerate(ways)
    ]
