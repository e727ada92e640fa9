"""Four data sets at four places, for questions of which only positions matter."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyarrow as pa

from tap_schema import Column, published
from vo_service.sky import healpix29, unit_vectors

PLACES = [(10.0, 20.0), (10.1, 20.0), (200.0, -30.0), (0.0, 90.0)]
Ask = Callable[..., tuple[tuple[Column, ...], list[tuple[Any, ...]]]]


def places() -> pa.Table:
    table = published()["ivoa.obscore"]
    lon, lat = ([place[index] for place in PLACES] for index in (0, 1))
    vectors = unit_vectors(lon, lat)
    values: dict[str, Any] = {"obs_id": ["a", "b", "c", "d"], "obs_publisher_did": ["1", "2", "3", "4"]}
    values |= {"calib_level": [2] * 4, "obs_collection": ["ALMA"] * 4, "origin": ["file"] * 4}
    values |= {"s_ra": lon, "s_dec": lat, "_hpx29": healpix29(lon, lat)}
    values |= {f"_u{axis}": vectors[:, k] for k, axis in enumerate("xyz")}
    schema = table.arrow_schema()
    return pa.table(
        [pa.array(values.get(f.name, [None] * len(PLACES)), f.type) for f in schema], schema=schema
    )
