"""What a script is to fetch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FileWanted:
    """A file: its ``path`` below the folder where the script is started, its address, bytes, SHA-256
    (hexadecimal) and entity tag, None where they are not known. ``reason``: why it needs a token, empty where
    it needs none."""

    path: str
    url: str
    size: int | None = None
    sha256: str | None = None
    etag: str | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class WishList:
    """The files of a package. ``absent`` are identifiers and files that are not to be had, each with the
    reason; ``elsewhere`` is what of those that are there others have."""

    name: str
    files: Sequence[FileWanted]
    absent: Sequence[tuple[str, str]] = ()
    elsewhere: Sequence[tuple[str, str]] = ()
