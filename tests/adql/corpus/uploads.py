"""Tables that cases bring along, as plain values for the oracle and as uploads for the service."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa

from tap_schema import Column

MOC_TEXT = "3/128-130 5/2100 6/8500-8503 29/0-5"


def _object_values() -> dict[str, list[Any]]:
    """24 positions round (10, 20), at the poles, at RA 0, and two without."""
    rng = np.random.default_rng(5)
    lon = [float(v) for v in 10 + rng.normal(0, 0.2, 16)] + [
        0.0,
        0.0,
        77.0,
        359.99995,
        180.0,
        10.0,
        None,
        5.0,
    ]
    lat = [float(v) for v in 20 + rng.normal(0, 0.2, 16)] + [
        90.0,
        -90.0,
        89.99995,
        0.0,
        0.0,
        20.0,
        20.0,
        None,
    ]
    return {
        "id": list(range(24)),
        "ra": lon,
        "dec": lat,
        "radius": [None if i % 8 == 3 else 0.02 * (i % 5) for i in range(24)],
        "flux": [(1.5, float("nan"), float("inf"), None, -2.0, 0.0)[i % 6] for i in range(24)],
        "name": [None if i % 7 == 2 else f"object {i}" for i in range(24)],
        "flag": [(True, False, None)[i % 3] for i in range(24)],
        "seen": [None if i % 5 == 1 else datetime(2020, 1, 1 + i, 12) for i in range(24)],
    }


def _odd_values() -> dict[str, list[Any]]:
    """Names that only quotes can hold, twins in case, and blanks at the ends of texts."""
    return {
        "Flux": [1.0, 2.0, None, 4.0],
        "FLUX": [10, 20, 30, None],
        "select": ["a", "b", "c", None],
        "my col": [1, 2, 3, 4],
        "a.b": [5, 6, 7, 8],
        'a"b': ["x", None, "y", "z"],
        "größe": [0.5, 1.5, 2.5, None],
        "padded": ["ab  ", "a b ", "    ", None],
        "byte": [0, 255, 7, None],
        "pair": [[1.0, 2.0], [3.0, 4.0], None, [5.0, 6.0]],
    }


VALUES = {"objects": _object_values, "odd": _odd_values}
TYPES = {
    "objects": {
        "id": pa.int32(),
        "ra": pa.float64(),
        "dec": pa.float64(),
        "radius": pa.float64(),
        "flux": pa.float64(),
        "name": pa.string(),
        "flag": pa.bool_(),
        "seen": pa.timestamp("us"),
    },
    "odd": {
        "Flux": pa.float64(),
        "FLUX": pa.int32(),
        "select": pa.string(),
        "my col": pa.int16(),
        "a.b": pa.int64(),
        'a"b': pa.string(),
        "größe": pa.float32(),
        "padded": pa.string(),
        "byte": pa.uint8(),
        "pair": pa.list_(pa.float64()),
    },
}
FACTS = {
    "ra": ("double", None, None, "deg", "pos.eq.ra"),
    "dec": ("double", None, None, "deg", "pos.eq.dec"),
    "radius": ("double", None, None, "deg", None),
    "flux": ("double", None, None, "mJy", "phot.flux"),
    "id": ("int", None, None, None, "meta.id"),
    "name": ("unicodeChar", "*", None, None, None),
    "flag": ("boolean", None, None, None, None),
    "seen": ("char", "*", "timestamp", None, "time.epoch"),
    "Flux": ("double", None, None, "Jy", None),
    "FLUX": ("int", None, None, None, None),
    "select": ("char", "*", None, None, None),
    "my col": ("short", None, None, None, None),
    "a.b": ("long", None, None, "s", None),
    'a"b': ("char", "*", None, None, None),
    "größe": ("float", None, None, "deg", None),
    "padded": ("char", "4", None, None, None),
    "byte": ("unsignedByte", None, None, None, None),
    "pair": ("double", "2", "interval", "m", None),
}


def _column(name: str) -> Column:
    datatype, arraysize, xtype, unit, ucd = FACTS[name]
    return Column(name, datatype, arraysize, xtype, unit, ucd, None, "")


@cache
def upload(name: str) -> Any:
    """The upload of that name as ``query/`` wants it."""
    from vo_service.query import upload_of, upload_of_moc
    from vo_service.sky import parse_moc

    if name == "coverage":
        return upload_of_moc(name, parse_moc(MOC_TEXT))
    values, types = VALUES[name](), TYPES[name]
    rows = pa.table([pa.array(v, types[k]) for k, v in values.items()], names=list(values))
    return upload_of(name, rows, [_column(column) for column in values])
