"""Coverage maps that come with a question, long ones too."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from four_places import PLACES, Ask
from growth import processor_seconds

from tap_schema import Column
from vo_service.query import Upload, UploadError, upload_of, upload_of_moc
from vo_service.sky import MOC_CELLS, MOC_CHARACTERS, Moc, healpix29, parse_moc, unit_vectors


def moc_column() -> Column:
    return Column("m", "char", "*", "moc", None, None, None, "")


def test_maps_that_are_too_long_are_refused() -> None:
    blanks = pa.table({"m": ["3/1" + " " * MOC_CHARACTERS, "3/2"]})
    with pytest.raises(UploadError, match=f"more than the {MOC_CHARACTERS} allowed"):
        upload_of("t", blanks, [moc_column()])
    ranges = " ".join(f"{64 * 4**12 * n + 1}-{64 * 4**12 * n + 4**12 * 63}" for n in range(60_000))
    with pytest.raises(UploadError, match=f"cells, more than the {MOC_CELLS} allowed; make it coarser"):
        upload_of("t", pa.table({"m": [f"29/{ranges}"]}), [moc_column()])


@pytest.mark.parametrize("order", [5, 7])
def test_a_long_map_as_a_constant(answer: Ask, order: int) -> None:
    """# ADQL-151: tens of thousands of cells against positions and footprints."""
    mine, wanted = every_third_cell(order)
    rows = named_often(answer, mine)
    assert rows == wanted and ("a",) in rows


def test_time_grows_no_faster_than_long_maps(answer: Ask) -> None:
    """Sixteen times as many cells; work that looks at all pairs of them would take 256 times as long."""
    medium, long = (every_third_cell(order)[0] for order in (6, 8))
    named_often(answer, medium)  # what is made once
    assert processor_seconds(lambda: named_often(answer, long), 2) < 40 * processor_seconds(
        lambda: named_often(answer, medium), 2
    )


def every_third_cell(order: int) -> tuple[Upload, list[tuple[str]]]:
    """A map of 4 * 4**order cells, and the places that it has."""
    cells = set(range(0, 12 * 4**order, 3)) | {int(healpix29([10.0], [20.0])[0]) >> 2 * (29 - order)}
    text = f"{order}/" + " ".join(map(str, sorted(cells)))
    moc = parse_moc(text)
    inside = moc.contains(unit_vectors(*zip(*PLACES)))
    return upload_of_moc("m", moc), [(name,) for name, there in zip("abcd", inside) if there]


def named_often(answer: Ask, mine: Upload) -> list[tuple[Any, ...]]:
    test = "1 = CONTAINS(POINT(s_ra, s_dec), m.moc)"
    shapes = " AND ".join(["(s_region IS NULL OR 1 = INTERSECTS(s_region, m.moc))"] * 20)
    _, rows = answer(
        f"SELECT obs_id FROM ivoa.obscore, tap_upload.m WHERE {test} AND {shapes} ORDER BY obs_id", mine
    )
    return rows


def test_a_map_may_have_a_longer_text_than_one_that_is_sent_as_text() -> None:
    numbers = np.arange(1_900_000) * 8 + 2**40
    mine = upload_of_moc("m", Moc(np.stack([numbers, numbers + 1], axis=1)))
    assert len(mine.rows["moc"][0].as_py()) > MOC_CHARACTERS
