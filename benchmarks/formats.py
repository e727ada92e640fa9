"""Rows per second of the encoders, beside astropy's BINARY2 writer on the same table.

The table has the shape of an ObsCore answer: texts, numbers, a timestamp, nulls, an array.
"""

from __future__ import annotations

import io
import resource
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
from astropy.io import votable
from astropy.table import MaskedColumn, Table

from benchmarks.measure import report
from tap_schema import Column
from vo_service.formats import OK, TableDescription, find_format

ROWS = 200_000
ASTROPY_ROWS = 5_000


def make_batches(
    rows: int, columns: int, rows_a_batch: int = 65536
) -> tuple[tuple[Column, ...], list[pa.RecordBatch]]:
    """A described table of ``columns`` columns in record batches."""
    random = np.random.default_rng(1)
    kinds = ["text", "double", "double", "text", "int", "timestamp", "double", "title", "double", "array"]
    described, arrays = [], []
    for i in range(columns):
        kind = kinds[i % len(kinds)]
        described.append(_column(f"c{i}_{kind}", kind))
        arrays.append(_values(kind, rows, random))
    table = pa.table(arrays, names=[column.name for column in described])
    return tuple(described), table.combine_chunks().to_batches(max_chunksize=rows_a_batch)


def _column(name: str, kind: str) -> Column:
    datatype, arraysize, xtype = {
        "text": ("char", "*", None),
        "title": ("unicodeChar", "*", None),
        "double": ("double", None, None),
        "int": ("int", None, None),
        "timestamp": ("char", "*", "timestamp"),
        "array": ("double", "*", None),
    }[kind]
    return Column(name, datatype, arraysize, xtype, None, None, None, f"column of kind {kind}")


def _values(kind: str, rows: int, random: np.random.Generator) -> pa.Array:
    missing = random.uniform(size=rows) < 0.1
    if kind == "double":
        return pa.array(random.normal(size=rows), mask=missing)
    if kind == "int":
        return pa.array(random.integers(0, 10**6, rows).astype(np.int32), mask=missing)
    if kind == "timestamp":
        return pa.array(random.integers(1.3e15, 1.7e15, rows), pa.int64()).cast(pa.timestamp("us"))
    if kind == "array":
        pairs = pa.array(random.normal(size=2 * rows))
        return pa.ListArray.from_arrays(pa.array(np.arange(0, 2 * rows + 1, 2, dtype=np.int32)), pairs)
    words = [f"uid://A001/X{i:x}/X{i * 7:x}" for i in range(5000)]
    return pa.DictionaryArray.from_arrays(random.integers(0, 5000, rows), pa.array(words)).cast(pa.string())


def measure_ours(
    columns: tuple[Column, ...], batches: list[pa.RecordBatch], media_type: str
) -> dict[str, float]:
    """Seconds, rows and bytes per second, seconds until the first rows are out."""
    encoder = find_format(media_type).make()
    started, first, size = time.perf_counter(), 0.0, 0
    for part in encoder.begin(TableDescription(columns)):
        size += len(part)
    for batch in batches:
        for part in encoder.rows(batch):
            first = first or time.perf_counter() - started
            size += len(part)
    for part in encoder.end(OK):
        size += len(part)
    seconds = time.perf_counter() - started
    rows = sum(batch.num_rows for batch in batches)
    return {
        "seconds": seconds,
        "rows_per_s": rows / seconds,
        "MB_per_s": size / seconds / 1e6,
        "first_rows_s": first,
    }


def measure_astropy(batches: list[pa.RecordBatch]) -> dict[str, float]:
    """astropy's BINARY2 writer on the same rows (arrays left out: it takes them as objects only)."""
    table = Table()
    for name, values in zip(batches[0].schema.names, pa.Table.from_batches(batches).itercolumns()):
        if pa.types.is_list(values.type):
            continue
        plain = values.cast(pa.string()) if pa.types.is_timestamp(values.type) else values
        filled = plain.fill_null("" if pa.types.is_string(plain.type) else 0).to_numpy()
        data = filled.astype(str) if pa.types.is_string(plain.type) else filled
        table[name] = MaskedColumn(data, mask=values.is_null().to_numpy())
    document = votable.from_table(table)
    sink = io.BytesIO()
    started = time.perf_counter()
    votable.writeto(document, sink, tabledata_format="binary2")
    seconds = time.perf_counter() - started
    return {"seconds": seconds, "rows_per_s": len(table) / seconds}


def run(scratch: Path, rows: int) -> None:
    """Tables of 20 and 60 columns in each format, and astropy's writer on a few rows of the first."""
    rows = min(rows, ROWS)
    figures: dict[str, object] = {"rows": rows}
    for width in (20, 60):
        columns, batches = make_batches(rows, width)
        for media_type in ("votable/b2", "votable/td", "csv"):
            figures[f"{media_type} of {width} columns, rows/s"] = measure_ours(columns, batches, media_type)[
                "rows_per_s"
            ]
    _, few = make_batches(ASTROPY_ROWS, 20)
    figures["astropy, BINARY2 of 20 columns without arrays, rows/s"] = measure_astropy(few)["rows_per_s"]
    figures["peak MB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    report("formats", figures)
