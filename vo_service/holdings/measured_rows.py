"""Rows of what was measured from pixels, and which files hold the same ones.

Release date and origin are those of the file's row in ``holdings.product``: the rights to measured values go
by them, so these rows are made anew whenever that row is.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tap_schema import Table
from vo_service.holdings.finish import complete, nullable
from vo_service.holdings.measured import Measured, PixelState
from vo_service.holdings.measurement import PeakSpectrum
from vo_service.holdings.records import Product

Row = dict[str, Any]

NOISY = frozenset({"image", "cube", "residual", "moment0"})
"""Roles whose pixels off sources are noise. Beams, masks, models, weights, velocities and ratios have none,
and of a file whose role is not known nobody knows."""

ROWS = 1
"""Rises when other rows are made of the same measurement: roles told by pixels, measured rows, candidate
lines, QA2. What an older version made is made anew, without reading pixels again."""

_LISTED = ("product_id", "origin", "obs_release_date")


def record_of(measured: Measured | PixelState, stated: str) -> str:
    """Digest of what the rows of a file were made from, and by which version of ours: its measurement, and
    the operator's tables, of which ``stated`` is the digest."""
    return f"{measured.record} {ROWS} {stated}".rstrip()


def measurement_row(product: Product, listed: Mapping[str, Any], measured: Measured, stated: str) -> Row:
    """A row of ``holdings.measurement``; ``listed`` is the file's row of ``holdings.product``, ``stated`` the
    digest of the operator's tables."""
    row: Row = {name: listed[name] for name in (*_LISTED, "dataset_id")} | {
        "state": measured.state,
        "error_class": measured.error_kind,
        "error_message": measured.error_message,
        "_record": record_of(measured, stated),
        "_pixels": measured.pixels,
    }
    found = measured.measurement
    if found is None:
        return row
    count = found.pixel_count
    row |= {
        "remark": found.remark,
        "content_hash": found.content_hash,
        "valid_fraction": found.valid_count / count if count else None,
        "moc": found.moc,
        "outline": outline_of(measured),
    }
    row["valid_area"] = _known(found.area)
    for name in ("rms", "peak", "peak_ra", "peak_dec", "dynamic_range"):
        row[name] = _known(getattr(found, name))
    if product.role not in NOISY:
        row |= {"rms": None, "dynamic_range": None}
    if row["rms"] is not None or row["peak"] is not None:
        row["rms_unit"] = product.unit
    return row


def outline_of(measured: Measured | None) -> str | None:
    """The outline of the valid pixels as STC-S; None where it is not known."""
    found = None if measured is None else measured.measurement
    return None if found is None or found.outline is None else found.outline.to_stcs()


def spectrum_rows(listed: Mapping[str, Any], spectrum: PeakSpectrum, table: Table) -> pa.Table:
    """Rows of ``holdings.peak_spectrum``, one a channel; ``listed`` is the file's row of
    ``holdings.product``."""
    count = len(spectrum.channel)
    noise = spectrum.rms if listed["role"] in NOISY else np.full(count, np.nan)
    schema = table.arrow_schema()
    columns = {name: pa.repeat(pa.scalar(listed[name], schema.field(name).type), count) for name in _LISTED}
    return complete(
        {
            **columns,
            "channel": pa.array(spectrum.channel, pa.int32()),
            "frequency": _column(spectrum.frequency),
            "peak": _column(spectrum.peak),
            "rms": _column(noise),
            "peak_ra": _column(spectrum.ra),
            "peak_dec": _column(spectrum.dec),
        },
        table,
        count,
    )


def with_rights(rows: Sequence[Row], listed: Mapping[str, Any]) -> list[Row]:
    """Rows of another measured table with release date and origin."""
    return [row | {name: listed[name] for name in _LISTED} for row in rows]


def find_duplicates(pixels: Iterable[tuple[str, str | None]]) -> dict[str, str]:
    """For each product that holds the pixels of another the first of all that do, in the order of
    identifiers: that order does not depend on which was ingested first.

    ``pixels`` has product identifiers, each with what only the same pixels share (None: nothing to tell).
    """
    first: dict[str, str] = {}
    known = [(name, shared) for name, shared in pixels if shared is not None]
    for name, shared in known:
        first[shared] = min(name, first.get(shared, name))
    return {name: first[shared] for name, shared in known if name != first[shared]}


def _column(values: NDArray[np.float64]) -> pa.Array:
    return nullable(np.asarray(values, dtype=np.float64))


def _known(number: float | None) -> float | None:
    return number if number is not None and math.isfinite(number) else None
