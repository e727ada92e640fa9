"""Copies of products made by hand: in another folder, packed, renamed, with cards of the header edited.

A copy has the pixels of another product to the last bit (``duplicate_of`` in the truth) and is a group of its
own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from vo_service.sample.drafts import Draft
from vo_service.sample.fitsfile import compress
from vo_service.sample.headers import card
from vo_service.sample.profiles.spare import PROFILE, Spare

FOLDER = "contributed/figures"


def _copy_of(original: Draft, path: str, content: bytes, *quirks: str) -> Draft:
    """A copy whose name and place say nothing of the observation any more."""
    seen = original.observation
    return replace(
        original,
        path=path,
        content=content,
        profile=PROFILE,
        group=path,
        observation=None,
        windows=(),
        target_name=seen.object_name if seen is not None else original.target_name,
        quirks=(*original.quirks, "duplicate_pixels", *quirks),
        notes={"duplicate_of": original.path},
    )


def packed_copy(spare: Spare) -> Iterator[Draft]:
    """A hand-made cube put into another folder and packed there."""
    original = spare.originals.hand_made
    if original is not None:
        name = original.path.rpartition("/")[2]
        path = f"{FOLDER}/{spare.number}/{name}.gz"
        yield _copy_of(original, path, compress(original.content), "gzip")


def delivered_copy(spare: Spare) -> Iterator[Draft]:
    """A cube of a delivery in another folder under its own name, which still tells the observation."""
    original = spare.originals.delivered_cube
    if original is not None:
        path = f"{FOLDER}/{spare.number}/{original.path.rpartition('/')[2]}"
        yield replace(
            original,
            path=path,
            profile=PROFILE,
            group=path,
            quirks=(*original.quirks, "duplicate_pixels"),
            notes={"duplicate_of": original.path},
        )


def edited_copy(spare: Spare) -> Iterator[Draft]:
    """An image of a delivery under another name, two cards of its header changed by hand."""
    original = spare.originals.delivered_image
    if original is not None and original.observation is not None:
        target = original.observation.object_name
        path = f"{FOLDER}/figure{spare.number}_{target.replace(' ', '_')}_continuum.fits"
        content = _with_cards(original.content, OBSERVER="figure maker", DATE="2023-03-03T03:03:03.000000")
        yield _copy_of(original, path, content, "edited_header")


def _with_cards(content: bytes, **values: str) -> bytes:
    """The file with cards of its header written anew, comments left off."""
    for keyword, value in values.items():
        start = content.index(f"{keyword:<8}= ".encode("ascii"))
        content = content[:start] + card(keyword, value).encode("ascii") + content[start + 80 :]
    return content
