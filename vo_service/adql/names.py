"""Where the position of a name comes from, for ``source('M83')``."""

from __future__ import annotations

from typing import Protocol


class UnknownName(LookupError):
    """Nobody knows the name; ``near`` are names that are known and much alike."""

    def __init__(self, name: str, near: tuple[str, ...] = ()) -> None:
        super().__init__(name)
        self.name = name
        self.near = near


class Names(Protocol):
    """Knows the positions of targets."""

    def position(self, name: str) -> tuple[float, float]:
        """Longitude and latitude, degrees, ICRS. Raises UnknownName."""
        ...
