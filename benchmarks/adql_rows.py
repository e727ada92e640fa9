"""Generated rows of ``ivoa.obscore`` with their footprints, published as a snapshot without files or archive.

Positions, footprints and sixty columns are ALMA-like: a tenth of the rows on a hundred well-known spots,
three tenths of the footprints polygons. The same seed gives the same rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from benchmarks.rows import positions
from tap_schema import Table, published
from vo_service.holdings.known_footprints import KnownFootprints
from vo_service.sky import footprint_ids, healpix29, unit_vectors
from vo_service.store import Catalogue, Snapshot, Snapshots

C = 299792458.0
BATCH = 200_000
TEXTS = (
    "facility_name",
    "instrument_name",
    "obs_collection",
    "o_ucd",
    "pol_states",
    "access_format",
    "specsys",
)
NUMBERS = (
    *(
        "s_pixel_scale",
        "t_resolution",
        "em_res_power_min",
        "em_res_power_max",
        "em_resolution",
        "gal_longitude",
    ),
    *("gal_latitude", "bandwidth", "spatial_resolution", "spatial_scale_max", "spectral_resolution"),
    *(
        "velocity_resolution",
        "sensitivity_10kms",
        "cont_sensitivity_bandwidth",
        "rest_frequency",
        "s_stat_error",
    ),
)


def publish(home: Path, rows: int, seed: int = 7) -> Snapshot:
    """A snapshot with so many rows in a new home directory."""
    catalogue = Catalogue.open_in(home)
    snapshots = Snapshots(home, catalogue)
    tables = published().storage
    footprints = KnownFootprints(pa.array([], pa.int64()))
    with snapshots.writer("the benchmark", 0.0):
        draft = snapshots.draft()
        for batch in _batches(tables["ivoa.obscore"], rows, seed):
            draft.change("ivoa.obscore", insert=batch)
            draft.change("_hidden.footprint", insert=footprints.new_rows(batch, tables["_hidden.footprint"]))
        snapshot = snapshots.publish(draft, None)
    snapshots.close()
    catalogue.close()
    return snapshot


def scattered(random: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Positions as archive rows have them, none of them twice."""
    ra, dec = positions(random, count)
    near = random.normal(0, 0.01, (2, count))
    return (ra + near[0]) % 360, np.clip(dec + near[1], -90, 90)


def match_table(rows: int, ra: np.ndarray, dec: np.ndarray, seed: int = 3) -> pa.Table:
    """Positions to be matched: half of them within two arcseconds of given ones, half anywhere."""
    random = np.random.default_rng(seed)
    chosen = random.integers(0, len(ra), rows)
    anywhere = scattered(random, rows)
    known = random.random(rows) < 0.5
    jitter = random.normal(0, 2 / 3600, (2, rows))
    lon = np.where(known, ra[chosen] + jitter[0], anywhere[0]) % 360
    lat = np.clip(np.where(known, dec[chosen] + jitter[1], anywhere[1]), -90, 90)
    return pa.table({"id": np.arange(rows), "ra": lon, "dec": lat})


def _batches(table: Table, rows: int, seed: int) -> Iterator[pa.Table]:
    random = np.random.default_rng(seed)
    for start in range(0, rows, BATCH):
        yield _batch(table, random, start, min(BATCH, rows - start))


def _regions(ra: np.ndarray, dec: np.ndarray, fov: np.ndarray, polygon: np.ndarray) -> list[str]:
    made = []
    for lon, lat, width, angular in zip(ra.tolist(), dec.tolist(), fov.tolist(), polygon.tolist()):
        if not angular:
            made.append(f"Circle ICRS {lon:.6f} {lat:.6f} {width / 2:.6f}")
            continue
        h = width / 2
        w = h / max(np.cos(np.radians(lat)), 0.01)
        corners = ((lon - w, lat - h), (lon + w, lat - h), (lon + w, lat + h), (lon - w, lat + h))
        made.append(
            "Polygon ICRS " + " ".join(f"{x % 360:.6f} {max(min(y, 89.9), -89.9):.6f}" for x, y in corners)
        )
    return made


