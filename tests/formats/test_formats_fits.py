"""FITS: read back by astropy in its strictest mode; widths, nulls, heap, blocks, the spool."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from every_type import EVERY_TYPE, TIMES, batch_of, batch_of_rows, random_tables
from hypothesis import given, settings
from votables import column, encode

from tap_schema import Column
from vo_service.formats import (
    OK,
    OVERFLOW,
    EncodingError,
    Info,
    NoRoom,
    Outcome,
    TableDescription,
    failed,
    find_format,
    fits_columns,
)
from vo_service.formats.encoder import SpoolPlace
from vo_service.formats.ipc_spool import ArrowSpool

ALL = tuple(one for one, _ in EVERY_TYPE)


def read(data: bytes) -> fits.BinTableHDU:
    """The table, everything verified: a warning is an error here."""
    assert len(data) % 2880 == 0
    with fits.open(io.BytesIO(data), memmap=False, logical_as_bytes=True) as found:
        found.verify("exception")
        _, table = found
        assert table.data is not None or not table.columns
        return table


def cell(table: fits.BinTableHDU, name: str, row: int) -> Any:
    found = table.data[name][row]
    if table.columns[name].format.endswith("L"):
        shown = [{b"T": True, b"F": False, b"": None}[bytes(letter)] for letter in np.atleast_1d(found)]
        return shown if np.ndim(found) else shown[0]
    return found.tolist() if isinstance(found, np.ndarray) else found


def test_every_type() -> None:
    """# TAP-053, TAP-112"""
    table = read(encode("fits", ALL, [batch_of(*EVERY_TYPE)]))
    assert [table.columns[i].name for i in range(len(ALL))] == [one.name for one in ALL]
    shown = {"title": ["Angstrom ?", "", "??"], "five": ["e", "", "eeeee"], "when": TIMES}
    for one, values in EVERY_TYPE:
        for row in (0, 2):
            wanted = shown.get(one.name, values)[row]
            assert cell(table, one.name, row) == wanted, one.name
    for name in ("tiny", "small", "whole", "big"):
        null = table.columns[name].null
        assert null is not None and table.data[name][1] == null != table.data[name][0]
    assert np.isnan(table.data["real"][1]) and np.isnan(table.data["place"][1]).all()
    assert len(table.data["list"][1]) == len(table.data["counts"][1]) == 0
    assert table.columns["four"].format == "4A" and table.columns["list"].format == "1QD(2)"


@settings(max_examples=30)
@given(random_tables())
def test_any_values_read_back(table: tuple[tuple[Column, ...], list[tuple[Any, ...]]]) -> None:
    columns, rows = table
    batch = batch_of_rows(columns, rows)
    found = read(encode("fits", columns, [batch.slice(0, 1), batch.slice(1)]))
    assert found.header["NAXIS2"] == len(rows)
    for i, one in enumerate(columns):
        if one.is_text or one.xtype == "timestamp":
            continue
        null = found.columns[i].null
        for row, values in enumerate(rows):
            got, wanted = cell(found, one.name, row), values[i]
            if one.arraysize is not None:
                empty: list[Any] = [] if one.arraysize == "*" else [np.nan] * int(one.arraysize)
                wanted = empty if wanted is None else wanted
                assert np.array_equal(got, wanted, equal_nan=one.datatype == "double")
            elif wanted is None:
                assert got == null if null is not None else got is None or got != got
            else:
                assert got == wanted or wanted != wanted or np.float32(wanted) == got
            assert one.arraysize is not None or wanted is None or null is None or got != null


def test_text_is_ascii_and_the_header_says_what_was_replaced() -> None:
    names = column("name", "unicodeChar", "*")
    encoder = find_format("fits").make()
    list(encoder.begin(TableDescription((names,))))
    list(encoder.rows(batch_of((names, ["Åse", "Åse", "a\tb\r\n", "日", "plain", "ctl\x01", None, "½"]))))
    table = read(b"".join(encoder.end(OK)))
    shown = ["Ase", "Ase", "a b", "?", "plain", "ctl?", "", "1?2"]
    assert [str(text) for text in table.data["name"]] == shown
    assert any("6 texts hold characters" in str(line) for line in table.header["COMMENT"])


