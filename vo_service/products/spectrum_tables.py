"""The spectrum of a region as a table: VOTable or FITS, one row per channel."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import yaml
from numpy.typing import NDArray

from tap_schema import Column
from vo_service.dali.column_words import column_of
from vo_service.formats import OK, Info, TableDescription, find_format
from vo_service.pixels.compute.region_spectrum import RegionSpectrum
from vo_service.pixels.compute.writing import ByteSink

_FILE = Path(__file__).resolve().parent / "spectrum_columns.yaml"
_FORMATS = {"votable": "votable/td", "fits": "fits"}


def write_spectrum(
    out: ByteSink,
    spectrum: RegionSpectrum,
    form: Literal["votable", "fits"],
    said: Sequence[Info] = (),
    description: str | None = None,
) -> None:
    """A whole file. ``said`` are facts that stand with the table (source, region, request): INFOs of a
    VOTable, COMMENTs of FITS. The same spectrum gives the same bytes."""
    columns = spectrum_columns(spectrum)
    encoder = find_format(_FORMATS[form]).make()
    infos = (*said, *_velocity_infos(spectrum))
    try:
        begin = encoder.begin(TableDescription(tuple(columns), infos, "spectrum", description))
        for piece in chain(begin, encoder.rows(_batch(spectrum, columns)), encoder.end(OK)):
            out.write(piece)
    finally:
        encoder.close()


def spectrum_columns(spectrum: RegionSpectrum) -> list[Column]:
    """The columns of the table: those of the channel, then value and number of pixels of each polarisation,
    whose label is part of their names where there are several (its number where it has none)."""
    words = _words()
    columns = [_column(each) for each in words["channels"][:-1]]
    columns.append(_column({**words["channels"][-1], **_velocity_words(spectrum)}))
    for place, label in enumerate(spectrum.labels):
        suffix = f"_{label or place + 1}" if len(spectrum.labels) > 1 else ""
        value = words["values"][spectrum.kind]
        made = {"name": spectrum.kind + suffix, "datatype": "double", "unit": spectrum.unit}
        columns.append(_column({**value, **made, "ucd": _ucd(spectrum, label)}, suffix))
        columns.append(_column({**words["pixels"], "name": words["pixels"]["name"] + suffix}, suffix))
    return columns


@cache
def _words() -> Mapping[str, Any]:
    words: Mapping[str, Any] = yaml.safe_load(_FILE.read_text(encoding="utf-8"))
    return words


def _column(words: Mapping[str, Any], suffix: str = "") -> Column:
    told = f" Polarisation {suffix[1:]}." if suffix else ""
    return column_of({**words, "description": words["description"] + told})


def _velocity_words(spectrum: RegionSpectrum) -> Mapping[str, str]:
    """UCD, and what velocities are relative to where there are any."""
    words = _words()
    defined = words["velocity"][spectrum.definition]
    if spectrum.reference is None:
        return {"ucd": defined["ucd"]}
    relative = defined["description"].format(reference=repr(spectrum.reference))
    return {"ucd": defined["ucd"], "description": f"{words['channels'][-1]['description']} {relative}"}


def _velocity_infos(spectrum: RegionSpectrum) -> tuple[Info, ...]:
    if spectrum.reference is None:
        return ()
    return (
        Info("velocity_definition", spectrum.definition),
        Info("velocity_reference", repr(spectrum.reference), "Hz; velocities are relative to it."),
    )


def _ucd(spectrum: RegionSpectrum, label: str | None) -> str | None:
    """Of the values of a polarisation, None where the unit does not tell what is measured."""
    words = _words()
    symbols = re.findall(r"[A-Za-z]+", spectrum.unit or "")
    measured = next((ucd for unit, ucd in words["measured"].items() if _is_named(unit, symbols)), None)
    if measured is None:
        return None
    polarised = words["polarisations"].get(label) if len(spectrum.labels) > 1 or label != "I" else None
    parts = (measured, polarised, words["values"][spectrum.kind]["ucd"])
    return ";".join(part for part in parts if part is not None)


def _is_named(unit: str, symbols: list[str]) -> bool:
    """Whether the first symbol of a unit is this one, with or without a prefix."""
    return bool(symbols) and re.fullmatch(f"[a-zA-Z]?{unit}", symbols[0]) is not None


def _batch(spectrum: RegionSpectrum, columns: Sequence[Column]) -> pa.RecordBatch:
    values: list[NDArray[Any]] = [
        spectrum.channel,
        spectrum.frequency,
        spectrum.barycentric,
        spectrum.velocity,
    ]
    for plane, pixels in zip(spectrum.values, spectrum.pixels, strict=True):
        values += [plane, pixels]
    arrays = [
        pa.array(each, column.arrow_type, mask=np.isnan(each) if each.dtype.kind == "f" else None)
        for each, column in zip(values, columns, strict=True)
    ]
    return pa.RecordBatch.from_arrays(arrays, [column.name for column in columns])
