"""TSV: read back by pandas and astropy; tabs and line breaks have no place."""

from __future__ import annotations

import io

import numpy as np
import pandas
import pytest
from astropy.table import Table
from every_type import EVERY_TYPE, TIMES, batch_of
from votables import column, encode

from vo_service.formats import OVERFLOW, TableDescription, failed, find_format


def test_values_and_header() -> None:
    """# TAP-053, TAP-060, TAP-061"""
    columns = tuple(one for one, _ in EVERY_TYPE)
    text = encode("tsv", columns, [batch_of(*EVERY_TYPE)]).decode("utf-8")
    header, first, second, third, rest = text.split("\n")
    assert header.split("\t") == [one.name for one in columns]
    assert rest == "" and second == "\t" * (len(columns) - 1)
    cells = dict(zip(header.split("\t"), first.split("\t")))
    assert cells["flag"] == "T" and cells["real"] == "0.1" and cells["when"] == TIMES[0]
    assert cells["list"] == "1 0.1" and cells["text"] == "a<b&c]]>'\"" and cells["title"] == "Ångström λ"
    assert third.count("\t") == len(columns) - 1


def test_pandas_and_astropy_read_it() -> None:
    """# TAP-061"""
    names, numbers = column("name", "unicodeChar", "*"), column("x", "double")
    batch = batch_of((names, ['say "é"', None, "c, d"]), (numbers, [1.5, float("nan"), float("-inf")]))
    data = encode("text/tab-separated-values", (names, numbers), [batch])
    frame = pandas.read_csv(io.BytesIO(data), sep="\t", quoting=3, keep_default_na=False)
    assert list(frame["name"]) == ['say "é"', "", "c, d"]
    assert np.array_equal(frame["x"].astype(float), [1.5, np.nan, -np.inf], equal_nan=True)
    table = Table.read(data.decode(), format="ascii.tab", quotechar="\0")
    assert table["name"][0] == 'say "é"' and table["name"][2] == "c, d" and float(table["x"][0]) == 1.5


def test_tabs_and_line_breaks_become_blanks() -> None:
    """# TAP-061"""
    odd = column("a\tname", "char", "*")
    encoder = find_format("tsv").make()
    parts = list(encoder.begin(TableDescription((odd, column("n", "int")))))
    parts += encoder.rows(batch_of((odd, ["a\tb\r\nc", "\x01", None]), (column("n", "int"), [1, 2, 3])))
    assert b"".join(parts) == b"a name\tn\na b  c\t1\n\x01\t2\n\t3\n"


@pytest.mark.parametrize("outcome", [OVERFLOW, failed("gone")])
def test_ends_without_a_mark(outcome: object) -> None:
    """# DALI-115"""
    assert not find_format("tsv").tells_errors
    assert encode("tsv", (column("n", "int"),), [], outcome) == b"n\n"  # type: ignore[arg-type]
