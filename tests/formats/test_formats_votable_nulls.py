"""VOTable: what stands for null, and arrays of the declared shape only."""

from __future__ import annotations

import numpy as np
import pytest
from every_type import batch_of
from votables import SERIALISATIONS, column, encode, read, stream

from vo_service.formats import EncodingError


def test_lowest_integers_where_no_number_means_null() -> None:
    """# VOT-053, VOT-054, VOT-055"""
    lowest = [("unsignedByte", 255), ("short", -(2**15)), ("int", -(2**31)), ("long", -(2**63))]
    given_columns = [(column(kind, kind), [number, None]) for kind, number in lowest]
    columns = tuple(one for one, _ in given_columns)
    for asked in ("votable/b2", "votable/td"):
        table = read(encode(asked, columns, [batch_of(*given_columns)])).to_table()
        assert [int(table[kind][0]) for kind, _ in lowest] == [number for _, number in lowest]
        assert all(table[kind].mask.tolist() == [False, True] for kind, _ in lowest)


@pytest.mark.parametrize("rows", [1, 100])
def test_binary_tells_its_nulls_before_the_rows(rows: int) -> None:
    """# VOT-085: and refuses a row that holds such a number, rather than have it read as null."""
    whole = column("n", "int")
    document = encode(
        "votable/b",
        (whole, column("x", "double")),
        [batch_of((whole, [5, None] * rows), (column("x", "double"), [1.5, None] * rows))],
    )
    head, _, _ = document.partition(b"<DATA>")
    assert b'<VALUES null="-2147483648"/>' in head and head.count(b"<VALUES") == 1
    first = bytes.fromhex("00000005 3ff8000000000000 80000000 7ff8000000000000")
    assert stream(document) == first * rows
    with pytest.raises(EncodingError, match="column n: -2147483648 stands for null"):
        encode("votable/b", (whole,), [batch_of((whole, [-(2**31)] * rows))])


@pytest.mark.parametrize("asked", SERIALISATIONS)
@pytest.mark.parametrize("rows", [1, 100])
def test_null_elements_of_integer_arrays(asked: str, rows: int) -> None:
    """# VOT-072: a number told by VALUES, in every serialisation; a float's is NaN (VOT-074)"""
    counts, reals = column("n", "short", "*"), column("x", "float", "*")
    batch = batch_of((counts, [[1, None, 3]] * rows), (reals, [[None, 2.0]] * rows))
    document = encode(asked, (counts, reals), [batch])
    assert b'<VALUES null="-32768"/>' in document
    table = read(document).to_table()
    assert all(np.ma.asarray(cell).mask.tolist() == [False, True, False] for cell in table["n"])
    assert all(np.isnan(np.ma.asarray(cell).filled(np.nan)[0]) and cell[1] == 2 for cell in table["x"])
    with pytest.raises(EncodingError, match="column n: -32768"):
        encode(asked, (counts, reals), [batch_of((counts, [[-32768]]), (reals, [None]))])


@pytest.mark.parametrize("asked", SERIALISATIONS)
def test_what_lies_beside_a_slice_is_no_value_of_it(asked: str) -> None:
    counts = column("n", "short", "*")
    batch = batch_of((counts, [[-32768], [1, 2], [-32768]])).slice(1, 1)
    assert [list(cell) for cell in read(encode(asked, (counts,), [batch])).to_table()["n"]] == [[1, 2]]


@pytest.mark.parametrize("asked", SERIALISATIONS)
@pytest.mark.parametrize(
    ("arraysize", "cell"),
    [("2", [1.0]), ("2", [1.0, 2.0, 3.0]), ("2*", [1.0, 2.0, 3.0]), ("2x*", [1.0, 2.0, 3.0])],
)
def test_arrays_of_another_shape(asked: str, arraysize: str, cell: list[float]) -> None:
    """# VOT-035, VOT-074, VOT-080, VOT-081: never padded, never cut"""
    one = column("a", "double", arraysize)
    with pytest.raises(EncodingError, match=f"column a: an array of {len(cell)} elements"):
        encode(asked, (one,), [batch_of((one, [cell]))])


@pytest.mark.parametrize("arraysize", ["*x3", "3x", "n", "", "1.5", "-1", "0x4", "4,s"])
def test_arraysizes_that_there_are_not(arraysize: str) -> None:
    """# VOT-035"""
    one = column("a", "double", arraysize)
    with pytest.raises(EncodingError, match="column a: arraysize"):
        encode("votable", (one,), [batch_of((one, [[1.0]]))])