@pytest.mark.filterwarnings("ignore:It is strongly recommended that column names")  # as those with blanks
def test_names_are_ascii_and_no_two_the_same_without_accents() -> None:
    """# VOT-030, in the letters that FITS takes and in any case; the header says how many were changed"""
    names = ["é", "è", "E", "e_2", "Émission", "日", "本", "\u0301", "flux ´", "a  b"]
    columns = tuple(column(name, "int") for name in names)
    table = read(encode("fits", columns, [batch_of(*((one, [n]) for n, one in enumerate(columns)))]))
    found = [one.name for one in table.columns]
    assert found == ["e", "e_3", "E_4", "e_2", "Emission", "?", "?_2", "_", "flux", "a b"]
    assert list(table.data[0]) == list(range(len(names)))
    told = [str(line) for line in table.header["COMMENT"]]
    assert told == ["7 names of columns hold characters that FITS has not; they were replaced"]


def test_header_texts_are_ascii_and_a_unit_never_becomes_another() -> None:
    """Without its ring an angstrom would be an ampere."""
    one = column("n", "double", unit="Å", description="Λ of the\nÉtoile")
    found = read(encode("fits", (one,), [], infos=(Info("who", "Zoë"),)))
    assert found.header["TUNIT1"] == "?" and found.header["TCOMM1"] == "? of the Etoile"
    assert list(found.header["COMMENT"]) == ["who: Zoe"]
    assert "TUNIT1" not in read(encode("fits", (column("n", "int"),), [])).header


def test_nulls_find_a_number_that_is_no_value() -> None:
    """The lowest of the type, else the highest, else one of a wider type; none where nothing is null."""
    whole = column("n", "short")
    low, high = -(2**15), 2**15 - 1
    for values, null, code in (
        ([1, 2], None, "I"),
        ([1, None], low, "I"),
        ([low, None], high, "I"),
        ([low, high, None], -(2**31), "J"),
        ([None], low, "I"),
    ):
        table = read(encode("fits", (whole,), [batch_of((whole, values))]))
        assert table.columns["n"].null == null and table.columns["n"].format == code
        assert table.data["n"].tolist() == [null if value is None else value for value in values]
    tiny = column("n", "unsignedByte")
    table = read(encode("fits", (tiny,), [batch_of((tiny, [*range(256), None]))]))
    assert table.data["n"].tolist() == [*range(256), -(2**15)]
    big = column("n", "long")
    with pytest.raises(EncodingError, match="column n: no number is left"):
        encode("fits", (big,), [batch_of((big, [-(2**63), 2**63 - 1, None]))])


def test_null_elements_of_arrays() -> None:
    """# VOT-072"""
    counts, pair, flags = column("n", "int", "*"), column("p", "short", "2"), column("b", "boolean", "2")
    batch = batch_of((counts, [[1, None], None]), (pair, [[None, 2], None]), (flags, [[True, None], None]))
    table = read(encode("fits", (counts, pair, flags), [batch]))
    assert table.data["n"][0].tolist() == [1, -(2**31)] and table.columns["n"].null == -(2**31)
    assert table.data["p"].tolist() == [[-(2**15), 2], [-(2**15)] * 2]
    assert [cell(table, "b", row) for row in (0, 1)] == [[True, None], [None, None]]


@pytest.mark.parametrize("arraysize", ["*", "2"])
def test_null_elements_where_no_cell_is_null(arraysize: str) -> None:
    """# VOT-072"""
    pair = column("n", "int", arraysize)
    table = read(encode("fits", (pair,), [batch_of((pair, [[1, None]])), batch_of((pair, [[0, 2]]))]))
    assert table.columns["n"].null == -(2**31)
    assert [cells.tolist() for cells in table.data["n"]] == [[1, -(2**31)], [0, 2]]


def test_arrays_of_two_dimensions() -> None:
    matrix = column("m", "double", "2x3")
    table = read(encode("fits", (matrix,), [batch_of((matrix, [[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]]))]))
    assert table.columns["m"].dim == "(2,3)"
    assert table.data["m"][0].tolist() == [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]


def test_long_texts_among_short_ones_lie_in_the_heap(monkeypatch: pytest.MonkeyPatch) -> None:
    """One abstract of a hundred thousand letters does not make every row as long."""
    monkeypatch.setattr(fits_columns, "_WIDE_BYTES", 1000)
    words, numbers = column("w", "char", "*"), column("x", "double", "*")
    values = ["a", "", "b" * 100, None, "cc"] * 5
    batches = [batch_of((words, values), (numbers, [[float(n)] * n for n in range(25)])) for _ in range(3)]
    table = read(encode("fits", (words, numbers), batches))
    assert table.columns["w"].format == "1QA(100)"
    assert ["".join(text) for text in table.data["w"]] == [value or "" for value in values] * 3
    assert [cell.tolist() for cell in table.data["x"]] == [[float(n)] * n for n in range(25)] * 3
    assert table.header["PCOUNT"] == 3 * (5 * 103 + 8 * 300)


