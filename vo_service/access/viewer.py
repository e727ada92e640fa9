"""Who asks."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Viewer:
    """The person or program behind a request: ``subject`` is None for somebody unknown."""

    subject: str | None = None
    scopes: frozenset[str] = frozenset()


ANONYMOUS = Viewer()
