"""Who asks: from the headers of a request to a viewer, the same at every door (design 4.3).

`Doorkeeper` (dali/doorkeeper.py) judges each request once, before any handler; handlers ask `Identity` for
the outcome. A permit that is no good is refused wherever it is shown: nobody gets fewer rows without knowing
why (AUTH-031). Only the header Authorization is read: no cookie, no certificate, no name that a proxy tells,
no parameter (AUTH-051, AUTH-056).
"""

from __future__ import annotations

import base64
import binascii
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b

from anyio import CapacityLimiter, to_thread
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import Scope

from capabilities.security import EVERYBODY, Login
from vo_service.access import ANONYMOUS, Viewer
from vo_service.access.tokens import Tokens
from vo_service.dali.challenges import STANDARD_IDS, Refusal
from vo_service.dali.errors import ErrorKind, ServiceError
from vo_service.dali.networks import counted_network, is_near
from vo_service.dali.outage import Outage
from vo_service.store import StoreError
from vo_service.store.tokens import StoredToken

_log = logging.getLogger(__name__)
WANTED_SCOPE = "wanted_scope"
"""In the state of a request: the scope that would have opened what was refused."""


@dataclass(frozen=True, slots=True)
class AuthPolicy:
    """What an operator sets of authentication, as in `vo_service.settings`; ``salt`` makes the hashes of
    clients those of this service alone."""

    mode: str = "anonymous"
    challenges: tuple[str, ...] = ("Basic", "Bearer")
    plain_http_tokens: bool = False
    trust_proxy: bool = False
    salt: str = ""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, and how that was found: ``scheme`` is basic, bearer, or None without a permit."""

    viewer: Viewer
    client: str
    scheme: str | None = None


class BadPermit(ServiceError):
    """A permit that is not taken; ``refusal`` goes into the challenges."""

    def __init__(self, kind: ErrorKind, message: str, hint: str, refusal: Refusal | None = None) -> None:
        super().__init__(kind, message, hint)
        self.refusal = refusal


class Identity:
    """Judges permits. Its methods may be called from the event loop; none of them blocks it."""

    def __init__(self, policy: AuthPolicy | None = None, tokens: Tokens | None = None) -> None:
        self.policy = policy or AuthPolicy()
        self._tokens = tokens
        self._one = CapacityLimiter(1)
        self._trouble = Outage(_log, "tokens cannot be read")

    def viewer(self, request: Request) -> Viewer:
        """Who asks. Raises ServiceError (401) where a token is needed and the request was not judged."""
        caller = _caller(request.scope)
        if caller is not None:
            return caller.viewer
        if self.policy.mode == "required":
            raise ServiceError(ErrorKind.UNAUTHENTICATED, "This service answers to those with a token only.")
        return ANONYMOUS

    def client(self, request: Request) -> str:
        """Whom limits are counted for: the subject of a token, else the network address; a hash of 16 hex
        digits."""
        caller = _caller(request.scope)
        return self._client(request.scope, ANONYMOUS) if caller is None else caller.client

    def refusal(
        self, request: Request, message: str, hint: str | None = None, scope: str | None = None
    ) -> ServiceError:
        """The error for something that the viewer may not have: 401 where a token could help, else 403
        (AUTH-030). ``scope`` is the one that would open it, where any would: the answer names it."""
        could_help = self.viewer(request).subject is None and self.is_offered()
        kind = ErrorKind.UNAUTHENTICATED if could_help else ErrorKind.FORBIDDEN
        request.scope.setdefault("state", {})[WANTED_SCOPE] = scope
        return ServiceError(kind, message, hint)

    def is_offered(self) -> bool:
        """Whether anybody is told how to log in now: always, never, or as soon as there is a token."""
        mode = self.policy.mode
        if mode == "auto":
            return self._tokens is not None and self._tokens.any_live()
        return mode in ("optional", "required")

    def declared(self) -> Login:
        """What capabilities say of logging in now (AUTH-021 to AUTH-027)."""
        if not self.is_offered():
            return EVERYBODY
        methods = tuple(STANDARD_IDS[scheme] for scheme in self.policy.challenges)
        return Login(methods, self.policy.mode == "required")

    async def judge(self, scope: Scope) -> Caller:
        """Who asks. Raises BadPermit for a permit that is not taken, ServiceError (503) where it cannot be
        checked."""
        headers = Headers(scope=scope)
        given = headers.getlist("authorization")
        if self.policy.mode == "anonymous" or self._tokens is None:
            if given:
                raise BadPermit(
                    ErrorKind.FORBIDDEN,
                    "This service takes no tokens.",
                    "Ask without the header Authorization.",
                )
            return Caller(ANONYMOUS, self._client(scope, ANONYMOUS))
        if not given:
            await self._refresh(self._tokens)
            return Caller(ANONYMOUS, self._client(scope, ANONYMOUS))
        self.require_privacy(scope)
        scheme, name, text = _permit(given)
        found = await self.find(name, text)
        viewer = Viewer(found.subject, found.scopes)
        return Caller(viewer, self._client(scope, viewer), scheme)

    async def find(self, name: str | None, text: str) -> StoredToken:
        """The live token of this text and, where a name is given, of this subject or identifier.

        Raises BadPermit (401), with the same words whatever is wrong, ServiceError (503) where tokens cannot
        be read.
        """
        tokens = self._tokens
        if tokens is None or not await self._refresh(tokens):
            raise ServiceError(ErrorKind.UNAVAILABLE, "Tokens cannot be checked at present.")
        if tokens.may_be_newer(text):
            await self._refresh(tokens, time.monotonic())
        found = tokens.find(text)
        if found is None or (name is not None and name not in (found.subject, found.token_id)):
            raise BadPermit(
                ErrorKind.UNAUTHENTICATED,
                "The token is unknown, expired or revoked, or is not that user's.",
                "Ask for a new one, or ask without the header Authorization.",
                Refusal("invalid_token", "unknown, expired or revoked"),
            )
        return found

    async def _refresh(self, tokens: Tokens, since: float | None = None) -> bool:
        """Have the list of tokens read again where it is too old, or older than ``since``; False where that
        cannot be."""
        if since is None and tokens.is_fresh:
            return True
        async with self._one:
            if self._trouble.pauses:
                return False  # else all who ask would wait for the same failure, one after the other
            try:
                await to_thread.run_sync(tokens.refresh, since)
            except StoreError as error:
                self._trouble.note(error)
                return False
        return True

    def require_privacy(self, scope: Scope) -> None:
        """Permits come by https, or from this machine (AUTH-050). Raises BadPermit (403)."""
        headers = Headers(scope=scope)
        if self.policy.plain_http_tokens or is_private(scope, headers, self.policy.trust_proxy):
            return
        raise BadPermit(
            ErrorKind.FORBIDDEN,
            "Tokens are not taken over plain http, where anybody on the way can read them.",
            "Have this one revoked, and come by https with another.",
        )

    def _client(self, scope: Scope, viewer: Viewer) -> str:
        who = (
            f"subject {viewer.subject}"
            if viewer.subject is not None
            else counted_network(self._address(scope))
        )
        key = self.policy.salt.encode("utf-8")[:64]
        return blake2b(who.encode("utf-8"), digest_size=8, key=key).hexdigest()

    def _address(self, scope: Scope) -> str:
        """The network address that the request came from; the nearest proxy's word where it is trusted."""
        if self.policy.trust_proxy:
            hops = ",".join(Headers(scope=scope).getlist("x-forwarded-for")).split(",")
            if hops[-1].strip():
                return hops[-1].strip()
        client = scope.get("client")
        return str(client[0]) if client else "local"


