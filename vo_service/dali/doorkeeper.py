"""The layer that asks for permits: judges each request before any handler, and says in each answer who was
taken for whom, or how to log in (AUTH-001 to AUTH-006, AUTH-030 to AUTH-035, AUTH-059)."""

from __future__ import annotations

import re

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vo_service.dali.addresses import Addresses
from vo_service.dali.challenges import Refusal, challenge_lines
from vo_service.dali.errors import ErrorKind, ServiceError
from vo_service.dali.identity import WANTED_SCOPE, BadPermit, Caller, Identity
from vo_service.dali.replies import text_reply

_FOR_ALL = re.compile(
    r"/(?:tap|sia2|datalink|soda|cone/[^/]+)/(?:capabilities|availability)|/healthz|/metrics|/login|/registry(?:/capabilities|/availability)?"
)


class Doorkeeper:
    """Stands before all handlers. ``identity`` judges; ``base_url`` as for links."""

    def __init__(self, app: ASGIApp, identity: Identity, base_url: str | None) -> None:
        self._app = app
        self._identity = identity
        self._base_url = base_url

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        caller: Caller | None = None
        refusal: Refusal | None = None
        trouble: ServiceError | None = None
        try:
            caller = await self._identity.judge(scope)
            scope.setdefault("state", {}).update(caller=caller, client=caller.client)
            trouble = self._closed_to(caller, scope)
        except ServiceError as error:
            trouble, refusal = error, error.refusal if isinstance(error, BadPermit) else None

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._mark(message, scope, caller, refusal)
            await send(message)

        if trouble is not None:
            await text_reply(trouble)(scope, receive, send_with_headers)
        else:
            await self._app(scope, receive, send_with_headers)

    def _closed_to(self, caller: Caller, scope: Scope) -> ServiceError | None:
        """In required mode nothing is there for the anonymous but what VOSI wants to be for all (AUTH-006),
        records of a registry, the login, and what says how the service is: /healthz, and /metrics, which asks
        by itself who may read it."""
        if self._identity.policy.mode != "required" or caller.viewer.subject is not None:
            return None
        if _FOR_ALL.fullmatch(scope["path"]):
            return None
        return ServiceError(
            ErrorKind.UNAUTHENTICATED,
            "This service answers to those with a token only.",
            "Send it as Bearer, or as the password of Basic.",
        )

    def _mark(self, message: Message, scope: Scope, caller: Caller | None, refusal: Refusal | None) -> None:
        """What the answer says of who asked."""
        status, headers = message["status"], MutableHeaders(raw=list(message.get("headers", [])))
        policy, offered = self._identity.policy, self._identity.is_offered()
        subject = None if caller is None else caller.viewer.subject
        schemes: tuple[str, ...] = ()
        if subject is not None:
            headers["X-VO-Authenticated"] = subject
            headers["Cache-Control"] = _private(headers.get("cache-control"))
            wanted = scope["state"].get(WANTED_SCOPE)
            if status == 403 and wanted is not None and caller is not None and caller.scheme == "bearer":
                schemes = ("Bearer",)
                refusal = Refusal("insufficient_scope", "the token does not bear this right", wanted)
        elif "x-vo-authenticated" in headers:  # somebody has just logged in
            pass
        elif policy.mode != "anonymous" and (offered or status == 401 or refusal is not None):
            schemes = policy.challenges
        if subject is not None or schemes:
            headers.add_vary_header("Authorization")
        if schemes:
            lines = challenge_lines(schemes, Headers(scope=scope), status, self._login(scope), refusal)
            for line in lines:
                headers.append("WWW-Authenticate", line)
        message["headers"] = headers.raw

    def _login(self, scope: Scope) -> str | None:
        """Where passwords are taken; only by https (AUTH-010)."""
        if "ivoa_bearer" not in self._identity.policy.challenges:
            return None
        try:
            address = Addresses(self._base_url, self._identity.policy.trust_proxy).of(Request(scope))
        except ServiceError:
            return None
        return f"{address}/login" if address.startswith("https://") else None


def _private(present: str | None) -> str:
    """Cache-Control of an answer to one user: no cache that others share may keep it."""
    directives = [each.strip() for each in (present or "").split(",") if each.strip()]
    if "no-store" in directives:
        return "no-store"
    kept = [each for each in directives if each not in ("public", "private") and "s-maxage" not in each]
    return ", ".join(["private", *kept])
