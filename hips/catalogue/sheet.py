"""The columns of a catalogue's tiles: what they are called, and the lines of rows (HIPS-084, -090).

Names, units, UCDs and descriptions are those of the published columns; only the range of frequencies, for
people who look at a map, is made of the wavelengths here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol

import pyarrow as pa
import pyarrow.compute as pc

from vo_service.spectral import C

LON: Final = "s_ra"
LAT: Final = "s_dec"
EXPOSURE: Final = "t_exptime"
IDENTIFIER: Final = "obs_publisher_did"
SHOWN: Final = (
    LON, LAT, IDENTIFIER, "dataset_id", "obs_id", "target_name", "proposal_id", "dataproduct_type",
    "band_list", "f_min", "f_max", "s_resolution", "s_fov", "t_min", EXPOSURE, "cont_sensitivity_bandwidth",
    "sensitivity_10kms", "obs_release_date", "facility_name", "instrument_name", "obs_collection",
)  # fmt: skip
"""Columns of every tile, in this order: right ascension and declination are the first (HIPS-095), and the
last always has a value, so that no line ends with a tab."""
EXTENT: Final = ("t_min", "t_max", "em_min", "em_max")
"""What the properties of a tree give the range of."""
READ: Final = tuple(dict.fromkeys([*(name for name in SHOWN if name not in ("f_min", "f_max")), *EXTENT]))
"""Columns that rows are to come with."""

_MAIN: Final = {LON: "pos.eq.ra;meta.main", LAT: "pos.eq.dec;meta.main"}
_DERIVED: Final = {
    "f_min": ("em_max", "Lowest", "em.freq;stat.min"),
    "f_max": ("em_min", "Highest", "em.freq;stat.max"),
}
_GHZ: Final = 1e9
_DECIMALS: Final = 9
_NO_PLACE: Final = r"[\x00-\x1f\x7f\x{85}\x{2028}\x{2029}]+"
_MILLISECONDS: Final = len("2026-01-01T00:00:00.000")


class Published(Protocol):
    """What is read of a published column, in the words of a VOTable's FIELD."""

    @property
    def name(self) -> str: ...
    @property
    def datatype(self) -> str: ...
    @property
    def arraysize(self) -> str | None: ...
    @property
    def xtype(self) -> str | None: ...
    @property
    def unit(self) -> str | None: ...
    @property
    def ucd(self) -> str | None: ...
    @property
    def description(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Field:
    """A column of the tiles."""

    name: str
    datatype: str
    arraysize: str | None
    xtype: str | None
    unit: str | None
    ucd: str | None
    description: str


def fields_of(published: Mapping[str, Published]) -> tuple[Field, ...]:
    """The columns of every tile; ``published`` are all that there are, by name. Raises KeyError for one that
    is not among them."""
    return tuple(_derived(name, published) if name in _DERIVED else _kept(published[name]) for name in SHOWN)


def _kept(column: Published) -> Field:
    return Field(
        column.name,
        column.datatype,
        column.arraysize,
        column.xtype,
        column.unit,
        _MAIN.get(column.name, column.ucd),
        column.description,
    )


def _derived(name: str, published: Mapping[str, Published]) -> Field:
    of, which, ucd = _DERIVED[name]
    text = f"{which} frequency, computed from {of}. {published[of].description}"
    return Field(name, "double", None, None, "GHz", ucd, text)


def header_line() -> str:
    """Names of the columns, as the second line of each tile has them."""
    return "\t".join(SHOWN) + "\n"


def lines_of(rows: pa.RecordBatch) -> pa.Array:
    """A line for each row, tabs between the values, nothing where there is none; a string array.

    Numbers are the shortest texts that read back the same. Tabs, line breaks and other control characters
    become single blanks, as there is no way to write them. Raises KeyError for a column that is not there.
    """
    texts = [_texts(_frequency(rows, name) if name in _DERIVED else rows.column(name)) for name in SHOWN]
    joined = pc.binary_join_element_wise(*texts, "\t", null_handling="replace", null_replacement="")
    return pc.binary_join_element_wise(joined, "\n", "")


def _frequency(rows: pa.RecordBatch, name: str) -> pa.Array:
    """GHz, to a hertz."""
    wavelength = rows.column(_DERIVED[name][0]).cast(pa.float64())
    known = pc.and_(pc.is_finite(wavelength), pc.greater(wavelength, 0.0))
    return pc.round(pc.divide(C / _GHZ, pc.if_else(known, wavelength, None)), _DECIMALS)


def _texts(values: pa.Array) -> pa.Array:
    if pa.types.is_timestamp(values.type):
        texts = pc.utf8_replace_slice(pc.cast(values.cast(pa.timestamp("us")), pa.string()), 10, 11, "T")
        return pc.utf8_slice_codeunits(texts, 0, _MILLISECONDS)
    if pa.types.is_floating(values.type):
        return pc.cast(pc.if_else(pc.is_finite(values), values, None), pa.string())
    if pa.types.is_integer(values.type):
        return pc.cast(values, pa.string())
    return pc.replace_substring_regex(values.cast(pa.string()), _NO_PLACE, " ")
