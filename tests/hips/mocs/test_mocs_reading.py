"""Maps of other writers as uploads: read without loss, wrong ones refused."""

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
from read_back import read_space_map

from vo_service.dali.uploads import UploadFault
from vo_service.sky import parse_moc

CELLS = st.lists(st.tuples(st.integers(0, 29), st.floats(0, 1, exclude_max=True)), min_size=1, max_size=30)


def table_of(numbers: Any, form: str = "K", **cards: Any) -> bytes:
    table = fits.BinTableHDU.from_columns([fits.Column("UNIQ", form, array=np.array(numbers))])
    for key, value in {
        "MOCVERS": "2.0",
        "ORDERING": "NUNIQ",
        "COORDSYS": "C",
        "MOCORD_S": 29,
        **cards,
    }.items():
        if value is not None:
            table.header[key] = value
    made = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(made)
    return made.getvalue()


@given(CELLS, st.randoms(use_true_random=False), st.integers(0, 3))
def test_rows_in_any_order_and_overlapping(drawn: list[tuple[int, float]], random: Any, zeros: int) -> None:
    """# MOC-056, MPY-19: neither unsorted nor overlapping nor padding rows lose a cell"""
    cells = [(order, int(share * 12 * 4**order)) for order, share in drawn]
    numbers = [4 * 4**order + cell for order, cell in cells] + [0] * zeros
    random.shuffle(numbers)
    found = read_space_map(table_of(numbers, MOCORD_S=max(order for order, _ in cells)))
    assert found == parse_moc(" ".join(f"{order}/{cell}" for order, cell in cells))


def test_a_child_behind_its_parent() -> None:
    """# MPY-19: the library keeps the child alone"""
    found = read_space_map(table_of([257, 4 * 4**4 + 4], MOCORD_S=4))
    assert found == parse_moc("3/1")


def test_cells_that_are_finer_than_the_order() -> None:
    """# MPY-19"""
    for key in ("MOCORD_S", "MOCORDER"):
        found = read_space_map(table_of([4 * 4**8 + 5], **{"MOCORD_S": None, key: 5}))
        assert found == parse_moc("8/5")


def test_ranges_that_are_loose() -> None:
    """# MPY-19: unsorted, touching and overlapping ones"""
    step = 4**24
    rows = [8 * step, 9 * step, 0, 2 * step, 2 * step, 4 * step, 3 * step, 5 * step]
    found = read_space_map(table_of(rows, ORDERING="RANGE", MOCORD_S=5))
    assert found == parse_moc("5/0-4 8")


@pytest.mark.parametrize("form", ["I", "J", "K", "1J"])
def test_old_files(form: str) -> None:
    """# MOC-044, MOC-056: of version 1.1"""
    found = read_space_map(
        table_of(
            [4, 5, 100], form, MOCVERS=None, MOCORD_S=None, MOCORDER=2, PIXTYPE="HEALPIX", COORDSYS="C  "
        )
    )
    assert found == parse_moc("0/0-1 2/36")
    bare = read_space_map(table_of([4], form, MOCVERS=None, ORDERING=None, COORDSYS=None))
    assert bare == parse_moc("0/0")


@given(CELLS, st.booleans())
def test_files_of_the_library(drawn: list[tuple[int, float]], old: bool) -> None:
    """# MPY-01"""
    cells = [(order, int(share * 12 * 4**order)) for order, share in drawn]
    theirs = mocpy.MOC.from_healpix_cells(
        np.array([cell for _, cell in cells], dtype=np.uint64),
        np.array([order for order, _ in cells], dtype=np.uint8),
        max_depth=29,
    )
    made = io.BytesIO()
    theirs.serialize("fits", v1_compatible=old).writeto(made)
    for content in (
        made.getvalue(),
        theirs.to_string().encode(),
        json.dumps(theirs.serialize("json")).encode(),
    ):
        found = read_space_map(content)
        assert np.array_equal(found.pairs, theirs.to_depth29_ranges.astype(np.int64))


@pytest.mark.parametrize(
    "text",
    [
        "s1/1 2 4 2/12-14 21 8/",
        "1/ 1,2 4\n2/12-14\t21 8/",
        "2/21 12-14 1/4 1 1/2 8/",
        "1/1-2 1/4 2/12-14 2/21 8/",
    ],
)
def test_ascii_of_any_writer(text: str) -> None:
    """# MPY-03, MPY-05, MOC-062, MOC-064, MOC-065"""
    found = read_space_map(text.encode())
    assert found == parse_moc("1/1 2 4 2/12-14 21")


@pytest.mark.parametrize(
    "content", ['{"s": {"1": [1, 2], "8": []}}', '{"1": [2, 1], "8": []}', ' {"8":[],"1":[1,2]}']
)
def test_json_of_any_writer(content: str) -> None:
    """# MPY-04, MOC-067"""
    found = read_space_map(content.encode())
    assert found == parse_moc("1/1-2")


@pytest.mark.parametrize("content", ['{"1": [1], "8": [], "1": [2]}', '{"s": {"1": [2], "1": [1], "1": []}}'])
def test_json_that_tells_an_order_twice(content: str) -> None:
    """The cells of both: what a parser of JSON does with equal names is its own affair (RFC 8259, 4)."""
    assert read_space_map(content.encode()) == parse_moc("1/1-2")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"0/12", "cells below 12"),  # MPY-12
        (b"30/12", "order from 0 to 29"),
        (b"1/3-1", "lower one first"),
        (b"", "the file is empty"),
        (b"t61/1 s29/0-2", "time or frequency"),
        (b'{"t": {"61": [1]}}', "time or frequency"),
        (b'[{"t": {"61": [0]}, "s": {"29": [0]}}]', "time or frequency"),
        (b'{"s": {"1": [1]}, "t": {"61": [0]}}', "time or frequency"),
        (b'{"s": {"1": [1]}, "s": {"1": [2]}}', "JSON"),
        (b'{"1": [1], "1": {}}', "JSON"),
        (b'{"1": [1.5]}', "JSON"),
        (b'{"1": [true]}', "JSON"),
        (b'{"30": [1]}', "order from 0 to 29"),
        (b'{"0": [12]}', "cells below 12"),
        (table_of([3]), "no cell"),
        (table_of([-4]), "no cell"),
        (table_of([4 * 4**29 + 12 * 4**29]), "no cell"),
        (table_of([4], MOCDIM="TIME"), "one of the sky"),
        (table_of([4], COORDSYS="G"), "not in ICRS"),
        (table_of([4.0], "D"), "type 'D'"),
        (table_of([4], ORDERING="RING"), "ORDERING"),
        (table_of([0, 4, 5], ORDERING="RANGE"), "'RANGE' and 3 numbers.*even count"),
        (table_of([-4, 4], ORDERING="RANGE"), "negative number"),
        (table_of([5, 4], ORDERING="RANGE"), "ends before"),
        (table_of([0, 12 * 4**29 + 1], ORDERING="RANGE"), "range of cells"),
        (table_of([4])[:2880], "no binary table"),
        (table_of([4])[:4000], "header of FITS extension 1 ends too early"),
        (table_of(np.arange(4, 2000))[:8640], "more than the file holds"),
        (b"SIMPLE  = nonsense", "header of FITS extension 0 ends too early"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_files_that_are_no_map_of_the_sky(content: bytes, told: str) -> None:
    with pytest.raises(UploadFault, match=told):
        read_space_map(content)
