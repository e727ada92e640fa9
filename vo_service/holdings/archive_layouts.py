"""Layouts of archive tables other than ``ivoa.obscore``: told by column names, brought to its columns.

What a layout does not tell stays null. A column that is converted is kept as it was in ``other`` too, beside
those that have no place, and ``other`` names the layout. Tables that describe no observations (projects,
image parameters) are the business of ``side_tables``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pyarrow as pa

from vo_service.holdings.archive import ROW_KEY
from vo_service.holdings.archive_layout_cells import (
    Derived,
    Texts,
    cut_as_null,
    expand_members,
    project_of,
    range_of_row,
    range_of_support,
    read_bands,
    read_date,
    read_mjd,
    read_mosaic,
    read_polarisations,
)
from vo_service.holdings.cells import plain


@dataclass(frozen=True, slots=True)
class Take:
    """Where a column goes: ``to`` is ours, ``read`` turns one text into another where its form differs, and
    ``unit`` holds where the source declares none."""

    to: str
    read: Callable[[str], str | None] | None = None
    unit: str | None = None


@dataclass(frozen=True, slots=True)
class Layout:
    """``marks`` are columns (lower case) that a table of this layout has all of, ``unless`` those that it has
    none of. ``key`` are those that keep its rows apart where they have no obs_id. ``dropped`` hold nothing
    (an index, a mark of what was cut)."""

    name: str
    marks: frozenset[str]
    columns: Mapping[str, Take]
    key: tuple[str, ...] = ()
    derive: Callable[[Mapping[str, Texts]], Derived] | None = None
    prepare: Callable[[pa.Table], pa.Table] | None = None
    dropped: frozenset[str] = frozenset()
    unless: frozenset[str] = frozenset()

    def fits(self, names: frozenset[str]) -> bool:
        """Whether a table with these columns (lower case) has this layout."""
        return self.marks <= names and not self.unless & names


@dataclass(frozen=True, slots=True)
class LaidOut:
    """Rows with the archive's columns of today, and the units of those that declare one."""

    rows: pa.Table
    units: Mapping[str, str]


_LAYOUT = "layout"
"""The column that names the layout; a table's own of this name is kept ``as given``."""


def _marks(*names: str) -> frozenset[str]:
    return frozenset(names)


_FORM_COLUMNS = {
    "project code": Take("proposal_id"),
    "source name": Take("target_name"),
    "ra": Take("s_ra"),
    "dec": Take("s_dec"),
    "galactic longitude": Take("gal_longitude"),
    "galactic latitude": Take("gal_latitude"),
    "band": Take("band_list", read_bands),
    # The form labels its resolution in arcsec; the table itself declares no unit.
    "spatial resolution": Take("spatial_resolution", unit="arcsec"),
    "frequency resolution": Take("spectral_resolution"),
    "mosaic": Take("is_mosaic", read_mosaic),
    "integration": Take("t_exptime"),
    "release date": Take("obs_release_date", read_date),
    "frequency support": Take("frequency_support"),
    "velocity resolution": Take("velocity_resolution"),
    "pol products": Take("pol_states", read_polarisations),
    "observation date": Take("t_min", read_mjd),
    "pi name": Take("pi_name"),
    "sb name": Take("schedblock_name"),
    "proposal authors": Take("proposal_authors"),
    "line sensitivity (10 km/s)": Take("sensitivity_10kms", unit="mJy/beam"),
    "continuum sensitivity": Take("cont_sensitivity_bandwidth"),
    "pwv": Take("pwv"),
    "group ous id": Take("group_ous_uid"),
    "member ous id": Take("member_ous_uid"),
    "asdm uid": Take("asdm_uid"),
    "project title": Take("obs_title"),
    "project type": Take("type"),
    "scan intent": Take("scan_intent"),
    "field of view": Take("s_fov"),
    "largest angular scale": Take("spatial_scale_max"),
    "qa2 status": Take("qa2_passed"),
    "science keyword": Take("science_keyword"),
    "scientific category": Take("scientific_category"),
}

# Int.Time and Total.Time have no place: the tables do not say which of the archive's times they were.
_ALMASIM_COLUMNS = {
    "alma_source_name": Take("target_name"),
    "band": Take("band_list"),
    "pwv": Take("pwv"),
    "sb_name": Take("schedblock_name"),
    "vel.res.": Take("velocity_resolution"),
    "ang.res.": Take("spatial_resolution"),
    "ra": Take("s_ra"),
    "dec": Take("s_dec"),
    "fov": Take("s_fov"),
    "cont_sens_mjybeam": Take("cont_sensitivity_bandwidth"),
    "line_sens_10kms_mjybeam": Take("sensitivity_10kms"),
    "obs.date": Take("obs_release_date", read_date),
    "bandwidth": Take("bandwidth"),
    "freq": Take("frequency"),
    "freq.sup.": Take("frequency_support"),
    "antenna_arrays": Take("antenna_arrays"),
    "proposal_id": Take("proposal_id"),
    "member_ous_uid": Take("member_ous_uid"),
    "group_ous_uid": Take("group_ous_uid"),
}

