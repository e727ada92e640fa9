"""JSON: one object with the columns, the rows as arrays, and behind them how the query ended.

``{"metadata": [{"name": ..., "datatype": ...}, ...], "infos": [...], "data": [[...], ...], "status": "OK"}``.
Null is null; NaN and infinities, which JSON's numbers lack, are the texts ``NaN``, ``Infinity`` and
``-Infinity``; times are texts as in VOTable; integers of 64 bits are written in full.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tap_schema import Column
from vo_service.formats.columns import conform
from vo_service.formats.description import Info, Outcome, TableDescription
from vo_service.formats.encoder import Encoder
from vo_service.formats.fields import unique_names
from vo_service.formats.texts import all_finite, joined_bytes, text_bytes, timestamp_texts

_FACTS: Final = ("datatype", "arraysize", "xtype", "unit", "ucd", "utype", "description")
_SPECIAL: Final = ((float("inf"), '"Infinity"'), (float("-inf"), '"-Infinity"'))
_FIRST: Final = b",\n"  # in front of every row; the very first one's is left out


class JSONEncoder(Encoder):
    """One table as a JSON object. OVERFLOW and ERROR are its last members."""

    def begin(self, table: TableDescription) -> Iterator[bytes]:
        self._columns = table.columns
        self._started = False
        names = unique_names(table.columns)
        head = {
            "metadata": [_facts(column, name) for column, name in zip(table.columns, names)],
            "infos": [_info(info) for info in table.infos],
        }
        yield _dumped(head)[:-1] + b', "data": [\n'

    def rows(self, batch: pa.RecordBatch) -> Iterator[bytes]:
        cells = [
            json_texts(values, column) for values, column in zip(conform(batch, self._columns), self._columns)
        ]
        inner = pc.binary_join_element_wise(*cells, ",", null_handling="replace", null_replacement="null")
        rows = joined_bytes(pc.binary_join_element_wise(",\n[", inner, "]", ""))
        if rows:
            yield rows if self._started else rows[len(_FIRST) :]
            self._started = True

    def end(self, outcome: Outcome) -> Iterator[bytes]:
        told: dict[str, object] = {"status": outcome.status}
        if outcome.message:
            told["message"] = outcome.message
        if outcome.infos:
            told["outcome"] = [_info(info) for info in outcome.infos]
        yield b"\n], " + _dumped(told)[1:] + b"\n"


def _dumped(content: object) -> bytes:
    return json.dumps(content, ensure_ascii=False, allow_nan=False).encode("utf-8", "replace")


def _facts(column: Column, name: str) -> dict[str, str | None]:
    """What is known of a column, as a FIELD would say it."""
    return {"name": name} | {fact: getattr(column, fact) or None for fact in _FACTS}


def _info(info: Info) -> dict[str, str]:
    return {key: value for key, value in asdict(info).items() if value}


def json_texts(values: pa.Array, column: Column) -> pa.Array:
    """A column as JSON values; null where the cell is null."""
    if column.is_text:
        return _strings(values)
    if pa.types.is_timestamp(values.type):
        return pc.binary_join_element_wise('"', timestamp_texts(values), '"', "")
    if pa.types.is_list(values.type):
        inner = pc.fill_null(_numbers(values.values), "null")
        joined = pc.binary_join(pa.ListArray.from_arrays(values.offsets, inner), ",")
        texts = pc.binary_join_element_wise("[", joined, "]", "")
        return pc.if_else(pc.is_valid(values), texts, pa.scalar(None, pa.string()))
    return _numbers(values)


def _numbers(values: pa.Array) -> pa.Array:
    if pa.types.is_boolean(values.type):
        return pc.if_else(values, "true", "false")
    texts = pc.cast(values, pa.string())
    if pa.types.is_floating(values.type) and not all_finite(values):
        texts = pc.if_else(pc.is_nan(values), '"NaN"', texts)
        for number, text in _SPECIAL:
            texts = pc.if_else(pc.equal(values, number), text, texts)
    return texts


def _strings(texts: pa.Array) -> pa.Array:
    """Texts between quotes; quotes, backslashes and control characters escaped."""
    data = text_bytes(texts)
    for mark in '\\"':
        if (data == ord(mark)).any():
            texts = pc.replace_substring(texts, mark, "\\" + mark)
    for code in np.unique(data[data < 32]).tolist():
        texts = pc.replace_substring(texts, chr(code), f"\\u{code:04x}")
    return pc.binary_join_element_wise('"', texts, '"', "")
