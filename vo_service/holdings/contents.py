"""What a file holds, as far as it is known: how a changed file is told from one that was only touched.

Size and time of change say that nothing has happened to a file. Where the time is another, only the bytes
tell: their SHA-256 is kept for every small file, and for a large one once something else has read it whole.
"""

from __future__ import annotations

import hashlib
import os
import time
from dataclasses import dataclass, replace
from pathlib import Path

from vo_service.holdings.describe import describe_product
from vo_service.holdings.group import Place
from vo_service.holdings.records import FoundFile, Product

SMALL_BYTES = 16 << 20
"""Files up to this size are digested when they are described: some milliseconds at most."""
LARGEST_BYTES = 32 << 30
"""Larger files are never read whole; they count as changed when their time is another."""
_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class Content:
    """The bytes of a file: size, time of change (nanoseconds since 1970), SHA-256 where it is known."""

    size_bytes: int
    modified_ns: int
    sha256: str | None

    def is_same(self, other: Content) -> bool:
        """Whether the bytes are surely the same. Without both digests size and time must agree."""
        if self.size_bytes != other.size_bytes:
            return False
        if self.sha256 is not None and other.sha256 is not None:
            return self.sha256 == other.sha256
        return self.modified_ns == other.modified_ns


def content_of(product: Product) -> Content:
    """The content of a described file."""
    return Content(product.file.size_bytes, product.file.modified_ns, product.sha256)


@dataclass(frozen=True)
class Describer:
    """Describes files and digests the small ones, and those at the places ``sought``. Can be pickled."""

    sought: frozenset[Place] = frozenset()

    def __call__(self, found: FoundFile, root: Path) -> Product:
        """The product of a file below ``root``; never raises for a bad file."""
        product = describe_product(found, root)
        wanted = found.size_bytes <= SMALL_BYTES or (found.root, found.path) in self.sought
        if not wanted:
            return product
        began = time.perf_counter()
        sha256 = digest_file(root / found.path, found)
        return replace(product, sha256=sha256, duration=product.duration + time.perf_counter() - began)


def digest_file(path: Path, found: FoundFile) -> str | None:
    """SHA-256 (hexadecimal) of a file in the state in which it was found; None where it cannot be read, or is
    in another state before or after."""
    try:
        with path.open("rb", buffering=0) as file:
            summed = hashlib.sha256()
            if not _is_as_found(file.fileno(), found):
                return None
            while block := file.read(_BLOCK):
                summed.update(block)
            return summed.hexdigest() if _is_as_found(file.fileno(), found) else None
    except OSError:
        return None


def _is_as_found(descriptor: int, found: FoundFile) -> bool:
    state = os.fstat(descriptor)
    return (state.st_size, state.st_mtime_ns) == (found.size_bytes, found.modified_ns)