LAYOUTS = (
    Layout(
        "archive-form",
        _marks("project code", "source name", "member ous id", "asdm uid"),
        _FORM_COLUMNS,
        key=("asdm uid", "ra", "dec"),
        derive=range_of_support("frequency support"),
    ),
    Layout(
        "almasim",
        _marks("alma_source_name", "freq", "freq.sup.", "obs.date"),
        _ALMASIM_COLUMNS,
        key=("freq", "freq.sup.", "ra", "dec", "line_sens_10kms_mjybeam"),
        derive=range_of_row("freq", "bandwidth", "freq.sup."),
    ),
    Layout(
        "alminer-display",
        _marks("project_code", "alma_source_name", "mous_id", "obs_id", "..."),
        {},
        prepare=cut_as_null,
        dropped=_marks("...", "obs"),
    ),
    Layout(
        "member-sets",
        _marks("source", "gous", "mous_tm1", "mous_tm2", "mous_7m"),
        {
            "source": Take("target_name"),
            "gous": Take("group_ous_uid"),
            "mous": Take("member_ous_uid"),
        },
        prepare=expand_members,
    ),
    Layout(
        "obscore-selection",
        _marks("obs_publisher_did", "s_ra", "s_dec"),
        {},
        key=("obs_publisher_did", "s_ra", "s_dec", "frequency", "em_min", "em_max", "t_min", "s_region"),
        derive=project_of("obs_publisher_did"),
        unless=_marks("obs_id", "archive_obs_id", "member_ous_uid"),
    ),
)


def lay_out(raw: pa.Table, units: Mapping[str, str]) -> LaidOut:
    """``raw`` with the columns that ``archive.map_rows`` knows; unchanged where no layout fits."""
    names = frozenset(name.strip().lower() for name in raw.column_names)
    for layout in LAYOUTS:
        if layout.fits(names):
            return _apply(layout, raw, units)
    return LaidOut(raw, units)


def _apply(layout: Layout, raw: pa.Table, units: Mapping[str, str]) -> LaidOut:
    if layout.prepare is not None:
        raw = layout.prepare(raw)
    columns: dict[str, pa.Array] = {}
    declared: dict[str, str] = {}
    for name, values in zip(raw.column_names, raw.columns):
        low = name.strip().lower()
        take = layout.columns.get(low)
        if low in layout.dropped:
            continue
        if take is None:
            columns[f"{name.strip()} as given" if low == _LAYOUT else name] = values
            declared |= {name: units[name]} if name in units else {}
            continue
        unit = units.get(name, take.unit)
        declared |= {take.to: unit} if unit else {}
        columns[take.to] = values if take.read is None else _converted(values, take.read)
        if take.read is not None:
            columns[f"{name} as given"] = values
    cells = {name.strip().lower(): _texts(values) for name, values in zip(raw.column_names, raw.columns)}
    if layout.derive is not None:
        columns |= {name: made for name, made in layout.derive(cells).items() if name not in cells}
    if layout.key:
        columns[ROW_KEY] = _key(cells, layout.key, raw.num_rows)
    columns[_LAYOUT] = pa.repeat(pa.scalar(layout.name), raw.num_rows)
    return LaidOut(pa.table(columns), declared)


def _texts(values: pa.ChunkedArray) -> Texts:
    whole, _garbled = plain(values.combine_chunks())
    texts: Texts = whole.cast(pa.string()).to_pylist()
    return texts


def _converted(values: pa.ChunkedArray, read: Callable[[str], str | None]) -> pa.Array:
    """Each text by ``read``, which is asked once for each distinct one; empty cells are null."""
    texts = _texts(values)
    made = {text: read(text.strip()) for text in set(texts) if text is not None and text.strip()}
    return pa.array([None if text is None else made.get(text) for text in texts], pa.string())


def _key(cells: Mapping[str, Texts], names: tuple[str, ...], count: int) -> pa.Array:
    present = [cells[name] for name in names if name in cells]
    rows = zip(*present) if present else [()] * count
    return pa.array(["\x1f".join(cell or "" for cell in row) for row in rows], pa.string())
