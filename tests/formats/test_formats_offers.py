"""The one list of formats: each name in it is taken, others are refused with the list."""

from __future__ import annotations

import pytest

from vo_service.formats import FORMATS, UnknownFormat, find_format

VOTABLE = "application/x-votable+xml"


@pytest.mark.parametrize("offer", FORMATS, ids=lambda offer: offer.media_type)
def test_every_name_is_taken(offer: object) -> None:
    """# TAP-058"""
    assert find_format(offer.media_type) is offer  # type: ignore[attr-defined]
    for alias in offer.aliases:  # type: ignore[attr-defined]
        assert find_format(alias) is offer
        assert find_format(alias.upper()) is offer


@pytest.mark.parametrize(
    ("asked", "media_type"),
    [
        ("votable", VOTABLE),
        ("application/x-votable xml", VOTABLE),
        ('application/x-votable+xml; serialization="BINARY2"', f"{VOTABLE};serialization=BINARY2"),
        ("application/x-votable+xml ;Serialization = tabledata", f"{VOTABLE};serialization=TABLEDATA"),
        ("application/x-votable+xml;charset=utf-8", VOTABLE),
        ("text/xml", "text/xml"),
        ("text/csv;header=absent", "text/csv;header=absent"),
    ],
)
def test_media_types_are_parsed(asked: str, media_type: str) -> None:
    """# VOT-126, VOT-127, TAP-055, TAP-056"""
    assert find_format(asked).media_type == media_type


@pytest.mark.parametrize(
    "asked",
    [
        "",
        "fits",
        "application/x-votable+xml;serialization=FITS",
        "text/csv;header",
        "text/csv;header=perhaps",
        "image/png",
        ";;",
    ],
)
def test_others_are_refused_with_the_list(asked: str) -> None:
    """# TAP-057"""
    with pytest.raises(UnknownFormat, match="votable/td") as caught:
        find_format(asked)
    assert caught.value.asked == asked
