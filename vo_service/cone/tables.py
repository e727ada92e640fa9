"""Which tables have positions, and what of them an answer holds (SCS 1.03 and 1.1, section 2).

The position of a table is the only pair of its columns with the UCDs of one; of several pairs, that which is
marked as the main one. Its rows are named by its primary key. In answers these three have the UCDs that the
standard wants, whatever TAP has for them: ivoa.obscore must have others there (SCS-016).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final, Literal

from tap_schema import Column, Published, Table

Verbosity = Literal[1, 2, 3]

_RA: Final = "pos.eq.ra"
_DEC: Final = "pos.eq.dec"
_ID: Final = "meta.id"
_MAIN: Final = ";meta.main"
_ROW: Final = "row_id"
_TOLD: Final = "Identifier of the row: the columns of its key, with slashes between."


@dataclass(frozen=True)
class ConeTable:
    """A table with positions: its key, and the columns of right ascension and declination."""

    table: Table
    key: tuple[Column, ...]
    lon: Column
    lat: Column

    def adql(self, lon: float, lat: float, radius: float, verbosity: Verbosity) -> str:
        """The rows not farther than ``radius`` from a position, all in degrees, ICRS (SCS-011)."""
        wanted = ", ".join((*self._made, *(column.adql_name for column in self.columns(verbosity))))
        near = f"DISTANCE({self.lon.adql_name}, {self.lat.adql_name}, {lon!r}, {lat!r}) <= {radius!r}"
        return f"SELECT {wanted} FROM {self.table.adql_name} WHERE {near}"  # noqa: S608 - names and numbers

    def first_place(self) -> str:
        """A query for ``lon`` and ``lat`` of the first row by its key that has a position: the same row,
        whoever asks."""
        lon, lat = self.lon.adql_name, self.lat.adql_name
        return (
            f"SELECT TOP 1 {lon} AS lon, {lat} AS lat FROM {self.table.adql_name}"  # noqa: S608 - published names
            f" WHERE {lon} IS NOT NULL AND {lat} IS NOT NULL"
            f" ORDER BY {', '.join(column.adql_name for column in self.key)}"
        )

    def columns(self, verbosity: Verbosity) -> tuple[Column, ...]:
        """The columns of an answer: principal ones, those of standards too, all; the key and the position
        always (SCS-009)."""
        return tuple(
            column
            for column in self.table.listed
            if verbosity == 3
            or column.principal
            or (verbosity == 2 and column.std)
            or column in (*self.key, self.lon, self.lat)
        )

    def described(self, column: Column) -> Column:
        """A column as answers have it: one each with the UCDs of identifier and position (SCS-016)."""
        ucd = self._ucds.get(column.name)
        if ucd is not None:
            return replace(column, ucd=ucd, description=column.description or _TOLD)
        if column.ucd is not None and column.ucd in self._ucds.values():
            return replace(column, ucd=column.ucd.removesuffix(_MAIN))
        return column

    @property
    def _made(self) -> tuple[str, ...]:
        """A key of one text is there anyway; any other is made one (SCS-017)."""
        if self._identifier != _ROW:
            return ()
        texts = [
            column.adql_name if column.is_text else f"CAST({column.adql_name} AS VARCHAR)"
            for column in self.key
        ]
        return (" || '/' || ".join(texts) + f" AS {_ROW}",)

    @property
    def _identifier(self) -> str:
        return self.key[0].name if len(self.key) == 1 and self.key[0].datatype == "char" else _ROW

    @cached_property
    def _ucds(self) -> Mapping[str, str]:
        return {self._identifier: _ID + _MAIN, self.lon.name: _RA + _MAIN, self.lat.name: _DEC + _MAIN}


def cone_tables(published: Published) -> Mapping[str, ConeTable]:
    """The tables that can be asked, by their names in small letters."""
    found = {name: _cone_table(table) for name, table in published.items()}
    return {name: table for name, table in found.items() if table is not None}


def _cone_table(table: Table) -> ConeTable | None:
    lon, lat = _position(table, _RA), _position(table, _DEC)
    key = tuple(table.column(name) for name in table.primary_key)
    return None if lon is None or lat is None or not key else ConeTable(table, key, lon, lat)


def _position(table: Table, ucd: str) -> Column | None:
    """The column of a coordinate; None where there is none, or nothing tells which of several it is."""
    for wanted in (ucd + _MAIN, ucd):
        found = [column for column in table.listed if column.ucd == wanted and column.unit == "deg"]
        if found:
            return found[0] if len(found) == 1 else None
    return None
