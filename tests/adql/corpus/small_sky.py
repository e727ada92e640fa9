"""The small sky: rows that are hard on queries, as plain values for the oracle and as Arrow for the engines.

400 rows of ``ivoa.obscore`` with positions at the poles and round RA 0, NULLs in every column that a query
may meet, and a few rows of the tables that are joined to it. Nothing random is in here but what a fixed seed
gives, so a case may name a row.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa

from tap_schema import Table, published
from vo_service.holdings.finish import footprint_rows
from vo_service.holdings.staged_footprints import regions_of, stage_footprints, staged_rows
from vo_service.sky import footprint_ids, healpix29, unit_vectors

ROWS = 400
NOW = datetime(2024, 1, 1)
EDGES = ((0.0, 0.0), (360.0, 0.0), (0.0, 90.0), (123.0, 90.0), (0.0, -90.0), (359.9999, 0.0), (10.0, 20.0))
MORE_EDGES = {9: (180.0, 0.0), 10: (90.0, 0.0), 11: (45.0, 89.9999), 12: (225.0, 89.9999), 13: (190.0, -20.0)}
MORE_EDGES |= {14: (10.0, 20.0), 15: (0.0, 45.0), 16: (180.0, 45.0), 17: (300.0, -89.95), 18: (10.0, 20.0001)}
LINES_M = 1.3004e-3
NAMES = ("M83", "NGC_1", "NGC1", "100%", "Cen A", "a\\b", "m83", None)
TITLES = (
    "Dense gas",
    "Étoiles jeunes",
    "ÉTOILES JEUNES",
    "straße",
    "",
    "dust; -- not a comment",
    "it's",
    None,
)

Shape = tuple[Any, ...]
"""A shape for the oracle: ('circle', lon, lat, r), ('polygon', ((lon, lat), ...)), ('union', shapes)."""


def positions() -> tuple[list[float | None], list[float | None]]:
    """Random positions, the hard ones, a cluster round (10, 20), and some that are missing."""
    rng = np.random.default_rng(11)
    lon: list[float | None] = [float(v) for v in rng.uniform(0, 360, ROWS)]
    lat: list[float | None] = [float(v) for v in np.degrees(np.arcsin(rng.uniform(-1, 1, ROWS)))]
    for index, (a, b) in [*enumerate(EDGES), *MORE_EDGES.items()]:
        lon[index], lat[index] = a, b
    for index in range(20, 120):
        lon[index] = 10.0 + float(rng.normal(0, 0.3))
        lat[index] = 20.0 + float(rng.normal(0, 0.3))
    lon[7] = lat[7] = lon[8] = None
    return lon, lat


def shapes(lon: Sequence[float | None], lat: Sequence[float | None]) -> list[Shape | None]:
    """A region for most rows: polygons, unions of two circles, circles of four sizes."""
    rng = np.random.default_rng(12)
    found: list[Shape | None] = []
    for index, (a, b) in enumerate(zip(lon, lat)):
        if a is None or b is None or index % 17 == 5:
            found.append(None)
        elif index % 5 == 0 and abs(b) < 80:
            d = float(rng.uniform(0.001, 0.5))
            corners = ((a - d, b - d), (a - d, b + d), (a + d, b + d), (a + d, b - d))
            found.append(("polygon", tuple((round(x % 360, 9), round(y, 9)) for x, y in corners)))
        elif index % 7 == 1:
            places = ((round(a, 9), round(b, 9)), (round((a + 0.5) % 360, 9), round(b, 9)))
            found.append(("union", tuple(("circle", x, y, 0.02) for x, y in places)))
        else:
            radius = float(rng.choice([0.004, 0.02, 0.3, 3.0]))
            found.append(("circle", round(a, 9), round(b, 9), radius))
    return found


def stcs(shape: Shape | None) -> str | None:
    """The shape as the store keeps it."""
    if shape is None:
        return None
    if shape[0] == "circle":
        return f"Circle ICRS {shape[1]:.9f} {shape[2]:.9f} {shape[3]:.6f}"
    if shape[0] == "polygon":
        return "Polygon ICRS " + " ".join(f"{x:.9f} {y:.9f}" for x, y in shape[1])
    inner = " ".join(f"Circle {x:.9f} {y:.9f} {r:.2f}" for _, x, y, r in shape[1])
    return f"Union ICRS ( {inner} )"


def measured_shapes(lon: Sequence[float | None], lat: Sequence[float | None]) -> list[Shape | None]:
    """What pixels tell of the region of a few rows: a smaller circle."""
    return [
        ("circle", round(a, 9), round(b, 9), 0.001)
        if i % 29 == 21 and a is not None and b is not None
        else None
        for i, (a, b) in enumerate(zip(lon, lat))
    ]


def _obscore_values() -> dict[str, list[Any]]:
    rng = np.random.default_rng(13)
    lon, lat = positions()
    rows = range(ROWS)
    resolution = [None if i % 11 == 3 else float(np.round(rng.uniform(0.01, 5), 3)) for i in rows]
    return {
        "obs_id": [str(i) for i in rows],
        "obs_publisher_did": [f"ivo://x/{i}" for i in rows],
        "obs_collection": [("ALMA", "APEX", "alma")[i % 3] for i in rows],
        "dataproduct_type": [("cube", "image", None, "cube")[i % 4] for i in rows],
        "s_ra": lon,
        "s_dec": lat,
        "s_resolution": resolution,
        "s_fov": [None if i % 13 == 2 else 0.01 * (i % 9) for i in rows],
        "calib_level": [i % 4 for i in rows],
        "target_name": [NAMES[i % 8] for i in rows],
        "t_min": [55000.0 + 10 * i for i in rows],
        "t_max": [None if i % 23 == 1 else 55000.25 + 10 * i for i in rows],
        "t_exptime": [float(i % 8) for i in rows],
        "t_xel": [None if i % 6 == 5 else i - 200 for i in rows],
        "em_xel": [None if i % 9 == 4 else (i % 7) - 3 for i in rows],
        "em_support": [
            None
            if i % 19 == 4
            else []
            if i % 19 == 5
            else [1.2e-3 + 1e-6 * i, 1.25e-3 + 1e-6 * i, 1.6e-3, 1.7e-3]
            for i in rows
        ],
        "em_min": [None if i % 19 in (4, 5) else min(1.2e-3 + 1e-6 * i, 1.6e-3) for i in rows],
        "em_max": [None if i % 19 in (4, 5) else max(1.25e-3 + 1e-6 * i, 1.7e-3) for i in rows],
        "em_res_power": [(None, np.nan, np.inf, -1.5, 2.5, 0.0, 1e300, -7.0)[i % 8] for i in rows],
        "obs_release_date": [
            None if i % 10 == 0 else datetime(2020, 1, 1) + timedelta(days=7 * i) for i in rows
        ],
        "obs_creation_date": [
            None if i % 14 == 3 else datetime(2019, 3, 1, 12, 30, 15, 250_000 * (i % 4)) for i in rows
        ],
        "lastModified": [None if i % 5 == 2 else datetime(2021, 6, 1) + timedelta(hours=i) for i in rows],
        "obs_title": [TITLES[i % 8] for i in rows],
        "origin": [("file", "archive", "both")[i % 3] for i in rows],
        "proposal_id": [None if i % 15 == 7 else f"2011.0.{i % 20:05d}.S" for i in rows],
        "band_list": [("3", "6", "7", "3 6", None)[i % 5] for i in rows],
        "frequency": [None if i % 12 == 6 else 90.0 + i for i in rows],
        "pwv": [None if i % 7 == 3 else float(np.float32(0.25 * (i % 11))) for i in rows],
        "is_mosaic": ["T" if i % 3 == 0 else "F" for i in rows],
        "science_keyword": [("red#green#blue", "green", "reddish#Blue", "", None)[i % 5] for i in rows],
        "publication_year": [None if i % 8 == 6 else 2000 + i % 20 for i in rows],
        "member_ous_uid": [None if i % 16 == 9 else f"uid://A001/X{i % 40:x}/X1" for i in rows],
        "_access_path": [f"https://archive.example/{i}" if i % 7 == 3 else f"files/{i}" for i in rows],
    }


def _hidden_columns(values: Mapping[str, list[Any]]) -> dict[str, Any]:
    lon, lat = ([np.nan if v is None else v for v in values[name]] for name in ("s_ra", "s_dec"))
    vectors = unit_vectors(lon, lat)
    known = ~np.isnan(vectors)
    return {
        "_hpx29": healpix29(lon, lat),
        **{f"_u{axis}": pa.array(vectors[:, k], mask=~known[:, k]) for k, axis in enumerate("xyz")},
    }


def _filled(table: Table, values: Mapping[str, Any], count: int) -> pa.Table:
    """A table of all stored columns; those that are not given are NULL."""
    columns = []
    for field in table.arrow_schema():
        given = values.get(field.name)
        if given is None:
            columns.append(pa.nulls(count, field.type))
        elif isinstance(given, pa.Array):
            columns.append(given.cast(field.type))
        else:
            columns.append(pa.array(given, field.type, from_pandas=False))
    return pa.Table.from_arrays(columns, names=table.arrow_schema().names)


def obscore_rows(table: Table, *, measured: bool) -> pa.Table:
    """Rows of ``ivoa.obscore``; with ``measured`` some show another outline once they are public."""
    values: dict[str, Any] = _obscore_values()
    lon, lat = values["s_ra"], values["s_dec"]
    values |= _hidden_columns(values)
    values["s_region"] = [stcs(shape) for shape in shapes(lon, lat)]
    public = pa.array(footprint_ids(pa.array(values["s_region"], pa.string())), pa.int64())
    values["_footprint_id"] = public
    if measured:
        values["_region_measured"] = [stcs(shape) for shape in measured_shapes(lon, lat)]
        ids = pa.array(footprint_ids(pa.array(values["_region_measured"], pa.string())), pa.int64())
        releases = pa.array(values["obs_release_date"], pa.timestamp("us"))
        values["_footprint_id"] = stage_footprints(public, ids, pa.array(values["origin"]), releases)
    return _filled(table, values, ROWS)


def footprints(table: Table, obscore: pa.Table) -> pa.Table:
    """Rows of ``_hidden.footprint`` for all regions of ``obscore``."""
    return footprint_rows(regions_of(obscore), table, set())


def _dataset_values() -> dict[str, list[Any]]:
    rows = range(60)
    return {
        "dataset_id": [f"ds-{i:03d}" for i in rows],
        "obs_publisher_did": [None if i % 7 == 3 else f"ivo://x/{5 * i}" for i in rows],
        "obs_id": [None if i % 6 == 2 else str(3 * i) for i in rows],
        "role": [("image", "cube", "moment0")[i % 3] for i in rows],
        "member_ous_uid": [None if i % 5 == 4 else f"uid://A001/X{i % 12:x}/X1" for i in rows],
        "proposal_id": [f"2011.0.{i % 10:05d}.S" for i in rows],
        "target_name": [NAMES[(i * 3) % 8] for i in rows],
        "product_count": [None if i % 8 == 5 else i % 4 for i in rows],
        "version": [1 + i % 3 for i in rows],
        "origin": [("file", "both")[i % 2] for i in rows],
        "obs_release_date": [
            None if i % 9 == 0 else datetime(2023, 1, 1) + timedelta(days=20 * i) for i in rows
        ],
    }


TARGETS = (("M 83", 204.2538, -29.8658), ("NGC 253", 11.888, -25.2882), ("Cen A", 201.3651, -43.0191))


def _observation_values() -> dict[str, list[Any]]:
    rows = range(24)
    return {
        "observation_id": [f"mous-{i:02d}" for i in rows],
        "member_ous_uid": [None if i % 8 == 7 else f"uid://A001/X{i % 16:x}/X1" for i in rows],
        "proposal_id": [f"2011.0.{i % 6:05d}.S" for i in rows],
        "target_name": [TARGETS[i % 3][0] for i in rows],
        "canonical_target": [TARGETS[i % 3][0] for i in rows],
        "s_ra": [TARGETS[i % 3][1] for i in rows],
        "s_dec": [TARGETS[i % 3][2] for i in rows],
        "antenna_count": [None if i % 4 == 1 else 10 + i for i in rows],
        "t_exptime": [60.0 * i for i in rows],
        "obs_release_date": [datetime(2022, 1, 1) + timedelta(days=50 * i) for i in rows],
        "origin": ["both"] * 24,
    }


def _window_values() -> dict[str, list[Any]]:
    rows = range(80)
    return {
        "window_id": [f"w-{i:02d}" for i in rows],
        "obs_publisher_did": [f"ivo://x/{i // 2}" for i in rows],
        "dataset_id": [None if i % 3 == 1 else f"ds-{i % 60:03d}" for i in rows],
        "member_ous_uid": [f"uid://A001/X{i % 40:x}/X1" for i in rows],
        "window": [str(17 + 2 * (i % 4)) for i in rows],
        "f_min": [None if i % 11 == 6 else 9.0e10 + 2e9 * i for i in rows],
        "f_max": [None if i % 11 == 6 else 9.2e10 + 2e9 * i for i in rows],
        "em_xel": [128 * (i % 5) for i in rows],
        "velocity_resolution": [None if i % 13 == 1 else 100.0 * i for i in rows],
        "origin": ["file"] * 80,
    }


def _measurement_values() -> dict[str, list[Any]]:
    rows = range(40)
    return {
        "product_id": [f"p-{i:02d}" for i in rows],
        "dataset_id": [f"ds-{i:03d}" for i in rows],
        "state": ["ok"] * 40,
        "valid_area": [None if i % 9 == 3 else 0.01 * (i + 1) for i in rows],
        "moc": [None if i % 7 == 2 else f"5/{100 + i} 6/{4 * (200 + i)}-{4 * (200 + i) + 1}" for i in rows],
        "rms": [0.001 * (i + 1) for i in rows],
        "peak": [None if i % 6 == 4 else 0.1 * i for i in rows],
        "peak_ra": [None if i % 10 == 9 else (10.0 + 0.05 * i) for i in rows],
        "peak_dec": [None if i % 10 == 9 else (20.0 + 0.01 * i) for i in rows],
        "origin": [("file", "both")[i % 2] for i in rows],
        "obs_release_date": [
            None if i % 5 == 0 else datetime(2023, 1, 1) + timedelta(days=20 * i) for i in rows
        ],
    }


def _repair_values() -> dict[str, list[Any]]:
    return {
        "repair_id": [f"r-{i}" for i in range(12)],
        "product_id": [f"p-{i:02d}" for i in range(12)],
        "item": ["BUNIT"] * 12,
        "was": [str(i) for i in range(12)],
        "confidence": [0.5 + 0.04 * i for i in range(12)],
        "origin": [None if i % 3 == 0 else "file" for i in range(12)],
        "obs_release_date": [None if i % 4 == 1 else datetime(2023, 1, 1 + 2 * i) for i in range(12)],
    }


VALUES: Mapping[str, Callable[[], dict[str, list[Any]]]] = {
    "ivoa.obscore": _obscore_values,
    "holdings.dataset": _dataset_values,
    "holdings.observation": _observation_values,
    "holdings.spectral_window": _window_values,
    "holdings.measurement": _measurement_values,
    "holdings.repair": _repair_values,
}


@cache
def plain_values(name: str) -> Mapping[str, Sequence[Any]]:
    """The stored values of a table, by column, for whoever wants no Arrow."""
    return VALUES[name]()


def rows_of_snapshot() -> dict[str, pa.Table]:
    """All that a snapshot of the small sky is made of, by qualified table name."""
    tables = published().storage
    obscore = obscore_rows(tables["ivoa.obscore"], measured=True)
    made = {
        name: _filled(tables[name], plain_values(name), len(next(iter(plain_values(name).values()))))
        for name in VALUES
        if name != "ivoa.obscore"
    }
    return {
        "ivoa.obscore": obscore,
        "_hidden.footprint": footprints(tables["_hidden.footprint"], obscore),
        "_hidden.staged_footprint": staged_rows(obscore, None, tables["_hidden.staged_footprint"]),
        **made,
    }
