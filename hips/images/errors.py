"""What can go wrong when image trees are built."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType


class ImagesError(Exception):
    """The tree cannot be built; the text says what was wrong and what would be right."""

    left_out: Mapping[str, str] = MappingProxyType({})
    """Names of the fields of which it was known by then that they cannot be had, and why."""


class EngineMissing(ImagesError):
    """An engine that cannot run here: no Java, no library, no such name."""


class EngineFailed(ImagesError):
    """An engine that was there ended without its work done: killed, out of memory, an error of its own."""


class TreeRefused(ImagesError):
    """Somebody has looked at a tree that was made, and says that it is not to be served."""


class FieldFailed(ImagesError):
    """One field cannot be had (unreadable, no place on the sky, no valid pixel); the others can."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name}: {reason}")
        self.name = name
        self.reason = reason

    def __reduce__(self) -> tuple[type[FieldFailed], tuple[str, str]]:
        return type(self), (self.name, self.reason)
