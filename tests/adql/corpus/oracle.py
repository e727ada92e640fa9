"""What a case of the corpus may say about its answer: rows of the small sky, and functions on values.

Everything here is numpy, astropy and plain Python; nothing asks the service.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from types import ModuleType
from typing import Any

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord
from corpus import measures, relations, sphere
from corpus.functions import FUNCTIONS
from corpus.nullable import NULL, Nullable, plain
from corpus.relations import Row
from corpus.small_sky import NOW, measured_shapes, plain_values, shapes, stcs
from corpus.uploads import VALUES as UPLOADED

TABLES = {
    "obscore": "ivoa.obscore",
    "dataset": "holdings.dataset",
    "observation": "holdings.observation",
    "window": "holdings.spectral_window",
    "measurement": "holdings.measurement",
    "repair": "holdings.repair",
}
MEASURED = ("valid_area", "moc", "rms", "peak", "peak_ra", "peak_dec")


def _is_public(values: Mapping[str, Any]) -> bool:
    released = values.get("obs_release_date")
    return released is not None and released <= NOW


@cache
def _rows(name: str) -> tuple[Row, ...]:
    """Rows as the service shows them to everybody; the store has no NaN, but NULL."""
    columns = plain_values(TABLES[name])
    found = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
    if name == "obscore":
        public, measured = (
            made([v["s_ra"] for v in found], [v["s_dec"] for v in found])
            for made in (shapes, measured_shapes)
        )
        for values, shape, pixels in zip(found, public, measured, strict=True):
            values["_shape"] = pixels if pixels is not None and _is_public(values) else shape
            values["s_region"] = stcs(values["_shape"])
            path = values["_access_path"]
            values["access_url"] = path if path.startswith("http") else f"https://vo.example/{path}"
    for values in found:
        values.update({k: None for k, v in values.items() if isinstance(v, float) and math.isnan(v)})
        values["data_rights"] = "Public" if _is_public(values) else "Proprietary"
        if name == "measurement" and not _is_public(values):
            values.update(dict.fromkeys(MEASURED))
    if name == "repair":
        found = [v for v in found if v["origin"] is None or _is_public(v)]
    return tuple(Row(values) for values in found)


@cache
def _uploaded(name: str) -> tuple[Row, ...]:
    columns = UPLOADED[name]()
    return tuple(Row(dict(zip(columns, row, strict=True))) for row in zip(*columns.values(), strict=True))


def _of(module: ModuleType) -> dict[str, Any]:
    """The functions that a module defines."""
    return {k: v for k, v in vars(module).items() if getattr(v, "__module__", None) == module.__name__}


NAMES: Mapping[str, Any] = {
    **_of(relations),
    **_of(measures),
    **FUNCTIONS,
    "plain": plain,
    "NULL": NULL,
    "NOTHING": relations.NOTHING,
    "MOC_AREA": measures.MOC_AREA,
    "N": Nullable,
    "nan": math.nan,
    "inf": math.inf,
    "math": math,
    "np": np,
    "datetime": datetime,
    "SkyCoord": SkyCoord,
    "u": u,
    "circle": sphere.circle,
    "polygon": sphere.polygon,
    "box": sphere.box,
}


@cache
def expected(expression: str) -> list[tuple[Any, ...]]:
    """The rows that a case expects, as plain values."""
    scope = {
        **NAMES,
        **{name: _rows(name) for name in TABLES},
        **{name: _uploaded(name) for name in UPLOADED},
    }
    found = eval(compile(expression.strip(), "<rows>", "eval"), scope)
    return [tuple(plain(v) for v in row) for row in found]