def test_header_tells_what_a_votable_would() -> None:
    """# TAP-104, VOT-030, TAP-113"""
    long_words = "words " * 30
    columns = (
        column(
            "s_ra", "double", unit="deg", ucd="pos.eq.ra", utype="obscore:x", description=long_words + "é"
        ),
        column("S_RA", "double"),
        column("t_min", "double", unit="d", ucd="time.start"),
        column("s", "char", "*", "adql:REGION"),
    )
    infos = (Info("QUERY", "SELECT 'é'\n" + long_words), Info("snapshot", "7"))
    header = read(encode("fits", columns, [], Outcome("OVERFLOW", infos=(Info("rows", "0"),)), infos)).header
    assert header["QSTATUS"] == "OVERFLOW" and header["RADESYS"] == "ICRS" and header["TIMESYS"] == "UTC"
    assert header["TTYPE1"] == "s_ra" and header["TTYPE2"] == "S_RA_2"
    assert header["TUNIT1"] == "deg" and header["TUCD1"] == "pos.eq.ra" and header["TUTYP1"] == "obscore:x"
    assert header["TXTYP4"] == "adql:REGION" and header["TCOMM1"].startswith("words words")
    comments = "".join(str(line) for line in header["COMMENT"])
    assert "QUERY: SELECT 'e'" in comments and "snapshot: 7" in comments and "rows: 0" in comments


@settings(max_examples=30)
@given(random_tables())
def test_the_length_is_known_with_the_first_bytes(
    table: tuple[tuple[Column, ...], list[tuple[Any, ...]]],
) -> None:
    """# DALI-117"""
    columns, rows = table
    encoder = find_format("fits").make()
    list(encoder.begin(TableDescription(columns)))
    list(encoder.rows(batch_of_rows(columns, rows)))
    assert encoder.length is None
    parts = encoder.end(OK)
    first = next(parts)
    told = encoder.length
    assert told == len(first + b"".join(parts))


@pytest.mark.parametrize("outcome", [OK, OVERFLOW])
def test_no_rows(outcome: Outcome) -> None:
    """# TAP-111"""
    table = read(encode("fits", ALL, [], outcome))
    assert table.header["NAXIS2"] == 0 and table.header["QSTATUS"] == outcome.status
    assert len(table.columns) == len(ALL)


def test_nothing_comes_before_the_end_and_nothing_after_an_error(tmp_path: Path) -> None:
    """The failure can still be told with its status, and the spool is gone."""
    one = column("n", "int")
    offer = find_format("application/fits")
    assert offer.spooled and not offer.tells_errors
    encoder = offer.make(tmp_path)
    assert list(encoder.begin(TableDescription((one,)))) == []
    assert list(encoder.rows(batch_of((one, [1])))) == []
    assert list(tmp_path.iterdir()) == []  # its file has no name
    before = len(list(Path("/proc/self/fd").iterdir()))
    assert list(encoder.end(failed("gone"))) == []
    assert len(list(Path("/proc/self/fd").iterdir())) == before - 1
    encoder.close()
    encoder.close()


def test_more_rows_than_the_spool_may_take(tmp_path: Path) -> None:
    one = column("n", "long")
    encoder = find_format("fits").make(tmp_path, spool_bytes=20_000)
    list(encoder.begin(TableDescription((one,))))
    rows = batch_of((one, [hash(str(n)) for n in range(1000)]))
    with pytest.raises(NoRoom, match="more than 0 MiB of rows") as caught:
        for _ in range(3):
            list(encoder.rows(rows))
    assert not caught.value.disk_full
    encoder.close()


def test_a_full_disk_is_told_apart() -> None:
    """/dev/full takes nothing."""
    spool = ArrowSpool(SpoolPlace(None))
    with Path("/dev/full").open("wb", buffering=0) as full:
        spool._file = full
        with pytest.raises(NoRoom, match="no room on disk") as caught:
            spool.add(b"x")
    assert caught.value.disk_full


def test_a_spool_needs_its_directory(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        list(find_format("fits").make(tmp_path / "none").begin(TableDescription((column("n", "int"),))))


def test_a_thousand_columns_are_too_many() -> None:
    columns = tuple(column(f"c{n}", "int") for n in range(1000))
    with pytest.raises(EncodingError, match="column c999: FITS takes 999 columns"):
        encode("fits", columns, [])
    assert read(encode("fits", columns[:999], [])).header["TFIELDS"] == 999
