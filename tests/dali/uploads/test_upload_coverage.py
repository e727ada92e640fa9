"""Coverage maps that are uploaded as files: the same sky in every form."""

from __future__ import annotations

import io
import json
from typing import Any

import mocpy
import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given
from hypothesis import strategies as st
from upload_tables import fault_of, read_any

from vo_service.dali.uploads import Coverage
from vo_service.sky import MOC_CELLS, parse_moc

TEXT = "4/1-3 77 7/9999 29/0 3458764513820540927"
MAP = mocpy.MOC.from_str(TEXT)


def text_of(content: bytes | str) -> str:
    found = read_any(content)
    assert isinstance(found, Coverage)
    return found.moc.to_ascii()


def fits_of(map: mocpy.MOC, **arguments: Any) -> bytes:
    made = io.BytesIO()
    map.serialize(format="fits", **arguments).writeto(made)
    return made.getvalue()


def hdus_of(cells: Any, form: str = "K", **cards: Any) -> bytes:
    table = fits.BinTableHDU.from_columns([fits.Column("UNIQ", form, array=np.array(cells))])
    table.header.update({"PIXTYPE": "HEALPIX", "ORDERING": "NUNIQ", "MOCORDER": 29, **cards})
    made = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(made)
    return made.getvalue()


WANTED = parse_moc(TEXT).to_ascii()


@pytest.mark.parametrize("text", [TEXT, f" s{TEXT}\n", TEXT.replace(" ", "\n"), TEXT.replace("1-3", "1,2,3")])
def test_ascii(text: str) -> None:
    # DALI-079, VOT-148
    assert text_of(text) == WANTED


def test_json() -> None:
    orders = {"4": [1, 2, 3, 77], "7": [9999], "29": [0, 3458764513820540927]}
    assert text_of(json.dumps(orders)) == WANTED
    assert text_of(" " + json.dumps(orders, indent=2)) == WANTED
    assert text_of('{"3": []}') == text_of("3/") == parse_moc("3/").to_ascii()


@pytest.mark.parametrize("old", [True, False])
def test_fits(old: bool) -> None:
    assert text_of(fits_of(MAP, v1_compatible=old)) == WANTED


def test_fits_of_small_integers() -> None:
    assert text_of(hdus_of([4, 5], "J", MOCORDER=0)) == parse_moc("0/0-1").to_ascii()
    assert text_of(hdus_of([4, 5], "I", MOCORDER=0)) == parse_moc("0/0-1").to_ascii()
    assert text_of(hdus_of([], "K")) == parse_moc("0/").to_ascii()


@given(st.lists(st.tuples(st.integers(0, 29), st.floats(0, 1, exclude_max=True)), min_size=1, max_size=30))
def test_any_cells(picked: list[tuple[int, float]]) -> None:
    cells = [(order, int(share * 12 * 4**order)) for order, share in picked]
    wanted = parse_moc(" ".join(f"{order}/{cell}" for order, cell in cells)).to_ascii()
    assert text_of(hdus_of([4 * 4**order + cell for order, cell in cells])) == wanted
    ranges = [(cell << 2 * (29 - order), (cell + 1) << 2 * (29 - order)) for order, cell in cells]
    flat = [end for pair in ranges for end in pair]
    assert text_of(hdus_of(flat, ORDERING="RANGE", MOCVERS="2.0")) == wanted


@pytest.mark.parametrize(
    "content",
    [
        "30/1",
        "4/9999999999",
        "4/5-1",
        '{"4": 5}',
        '{"4": ["x"]}',
        '{"x": [1]}',
        '{"4": [1]',
        '{"a": {"b": []}}',
        "{" * 100_000,
        '{"4": [-1]}',
        '{"4": [1e99]}',
    ],
)
def test_maps_that_are_none(content: str) -> None:
    assert "no coverage map" in fault_of(content).message


@pytest.mark.parametrize(
    ("cells", "form", "cards", "told"),
    [
        ([3], "K", {}, "no cell of a coverage map"),
        ([-5], "K", {}, "no cell of a coverage map"),
        ([2**62 + 2**61 + 2**60 + 2**59], "K", {}, "coverage map"),
        ([1.5], "D", {}, "I, J or K are wanted"),
        ([5, 1], "K", {"ORDERING": "RANGE"}, "a range that ends before it begins"),
        ([1], "K", {"ORDERING": "RANGE"}, "ORDERING"),
        ([1], "K", {"ORDERING": "RING"}, "ORDERING 'RING' is not read"),
        ([4], "K", {"MOCDIM": "TIME"}, "one of the sky is wanted"),
        ([4], "K", {"COORDSYS": "G"}, "not in ICRS"),
    ],
)
def test_fits_that_is_no_map(cells: list[Any], form: str, cards: dict[str, Any], told: str) -> None:
    assert told in fault_of(hdus_of(cells, form, **cards)).message


def test_maps_of_too_many_cells() -> None:
    told = f"more than the {MOC_CELLS} allowed"
    cells = np.arange(4 * 4**12, 4 * 4**12 + MOC_CELLS + 1)
    assert told in fault_of(hdus_of(cells)).message
    assert told in fault_of(hdus_of(np.arange(2 * MOC_CELLS + 2), ORDERING="RANGE")).message
    # few ranges of the finest cells mean many cells
    ranges = " ".join(f"{64 * 4**12 * n + 1}-{64 * 4**12 * n + 4**12 * 63}" for n in range(60_000))
    assert told in fault_of(f"29/{ranges}").message
