"""Resumption tokens: where a long list goes on, told by the token itself and signed, so that any process of
the service can go on with it and nobody else can make one (OAI-PMH 2.0, section 3.5)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta

from vo_service.registry.errors import OaiError

LIFETIME = timedelta(days=1)
_SIGNATURE_BYTES = 16


@dataclass(frozen=True, slots=True)
class Position:
    """Where a list goes on: what was asked for, the last identifier that was given, and how many were."""

    verb: str
    prefix: str
    first: str | None
    last: str | None
    after: str
    given: int


@dataclass(frozen=True, slots=True)
class Issued:
    """A token and when it expires (UTC)."""

    token: str
    expires: datetime


class Tokens:
    """Writes and reads tokens with a key that all processes of the service share."""

    def __init__(self, key: str) -> None:
        self._key = key.encode()

    def write(self, position: Position, now: datetime) -> Issued:
        """A token for a position."""
        expires = now.astimezone(UTC).replace(microsecond=0) + LIFETIME
        content = json.dumps([int(expires.timestamp()), asdict(position)], separators=(",", ":")).encode()
        return Issued(base64.urlsafe_b64encode(self._sign(content) + content).decode().rstrip("="), expires)

    def read(self, token: str, verb: str, now: datetime) -> Position:
        """The position of a token. Raises OaiError for one that is not ours, of another verb, or too old."""
        try:
            whole = base64.b64decode(token.encode("ascii") + b"=" * (-len(token) % 4), b"-_", validate=True)
        except (binascii.Error, ValueError) as error:
            raise _bad() from error
        signature, content = whole[:_SIGNATURE_BYTES], whole[_SIGNATURE_BYTES:]
        if not hmac.compare_digest(signature, self._sign(content)):
            raise _bad()
        expires, fields = json.loads(content)
        position = Position(**fields)
        if position.verb != verb:
            raise _bad()
        if now.timestamp() > expires:
            raise OaiError("badResumptionToken", "The resumptionToken has expired: begin the list anew.")
        return position

    def _sign(self, content: bytes) -> bytes:
        return hmac.new(self._key, content, hashlib.sha256).digest()[:_SIGNATURE_BYTES]


def _bad() -> OaiError:
    return OaiError("badResumptionToken", "The resumptionToken is none that this verb has given out.")
