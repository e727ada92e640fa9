"""Access tokens in the catalogue database: what is stored of one never gives it away."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from vo_service.store.catalogue import Catalogue
from vo_service.store.job_tables import token
from vo_service.store.moments import plain, plain_or_none, utc, utc_or_none


@dataclass(frozen=True, slots=True)
class StoredToken:
    """One token as stored. ``digest`` is the SHA-256 of its secret part, hexadecimal; times are UTC with
    zone; ``parent`` is the token by which somebody logged in and got this one."""

    token_id: str
    digest: str
    subject: str
    scopes: frozenset[str]
    created: datetime
    expires: datetime | None = None
    revoked: datetime | None = None
    parent: str | None = None

    def is_live(self, now: datetime) -> bool:
        """Whether it opens anything at ``now``; at the moment of its expiry it no longer does."""
        return self.revoked is None and (self.expires is None or now < self.expires)


class TokenTable:
    """The tokens of one service. Every method is one transaction and raises CatalogueError."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def add(self, new: StoredToken) -> bool:
        """Store a token; those that were made by a login and have expired go.

        False where the token that it is made with has been revoked meanwhile: then it is not stored.
        """
        with self._catalogue.writing() as connection:
            gone = sa.and_(token.c.parent.is_not(None), token.c.expires < plain(new.created))
            connection.execute(sa.delete(token).where(gone))
            if new.parent is not None and not _is_unrevoked(connection, new.parent):
                return False
            connection.execute(
                sa.insert(token).values(
                    token_id=new.token_id,
                    digest=new.digest,
                    subject=new.subject,
                    scopes=" ".join(sorted(new.scopes)),
                    created=plain(new.created),
                    expires=plain_or_none(new.expires),
                    revoked=plain_or_none(new.revoked),
                    parent=new.parent,
                )
            )
            return True

    def revoke(self, token_id: str, now: datetime) -> bool:
        """Revoke a token and those that were made with it by a login; False where there is none of this name
        that is not revoked already."""
        with self._catalogue.writing() as connection:
            _is_unrevoked(connection, token_id)  # a login that has begun ends before the next statement
            named = sa.or_(token.c.token_id == token_id, token.c.parent == token_id)
            changed = connection.execute(
                sa.update(token).where(named, token.c.revoked.is_(None)).values(revoked=plain(now))
            )
            return changed.rowcount > 0

    def listed(self) -> tuple[StoredToken, ...]:
        """All tokens, the newest last."""
        with self._catalogue.reading() as connection:
            rows = connection.execute(sa.select(token).order_by(token.c.created, token.c.token_id)).mappings()
            return tuple(_token(row) for row in rows)

    def live(self, now: datetime) -> tuple[StoredToken, ...]:
        """Those that are neither revoked nor expired."""
        unexpired = sa.or_(token.c.expires.is_(None), token.c.expires > plain(now))
        with self._catalogue.reading() as connection:
            rows = connection.execute(sa.select(token).where(token.c.revoked.is_(None), unexpired)).mappings()
            return tuple(_token(row) for row in rows)


def _is_unrevoked(connection: sa.Connection, token_id: str) -> bool:
    """Whether there is such a token, and it is not revoked; that stays so until the transaction ends."""
    found = sa.select(token.c.token_id).where(token.c.token_id == token_id, token.c.revoked.is_(None))
    return connection.scalar(found.with_for_update()) is not None


def _token(row: Mapping[Any, Any]) -> StoredToken:
    return StoredToken(
        token_id=row["token_id"],
        digest=row["digest"],
        subject=row["subject"],
        scopes=frozenset(row["scopes"].split()),
        created=utc(row["created"]),
        expires=utc_or_none(row["expires"]),
        revoked=utc_or_none(row["revoked"]),
        parent=row["parent"],
    )
