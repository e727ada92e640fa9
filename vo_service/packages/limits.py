"""What a package may hold."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PackageLimits:
    """``identifiers`` that a request may name, by itself or by a query; files, and bytes of all of them, of
    one tar or script; files that lie with other servers, each of which is asked for its state before a tar
    begins; characters of a query."""

    identifiers: int = 10_000
    files: int = 10_000
    bytes: int = 1 << 41
    far_files: int = 1_000
    query_characters: int = 100_000
