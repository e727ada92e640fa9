"""JSON: read back by the standard library, each value compared; the outcome at the end."""

from __future__ import annotations

import datetime as dt
import json
import math
from typing import Any

import numpy as np
import pytest
from every_type import EVERY_TYPE, TIMES, batch_of, batch_of_rows, random_tables
from hypothesis import given, settings
from votables import column, encode

from tap_schema import Column
from vo_service.formats import OK, OVERFLOW, Info, Outcome, failed


def refuse(constant: str) -> float:
    raise ValueError(f"{constant} is no JSON")


def read(document: bytes) -> dict[str, Any]:
    """Strictly: no NaN, no Infinity as bare words, no name twice."""
    return json.loads(document.decode("utf-8"), parse_constant=refuse)


def test_every_type() -> None:
    """# TAP-053, TAP-112"""
    columns = tuple(one for one, _ in EVERY_TYPE)
    found = read(encode("json", columns, [batch_of(*EVERY_TYPE)], infos=(Info("QUERY", "SELECT 'é'\n", ""),)))
    assert [one["name"] for one in found["metadata"]] == [one.name for one in columns]
    assert found["metadata"][-2] == {
        "name": "place",
        "datatype": "double",
        "arraysize": "2",
        "xtype": "point",
        "unit": None,
        "ucd": None,
        "utype": None,
        "description": None,
    }
    assert found["infos"] == [{"name": "QUERY", "value": "SELECT 'é'\n"}]
    assert found["status"] == "OK" and list(found)[-1] == "status"
    for i, (one, values) in enumerate(EVERY_TYPE):
        cells = [row[i] for row in found["data"]]
        wanted = [shown(value, one) for value in values]
        assert cells == ([TIMES[0], None, TIMES[2]] if one.xtype == "timestamp" else wanted)


@settings(max_examples=30)
@given(random_tables())
def test_any_values_read_back(table: tuple[tuple[Column, ...], list[tuple[Any, ...]]]) -> None:
    columns, rows = table
    found = read(encode("application/json", columns, [batch_of_rows(columns, rows)]))["data"]
    assert len(found) == len(rows)
    for got, wanted in zip(found, rows):
        assert [shown(*pair) for pair in zip(wanted, columns)] == got


def shown(value: Any, one: Column) -> Any:
    """A value as the document should have it."""
    if isinstance(value, list):
        return [shown(element, one) for element in value]
    if isinstance(value, dt.datetime):
        return value.isoformat(timespec="microseconds" if value.microsecond % 1000 else "milliseconds")
    if isinstance(value, float):
        if math.isnan(value):
            return "NaN"
        if math.isinf(value):
            return "Infinity" if value > 0 else "-Infinity"
        return float(str(np.float32(value))) if one.datatype == "float" else value
    return value


def test_texts_are_escaped() -> None:
    hard = "".join(map(chr, range(1, 0x21))) + '"\\/\u2028😀'
    text = column(hard, "unicodeChar", "*", description=hard)
    found = read(encode("json", (text,), [batch_of((text, [hard, "", None]))]))
    assert found["data"] == [[hard], [""], [None]] and found["metadata"][0]["description"] == hard


def test_nulls_inside_arrays() -> None:
    one = column("a", "int", "*")
    assert read(encode("json", (one,), [batch_of((one, [[1, None], []]))]))["data"] == [[[1, None]], [[]]]


@pytest.mark.parametrize("batches", [0, 1, 3])
def test_pieces_make_one_list(batches: int) -> None:
    one = column("n", "long")
    many = [batch_of((one, [n, 2**63 - 1])) for n in range(batches)]
    found = read(encode("json", (one,), [batch_of((one, [])), *many]))
    assert found["data"] == [[n] for batch in range(batches) for n in (batch, 2**63 - 1)]


@pytest.mark.parametrize(
    ("outcome", "told"),
    [
        (OK, {"status": "OK"}),
        (OVERFLOW, {"status": "OVERFLOW"}),
        (failed('engine "gone"'), {"status": "ERROR", "message": 'engine "gone"'}),
        (
            Outcome("OK", infos=(Info("rows", "0"),)),
            {"status": "OK", "outcome": [{"name": "rows", "value": "0"}]},
        ),
    ],
)
def test_outcome_is_told_behind_the_rows(outcome: Outcome, told: dict[str, Any]) -> None:
    """# DALI-114"""
    found = read(encode("json", (column("n", "int"),), [], outcome))
    assert found["data"] == []
    assert {name: found[name] for name in list(found)[3:]} == told
