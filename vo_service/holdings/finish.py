"""The columns of ``ivoa.obscore`` that follow from others, by one rule for files and archive rows alike.

Galactic coordinates, HEALPix pixel and unit vector from the position; DALI shape and footprint from the
region; spectral resolutions from the resolving power. Everything works on whole columns.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tap_schema import Table
from vo_service import sky
from vo_service.holdings.staged_footprints import stage_footprints
from vo_service.spectral import C

Columns = dict[str, pa.Array]

DID_PREFIX = "ivo://"


def numbers(values: pa.Array | pa.ChunkedArray) -> NDArray[np.float64]:
    """The column as float64, NaN for null."""
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    if not pa.types.is_float64(values.type):
        values = values.cast(pa.float64())
    return np.asarray(values.to_numpy(zero_copy_only=False), dtype=np.float64)


def nullable(values: NDArray[np.float64]) -> pa.Array:
    """A float64 column, null for every value that is not finite."""
    return pa.array(values, pa.float64(), mask=~np.isfinite(values))


def text_of(value: str | None, count: int) -> pa.Array:
    """A column that holds one text in every row."""
    return pa.nulls(count, pa.string()) if value is None else pa.repeat(pa.scalar(value, pa.string()), count)


def complete(columns: Mapping[str, pa.Array], table: Table, count: int) -> pa.Table:
    """A table of the stored columns in their order and types; those that are not given are null.

    Raises KeyError for a column that the table does not have.
    """
    schema = table.arrow_schema()
    strange = set(columns) - set(schema.names)
    if strange:
        raise KeyError(f"{table.qualified} has no columns {sorted(strange)}")
    arrays = []
    for field in schema:
        values = columns.get(field.name)
        if values is None:
            values = pa.nulls(count, field.type)
        elif isinstance(values, pa.ChunkedArray):
            values = values.combine_chunks()
        arrays.append(values if values.type == field.type else values.cast(field.type))
    return pa.Table.from_arrays(arrays, schema=schema)


def dids(authority: str, identifiers: pa.Array) -> pa.Array:
    """Publisher's identifiers of data sets (OBS-065)."""
    return pc.binary_join_element_wise(f"{DID_PREFIX}{authority}/obs?", identifiers, "")


def did_of(authority: str, identifier: str) -> str:
    """Publisher's identifier of one data set (OBS-065)."""
    return f"{DID_PREFIX}{authority}/obs?{identifier}"


def finish_rows(columns: Columns, table: Table, count: int) -> pa.Table:
    """Complete rows of ``ivoa.obscore`` from those columns that files or archive rows fill."""
    columns.update(_place_columns(numbers(columns["s_ra"]), numbers(columns["s_dec"])))
    columns.update(_region_columns(columns["s_region"]))
    measured = columns.get("_region_measured")
    if measured is not None and measured.null_count < count:
        shown = _region_columns(measured)
        columns["_shape_measured"] = shown["s_shape"]
        columns["_footprint_id"] = stage_footprints(
            columns["_footprint_id"], shown["_footprint_id"], columns["origin"], columns["obs_release_date"]
        )
    columns.update(_resolution_columns(columns))
    return complete(columns, table, count)


def _place_columns(ra: NDArray[np.float64], dec: NDArray[np.float64]) -> Columns:
    known = np.isfinite(ra) & np.isfinite(dec)
    longitude = np.where(known, ra % 360.0, 0.0)
    latitude = np.where(known, dec, 0.0)
    vectors = sky.unit_vectors(longitude, latitude)
    gal_longitude, gal_latitude = sky.galactic(longitude, latitude)

    def masked(values: NDArray[np.float64]) -> pa.Array:
        return pa.array(values, pa.float64(), mask=~known)

    return {
        "s_ra": masked(longitude),
        "s_dec": masked(latitude),
        "gal_longitude": masked(gal_longitude),
        "gal_latitude": masked(gal_latitude),
        "_hpx29": pa.array(np.where(known, sky.healpix29(longitude, latitude), -1), pa.int64()),
        "_ux": masked(vectors[:, 0]),
        "_uy": masked(vectors[:, 1]),
        "_uz": masked(vectors[:, 2]),
    }


def _region_columns(regions: pa.Array) -> Columns:
    """Footprint and DALI shape; Union and Not have no shape (design 4.5)."""
    distinct = pc.dictionary_encode(regions)
    words = distinct.dictionary
    shapes = pc.replace_substring_regex(words, "^Circle ICRS ", "circle ")
    shapes = pc.replace_substring_regex(shapes, "^Polygon ICRS ", "polygon ")
    plain = pc.match_substring_regex(shapes, r"^(circle|polygon)( [-+0-9.eE]+)+$")
    shapes = pc.if_else(plain, shapes, pa.scalar(None, pa.string()))
    footprints = pa.array(sky.footprint_ids(words), pa.int64())
    return {"s_shape": shapes.take(distinct.indices), "_footprint_id": footprints.take(distinct.indices)}


def _resolution_columns(columns: Columns) -> Columns:
    """Wavelength resolution in metres (OBS-121, ALMA-044): the mean wavelength over the resolving power."""
    power = numbers(columns["em_res_power"])
    mean = (numbers(columns["em_min"]) + numbers(columns["em_max"])) / 2
    return {"em_resolution": nullable(mean / power)}


def own_window(em_min: NDArray[np.float64], em_max: NDArray[np.float64]) -> pa.Array:
    """``em_support`` of one window: a list of its two edges in metres, null where they are unknown."""
    known = np.isfinite(em_min) & np.isfinite(em_max)
    flat = np.column_stack([em_min[known], em_max[known]]).ravel()
    offsets = pa.array(np.concatenate([[0], np.cumsum(np.where(known, 2, 0))]), pa.int32())
    return pa.ListArray.from_arrays(offsets, pa.array(flat, pa.float64()), mask=pa.array(~known))


def frequencies(em: NDArray[np.float64]) -> NDArray[np.float64]:
    """Frequencies in Hz of vacuum wavelengths in metres."""
    return C / em


def footprint_rows(regions: pa.Array, table: Table, known: set[int]) -> pa.Table:
    """Rows of ``_hidden.footprint`` for the regions whose identifier is not in ``known``, which is
    extended.
    """
    words = pc.drop_null(pc.unique(regions))
    identifiers = np.asarray(sky.footprint_ids(words), dtype=np.int64)
    _first, positions = np.unique(identifiers, return_index=True)
    fresh = np.array([at for at in positions if int(identifiers[at]) not in known], dtype=np.int64)
    known.update(int(identifiers[at]) for at in fresh)
    words = words.take(pa.array(fresh))
    measures = sky.measures_of(words)
    x, y, z = (measures[name] for name in ("x", "y", "z"))
    longitude = np.degrees(np.arctan2(y, x)) % 360.0
    latitude = np.degrees(np.arctan2(z, np.hypot(x, y)))
    return complete(
        {
            "footprint_id": pa.array(identifiers[fresh], pa.int64()),
            "hpx29": pa.array(sky.healpix29(longitude, latitude), pa.int64()),
            "cap_x": pa.array(x),
            "cap_y": pa.array(y),
            "cap_z": pa.array(z),
            "cap_r": pa.array(measures["r"]),
            "area": nullable(measures["area"]),
            "centre_lon": nullable(measures["lon"]),
            "centre_lat": nullable(measures["lat"]),
            "region": words,
        },
        table,
        len(fresh),
    )
