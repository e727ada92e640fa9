"""Rows of stored tables picked by values of their columns: what services look up that send no ADQL.

The engine that is open on the snapshot is asked: to open the file once more takes many times as long.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from tap_schema import Table
from vo_service.engines.interface import Engine, Limits, Statement
from vo_service.store.engine_file import quoted

_BATCH_ROWS = 10_000
_WANTED = "wanted"


@dataclass(frozen=True, slots=True)
class StoredRows:
    """The stored ``tables`` of the snapshot that an engine is open on; a look-up may take ``seconds``."""

    engine: Engine
    tables: Mapping[str, Table]
    seconds: float = 10.0

    def find(
        self, table: str, columns: Sequence[str], wanted: Mapping[str, str | Sequence[str] | None]
    ) -> pa.Table:
        """Rows of ``schema.table`` in which each column of ``wanted`` has its value, or one of its values, or
        is empty where None is wanted, with the published types.

        ``columns`` are stored ones, hidden ones too. All rows come into memory: pick by ``lookup`` columns.
        Raises EngineError, KeyError for what is not stored, and ValueError where nothing is wanted.
        """
        if not wanted:
            raise ValueError(f"all rows of {table} are wanted")
        schema, fields, place = self._described(table, columns)
        parameters: list[str] = []
        conditions = []
        for name, value in wanted.items():
            if value is None:
                conditions.append(f"{quoted(schema.field(name).name)} IS NULL")
                continue
            values = [value] if isinstance(value, str) else list(value)
            if not values:
                return fields.empty_table()
            marks = [f"${len(parameters) + place}" for place in range(1, len(values) + 1)]
            parameters += values
            conditions.append(f"{quoted(schema.field(name).name)} IN ({', '.join(marks)})")
        text = f"SELECT {', '.join(map(quoted, fields.names))} FROM {place} WHERE {' AND '.join(conditions)}"
        return self._rows(Statement(text, tuple(parameters)), fields)

    def find_among(self, table: str, columns: Sequence[str], name: str, values: Sequence[str]) -> pa.Table:
        """Rows of ``schema.table`` in which a column of texts has one of very many values: the engine gets
        these as a table. Otherwise as `find`."""
        schema, fields, place = self._described(table, columns)
        text = (
            f"SELECT {', '.join(map(quoted, fields.names))} FROM {place} "
            f"WHERE {quoted(schema.field(name).name)} IN (SELECT {quoted(name)} FROM {quoted(_WANTED)})"
        )
        wanted = pa.table({name: pa.array(values, pa.string())})
        return self._rows(Statement(text, tables={_WANTED: wanted}), fields)

    def latest_beyond(self, table: str, name: str, moment: str, other: str) -> pa.Table:
        """The values of the column ``name`` of ``schema.table`` that the column of that name in the table
        ``other`` does not have, each once, and the latest ``moment`` of its rows: columns of these two names.
        Raises EngineError, and KeyError for what is not stored."""
        _, fields, place = self._described(table, (name, moment))
        _, _, beside = self._described(other, (name,))
        key, time = quoted(name), quoted(moment)
        text = (
            f"SELECT {key}, MAX({time}) AS {time} FROM {place} AS a WHERE {key} IS NOT NULL "
            f"AND NOT EXISTS (SELECT 1 FROM {beside} AS b WHERE b.{key} = a.{key}) GROUP BY {key}"
        )
        return self._rows(Statement(text), fields)

    def _described(self, table: str, columns: Sequence[str]) -> tuple[pa.Schema, pa.Schema, str]:
        """All columns of a table, those that are asked for, and what the engine calls it."""
        described = self.tables[table]
        schema = described.arrow_schema()
        fields = pa.schema([schema.field(name) for name in columns])
        place = quoted(self.engine.schemas.get(described.schema, described.schema), described.name)
        return schema, fields, place

    def _rows(self, statement: Statement, fields: pa.Schema) -> pa.Table:
        with self.engine.run(statement, Limits(self.seconds, _BATCH_ROWS)) as batches:
            return pa.Table.from_batches([batch.cast(fields) for batch in batches.stream], fields)
