"""What a token may allow, as words that are stored with it."""

from __future__ import annotations

READ_ALL = "read:all"
"""The scope that sees everything."""

KNOWN = {READ_ALL: "everything that is held, whatever its release date"}
"""Scopes that a token may bear, with what each of them opens. A token without any has jobs of its own."""


def read_scopes(words: tuple[str, ...]) -> frozenset[str]:
    """Scopes as somebody wrote them. Raises ValueError for a word that is no scope."""
    for word in words:
        if word not in KNOWN:
            raise ValueError(f"{word!r} is no scope; there is {', '.join(KNOWN)}")
    return frozenset(words)
