"""How a client is asked for a permit: the values of WWW-Authenticate, one line each (AUTH-005, section 2)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from starlette.datastructures import Headers

REALM = "vo-service"
"""One realm for the whole suite: who has logged in at one service is logged in at all (AUTH-014)."""

STANDARD_IDS = {
    "Basic": "ivo://ivoa.net/sso#BasicAA",
    "Bearer": "ivo://ivoa.net/sso#OAuth",
    "ivoa_bearer": "ivo://ivoa.net/sso#tls-with-password",
}
"""The security method that a registry record names for each challenge."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """What was wrong with a permit, in RFC 6750's words: ``error`` is invalid_token, invalid_request or
    insufficient_scope, ``scope`` what would have been enough."""

    error: str
    description: str
    scope: str | None = None


def challenge_lines(
    schemes: Sequence[str], headers: Headers, status: int, login: str | None, refusal: Refusal | None
) -> Iterator[str]:
    """The challenges of one answer.

    ``login`` is the https address at which passwords are taken, None where there is none: ivoa_bearer is not
    offered then (AUTH-010). A 401 for a script in a page has no Basic as long as anything else is left, lest
    the browser ask for a password (AUTH-016).
    """
    offered = [scheme for scheme in schemes if scheme != "ivoa_bearer" or login is not None] or ["Basic"]
    if status == 401 and _by_a_script(headers):
        offered = [scheme for scheme in offered if scheme != "Basic"] or ["Bearer"]
    for scheme in offered:
        match scheme:
            case "Basic":
                yield f'Basic realm="{REALM}", charset="UTF-8"'
            case "Bearer":
                yield f'Bearer realm="{REALM}"{_error(refusal)}'
            case _:
                standard = STANDARD_IDS[scheme]
                yield f'{scheme} standard_id="{standard}", access_url="{login}"{_error(refusal)}'


def _error(refusal: Refusal | None) -> str:
    if refusal is None:
        return ""
    wanted = "" if refusal.scope is None else f', scope="{refusal.scope}"'
    return f', error="{refusal.error}", error_description="{refusal.description}"{wanted}'


def _by_a_script(headers: Headers) -> bool:
    wanted = headers.get("sec-fetch-dest")
    return "x-requested-with" in headers or (wanted is not None and wanted.lower() != "document")
