"""Names of files and the file of properties, by the rows of the requirement list."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hips.trees.layout import AllskyName, TileName, keep_file, parse_name
from hips.trees.page import tree_page
from hips.trees.properties import (
    MANDATORY,
    Properties,
    PropertiesError,
    list_record,
    parse_properties,
)

names = st.integers(0, 29).flatmap(
    lambda order: st.builds(
        TileName,
        st.just(order),
        st.integers(0, 12 * 4**order - 1),
        st.sampled_from(["png", "fits", "jpg", "tsv"]),
        st.sampled_from([0, 1, 17, 99_999_999]),
    )
)


def test_names_of_the_standard():
    # HIPS-001, HIPS-005, HIPS-040, HIPS-100
    assert str(TileName(6, 10302, "fits")) == "Norder6/Dir10000/Npix10302.fits"
    assert str(TileName(3, 9, "png")) == "Norder3/Dir0/Npix9.png"
    assert str(TileName(3, 9, "png", 4)) == "Norder3/Dir0/Npix9_4.png"
    assert str(AllskyName(3, "fits")) == "Norder3/Allsky.fits"
    assert str(AllskyName(3, "jpg", 2)) == "Norder3/Allsky_2.jpg"


@given(names)
def test_a_name_is_read_as_it_was_written(name):
    assert parse_name(str(name)) == name


def test_names_of_allskys_are_read_as_they_were_written():
    for name in (AllskyName(3, "fits"), AllskyName(0, "png", 3)):
        assert parse_name(str(name)) == name


@pytest.mark.parametrize(
    "path",
    [
        "", "properties", "Norder3/Dir0/Npix768.fits", "Norder03/Dir0/Npix9.png", "Norder3/Dir0/Npix09.png",
        "norder3/Dir0/Npix9.png", "Norder3/Dir10000/Npix9.png", "Norder6/Dir0/Npix10302.fits",
        "Norder3/Dir0/Npix9.gif", "Norder3/Dir0/Npix9.fits.gz", "Norder3/Dir0/Npix9_0.png",
        "Norder30/Dir0/Npix9.png", "Norder3/Dir0/Npix-1.png", "/Norder3/Dir0/Npix9.png",
        "Norder3/Dir0/Npix9.png/", "Norder3/Dir0/../Npix9.png", "Norder4/Allsky.fits",
        "Norder3/Allsky_0.fits",
        "Norder3/Dir0/Npix1\u0663.png", "Norder3/Dir0/Npix9.png\n",
        *(name.format("9" * 5000) for name in (
            "Norder3/Dir0/Npix{}.fits", "Norder3/Dir{}/Npix9.fits", "Norder3/Dir0/Npix9_{}.png",
            "Norder3/Allsky_{}.png", "Norder{}/Dir0/Npix9.png",
        )),
    ],
    ids=lambda path: path[:40],
)  # fmt: skip
def test_what_no_tile_can_have_as_its_name_is_none(path):
    # HIPS-001: no zero padding, case counts, the folder is that of the cell; HIPS-002
    assert parse_name(path) is None


def test_properties_are_lines_of_pairs():
    # HIPS-050, HIPS-051
    made = Properties.of(
        [
            ("creator_did", "ivo://x/y"),
            ("obs_title", "Two\nlines =  of  it, µ"),
            ("t_min", 57000.123456789),
            ("em_min", 1.25e-3),
            ("tiny", 2.5e-9),
            ("hips_order", 13),
            ("nothing", None),
            ("obs_regime", "Radio"),
            ("obs_regime", "Millimeter"),
        ]
    )
    text = made.text()
    assert text.endswith("\n")
    assert all(" = " in line for line in text.splitlines())
    again = parse_properties(text)
    assert again == made
    assert again.get("obs_title") == "Two lines = of it, µ"
    assert (again.get("t_min"), again.get("em_min"), again.get("tiny")) == (
        "57000.1234568",
        "0.00125",
        "2.5e-09",
    )
    assert again.all("obs_regime") == ["Radio", "Millimeter"]
    assert (again.get("nothing"), again.get("hips_order")) == (None, "13")
    changed = again.changed({"hips_order": 14, "new": "x"})
    assert (changed.get("hips_order"), changed.get("new"), changed.get("t_min")) == (
        "14",
        "x",
        "57000.1234568",
    )
    assert changed.all("obs_regime") == ["Radio", "Millimeter"]


def test_foreign_properties_are_read_with_what_is_not_known():
    # HIPS-050, HIPS-075
    read = parse_properties("# comment\r\n\r\n  hips_order=3\r\nsome_key  =\r\nother = a = b  \r\n")
    assert list(read) == [("hips_order", "3"), ("some_key", ""), ("other", "a = b")]
    with pytest.raises(PropertiesError, match=r"line 2 .*'what is this'"):
        parse_properties("a = 1\nwhat is this\n")


@pytest.mark.parametrize(
    ("pairs", "said"),
    [
        ([("a", 1), ("a", 2)], "one value only"),
        ([("a b", 1)], "no key"),
        ([("a=", 1)], "no key"),
        ([("a", "  ")], "no value"),
    ],
)
def test_what_are_no_properties_is_refused(pairs, said):
    with pytest.raises(PropertiesError, match=said):
        Properties.of(pairs)


def test_a_record_of_the_list_has_what_is_mandatory_and_no_blank_line():
    # HIPS-111, HIPS-112, HIPS-113
    made = Properties.of(
        [(key, "x") for key in MANDATORY] + [("obs_description", "long"), ("obs_regime", "Radio")]
    )
    record = list_record(made, "https://example.org/hips/a/")
    assert "" not in record.splitlines()
    read = parse_properties(record)
    for key in ("creator_did", "hips_release_date", "hips_status", "obs_title", "hips_order", "obs_regime"):
        assert read.get(key) is not None
    assert read.get("hips_service_url") == "https://example.org/hips/a"
    assert read.get("obs_description") is None


def test_the_page_needs_nothing_from_elsewhere_and_escapes_what_it_shows():
    # HIPS-087, RPJ-13
    page = tree_page(Properties.of([("obs_title", "<b>&"), ("obs_copyright", '"me" <x>'), ("hips_order", 3)]))
    assert "<b>" not in page
    assert "&lt;b&gt;&amp;" in page
    assert "<script" not in page
    assert "http" not in page
    for link in ("properties", "Moc.fits", "preview.jpg"):
        assert f'"{link}"' in page


def test_a_file_that_is_the_same_is_taken_over(tmp_path):
    old, new = tmp_path / "old", tmp_path / "new"
    old.mkdir()
    new.mkdir()
    (old / "a").write_bytes(b"same")
    (old / "b").write_bytes(b"other")
    for name in ("a", "b", "c"):
        keep_file(new, old, name, b"same")
        keep_file(new, None, name + "x", b"same")
        assert (new / name).read_bytes() == b"same"
    assert (new / "a").samefile(old / "a")
    assert (old / "b").read_bytes() == b"other"
