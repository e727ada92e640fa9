"""Rows on their way into a table, made to fit its columns exactly."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tap_schema import Table
from vo_service.store.errors import StoreError


def fit_rows(rows: pa.Table | pa.RecordBatch, table: Table, schema: pa.Schema) -> pa.Table:
    """``rows`` with exactly the columns and types of ``schema``, in its order; NaN becomes null.

    Raises StoreError naming table and column for a column that is missing, unknown, of a type that cannot
    become the right one without loss, or null where it may not be.
    """
    given = pa.Table.from_batches([rows]) if isinstance(rows, pa.RecordBatch) else rows
    missing = [name for name in schema.names if name not in given.schema.names]
    unknown = [name for name in given.schema.names if name not in schema.names]
    if missing or unknown:
        raise StoreError(
            f"rows for {table.qualified}: "
            + "; ".join(
                f"{word} {', '.join(names)}"
                for word, names in (("missing", missing), ("unknown", unknown))
                if names
            )
        )
    return pa.Table.from_arrays([_fit(given[field.name], field, table) for field in schema], schema=schema)


def _fit(values: pa.ChunkedArray, field: pa.Field, table: Table) -> pa.ChunkedArray:
    if values.type != field.type:
        try:
            values = values.cast(field.type)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise StoreError(
                f"{table.qualified}.{field.name}: {values.type} does not become {field.type}: {error}"
            ) from error
    if pa.types.is_floating(field.type):
        unknown = pc.is_nan(values)
        if pc.any(unknown).as_py():
            values = pc.if_else(unknown, pa.scalar(None, field.type), values)
    if values.null_count and (not field.nullable or field.name in table.primary_key):
        raise StoreError(
            f"{table.qualified}.{field.name} may not be null, but is in {values.null_count} rows"
        )
    return values


def write_keys(keys: pa.Table, table: Table, path: Path) -> None:
    """Write the keys of rows to remove; raises StoreError for columns that the table has not."""
    fields = []
    for name in keys.schema.names:
        if not table.has(name):
            raise StoreError(f"{table.qualified} has no column {name} to remove rows by")
        fields.append(pa.field(name, table.column(name).arrow_type))
    if not fields:
        raise StoreError(f"{table.qualified}: rows to remove need at least one key column")
    columns: Iterable[pa.ChunkedArray] = (_fit(keys[field.name], field, table) for field in fields)
    pq.write_table(
        pa.Table.from_arrays(list(columns), schema=pa.schema(fields)),
        path,
        compression="zstd",
        store_schema=False,
    )