def _batch(table: Table, random: np.random.Generator, start: int, count: int) -> pa.Table:
    index = np.arange(start, start + count)
    ra, dec = scattered(random, count)
    vectors = unit_vectors(ra, dec)
    frequency = random.uniform(84, 950, count)
    width = random.choice([0.0586, 0.234, 0.9375, 1.875], count)
    em_min, em_max = C / ((frequency + width / 2) * 1e9), C / ((frequency - width / 2) * 1e9)
    fov = 1.13 * np.degrees(C / (frequency * 1e9) / 12)
    regions = pa.array(_regions(ra, dec, fov, random.random(count) < 0.3))
    started = random.uniform(55800, 60500, count)
    exposure = 10 ** random.uniform(1.5, 4, count)
    edges = np.stack([em_min, em_max], axis=1).ravel()
    released = ((started - 40587 + 400) * 86400e6).astype(np.int64)
    columns: dict[str, Any] = {
        "obs_publisher_did": pc.binary_join_element_wise("ivo://bench/obs?", pc.cast(index, pa.string()), ""),
        "obs_id": pc.binary_join_element_wise("uid://A001/X", pc.cast(index // 4, pa.string()), ""),
        "target_name": pc.binary_join_element_wise("T", pc.cast(index // 8, pa.string()), ""),
        "proposal_id": pc.binary_join_element_wise(
            "2019.1.", pc.cast(index // 40 % 100_000, pa.string()), ""
        ),
        "member_ous_uid": pc.binary_join_element_wise("uid://A001/X", pc.cast(index // 4, pa.string()), ""),
        "dataproduct_type": pa.array(["cube", "image"]).take(pa.array(index % 2)),
        "band_list": pc.cast(pa.array(random.integers(3, 11, count)), pa.string()),
        "obs_title": pa.array([f"Molecular gas and dust, part {n}" for n in range(500)]).take(
            pa.array(index % 500)
        ),
        "calib_level": np.full(count, 2),
        "s_ra": ra,
        "s_dec": dec,
        "s_fov": fov,
        "s_region": regions,
        "s_resolution": 10 ** random.uniform(-1.3, 0.8, count),
        "t_min": started,
        "t_max": started + exposure / 86400,
        "t_exptime": exposure,
        "em_min": em_min,
        "em_max": em_max,
        "em_xel": random.choice([128, 480, 960, 1920], count),
        "em_res_power": frequency * 1e3,
        "frequency": frequency,
        "em_support": pa.ListArray.from_arrays(
            pa.array(np.arange(0, 2 * count + 1, 2), pa.int32()), pa.array(edges)
        ),
        "obs_release_date": pa.array(released).cast(pa.timestamp("us")),
        "origin": pa.array(["file", "archive", "both"]).take(pa.array(index % 3)),
        "_hpx29": healpix29(ra, dec),
        "_ux": vectors[:, 0],
        "_uy": vectors[:, 1],
        "_uz": vectors[:, 2],
        "_footprint_id": footprint_ids(regions),
        "_access_path": pc.binary_join_element_wise("files/", pc.cast(index, pa.string()), ""),
        **{name: pa.array(["ALMA"] * 1).take(pa.array(np.zeros(count, np.int64))) for name in TEXTS},
        **{name: random.normal(size=count) for name in NUMBERS},
    }
    return _completed(columns, table, count)


def _completed(columns: dict[str, Any], table: Table, count: int) -> pa.Table:
    """All stored columns of a table; those that are not given are null."""
    schema = table.arrow_schema()
    arrays = [
        pa.nulls(count, field.type)
        if columns.get(field.name) is None
        else _as(columns[field.name], field.type)
        for field in schema
    ]
    return pa.Table.from_arrays(arrays, names=schema.names)


def _as(values: Any, kind: pa.DataType) -> pa.Array:
    return pc.cast(values if isinstance(values, pa.Array | pa.ChunkedArray) else pa.array(values), kind)
