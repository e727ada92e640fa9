"""What a result says of where it comes from: the source, its version, and what was asked for. No time and no
number of a snapshot, so that the same request on the same source gives the same bytes (SODA-045)."""

from __future__ import annotations

from collections.abc import Sequence

from vo_service.pixels.cutout.cards import history_cards, text_cards
from vo_service.products.stored import StoredFile

SOURCE = "VOSRCID"
VERSION = "VOSRCVER"


def source_version(file: StoredFile) -> str:
    """A word for the state of the source's bytes: that of its entity tag."""
    return file.etag.strip('"')


def provenance_cards(file: StoredFile, said: Sequence[tuple[str, str]]) -> list[bytes]:
    """Cards for the header of a result of a file; ``said`` are the parameters in canonical words."""
    cards = [*text_cards(SOURCE, file.product_id), *text_cards(VERSION, source_version(file))]
    for name, value in said:
        cards += history_cards(f"{name}={value}")
    return cards
