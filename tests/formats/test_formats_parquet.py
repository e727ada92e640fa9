"""Parquet: read back by pyarrow, pandas and astropy; the VOTable in its footer; no footer after an error."""

from __future__ import annotations

import io
from typing import Any

import pandas
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.io.votable import parse
from astropy.table import Table
from every_type import EVERY_TYPE, batch_of, batch_of_rows, random_tables
from hypothesis import given, settings
from votables import column, encode

from tap_schema import Column
from vo_service.formats import OK, OVERFLOW, Info, TableDescription, failed, find_format

ALL = tuple(one for one, _ in EVERY_TYPE)


def test_every_type() -> None:
    """# TAP-053, TAP-112"""
    data = encode("parquet", ALL, [batch_of(*EVERY_TYPE)])
    found = pq.read_table(io.BytesIO(data))
    assert found.schema.types == [one.arrow_type for one in ALL]
    for one, values in EVERY_TYPE:
        assert found[one.name].to_pylist() == values
    frame = pandas.read_parquet(io.BytesIO(data))
    assert frame["title"][0] == "Ångström λ" and frame["when"][0] == pandas.Timestamp(
        "2020-01-02T03:04:05.006"
    )


@settings(max_examples=30)
@given(random_tables())
def test_any_values_read_back(table: tuple[tuple[Column, ...], list[tuple[Any, ...]]]) -> None:
    columns, rows = table
    batch = batch_of_rows(columns, rows)
    found = pq.read_table(io.BytesIO(encode("parquet", columns, [batch, batch.slice(0, 0), batch])))
    wanted = pa.Table.from_batches([batch, batch])
    assert found.num_rows == 2 * len(rows)
    for name in wanted.column_names:
        assert repr(found[name].to_pylist()) == repr(wanted[name].to_pylist())  # NaN is NaN


@pytest.mark.parametrize("outcome", [OK, OVERFLOW])
def test_footer_has_a_votable(outcome: Any) -> None:
    """# TAP-053, DALI-115: columns, INFOs and how the query ended"""
    columns = (column("s_ra", "double", unit="deg", ucd="pos.eq.ra"), column("é", "unicodeChar", "*"))
    data = encode("parquet", columns, [], outcome, (Info("QUERY", "SELECT 'é'"),))
    footer = pq.read_metadata(io.BytesIO(data)).metadata
    assert footer[b"IVOA.VOTable-Parquet.version"] == b"1.0"
    votable = parse(io.BytesIO(footer[b"IVOA.VOTable-Parquet.content"]), verify="exception")
    (resource,) = votable.resources
    (table,) = resource.tables
    first = table.fields[0]
    assert (first.name, first.unit, first.ucd) == ("s_ra", "deg", "pos.eq.ra")
    assert b"<DATA>" not in footer[b"IVOA.VOTable-Parquet.content"]
    told = [info.value for info in resource.infos if info.name == "QUERY_STATUS"]
    assert told == (["OK"] if outcome is OK else ["OK", "OVERFLOW"])


def test_astropy_reads_it_with_its_metadata(tmp_path: Any) -> None:
    columns = (column("s_ra", "double", unit="deg", ucd="pos.eq.ra", description="RA"), column("n", "int"))
    batch = batch_of((columns[0], [1.5, 2.5]), (columns[1], [1, 2]))
    path = tmp_path / "x.parquet"
    path.write_bytes(encode("parquet", columns, [batch]))
    table = Table.read(path, format="parquet.votable")
    assert str(table["s_ra"].unit) == "deg" and table["s_ra"].description == "RA"
    assert table["s_ra"].tolist() == [1.5, 2.5] and table["n"].tolist() == [1, 2]


def test_names_that_come_twice() -> None:
    """# VOT-030"""
    one = column("a", "int")
    data = encode("parquet", (one, one), [batch_of((one, [1]), (column("b", "int"), [2]))])
    assert pq.read_table(io.BytesIO(data)).to_pylist() == [{"a": 1, "a_2": 2}]


def test_row_groups_leave_as_they_are_made() -> None:
    one = column("n", "long")
    encoder = find_format("parquet").make()
    given_bytes = [b"".join(encoder.begin(TableDescription((one,))))]
    batch = batch_of((one, list(range(10000))))
    given_bytes += [b"".join(encoder.rows(batch)) for _ in range(30)]
    assert sum(map(len, given_bytes)) > 100_000
    data = b"".join([*given_bytes, *encoder.end(OK)])
    assert pq.read_metadata(io.BytesIO(data)).num_row_groups == 3
    assert pq.read_table(io.BytesIO(data))["n"].to_pylist() == list(range(10000)) * 30


def test_an_error_leaves_no_file() -> None:
    """# DALI-114: nobody takes a part for the whole"""
    one = column("n", "int")
    assert not find_format("parquet").tells_errors
    data = encode("parquet", (one,), [batch_of((one, [1]))], failed("engine gone"))
    with pytest.raises(pa.ArrowInvalid):
        pq.read_table(io.BytesIO(data))
