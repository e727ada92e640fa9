"""Cells of older archive layouts: dates, bands, polarisations, frequency ranges, texts that were cut."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from vo_service.holdings.archive import ROW_NUMBER
from vo_service.holdings.supports import window_edges
from vo_service.spectral import C, merge_intervals

Texts = list[str | None]
Derived = dict[str, pa.Array]

_MJD_ZERO = datetime(1858, 11, 17, tzinfo=UTC)
_NOT_AVAILABLE = frozenset({"<NA>", "NaN", "None"})
_CUT = "..."
_PROJECT = r"#(\d{4}\.[0-9A-Z]\.\d{5}\.[A-Z]{1,3})$"

# The archive rounds edges to 10 MHz, so that a centre is right to 10 MHz; and tells the nominal width of a
# window whose outermost channels it leaves out of the range.
_CENTRE_GHZ = 0.011
_WIDTH_GHZ = 0.08


def read_bands(text: str) -> str | None:
    """The bands as ``3 6``, from that or from a list with brackets."""
    return " ".join(re.findall(r"\d+", text)) or None


def read_mosaic(text: str) -> str:
    """T for the word that the form shows (``mosaic``), else the text as it is."""
    return "T" if text.lower() == "mosaic" else text


def read_date(text: str) -> str | None:
    """A date as it is; null for a column that its declared size (one character) cut to the first digit."""
    return None if re.fullmatch(r"\d", text) else text


def read_polarisations(text: str) -> str:
    """``XX YY`` as ``/XX/YY/`` (OBS-085)."""
    return f"/{'/'.join(text.split())}/" if re.fullmatch(r"[A-Z]+( [A-Z]+)*", text) else text


def read_mjd(text: str) -> str:
    """Days of MJD (UTC) from a date and time; a text of another form as it is, for its reader to refuse."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return text
    moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return repr((moment - _MJD_ZERO).total_seconds() / 86400.0)


def range_of_support(name: str) -> Callable[[Mapping[str, Texts]], Derived]:
    """For rows that describe all windows of a field at once: the outermost edges of the windows in column
    ``name`` as em_min and em_max, and as bandwidth what the windows cover, gaps left out."""

    def derive(cells: Mapping[str, Texts]) -> Derived:
        texts = cells.get(name)
        if texts is None:
            return {}
        known = {text: _bounds(text) for text in set(texts) if text is not None}
        found = [known.get(text) if text is not None else None for text in texts]
        return {
            column: pa.array([None if one is None else one[at] for one in found], pa.float64())
            for at, column in enumerate(("em_min", "em_max", "bandwidth"))
        }

    return derive


def _bounds(text: str) -> tuple[float, float, float] | None:
    edges = window_edges(text)
    if not edges:
        return None
    merged = merge_intervals(edges)
    return C / merged[-1][1], C / merged[0][0], sum(high - low for low, high in merged)


def range_of_row(centre: str, width: str, support: str) -> Callable[[Mapping[str, Texts]], Derived]:
    """For rows of one window each: em_min and em_max from the one window in column ``support`` with the row's
    ``centre`` (GHz) and ``width`` (Hz); null where none fits, or more than one."""

    def derive(cells: Mapping[str, Texts]) -> Derived:
        rows = list(zip(cells[centre], cells.get(width, cells[centre]), cells[support]))
        found = [_own_range(*row) for row in rows]
        return {
            "em_min": pa.array([None if one is None else C / one[1] for one in found], pa.float64()),
            "em_max": pa.array([None if one is None else C / one[0] for one in found], pa.float64()),
        }

    return derive


def _own_range(centre: str | None, width: str | None, support: str | None) -> tuple[float, float] | None:
    try:
        middle, wide = float(centre or ""), float(width or "")
    except ValueError:
        return None
    fitting = [
        (low, high)
        for low, high in window_edges(support or "")
        if abs((low + high) / 2 - middle * 1e9) <= _CENTRE_GHZ * 1e9
        and abs(high - low - wide) < _WIDTH_GHZ * 1e9
    ]
    return fitting[0] if len(fitting) == 1 else None


def project_of(name: str) -> Callable[[Mapping[str, Texts]], Derived]:
    """The project code that the archive's identifiers in column ``name`` end with, as proposal_id."""

    def derive(cells: Mapping[str, Texts]) -> Derived:
        found = [re.search(_PROJECT, text or "") for text in cells[name]]
        return {"proposal_id": pa.array([None if one is None else one[1] for one in found], pa.string())}

    return derive


def cut_as_null(raw: pa.Table) -> pa.Table:
    """A table as pandas prints it: its mark of nothing is null, and so is a text that ends in its mark of a
    cut. What was left of a cut text is kept as ``<name> (cut)``. Frequencies in GHz give em_min and em_max.
    """
    columns: dict[str, pa.Array] = {}
    for name, values in zip(raw.column_names, raw.columns):
        texts = values.cast(pa.string()).to_pylist()
        whole = [None if text in _NOT_AVAILABLE or _is_cut(text) else text for text in texts]
        columns[name] = pa.array(whole, pa.string())
        if name != _CUT and any(map(_is_cut, texts)):
            columns[f"{name} (cut)"] = pa.array(
                [text if _is_cut(text) else None for text in texts], pa.string()
            )
    for ours, theirs in (("em_min", "max_freq_GHz"), ("em_max", "min_freq_GHz")):
        if ours not in columns and theirs in columns:
            columns[ours] = pa.array(
                [_wavelength(text) for text in columns[theirs].to_pylist()], pa.float64()
            )
    return pa.table(columns)


def _is_cut(text: str | None) -> bool:
    return text is not None and text.endswith(_CUT)


def _wavelength(text: str | None) -> float | None:
    """Metres from GHz; null where the text is no positive number."""
    try:
        frequency = float(text or "")
    except ValueError:
        return None
    return C / (frequency * 1e9) if frequency > 0 else None


def expand_members(raw: pa.Table) -> pa.Table:
    """A table of one row a source and one column a member set (``MOUS_7M``) as one row a member set: its uid
    in ``MOUS``, the column's name in ``member set``. Uids in the form of file names are written out. A source
    without a uid in any column stays one row, for whoever reads it to refuse."""
    members = {name: _uids(raw[name]) for name in raw.column_names if name.upper().startswith("MOUS_")}
    others = {name: _uids(raw[name]) for name in raw.column_names if name not in members}
    left = np.ones(raw.num_rows, dtype=bool)
    parts = []
    for name, uids in members.items():
        named = np.array([bool(uid and uid.strip()) for uid in uids.to_pylist()], dtype=bool)
        left &= ~named
        parts.append(_member_rows(others, name, uids, named))
    nothing = pa.nulls(raw.num_rows, pa.string())
    parts.append(_member_rows(others, "", nothing, left))
    return pa.concat_tables(parts)


def _member_rows(
    others: Mapping[str, pa.Array], name: str, uids: pa.Array, wanted: NDArray[np.bool_]
) -> pa.Table:
    count = len(uids)
    columns = {**others, "MOUS": uids, "member set": pa.repeat(pa.scalar(name), count)}
    columns[ROW_NUMBER] = pa.array(range(count), pa.int64())
    return pa.table(columns).filter(pa.array(wanted))


def _uids(values: pa.ChunkedArray) -> pa.Array:
    texts = values.cast(pa.string()).to_pylist()
    return pa.array(
        [
            text and re.sub(r"^uid___(A\d+)_(X[0-9a-f]+)_(X[0-9a-f]+)$", r"uid://\1/\2/\3", text)
            for text in texts
        ],
        pa.string(),
    )
