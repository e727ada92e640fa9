"""What a file holds, as far as it is known: how a changed file is told from one that was only touched.

Size and time of change say that nothing has happened to a file. Where the time is another, only the bytes
tell: their SHA-256 is kept for every small file, and for a large one once something else has read it whole.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from vo_service.holdings.describe import describe_product
from vo_service.holdings.group import Place
from vo_service.holdings.members import TarNote
from vo_service.holdings.read import is_as_found, source_of
from vo_service.holdings.records import UNKNOWN_SIZE, FoundFile, Product
from vo_service.pixels.sources import ByteSource
from vo_service.store import RootPlace

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
    """Describes files and digests the small ones, those at the places ``sought``, and those whose digest was
    ``stated``, to compare it; of what lies behind a URL only the last. Can be pickled.
    """

    sought: frozenset[Place] = frozenset()
    stated: Mapping[Place, str] = field(default_factory=dict)
    tars: Mapping[Place, TarNote] = field(default_factory=dict)

    def __call__(self, found: FoundFile, root: RootPlace) -> Product:
        """The product of a file below ``root``; never raises for a bad file.

        One that has not stayed as it was found has the error ``changed``, whatever else was read in it.
        """
        began = time.perf_counter()
        product = describe_product(found, root)
        source = source_of(found, root)
        if self._is_wanted(found, root):
            product = replace(product, sha256=digest_file(source, found))
        product = self._judge(product, source)
        return replace(product, duration=time.perf_counter() - began)

    def _is_wanted(self, found: FoundFile, root: RootPlace) -> bool:
        place = (found.root, found.path)
        if isinstance(root, str):
            return place in self.stated
        return found.size_bytes <= SMALL_BYTES or place in self.sought

    def _judge(self, product: Product, source: ByteSource) -> Product:
        found = product.file
        place = (found.root, found.path)
        product = _noted(product, self.tars.get(place))
        if product.error_kind in _NOT_READ:
            return product
        try:
            if not is_as_found(found, source):
                return _failed(product, "changed", f"{source.name} changed while it was read")
        except OSError:
            return _failed(product, "changed", f"{source.name} went away while it was read")
        stated = self.stated.get(place)
        if stated is not None and product.sha256 != stated:
            told = f"its SHA-256 is {product.sha256}, the manifest says {stated}"
            return _failed(product, "unreadable", f"{source.name}: {told}")
        return product


_NOT_READ = frozenset({"permission", "changed", "unreadable", "internal"})


def _noted(product: Product, note: TarNote | None) -> Product:
    """The product of a tar says what it is, and what is wrong with it."""
    if note is None or product.layout is not None:
        return product
    files = "file" if note.count == 1 else "files"
    evidence = f"a tar of {note.count} {files}, each listed by itself"
    product = replace(product, role="unknown", evidence=evidence, media_type=note.media_type)
    return product if note.fault is None or product.error_kind is not None else _failed(product, *note.fault)


def _failed(product: Product, kind: str, message: str) -> Product:
    return replace(product, error_kind=kind, error_message=message)


def digest_file(source: ByteSource, found: FoundFile) -> str | None:
    """SHA-256 (hexadecimal) of a file in the state in which it was found; None where it cannot be read, or is
    in another state before or after, or ends too early."""
    summed, size = hashlib.sha256(), 0
    try:
        if not is_as_found(found, source):
            return None
        with source.open() as file:
            while block := file.read(_BLOCK):
                summed.update(block)
                size += len(block)
        if size != found.size_bytes and found.size_bytes != UNKNOWN_SIZE:
            return None
        return summed.hexdigest() if is_as_found(found, source) else None
    except OSError:
        return None
