"""Access tokens: how they look, how they are made, and which of them open something now.

A token is the text ``vo_<id>_<secret>``. Only the SHA-256 of the secret is stored: it has 256 random bits, so
that a plain digest cannot be turned round.
"""

from __future__ import annotations

import hashlib
import hmac
import math
import re
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from vo_service.access.viewer import Viewer
from vo_service.store.tokens import StoredToken, TokenTable

TOKEN = re.compile(r"vo_([0-9a-f]{12})_([A-Za-z0-9_-]{43})")
SUBJECT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}")
"""Who a token is for: it stands in headers, in job documents and as user name before a colon."""

SECONDS_KEPT = 3.0
"""How old the list of live tokens may be: a revoked one is refused after that at the latest."""


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token that was just made; its ``text`` is nowhere else."""

    text: str
    stored: StoredToken


def make_token(
    subject: str,
    scopes: frozenset[str],
    now: datetime,
    expires: datetime | None,
    parent: str | None = None,
) -> NewToken:
    """A new token, not stored yet. Raises ValueError for a subject that cannot stand in a header."""
    if not SUBJECT.fullmatch(subject):
        raise ValueError(
            f"{subject!r} is no subject: up to 64 letters, digits and . _ @ + - are wanted, and none of these"
            " marks at its start"
        )
    token_id, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
    stored = StoredToken(token_id, _digest(secret), subject, scopes, now, expires, parent=parent)
    return NewToken(f"vo_{token_id}_{secret}", stored)


class Tokens:
    """The live tokens, as they were ``kept`` seconds ago at most. Safe for several threads."""

    def __init__(self, table: TokenTable, clock: Callable[[], datetime], kept: float = SECONDS_KEPT) -> None:
        self._table = table
        self._clock = clock
        self._kept = kept
        self._lock = threading.Lock()
        self._live: dict[str, StoredToken] = {}
        self._last: datetime | None = None  # when the last of them expires
        self._read = -math.inf

    @property
    def is_fresh(self) -> bool:
        """Whether the list may be used as it is."""
        return time.monotonic() - self._read < self._kept

    def refresh(self, since: float | None = None) -> None:
        """Read the list again where it is too old, or older than ``since`` (of time.monotonic).

        May block; raises CatalogueError, and then the old list stays as it is.
        """
        with self._lock:
            if self._read >= since if since is not None else self.is_fresh:
                return
            asked = time.monotonic()
            live = self._table.live(self._clock())
            self._live = {each.token_id: each for each in live}
            self._last = max((each.expires or _NEVER for each in live), default=None)
            self._read = asked

    def any_live(self) -> bool:
        """Whether anybody has a token that is good now."""
        return self._last is not None and self._clock() < self._last

    def may_be_newer(self, text: str) -> bool:
        """Whether the text looks like a token that may have been made since the list was read."""
        parts = TOKEN.fullmatch(text)
        return parts is not None and parts[1] not in self._live

    def find(self, text: str) -> StoredToken | None:
        """The live token of this text; None for any other text, whatever is wrong with it."""
        parts = TOKEN.fullmatch(text)
        found = None if parts is None else self._live.get(parts[1])
        # the comparison is made for an unknown name too, so that its time tells nothing
        digest = _digest(parts[2]) if parts is not None else ""
        same = hmac.compare_digest(digest, found.digest if found is not None else _NO_DIGEST)
        return found if found is not None and same and found.is_live(self._clock()) else None

    def viewer_now(self, subject: str, scopes: frozenset[str]) -> Viewer | None:
        """Who asked for a job that runs later, with those of its scopes that the tokens of the same subject
        still bear; None where the subject has no token any more.

        May block; raises CatalogueError.
        """
        self.refresh()
        now = self._clock()
        held = [each.scopes for each in self._live.values() if each.subject == subject and each.is_live(now)]
        return Viewer(subject, scopes & frozenset().union(*held)) if held else None


_NO_DIGEST = "0" * 64
_NEVER = datetime.max.replace(tzinfo=UTC)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("ascii")).hexdigest()