def is_private(scope: Scope, headers: Headers, trust_proxy: bool) -> bool:
    """Whether nobody on the way could read the request: by https up to the proxy that is trusted, or from a
    process of this machine which is no proxy."""
    if trust_proxy:
        told = ",".join(headers.getlist("x-forwarded-proto")).split(",")[-1].strip().lower()
        if told:
            return told == "https"
    if scope.get("scheme") == "https":
        return True
    return is_near(scope, headers)


def _caller(scope: Scope) -> Caller | None:
    caller = scope.get("state", {}).get("caller")
    return caller if isinstance(caller, Caller) else None


def _permit(given: Sequence[str]) -> tuple[str, str | None, str]:
    """Scheme, user name (None for Bearer) and token of an Authorization header. Raises BadPermit: 400 for one
    that cannot be read, 401 for a scheme that is not taken."""
    if len(given) > 1:
        raise _malformed("There are several Authorization headers.")
    scheme, _, rest = given[0].strip().partition(" ")
    rest = rest.strip()
    match scheme.lower():
        case "bearer":
            if not rest or " " in rest:
                raise _malformed("The Bearer token is empty or has blanks in it.")
            return "bearer", None, rest
        case "basic":
            try:
                name, colon, password = base64.b64decode(rest, validate=True).decode("utf-8").partition(":")
            except (binascii.Error, ValueError) as error:
                raise _malformed("The Basic credentials are not base64 of UTF-8 text.") from error
            if not colon:
                raise _malformed("The Basic credentials have no colon between user and password.")
            return "basic", name, password
        case _:
            raise BadPermit(
                ErrorKind.UNAUTHENTICATED,
                "This kind of Authorization is not known here.",
                "Send a token as Bearer, or as the password of Basic.",
            )


def _malformed(message: str) -> BadPermit:
    return BadPermit(
        ErrorKind.USAGE,
        message,
        "Send one header: Authorization: Bearer TOKEN.",
        Refusal("invalid_request", "the Authorization header cannot be read"),
    )
