"""The one list of formats: each name in it is taken, others are refused with the list."""

from __future__ import annotations

import pytest

from vo_service.formats import FORMATS, Format, UnknownFormat, find_format

VOTABLE = "application/x-votable+xml"


@pytest.mark.parametrize("offer", FORMATS, ids=lambda offer: offer.media_type)
def test_every_name_is_taken(offer: Format) -> None:
    """# TAP-058"""
    assert find_format(offer.media_type) is offer
    for alias in offer.aliases:
        assert find_format(alias) is offer
        assert find_format(alias.upper()) is offer


def test_no_name_means_two_formats() -> None:
    names = [name.lower() for offer in FORMATS for name in (offer.media_type, *offer.aliases)]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    ("asked", "media_type"),
    [
        ("votable", VOTABLE),
        ("application/x-votable xml", VOTABLE),
        ("votable/b2", f"{VOTABLE};serialization=BINARY2"),
        ("votable/td", f"{VOTABLE};serialization=TABLEDATA"),
        ("votable/b", f"{VOTABLE};serialization=BINARY"),
        ("votable/1.5", f"{VOTABLE};version=1.5"),
        ('application/x-votable+xml; serialization="BINARY2"', f"{VOTABLE};serialization=BINARY2"),
        ("application/x-votable+xml ;Serialization = tabledata", f"{VOTABLE};serialization=TABLEDATA"),
        ("application/x-votable+xml;charset=utf-8", VOTABLE),
        ("application/x-votable+xml;version=1.4", VOTABLE),
        (
            "application/x-votable+xml; version=1.5; serialization=binary",
            f"{VOTABLE};serialization=BINARY;version=1.5",
        ),
        (
            "application/x-votable+xml;serialization=TABLEDATA;version=1.4",
            f"{VOTABLE};serialization=TABLEDATA",
        ),
        ("text/xml", "text/xml"),
        ("csv", "text/csv;header=present"),
        ("text/csv;header=absent", "text/csv;header=absent"),
        ("tsv", "text/tab-separated-values"),
        ("fits", "application/fits"),
        ("parquet", "application/vnd.apache.parquet"),
        ("json", "application/json"),
        ("application/json; charset=utf-8", "application/json"),
    ],
)
def test_media_types_are_parsed(asked: str, media_type: str) -> None:
    """# VOT-126, VOT-127, TAP-052, TAP-053, TAP-055, TAP-056"""
    assert find_format(asked).media_type == media_type


@pytest.mark.parametrize(
    "asked",
    [
        "",
        "html",
        "application/x-votable+xml;serialization=FITS",
        "application/x-votable+xml;version=1.6",
        "text/csv;version=1.4",
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
    offered = caught.value.offered
    assert offered.endswith("json, application/json") and offered in str(caught.value)
