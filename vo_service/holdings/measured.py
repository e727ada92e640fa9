"""A file's pixels as far as they are known: measured, or why they could not be."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from vo_service.holdings.measurement import ALGORITHM, Measurement
from vo_service.holdings.records import FoundFile, Product


@dataclass(frozen=True, slots=True)
class PixelState:
    """Which measurement a file in one state has, or which error, without the measurement itself."""

    file: FoundFile
    header_digest: str
    content_hash: str | None = None
    error_kind: str | None = None
    error_message: str | None = None

    @property
    def state(self) -> str:
        """``ok`` or ``failed``."""
        return "ok" if self.error_kind is None else "failed"

    @property
    def record(self) -> str:
        """A digest that differs where the rows made from this differ."""
        known = self.content_hash
        parts = (self.error_kind, self.error_message) if known is None else (known, str(ALGORITHM))
        text = "\x1f".join(part or "" for part in (self.header_digest, *parts))
        return hashlib.blake2b(text.encode("utf-8", "surrogateescape"), digest_size=12).hexdigest()


@dataclass(frozen=True, slots=True)
class Measured:
    """What came of reading the pixels of a file in one state: a measurement, or an error, or both where no
    pixel is a number: that the file is empty is an error, and the hash of its pixels is known.

    ``header_digest`` tells the header that the numbers go with. ``measurement`` may be without its spectrum:
    ``channels`` counts what it has.
    """

    file: FoundFile
    header_digest: str
    measurement: Measurement | None = None
    channels: int = 0
    error_kind: str | None = None
    error_message: str | None = None

    @property
    def state(self) -> str:
        """``ok`` or ``failed``."""
        return "ok" if self.error_kind is None else "failed"

    @property
    def record(self) -> str:
        """A digest that differs where the rows made from this differ."""
        content = None if self.measurement is None else self.measurement.content_hash
        return PixelState(self.file, self.header_digest, content, self.error_kind, self.error_message).record

    @property
    def pixels(self) -> str | None:
        """What only images with the same pixels share; None where they hold no information: two images that
        are empty, or one value throughout, are no duplicates."""
        found = self.measurement
        if found is None or found.statistics is None or found.valid_count < 2:
            return None
        return None if found.statistics.distinct == 1 else found.content_hash


def header_of(product: Product) -> str:
    """What tells the header of a product's file from others."""
    return product.header_digest or ""
